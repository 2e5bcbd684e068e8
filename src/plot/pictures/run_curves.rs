//! The picture of one run: its curves by epoch

use crate::plot::epochs_csv::{Curves, Points, Split};
use crate::plot::output::scene::{Scene, WIDTH};
use crate::plot::parts::labels::titles;
use crate::plot::parts::legend::Legend;
use crate::plot::parts::line_style::Look;
use crate::plot::pictures::curve_panels::{Line, Pair};
use crate::report::score::{ScoreKind, labelled};

const HEIGHT: f64 = 320.0;

/// Draws loss and score by epoch side by side, for training, test, and validation if there is one, and for the averaged weights
/// if there are any; returns the height
///
/// * `subtitle`: what was trained; may be empty
/// * `best`: the best epoch, if the run says it; otherwise that with the best score
///
/// Lines bridge epochs without a metric. A ring marks the best epoch on the curves of validation data, or of test data without
/// a validation split.
pub fn draw(scene: &mut Scene, curves: &Curves, subtitle: &str, best: Option<u32>) -> f64 {
    titles(scene, &curves.title(), subtitle);
    let shown = || Split::ALL.into_iter().filter(|split| curves.has(*split));
    let averaged = || Split::ALL.into_iter().filter(|split| curves.has_average(*split));
    let mut entries: Vec<_> = shown().map(|split| (look_of(split), split.name().to_lowercase())).collect();
    let of_average =
        |split: Split| (look_of_average(split), split.name().to_lowercase() + ", averaged weights");
    entries.extend(averaged().map(of_average));
    let lines = |metrics: &[Points; 3], averages: &[Points; 3]| {
        let line = |split| Line::new(look_of(split), metrics[split as usize].clone(), true);
        let average = |split| Line::new(look_of_average(split), averages[split as usize].clone(), true);
        shown().map(line).chain(averaged().map(average)).collect::<Vec<_>>()
    };
    let kind = curves.kind.unwrap_or_default();
    let mut loss = lines(&curves.loss, &curves.average_loss);
    let mut score = lines(&curves.score, &curves.average_score);
    if let Some((split, epoch, best)) = best_of(curves, kind, best) {
        let best = labelled(&format!("best epoch: {epoch}"), &[&kind.text_with_unit(best)]);
        entries.push((Look::BEST, best));
        for lines in [&mut loss, &mut score] {
            lines
                .iter_mut()
                .filter(|line| line.look == look_of(split))
                .for_each(|line| line.ringed = Some(epoch));
        }
    }
    let top = if subtitle.is_empty() { 25.5 } else { 43.0 };
    let legend = Legend::new("", entries, WIDTH - 40.0);
    legend.draw(scene, [0.0, WIDTH], top);
    let (top, height) = (top + legend.height() + 8.5, HEIGHT + top - 25.5);
    Pair { loss, score, kind, of: None }.draw(scene, top, height);
    height
}

/// The epoch `known`, or the first with the best score, and its score on validation data if there are any, else on test data;
/// `None` for a single epoch
fn best_of(curves: &Curves, kind: ScoreKind, known: Option<u32>) -> Option<(Split, u32, f64)> {
    let split = [Split::Validation, Split::Test]
        .into_iter()
        .find(|split| !curves.score[*split as usize].is_empty())?;
    let points = &curves.score[split as usize];
    let is_better = |a: f64, b: f64| kind.rank(Some(a)) > kind.rank(Some(b));
    let better = |best: (u32, f64), point: (u32, f64)| if is_better(point.1, best.1) { point } else { best };
    let known = points.iter().copied().find(|point| Some(point.0) == known);
    let best = known.or_else(|| points.iter().copied().reduce(better))?;
    (points.len() > 1).then_some((split, best.0, best.1))
}

fn look_of(split: Split) -> Look {
    match split {
        Split::Training => Look::of(0),
        Split::Test => Look::of(1),
        Split::Validation => Look::of(2),
    }
}

fn look_of_average(split: Split) -> Look {
    match split {
        Split::Training | Split::Test => Look::of(3),
        Split::Validation => Look::of(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::output::png::png;
    use crate::plot::output::scene::{Item, Point};

    /// The SVG and the PNG
    fn files(curves: &Curves) -> (String, Vec<u8>) {
        let mut scene = Scene::default();
        let height = draw(&mut scene, curves, "", None);
        let svg = crate::plot::output::svg::svg(&scene, height as u32, 1.0);
        let png = png(&svg).unwrap();
        (svg, png)
    }

    fn curves(epochs: u32, run_id: &str) -> Curves {
        let falling = |from: f64, by: f64| (1..=epochs).map(|e| (e, from / f64::from(e).powf(by))).collect();
        let rising = |to: f64, by: f64| (1..=epochs).map(|e| (e, to - by / f64::from(e))).collect();
        Curves {
            run_id: run_id.to_owned(),
            loss: [falling(0.8, 0.5), vec![], falling(0.7, 0.3)],
            score: [rising(1.0, 0.3), vec![], rising(0.9, 0.2)],
            kind: Some(ScoreKind::Accuracy),
            epochs,
            ..Curves::default()
        }
    }

    fn decode(png: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn the_png_has_its_size_and_is_not_blank() {
        for epochs in [1, 2, 3, 30, 41, 1000, 20_000] {
            let png = files(&curves(epochs, "r")).1;
            let (width, height, pixels) = decode(&png);
            assert_eq!((width, height), (1600, 640));
            assert!(png.len() < 100_000, "{epochs} epochs: {} bytes", png.len());
            for color in [[0, 114, 178], [213, 94, 0], [255, 255, 255]] {
                let count = pixels.chunks(3).filter(|pixel| *pixel == color).count();
                assert!(count > 100, "{epochs} epochs: {count} pixels of {color:?}");
            }
        }
    }

    #[test]
    fn nothing_touches_the_edges() {
        let (width, _, pixels) = decode(&files(&curves(7, &"m".repeat(300))).1);
        let rows: Vec<_> = pixels.chunks(width as usize * 3).collect();
        let margin = 4;
        let blank = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 255);
        assert!(rows[..margin].iter().chain(&rows[rows.len() - margin..]).all(|row| blank(row)));
        assert!(rows.iter().all(|row| blank(&row[..3 * margin]) && blank(&row[row.len() - 3 * margin..])));
    }

    #[test]
    fn the_same_curves_give_the_same_bytes() {
        assert_eq!(files(&curves(12, "r")), files(&curves(12, "r")));
    }

    #[test]
    fn the_svg_has_its_size_and_keeps_text_as_text() {
        let svg = files(&curves(3, "run-7")).0;
        assert!(svg.starts_with("<svg width=\"800\" height=\"320\" "), "{}", &svg[..100]);
        for text in ["run-7", "training", "test", "Epoch", "Loss (cross-entropy, nats)", "Accuracy (%)"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}");
        }
    }

    #[test]
    fn a_series_without_metrics_is_not_in_the_legend() {
        let mut curves = curves(3, "r");
        assert!(!files(&curves).0.contains(">validation</text>"));
        curves.loss[2].clear();
        assert!(files(&curves).0.contains(">test</text>"));
        curves.score[2].clear();
        assert!(!files(&curves).0.contains(">test</text>"));
        curves.score[0].clear();
        assert!(files(&curves).0.contains(">no metrics</text>"));
    }

    #[test]
    fn validation_is_a_third_line() {
        let mut curves = curves(5, "r");
        (curves.loss[1], curves.score[1]) = (curves.loss[2].clone(), curves.score[2].clone());
        let svg = files(&curves).0;
        assert!(svg.contains(">validation</text>") && svg.contains("#009E73"), "{svg}");
    }

    #[test]
    fn averaged_weights_are_a_line_of_their_own_in_both_panels() {
        let mut curves = curves(5, "r");
        let look = look_of_average(Split::Test);
        let color = format!("#{:06X}", look.stroke.color.0);
        let before = files(&curves).0.matches(&color).count();
        assert!(!files(&curves).0.contains("averaged weights"));
        curves.average_loss[2] = vec![(4, 0.3), (5, 0.29)];
        curves.average_score[2] = vec![(4, 0.9), (5, 0.91)];
        let svg = files(&curves).0;
        assert!(
            svg.contains(">test, averaged weights</text>") && svg.matches(&color).count() > before,
            "{svg}"
        );
        let (_, marks) = rings_and_marks(&curves, look);
        assert_eq!(marks.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    }

    /// The centre of the ring in each panel, and the centres of the marks in this look in each panel
    fn rings_and_marks(curves: &Curves, look: Look) -> (Vec<Point>, Vec<Vec<Point>>) {
        let mut scene = Scene::default();
        draw(&mut scene, curves, "", None);
        let mean = |points: &[Point]| {
            let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
            (x / points.len() as f64, y / points.len() as f64)
        };
        let (mut rings, mut marks) = (vec![], vec![]);
        for item in &scene.items {
            match item {
                Item::Line { points, .. } if points.len() == 25 => rings.push(mean(&points[1..])),
                Item::Polygon { corners, color } if *color == look.stroke.color => marks.push(mean(corners)),
                _ => {}
            }
        }
        // The first of each is a sample in the legend.
        let marks = marks.get(1..).unwrap_or_default();
        let in_panels = rings.get(1..).unwrap_or_default().to_vec();
        (in_panels, marks.chunks(marks.len().max(2) / 2).map(<[Point]>::to_vec).collect())
    }

    #[test]
    fn a_ring_marks_the_best_epoch_in_both_panels_and_the_legend_names_it() {
        let mut curves = curves(5, "r");
        curves.score[2][2].1 = 0.95;
        assert!(files(&curves).0.contains(">best epoch: 3 (95.00 %)</text>"));
        let is_around = |curves: &Curves, look: Look, place: usize| {
            let (rings, marks) = rings_and_marks(curves, look);
            assert_eq!((rings.len(), marks.len()), (2, 2));
            rings.iter().zip(&marks).all(|((x, y), marks)| {
                assert_eq!(marks.len(), 5);
                (marks[place].0 - x).hypot(marks[place].1 - y) < 1e-9
            })
        };
        assert!(is_around(&curves, look_of(Split::Test), 2));
        // Validation decides if there is any.
        (curves.loss[1], curves.score[1]) = (curves.loss[2].clone(), curves.score[2].clone());
        curves.score[1][1].1 = 0.96;
        assert!(is_around(&curves, look_of(Split::Validation), 1));
        assert!(rings_and_marks(&self::curves(1, "r"), look_of(Split::Test)).0.is_empty());
    }

    #[test]
    fn the_ring_of_a_run_of_regression_marks_the_lowest_rmse() {
        let mut curves = Curves { kind: Some(ScoreKind::Rmse), ..curves(5, "r") };
        for split in [Split::Training, Split::Test] {
            curves.score[split as usize] = (1..=5).map(|e| (e, 1e5 / f64::from(e))).collect();
        }
        (curves.score[2][3].1, curves.score[2][4].1) = (12_345.6, 12_345.6);
        let svg = files(&curves).0;
        for text in ["best epoch: 4 (12346)", "RMSE", "Loss (of standardised targets)"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}");
        }
        let (rings, marks) = rings_and_marks(&curves, look_of(Split::Test));
        assert_eq!((rings.len(), marks.len()), (2, 2));
        for ((x, y), marks) in rings.iter().zip(&marks) {
            assert!((marks[3].0 - x).hypot(marks[3].1 - y) < 1e-9);
        }
    }
}
