//! Pictures as SVG, PNG and PDF, drawn from CSV files alone
//!
//! A picture is laid out as a scene of lines and texts, the scene is written as SVG, and the PNG is drawn from the SVG. The same
//! CSV files give the same bytes. Imports go one way: folder_pictures → pictures → parts → output.

mod epochs_csv;
pub mod folder_pictures;
mod output;
mod parts;
mod picture_files;
mod pictures;
mod predictions_csv;
mod table_checks;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::plot::epochs_csv::{Curves, read_trials};
    use crate::plot::output::scene::{Align, Area, Item, Scene, WIDTH};
    use crate::plot::parts::line_style::{FRAME, GRID, Look};
    use crate::plot::pictures::{confusion, halving, heatmap, overlay, samples, sweep};
    use crate::report::analysis::{Analysis, Spread};
    use crate::report::halving::Halving;
    use crate::report::score::ScoreKind;
    use crate::tables::reader::Table;

    const RUNS: &str =
        "run_id,status,hidden_dims,activation,epochs,learning_rate,weight_decay,seed,test_accuracy,trial";

    /// A sweep with these rows of hidden_dims, activation, learning_rate, weight_decay, seed and accuracy; an empty accuracy
    /// is a diverged trial
    fn analysis(rows: &[String]) -> Analysis {
        let row = |(i, row): (usize, &String)| {
            let cells: Vec<_> = row.split(',').collect();
            let [dims, activation, eta, lambda, seed, accuracy] = cells[..] else { panic!("{row}") };
            let status = if accuracy.is_empty() { "diverged" } else { "ok" };
            format!("t{i:04},{status},{dims},{activation},10,{eta},{lambda},{seed},{accuracy},t{i:04}\n")
        };
        let text = format!("{RUNS}\n{}", rows.iter().enumerate().map(row).collect::<String>());
        Analysis::from_table(&Table::parse(Path::new("runs.csv"), text.as_bytes()).unwrap()).unwrap()
    }

    /// A grid of learning rates and `others` with three seeds each; rates above 0.5 diverged
    fn grid(rates: &[&str], others: &[&str]) -> Analysis {
        let mut rows = vec![];
        for (j, other) in others.iter().enumerate() {
            for (i, rate) in rates.iter().enumerate() {
                for seed in 1..=3 {
                    let diverged = rate.parse::<f64>().unwrap() > 0.5;
                    let accuracy = 0.8 + 0.01 * i as f64 + 0.003 * j as f64 + 0.001 * f64::from(seed * seed);
                    let accuracy = if diverged { String::new() } else { accuracy.to_string() };
                    rows.push(format!("{other},{rate},0,{seed},{accuracy}"));
                }
            }
        }
        analysis(&rows)
    }

    fn curves(analysis: &Analysis) -> Vec<Curves> {
        let mut text = "trial,epoch,train_loss,train_accuracy,test_loss,test_accuracy,status\n".to_owned();
        for (i, trial) in analysis.trials.iter().enumerate() {
            for epoch in 1..=10 {
                let x = f64::from(epoch);
                let accuracy = 0.85 - 0.2 / x + 0.0001 * i as f64;
                text += &format!("{},{epoch},{},{accuracy},{},{accuracy},ok\n", trial.id, 1.0 / x, 1.1 / x);
            }
        }
        read_trials(&Table::parse(Path::new("epochs.csv"), text.as_bytes()).unwrap()).unwrap()
    }

    fn scene(draw: impl FnOnce(&mut Scene) -> f64) -> (Scene, f64) {
        let mut scene = Scene::default();
        let height = draw(&mut scene);
        (scene, height)
    }

    /// Asserts that all texts lie in the picture and none lies over another
    pub(super) fn check(what: &str, (scene, height): &(Scene, f64)) {
        let texts: Vec<_> = scene.texts().collect();
        assert!(texts.len() > 5, "{what}");
        for (i, text) in texts.iter().enumerate() {
            let Area { left, top, right, bottom } = text.area();
            let inside = left >= 0.0 && top >= 0.0 && right <= WIDTH && bottom <= *height;
            assert!(inside, "{what}: {text:?} covers {:?} of {height}", text.area());
            for other in &texts[..i] {
                let Area { left: a, top: b, right: c, bottom: d } = other.area();
                let apart = c <= left || right <= a || d <= top || bottom <= b;
                assert!(apart, "{what}: {:?} lies over {:?}", text.text, other.text);
            }
        }
    }

    #[test]
    fn texts_lie_inside_every_picture_and_never_overlap() {
        let rates = ["0.001", "0.005", "0.01", "0.05", "0.1", "1e6"];
        let long = "1024x1024x1024x1024x1024x1024x1024x1024";
        let deep: Vec<String> = (1..20).map(|d| vec!["1024"; d].join("x") + ",relu").collect();
        let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
        let three = ["32,relu", "32,sigmoid", "64x32,relu", "64x32,sigmoid"];
        for (what, found) in [
            ("one setting", grid(&rates, &["128x64,relu"])),
            ("two settings", grid(&rates, &["none,relu", "128x64,relu", &format!("{long},relu")])),
            ("three settings", grid(&rates, &three)),
            ("many lists", grid(&["0.1"], &deep)),
            ("many lists and rates", grid(&rates, &deep)),
            ("seeds alone", grid(&["0.1"], &["7,relu"])),
            ("nothing but divergence", grid(&["1", "10"], &["7,relu", "8,relu"])),
            ("one trial", analysis(&["7,relu,0.1,0,1,0.5".to_owned()])),
        ] {
            let runs = curves(&found);
            check(what, &scene(|scene| sweep::draw(scene, &found, &runs)));
            check(what, &scene(|scene| sweep::draw(scene, &found, &[])));
            if found.axes.len() == 2 {
                check(what, &scene(|scene| heatmap::draw(scene, &found)));
            }
        }
    }

    /// A halving of `count` combinations that were drawn, with rungs that end after epochs 1, 3 and 9; the last trial of all diverged
    fn halved(count: usize) -> (Analysis, Vec<Curves>) {
        let head = "trial,status,hidden_dims,momentum,learning_rate,epochs,epochs_done,seed,test_accuracy,val_accuracy,rung\n";
        let (mut runs, mut epochs) = (head.to_owned(), String::new());
        for i in 0..count {
            let rung = 1 + [count / 3, count / 9].iter().filter(|on| i < **on).count();
            let done = [1, 3, 9][rung - 1];
            let score = |epoch: usize| 0.8 + 0.1 / (1 + i) as f64 - 0.3 / (1 + epoch) as f64;
            let status = if i + 1 == count { "diverged" } else { ["halted", "halted", "ok"][rung - 1] };
            let cells = if status == "diverged" { ",".to_owned() } else { format!("{0},{0}", score(done)) };
            let (width, mu, eta) =
                (1 << (i % 4), i as f64 / count as f64, 1e-4 * 1.4f64.powi((i * 7 % count) as i32));
            runs += &format!("t{i:04},{status},{width}x{width},{mu},{eta},9,{done},1,{cells},{rung}\n");
            for epoch in 1..=done {
                epochs += &format!("t{i:04},{epoch},1,0.5,1,{0},1,{0},ok\n", score(epoch));
            }
        }
        let table = |name: &str, text: &str| Table::parse(Path::new(name), text.as_bytes()).unwrap();
        let head =
            "trial,epoch,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,status\n";
        let curves = read_trials(&table("epochs.csv", &format!("{head}{epochs}"))).unwrap();
        (Analysis::from_table(&table("runs.csv", &runs)).unwrap(), curves)
    }

    #[test]
    fn texts_lie_inside_pictures_of_searches() {
        for count in [9, 27, 400] {
            let (found, curves) = halved(count);
            let rungs = Halving::of(&found).unwrap();
            check("halving", &scene(|scene| halving::draw(scene, &found, &rungs, &curves)));
            check("samples", &scene(|scene| samples::draw(scene, &found)));
            check("sweep", &scene(|scene| sweep::draw(scene, &found, &curves)));
        }
    }

    #[test]
    fn curves_of_a_halving_end_where_their_trial_was_halted() {
        let (found, curves) = halved(9);
        let rungs = Halving::of(&found).unwrap();
        let (scene, _) = scene(|scene| halving::draw(scene, &found, &rungs, &curves));
        let right = |item: &Item| match item {
            Item::Line { points, stroke, .. } if points.len() > 1 => {
                Some((stroke.color, points.last()?.0.round()))
            }
            _ => None,
        };
        let ends: Vec<_> = scene.items.iter().filter_map(right).collect();
        let of = |look: Look| {
            ends.iter().filter(|(color, _)| *color == look.stroke.color).map(|(_, x)| *x).collect::<Vec<_>>()
        };
        let (grey, first) = (of(Look::FAINT), of(Look::of(0)));
        // The legend has a line of each, too. Two trials end after epoch 3, and one after epoch 9.
        let last = first.iter().copied().fold(0.0, f64::max);
        assert_eq!((grey.len(), first.len()), (3, 2), "{ends:?}");
        assert!(grey.iter().all(|x| *x < last - 300.0), "{ends:?}");
        let numbers: Vec<_> =
            scene.texts().filter(|text| text.color == FRAME && text.text.parse::<u32>().is_ok()).collect();
        assert_eq!(numbers.iter().map(|text| text.text.as_str()).collect::<Vec<_>>(), ["9", "3", "1"]);
    }

    #[test]
    fn the_table_of_settings_names_all_that_were_varied_without_cutting_a_name() {
        let mut rows = vec![];
        for (dims, rate, decay) in [("8", "0.01", "0.001"), ("16", "0.1", "0"), ("16", "0.1", "0.001")] {
            rows.push(format!("{dims},relu,{rate},{decay},1,0.8"));
        }
        let found = analysis(&rows);
        assert_eq!(found.axes.len(), 3);
        let drawn = scene(|scene| sweep::draw(scene, &found, &curves(&found)));
        check("three long names", &drawn);
        assert!(drawn.0.texts().all(|text| !text.text.contains('…')));
        // The heading is grey and starts where the table does.
        let heading = drawn.0.texts().filter(|text| text.align == Align::Start && text.color == FRAME);
        let heading: Vec<_> = heading.map(|text| text.text.as_str()).collect();
        assert_eq!(heading, ["hidden_dims, learning_rate,", "weight_decay"]);
    }

    #[test]
    fn a_cell_far_below_the_others_is_marked_at_the_bar_and_covers_no_tick() {
        for lowest in [85.0, 85.5, 84.9] {
            let mut rows = vec![];
            for (i, rate) in ["0.001", "0.01", "0.1", "0.2"].iter().enumerate() {
                for (j, dims) in ["8", "16", "32"].iter().enumerate() {
                    let accuracy =
                        if (i, j) == (3, 2) { 0.1 } else { lowest / 100.0 + 0.003 * (3 * i + j) as f64 };
                    rows.push(format!("{dims},relu,{rate},0,1,{accuracy}"));
                }
            }
            let drawn = scene(|scene| heatmap::draw(scene, &analysis(&rows)));
            check("an outlier", &drawn);
            assert!(drawn.0.texts().any(|text| text.text.starts_with("≤ ")), "{lowest}");
        }
    }

    #[test]
    fn seeds_are_a_band_around_their_mean_in_the_color_of_the_setting() {
        let found = grid(&["0.01", "0.1"], &["7,relu", "8,relu"]);
        let (scene, _) = scene(|scene| sweep::draw(scene, &found, &curves(&found)));
        let has_text = |part: &str| scene.texts().any(|text| text.text.contains(part));
        assert!(has_text("bands: ± one standard deviation") && has_text("the best of each hidden_dims"));
        let color = |item: &Item| match item {
            Item::Band { color, .. } => Some(color.0),
            _ => None,
        };
        let colors: Vec<u32> = scene.items.iter().filter_map(color).collect();
        let [first, second] = [0, 1].map(|i| Look::of(i).stroke.color.0);
        assert_eq!(colors, [first, second, first, second], "loss, then accuracy");
    }

    #[test]
    fn losses_of_different_kinds_are_said_to_be() {
        let table = |text: &str| Table::parse(Path::new("t.csv"), text.as_bytes()).unwrap();
        let runs = "trial,status,loss,seed,test_accuracy,test_rmse\na,ok,mse,1,,3\nb,ok,mae,1,,2\n";
        let epochs = "trial,epoch,train_loss,train_accuracy,train_rmse,test_loss,test_accuracy,test_rmse,status\n\
                      a,1,9,,3,9,,3,ok\nb,1,1,,2,1,,2,ok\n";
        let curves = read_trials(&table(epochs)).unwrap();
        for (runs, expected) in [(runs, true), (&runs.replace("mae,1", "mse,2"), false)] {
            let found = Analysis::from_table(&table(runs)).unwrap();
            let drawn = scene(|scene| sweep::draw(scene, &found, &curves));
            check(runs, &drawn);
            let is_said = drawn.0.texts().any(|text| text.text.contains("losses are of different kinds"));
            assert_eq!(is_said, expected, "{runs}");
        }
    }

    #[test]
    fn texts_lie_inside_overlays_and_confusion_matrices() {
        let names = |count: usize| (0..count).map(|i| format!("run-{i}-{}", "m図".repeat(3 * i)));
        for count in [1, 2, 5, 12, 13, 40] {
            let found = grid(&["0.1"], &["7,relu"]);
            let run = curves(&found).swap_remove(0);
            let runs: Vec<_> = names(count).map(|name| Curves { run_id: name, ..run.clone() }).collect();
            check(
                "overlay",
                &scene(|scene| {
                    overlay::draw(scene, &runs.iter().collect::<Vec<_>>(), ScoreKind::Accuracy, "")
                }),
            );
        }
        for count in [1, 2, 4, 10, 26, 100] {
            let names: Vec<_> = names(count).collect();
            let row = |a: &String, b: &String| format!("{a},{b},{}\n", if a == b { 1_000_000 } else { 7 });
            let rows: String = names.iter().flat_map(|a| names.iter().map(move |b| row(a, b))).collect();
            let text = format!("true,predicted,count\n{rows}");
            let table = Table::parse(Path::new("confusion.csv"), text.as_bytes()).unwrap();
            let matrix = confusion::read(&table).unwrap();
            check(&format!("{count} classes"), &scene(|scene| confusion::draw(scene, &matrix, "run-7")));
        }
    }

    #[test]
    fn error_bars_are_mean_and_standard_deviation_and_rates_have_a_log_axis() {
        let (rates, accuracies) =
            (["0.001", "0.01", "0.1"], [[0.80, 0.82, 0.87], [0.85, 0.86, 0.88], [0.7, 0.7, 0.7]]);
        let rows: Vec<_> = rates
            .iter()
            .zip(&accuracies)
            .flat_map(|(rate, three)| {
                three.iter().enumerate().map(move |(s, a)| format!("7,relu,{rate},0,{s},{a}"))
            })
            .collect();
        let (scene, _) = scene(|scene| sweep::draw(scene, &analysis(&rows), &[]));
        // Grid lines and labels give the scale of the y axis; all texts that end at the left frame are its labels.
        let blocks: Vec<_> = scene
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Blocks { areas, color } => Some((areas[0], *color)),
                _ => None,
            })
            .collect();
        let left = WIDTH - 300.0; // the table of settings lies to the right
        let levels = blocks
            .iter()
            .filter(|(area, color)| *color == GRID && area.right < left && area.width() > area.height());
        let mut levels: Vec<f64> = levels.map(|(area, _)| area.middle().1).collect();
        levels.sort_by(|a, b| b.total_cmp(a));
        let labels: Vec<f64> = scene
            .texts()
            .filter(|text| text.align == Align::End && text.place.0 < left)
            .filter_map(|text| text.text.parse().ok())
            .collect();
        assert_eq!(levels.len(), labels.len());
        let (y0, y1) = (levels[0], levels[levels.len() - 1]);
        let (l0, l1) = (labels[0], labels[labels.len() - 1]);
        let percent = |y: f64| l0 + (y - y0) / (y1 - y0) * (l1 - l0);
        // Bars are the upright lines of width 1; by x they are in the order of the rates.
        let is_bar = |area: &&Area| (area.width() - 1.0).abs() < 1e-9;
        let mut bars: Vec<Area> = blocks.iter().map(|(area, _)| area).filter(is_bar).copied().collect();
        bars.sort_by(|a, b| a.left.total_cmp(&b.left));
        assert_eq!(bars.len(), 3);
        for (bar, three) in bars.iter().zip(&accuracies) {
            let mean = three.iter().sum::<f64>() / 3.0;
            let sd = (three.iter().map(|a| (a - mean) * (a - mean)).sum::<f64>() / 2.0).sqrt();
            let [low, high] = [bar.bottom - 0.5, bar.top + 0.5].map(percent); // half the width beyond either end
            assert!((low - 100.0 * (mean - sd)).abs() < 1e-9, "{low}");
            assert!((high - 100.0 * (mean + sd)).abs() < 1e-9, "{high}");
            assert_eq!(Spread::of(three).unwrap().n, 3);
        }
        let x: Vec<f64> = bars.iter().map(|bar| bar.middle().0).collect();
        assert!((x[1] - x[0] - (x[2] - x[1])).abs() < 1e-9, "equal ratios are not equally far apart: {x:?}");
    }
}
