//! Whole nets of random shapes, compared with plain loops in f64, on every backend that this processor has
//!
//! Each element of the reference has a bound on the error of the same element computed in T, by running error
//! analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, section 3.3): the errors of its inputs,
//! multiplied by the weights, plus the rounding of its own sum. No tolerance is chosen.

use chainrule::nn::layers::{Activation, Layer, Linear};
use chainrule::nn::loss::SoftmaxCrossEntropy;
use chainrule::nn::mlp::Mlp;
use chainrule::nn::parameter;
use chainrule::nn::sgd::Sgd;
use chainrule::nn::workspace::Workspace;
use chainrule::random::{Purpose, Random};
use chainrule_kernels::{Backend, Scalar, team};

/// Number of nets, which take some seconds
const NETS: u64 = 250;
/// Factor for second-order terms, and for the rounding of the reference and of the bounds, which are f64
const SLACK: f64 = 1.01;

/// An element of the reference, and the bound on the error of the same element in T
#[derive(Clone, Copy, Debug, Default)]
struct Bounded {
    x: f64,
    e: f64,
}

impl Bounded {
    fn exact(x: f64) -> Self {
        Self { x, e: 0.0 }
    }

    /// Largest magnitude that the element in T can have
    fn size(self) -> f64 {
        self.x.abs() + self.e
    }

    /// The factor that a product takes: this element, rounded with a relative error of up to `unit`
    fn rounded(self, unit: f64) -> Self {
        Self { x: self.x, e: self.e + unit * self.size() }
    }
}

/// The relative error with which a backend rounds the factors of products: half of the distance between two numbers of
/// 8 bits for bf16
fn rounding(engine: Backend) -> f64 {
    if engine == Backend::Bf16 { 1.0 / 256.0 } else { 0.0 }
}

/// The backends for nets of T that this processor can run
fn engines<T: Scalar>() -> impl Iterator<Item = Backend> {
    let all = [Backend::Fused, Backend::Matrixmultiply, Backend::Bf16];
    all.into_iter().filter(|&engine| engine.is_available() && (engine != Backend::Bf16 || T::BYTES == 4))
}

/// The sum `start + Σ aᵢ bᵢ`, with a bound for any order and with or without fused multiply-adds
fn sum_of_products<T: Scalar>(start: f64, terms: impl Iterator<Item = (Bounded, Bounded)>) -> Bounded {
    let (mut x, mut e, mut size, mut count) = (start, 0.0, start.abs(), 1.0);
    for (a, b) in terms {
        x += a.x * b.x;
        e += a.e * b.size() + a.x.abs() * b.e;
        size += a.size() * b.size();
        count += 1.0;
    }
    Bounded { x, e: SLACK * (e + (count + 1.0) * T::EPSILON * size) }
}

/// A matrix by rows
type Rows = Vec<Vec<Bounded>>;

/// The random shape of a net and its batch
#[derive(Debug)]
struct Shape {
    dims: Vec<usize>,
    activation: Activation,
    /// Rows of the workspace, and rows of the batch
    rows: (usize, usize),
}

fn draw(random: &mut Random) -> Shape {
    let mut up_to = |n: u32| 1 + random.below(n) as usize;
    let hidden = up_to(5) - 1;
    let mut dims: Vec<usize> = (0..hidden + 2).map(|_| up_to(70)).collect();
    if up_to(8) == 1 {
        // So long that the forward product is divided along it.
        dims[0] = 256 + up_to(700);
    }
    let classes = dims.len() - 1;
    dims[classes] = 1 + up_to(69);
    let activation = if up_to(2) == 1 { Activation::Relu } else { Activation::Sigmoid };
    let most = up_to(130);
    let rows = if up_to(2) == 1 { most } else { up_to(most as u32) };
    Shape { dims, activation, rows: (most, rows) }
}

/// A net with its batch, in T; parameters and inputs are exact in f32
struct Case<T> {
    model: Mlp<T>,
    x: Vec<f64>,
    labels: Vec<u32>,
}

fn case<T: Scalar>(shape: &Shape, seed: u64) -> Case<T> {
    let (dims, last) = (&shape.dims, shape.dims.len() - 1);
    let mut random = Random::new(seed, Purpose::BenchImages);
    let mut model = Mlp::new(dims[0], &dims[1..last], dims[last], shape.activation, seed);
    for tensor in model.parameters_mut() {
        let d_in = match tensor.shape {
            parameter::Shape::Vector(_) => 1,
            parameter::Shape::Matrix(rows, _) => rows,
        };
        let limit = (6.0 / d_in as f64).sqrt();
        for w in tensor.data {
            *w = T::from_f64(f64::from(random.symmetric(limit) as f32));
        }
    }
    let x = (0..shape.rows.1 * dims[0]).map(|_| f64::from(random.unit() as f32)).collect();
    let labels = (0..shape.rows.1).map(|_| random.below(dims[last] as u32)).collect();
    Case { model, x, labels }
}

fn linear_layers<T: Scalar>(model: &Mlp<T>) -> impl Iterator<Item = &Linear<T>> {
    model.layers().iter().filter_map(|layer| match layer {
        Layer::Linear(linear) => Some(linear),
        _ => None,
    })
}

/// The gradients of every layer's W, row by row, and b, computed by plain loops
///
/// * `unit`: the relative error with which the factors of products are rounded
fn reference<T: Scalar>(case: &Case<T>, shape: &Shape, unit: f64) -> Vec<(Vec<Bounded>, Vec<Bounded>)> {
    let (eps, rows) = (T::EPSILON, shape.rows.1);
    let layers: Vec<&Linear<T>> = linear_layers(&case.model).collect();
    let weight = |l: usize, i: usize, j: usize| Bounded::exact(layers[l].w.row(i)[j].to_f64()).rounded(unit);
    let mut flow: Vec<Rows> = vec![
        case.x.chunks(shape.dims[0]).map(|row| row.iter().copied().map(Bounded::exact).collect()).collect(),
    ];
    for (l, layer) in layers.iter().enumerate() {
        let activate = |z: Bounded| match shape.activation {
            _ if l + 1 == layers.len() => z,
            Activation::Relu if z.x + z.e <= 0.0 => Bounded::exact(0.0),
            Activation::Relu => Bounded { x: z.x.max(0.0), e: z.e },
            Activation::Sigmoid => {
                // The slope is at most 1/4. The error of exp is 2 ulp; 1 + e and 1 / (…) are rounded once each.
                Bounded { x: 1.0 / (1.0 + (-z.x).exp()), e: z.e / 4.0 + 8.0 * eps }
            }
        };
        let next = flow[l].iter().map(|x| {
            let unit = |j: usize| {
                let products = x.iter().enumerate().map(|(i, &x)| (x.rounded(unit), weight(l, i, j)));
                activate(sum_of_products::<T>(layer.b[j].to_f64(), products))
            };
            (0..layer.b.len()).map(unit).collect()
        });
        let next = next.collect();
        flow.push(next);
    }
    let logits = flow.last().unwrap();
    let mut dy: Rows =
        logits.iter().zip(&case.labels).map(|(z, &label)| loss_gradient(z, label, rows, eps)).collect();
    let mut gradients = Vec::new();
    for l in (0..layers.len()).rev() {
        let (d_in, d_out) = (shape.dims[l], shape.dims[l + 1]);
        let dw = (0..d_in * d_out).map(|at| {
            let (i, j) = (at / d_out, at % d_out);
            let products = flow[l].iter().zip(&dy).map(|(x, dy)| (x[i].rounded(unit), dy[j].rounded(unit)));
            sum_of_products::<T>(0.0, products)
        });
        let db =
            (0..d_out).map(|j| sum_of_products::<T>(0.0, dy.iter().map(|dy| (Bounded::exact(1.0), dy[j]))));
        gradients.push((dw.collect(), db.collect()));
        let dx = dy.iter().zip(&flow[l]).map(|(dy, y)| {
            let unit = |i: usize| {
                let products = dy.iter().enumerate().map(|(j, &dy)| (dy.rounded(unit), weight(l, i, j)));
                times_derivative(sum_of_products::<T>(0.0, products), y[i], shape.activation, eps)
            };
            (0..d_in).map(unit).collect()
        });
        if l > 0 {
            dy = dx.collect();
        }
    }
    gradients.reverse();
    gradients
}

/// The gradient of the loss by one row of logits, `(softmax(z) − onehot(label)) / rows`
fn loss_gradient(z: &[Bounded], label: u32, rows: usize, eps: f64) -> Vec<Bounded> {
    let max = z.iter().fold(f64::NEG_INFINITY, |max, z| max.max(z.x));
    let off = z.iter().fold(0.0f64, |off, z| off.max(z.e));
    let spread = z.iter().fold(0.0f64, |spread, z| spread.max((z.x - max).abs() + 2.0 * off));
    let sum: f64 = z.iter().map(|z| (z.x - max).exp()).sum();
    // Errors of an exponent: those of the logits, which the sum has, too, and the rounding of z − m. Then follow those
    // of exp (2 ulp), the sum and the quotient. A probability below the smallest number of T becomes 0.
    let relative = (2.0 * (off + eps * spread)).exp_m1() + (z.len() as f64 + 10.0) * eps;
    let one = |(j, z): (usize, &Bounded)| {
        let p = (z.x - max).exp() / sum;
        let x = p - f64::from(u8::from(j == label as usize));
        // Both probabilities are from 0 to 1, also where `relative` is infinite.
        let of_p = (p * relative).min(1.0);
        let e = of_p + 1e-38 + 3.0 * eps * (x.abs() + of_p);
        Bounded { x: x / rows as f64, e: SLACK * e / rows as f64 }
    };
    z.iter().enumerate().map(one).collect()
}

/// The product `d · f'`, where y is the value of f
fn times_derivative(d: Bounded, y: Bounded, f: Activation, eps: f64) -> Bounded {
    match f {
        // So close to the kink, the derivative of either side is right.
        Activation::Relu if y.x <= y.e && y.e > 0.0 => {
            Bounded { x: if y.x > 0.0 { d.x } else { 0.0 }, e: d.size() }
        }
        Activation::Relu => {
            Bounded { x: if y.x > 0.0 { d.x } else { 0.0 }, e: if y.x > 0.0 { d.e } else { 0.0 } }
        }
        Activation::Sigmoid => {
            let slope = y.x * (1.0 - y.x);
            // |d y (1 − y) / dy| ≤ 1, and three results, at most y, slope and the product, are rounded.
            let slope_e = y.e + y.e * y.e + 3.0 * eps * y.size();
            let e = d.size() * slope_e + d.e * slope + 2.0 * eps * d.size() * (slope + slope_e);
            Bounded { x: d.x * slope, e: SLACK * e }
        }
    }
}

fn fill<T: Scalar>(ws: &mut Workspace<T>, case: &Case<T>) {
    ws.set_rows(case.labels.len());
    for (to, &from) in ws.input_mut().data_mut().iter_mut().zip(&case.x) {
        *to = T::from_f64(from);
    }
}

/// Forward pass, loss and backward pass; with `sgd`, the backward pass updates the parameters
fn pass<T: Scalar>(case: &mut Case<T>, ws: &mut Workspace<T>, sgd: Option<&mut Sgd<T>>) {
    fill(ws, case);
    case.model.forward(ws);
    let mut loss = SoftmaxCrossEntropy::default();
    loss.forward(ws.output_mut(), &case.labels);
    loss.backward(ws.output_mut(), &case.labels);
    case.model.backward(ws, sgd);
}

fn bits<T: Scalar>(model: &Mlp<T>) -> Vec<u64> {
    model.tensors().flat_map(|tensor| tensor.data).map(|x| x.to_f64().to_bits()).collect()
}

fn check<T: Scalar>(seed: u64) {
    let shape = draw(&mut Random::new(seed, Purpose::GradientCheck));
    for engine in engines::<T>() {
        let want = reference(&case::<T>(&shape, seed), &shape, rounding(engine));
        let mut stored = case::<T>(&shape, seed);
        let mut ws = stored.model.workspace(shape.rows.0, engine);
        pass(&mut stored, &mut ws, None);
        for (l, (layer, (dw, db))) in linear_layers(&stored.model).zip(&want).enumerate() {
            let got = layer.dw.data().iter().chain(&layer.db);
            assert_eq!(got.clone().count(), dw.len() + db.len());
            for (at, (got, want)) in got.zip(dw.iter().chain(db)).enumerate() {
                // The error of the reference is at most the same bound with the ε of f64.
                let bound = want.e * (1.0 + f64::EPSILON / T::EPSILON) + f64::MIN_POSITIVE;
                assert!(
                    (got.to_f64() - want.x).abs() <= bound,
                    "net {seed}, {engine:?}, {shape:?}: gradient {at} of layer {l} is {got:?}, not {want:?}"
                );
            }
        }
        // Layers that are computed one by one give the same bits of every output and gradient.
        let mut by_layer = case::<T>(&shape, seed);
        let mut layers = by_layer.model.layer_by_layer(shape.rows.0, engine);
        pass(&mut by_layer, &mut layers, None);
        let gradients = |case: &mut Case<T>| -> Vec<u64> {
            let gradients = case.model.parameters_mut().filter_map(|p| p.gradient);
            gradients.flat_map(|g| g.iter().map(|g| g.to_f64().to_bits())).collect()
        };
        assert!(
            gradients(&mut by_layer) == gradients(&mut stored) && layers.output_mut() == ws.output_mut(),
            "net {seed}, {engine:?}, {shape:?}: layer by layer differs from fused"
        );
        // Two updates inside the backward pass give the same bits as two afterwards, for any number of threads.
        let mut apart = case::<T>(&shape, seed);
        let mut sgd = Sgd::new(apart.model.parameters_mut(), 0.1, 0.9, 0.01);
        for _ in 0..2 {
            pass(&mut apart, &mut ws, None);
            sgd.step(apart.model.parameters_mut());
        }
        for threads in [1, 3] {
            let mut inside = case::<T>(&shape, seed);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                team::scope(|| {
                    let mut sgd = Sgd::new(inside.model.parameters_mut(), 0.1, 0.9, 0.01);
                    let mut ws = inside.model.workspace(shape.rows.0, engine);
                    for _ in 0..2 {
                        pass(&mut inside, &mut ws, Some(&mut sgd));
                    }
                });
            });
            assert!(
                bits(&inside.model) == bits(&apart.model),
                "net {seed}, {engine:?}, {threads} threads, {shape:?}"
            );
        }
    }
}

#[test]
fn random_nets_have_the_right_gradients_in_f32() {
    (0..NETS).for_each(check::<f32>);
}

#[test]
fn random_nets_have_the_right_gradients_in_f64() {
    (0..NETS).for_each(check::<f64>);
}

/// The largest bound on a net's gradients, divided by the largest gradient
fn looseness<T: Scalar>(seed: u64, unit: f64) -> f64 {
    let shape = draw(&mut Random::new(seed, Purpose::GradientCheck));
    let gradients = reference(&case::<T>(&shape, seed), &shape, unit);
    let all = gradients.iter().flat_map(|(dw, db)| dw.iter().chain(db));
    let largest = all.clone().fold(0.0f64, |largest, g| largest.max(g.x.abs()));
    all.fold(0.0f64, |widest, g| widest.max(g.e)) / largest
}

#[test]
fn the_bounds_are_tight_enough_to_find_a_wrong_element() {
    // Worst cases multiply from layer to layer, so small errors in deep nets are only found in f64.
    for seed in 0..40 {
        let loose = looseness::<f64>(seed, 0.0);
        assert!(loose < 1e-6, "net {seed}: bounds of {loose} of the largest gradient");
    }
    let tight = (0..40).filter(|&seed| looseness::<f32>(seed, 0.0) < 0.01).count();
    assert!(tight >= 20, "in f32 only {tight} of 40 nets have bounds below 1 % of their largest gradient");
    let unit = rounding(Backend::Bf16);
    let tight = (0..40).filter(|&seed| looseness::<f32>(seed, unit) < 0.3).count();
    assert!(tight >= 5, "in bf16 only {tight} of 40 nets have bounds below 30 % of their largest gradient");
}
