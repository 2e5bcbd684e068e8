//! Whole nets of random shapes, compared with plain loops in f64, on every backend that this processor has
//!
//! Each element of the reference has a bound on the error of the same element computed in T, by running error
//! analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, section 3.3): the errors of its inputs,
//! multiplied by the weights, plus the rounding of its own sum. No tolerance is chosen.

use chainrule::nn::adamw::AdamW;
use chainrule::nn::design::Design;
use chainrule::nn::layers::{Activation, Layer, Linear, Norm, Place};
use chainrule::nn::loss::SoftmaxCrossEntropy;
use chainrule::nn::mlp::Mlp;
use chainrule::nn::parameter::{self, Tensor};
use chainrule::nn::sgd::Sgd;
use chainrule::nn::step::Steps;
use chainrule::nn::workspace::Workspace;
use chainrule::random::{Purpose, Random};
use chainrule_kernels::{AdamWRule, Backend, Scalar, adamw, team};
use clap::ValueEnum;

use crate::erf::erf;

/// Number of nets, which take some seconds
const NETS: u64 = 250;
/// The constants of AdamW in passes that update the parameters
const ADAMW: AdamWRule = AdamWRule { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
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
    /// What is between the linear layers, the activation among it
    design: Design,
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
    let all = Activation::value_variants();
    let activation = all[up_to(all.len() as u32) - 1];
    let most = up_to(130);
    let rows = if up_to(2) == 1 { most } else { up_to(most as u32) };
    Shape { dims, activation, design: activation.into(), rows: (most, rows) }
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
    let mut model = Mlp::new(dims[0], &dims[1..last], dims[last], shape.design, seed);
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
    // What each layer computes before its activation
    let mut sums: Vec<Rows> = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let sum = flow[l].iter().map(|x| {
            let unit = |j: usize| {
                let products = x.iter().enumerate().map(|(i, &x)| (x.rounded(unit), weight(l, i, j)));
                sum_of_products::<T>(layer.b[j].to_f64(), products)
            };
            (0..layer.b.len()).map(unit).collect()
        });
        let sum: Rows = sum.collect();
        let activate = |z: &Vec<Bounded>| z.iter().map(|&z| value(z, shape.activation, eps)).collect();
        flow.push(sum.iter().map(activate).collect());
        sums.push(sum);
    }
    let logits = sums.last().unwrap();
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
        if l == 0 {
            continue;
        }
        let dx = dy.iter().zip(sums[l - 1].iter().zip(&flow[l])).map(|(dy, (z, y))| {
            let unit = |i: usize| {
                let products = dy.iter().enumerate().map(|(j, &dy)| (dy.rounded(unit), weight(l, i, j)));
                times_derivative(sum_of_products::<T>(0.0, products), (z[i], y[i]), shape.activation, eps)
            };
            (0..d_in).map(unit).collect()
        });
        dy = dx.collect();
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

/// λ and λ α of SELU
const SELU: [f64; 2] = [1.050_700_987_355_480_5, 1.758_099_340_847_376_8];

/// `f(z)`: the error of z times the largest slope, and the rounding of f, whose parts are within 4 ulp
fn value(z: Bounded, f: Activation, eps: f64) -> Bounded {
    let of = |x: f64, slope: f64, rounding: f64| Bounded { x, e: SLACK * (z.e * slope + rounding * eps) };
    match f {
        Activation::Relu if z.x + z.e <= 0.0 => Bounded::exact(0.0),
        Activation::Relu => Bounded { x: z.x.max(0.0), e: z.e },
        // The error of exp is 2 ulp; 1 + e and 1 / (…) are rounded once each.
        Activation::Sigmoid => of(1.0 / (1.0 + (-z.x).exp()), 0.25, 8.0),
        Activation::Tanh => of(z.x.tanh(), 1.0, 4.0),
        Activation::LeakyRelu if z.x + z.e <= 0.0 => of(0.01 * z.x, 0.01, 0.02 * z.size()),
        Activation::LeakyRelu => of(z.x.max(0.01 * z.x), 1.0, 0.02 * z.size()),
        // In f64, 1 + erf of the reference has this error, too.
        Activation::Gelu => of(z.x * (1.0 + erf(z.x / 2f64.sqrt())) / 2.0, 1.13, 6.0 * z.size()),
        Activation::Silu => of(z.x / (1.0 + (-z.x).exp()), 1.1, 6.0 * z.size()),
        Activation::Selu => {
            let x = if z.x > 0.0 { SELU[0] * z.x } else { SELU[1] * z.x.exp_m1() };
            of(x, SELU[1], 5.0 * SELU[1] * z.size())
        }
    }
}

/// The product `d · f'` at z, where y is `f(z)`
fn times_derivative(d: Bounded, (z, y): (Bounded, Bounded), f: Activation, eps: f64) -> Bounded {
    // So close to a kink, the derivative of either side is right.
    let is_at_kink = y.x.abs() <= y.e && y.e > 0.0;
    let is_above = y.x > 0.0;
    let slope = match f {
        Activation::Relu => {
            let x = if is_above { d.x } else { 0.0 };
            let e = if is_at_kink { d.size() } else { d.e };
            return Bounded { x, e: if is_above || is_at_kink { e } else { 0.0 } };
        }
        // |d y (1 − y) / dy| ≤ 1, and three results, at most y, slope and the product, are rounded.
        Activation::Sigmoid => Bounded { x: y.x * (1.0 - y.x), e: y.e + y.e * y.e + 3.0 * eps * y.size() },
        Activation::Tanh => Bounded { x: 1.0 - y.x * y.x, e: 2.0 * y.x.abs() * y.e + y.e * y.e + 2.0 * eps },
        Activation::LeakyRelu => {
            let x = if is_above { 1.0 } else { 0.01 };
            Bounded { x, e: if is_at_kink { 0.991 } else { 0.01 * eps } }
        }
        Activation::Selu => {
            let [lambda, lambda_alpha] = SELU;
            let x = if is_above { lambda } else { y.x + lambda_alpha };
            let jump = if is_at_kink { lambda_alpha - lambda } else { 0.0 };
            Bounded { x, e: jump + y.e + 4.0 * eps }
        }
        // The second derivative is at most 2 φ(0) < 0.8; Φ and x φ, both at most about 1, are within 4 ulp.
        Activation::Gelu => {
            let density = (-z.x * z.x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let x = (1.0 + erf(z.x / 2f64.sqrt())) / 2.0 + z.x * density;
            Bounded { x, e: 0.8 * z.e + 8.0 * eps }
        }
        // The second derivative is at most 1/2; 1 − σ has the error of σ, which x multiplies.
        Activation::Silu => {
            let sigmoid = 1.0 / (1.0 + (-z.x).exp());
            let x = sigmoid * (1.0 + z.x * (1.0 - sigmoid));
            Bounded { x, e: 0.5 * z.e + (10.0 + 5.0 * z.size()) * eps }
        }
    };
    let e = d.size() * slope.e + d.e * slope.x.abs() + 2.0 * eps * d.size() * slope.size();
    Bounded { x: d.x * slope.x, e: SLACK * e }
}

fn fill<T: Scalar>(ws: &mut Workspace<T>, case: &Case<T>) {
    ws.set_rows(case.labels.len());
    for (to, &from) in ws.input_mut().data_mut().iter_mut().zip(&case.x) {
        *to = T::from_f64(from);
    }
}

/// Forward pass, loss and backward pass; with `steps`, the backward pass updates the parameters
fn pass<T: Scalar>(case: &mut Case<T>, ws: &mut Workspace<T>, steps: Option<Steps<'_, T>>) {
    fill(ws, case);
    case.model.forward_training(ws, Place::default());
    let mut loss = SoftmaxCrossEntropy::default();
    loss.forward(ws.output_mut(), &case.labels);
    loss.backward(ws.output_mut(), &case.labels);
    case.model.backward(ws, steps);
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
        check_bits::<T>(&shape, seed, engine, (&mut stored, &mut ws));
    }
}

/// Checks that a pass that stores gradients, of which the net and the workspace are given, has the bits of passes in other
/// ways
fn check_bits<T: Scalar>(
    shape: &Shape,
    seed: u64,
    engine: Backend,
    (stored, ws): (&mut Case<T>, &mut Workspace<T>),
) {
    // Layers that are computed one by one give the same bits of every output and gradient.
    let mut by_layer = case::<T>(shape, seed);
    let mut layers = by_layer.model.layer_by_layer(shape.rows.0, engine);
    pass(&mut by_layer, &mut layers, None);
    let gradients = |case: &mut Case<T>| -> Vec<u64> {
        let gradients = case.model.parameters_mut().filter_map(|p| p.gradient);
        gradients.flat_map(|g| g.iter().map(|g| g.to_f64().to_bits())).collect()
    };
    assert!(
        gradients(&mut by_layer) == gradients(stored) && layers.output_mut() == ws.output_mut(),
        "net {seed}, {engine:?}, {shape:?}: layer by layer differs from fused"
    );
    // Two updates inside the backward pass give the same bits as two afterwards, for any number of threads.
    let [mut by_sgd, mut by_adamw] = [(); 2].map(|()| case::<T>(shape, seed));
    let mut sgd = Sgd::new(by_sgd.model.parameters_mut(), 0.1, 0.9, 0.01);
    let zeros = |parameter: Tensor<&mut [T]>| [(); 2].map(|()| vec![T::ZERO; parameter.data.len()]);
    let mut moments: Vec<_> = by_adamw.model.parameters_mut().map(zeros).collect();
    for t in [1, 2] {
        pass(&mut by_sgd, ws, None);
        sgd.step(by_sgd.model.parameters_mut());
        pass(&mut by_adamw, ws, None);
        for (parameter, [m, v]) in by_adamw.model.parameters_mut().zip(&mut moments) {
            let decay = if matches!(parameter.shape, parameter::Shape::Vector(_)) { 0.0 } else { 0.1 };
            adamw(ADAMW.step(t, 0.01, decay), parameter.data, m, v, parameter.gradient.unwrap());
        }
    }
    for threads in [1, 3] {
        let [mut sgd_inside, mut adamw_inside] = [(); 2].map(|()| case::<T>(shape, seed));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            team::scope(|| {
                let mut sgd = Sgd::new(sgd_inside.model.parameters_mut(), 0.1, 0.9, 0.01);
                let mut adamw = AdamW::new(adamw_inside.model.parameters_mut(), ADAMW, 0.1, false);
                let mut ws = sgd_inside.model.workspace(shape.rows.0, engine);
                for t in [1, 2] {
                    pass(&mut sgd_inside, &mut ws, Some(Steps::Sgd(&mut sgd)));
                    pass(&mut adamw_inside, &mut ws, Some(Steps::AdamW(adamw.steps(t, 0.01))));
                }
                let (first, second) = (moments.iter().map(|[m, _]| m), moments.iter().map(|[_, v]| v));
                assert!(
                    adamw.moments().eq(first.chain(second)),
                    "net {seed}, {engine:?}, {shape:?}: moments"
                );
            });
        });
        for (inside, apart) in [(&sgd_inside, &by_sgd), (&adamw_inside, &by_adamw)] {
            assert!(
                bits(&inside.model) == bits(&apart.model),
                "net {seed}, {engine:?}, {threads} threads, {shape:?}"
            );
        }
    }
}

/// Nets with norms and dropout: their gradients are checked in gradients.rs
fn check_design<T: Scalar>(seed: u64) {
    let random = &mut Random::new(seed, Purpose::GradientCheck);
    let mut shape = draw(random);
    let share = |n: u32| [0.0, 0.2, 0.5][n as usize];
    shape.design.norm = [Norm::None, Norm::Batch, Norm::Layer][random.below(3) as usize];
    shape.design.dropout = share(random.below(3));
    shape.design.input_dropout = share(random.below(3));
    for engine in engines::<T>() {
        let mut stored = case::<T>(&shape, seed);
        let mut ws = stored.model.workspace(shape.rows.0, engine);
        pass(&mut stored, &mut ws, None);
        check_bits::<T>(&shape, seed, engine, (&mut stored, &mut ws));
    }
}

#[test]
fn random_nets_with_norms_and_dropout_have_the_same_bits_in_any_way_of_computing_them() {
    (1000..1000 + NETS / 4).for_each(check_design::<f32>);
    (2000..2000 + NETS / 8).for_each(check_design::<f64>);
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
