//! The confusion matrix: how many images of each class are predicted as which class

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result, separated};
use crate::plot::output::font::width;
use crate::plot::output::scene::{Align, Area, Rgb, Scene};
use crate::plot::parts::axis::{Axis, Scale};
use crate::plot::parts::color_grid::{BLUES, Grid, OVERHANG, bar, ink, shade};
use crate::plot::parts::labels::titles;
use crate::plot::parts::line_style::{FRAME, HALF_HEIGHT, TICK_EM};
use crate::tables::reader::Table;

const TOP: f64 = 78.0;
/// Label of the bar of colors
const SHARE: &str = "Share of the true class (%, square-root scale)";
/// Width of the column of shares and the bar of colors with its ticks and label
const BESIDE: f64 = 150.0;
/// Greatest number of classes: more can't be distinguished on a page
const CLASSES: usize = 1000;
/// Greatest number of classes that have their share of correct predictions beside them
const SHARES: usize = 40;

/// The counts of a confusion.csv
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionMatrix {
    pub names: Vec<String>,
    /// Number of images by true class, then by predicted class
    counts: Vec<Vec<u64>>,
}

/// Reads a table with a row for each pair of classes, and the columns true, predicted and count
///
/// Classes are in the order of their first rows.
///
/// # Errors
/// If a column is missing, a count is not a whole number, a pair is missing or occurs twice, a class has no name, or there
/// are more than 1000 classes.
pub fn read(table: &Table) -> Result<ConfusionMatrix> {
    let [label, predicted, count] = [table.need("true")?, table.need("predicted")?, table.need("count")?];
    if table.rows().len() == 0 {
        let problem = "line 2: expected a row for each pair of classes, found none";
        return Err(Error::content(table.path(), problem));
    }
    for (row, column) in table.rows().flat_map(|row| [(row, label), (row, predicted)]) {
        if row.text(column).trim().is_empty() {
            return Err(row.problem(column, "a class"));
        }
    }
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut names = vec![];
    for name in
        [label, predicted].into_iter().flat_map(|column| table.rows().map(move |row| row.text(column)))
    {
        places.entry(name).or_insert_with(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
    }
    if names.len() > CLASSES {
        let problem = format!("expected at most {CLASSES} classes, found {}", names.len());
        return Err(Error::Content { path: table.path().to_owned(), problem });
    }
    let mut counts = vec![vec![None; names.len()]; names.len()];
    for row in table.rows() {
        let pair = &mut counts[places[row.text(label)]][places[row.text(predicted)]];
        // A million cells of 32 bits have a sum of at most 52 bits, which f64 holds.
        if pair.replace(u64::from(row.whole::<u32>(count)?)).is_some() {
            return Err(row.problem(predicted, "each pair of classes once"));
        }
    }
    for (class, row) in counts.iter().enumerate() {
        if let Some(other) = row.iter().position(Option::is_none) {
            let last = table.rows().last().map_or(1, |row| row.line());
            let pair = format!("true `{}` and predicted `{}`", names[class], names[other]);
            let pairs = names.len() * names.len();
            let problem = format!(
                "line {last}: expected a row for each of {pairs} pairs of classes, found none for {pair}"
            );
            return Err(Error::content(table.path(), problem));
        }
    }
    let counts = counts.into_iter().map(|row| row.into_iter().flatten().collect());
    Ok(ConfusionMatrix { names, counts: counts.collect() })
}

impl ConfusionMatrix {
    /// Number of images, and of those that were predicted right
    pub fn total_and_hits(&self) -> (u64, u64) {
        let classes = 0..self.names.len();
        (
            classes.clone().map(|class| self.support(class)).sum(),
            classes.map(|class| self.counts[class][class]).sum(),
        )
    }

    fn support(&self, class: usize) -> u64 {
        self.counts[class].iter().sum()
    }

    /// Share of the images of `class` that were predicted as `predicted`
    fn share(&self, class: usize, predicted: usize) -> f64 {
        self.counts[class][predicted] as f64 / self.support(class).max(1) as f64
    }
}

/// Draws a cell with its count for each pair of classes, colored by the share of the images of the true class, and returns
/// the height
///
/// * `run`: name of the run; may be empty
pub fn draw(scene: &mut Scene, matrix: &ConfusionMatrix, run: &str) -> f64 {
    let classes = matrix.names.len();
    let (total, hits) = matrix.total_and_hits();
    let right = 100.0 * hits as f64 / total.max(1) as f64;
    let note =
        "colors follow the square root of the share, so that rare errors are seen; empty cells count 0";
    let of = if run.is_empty() { String::new() } else { format!("{run}: ") };
    let title = format!("{of}confusion matrix of {} test samples, accuracy {right:.2} %", separated(total));
    titles(scene, &title, note);
    // Larger cells if there are few, so that the bar beside them is high enough
    let cell = [(280.0 / classes as f64).clamp(64.0, 110.0), (180.0 / classes as f64).clamp(38.0, 70.0)];
    let grid = Grid::new(&matrix.names, &matrix.names, TOP, BESIDE, cell, 560.0);
    grid.draw(scene, "True class", "Predicted class");

    let mut cells: BTreeMap<Rgb, Vec<Area>> = BTreeMap::new();
    let mut counts = vec![];
    for class in 0..classes {
        // Cells with a count of 0 stay empty, so that the others stand out.
        for (predicted, &count) in matrix.counts[class].iter().enumerate().filter(|(_, count)| **count > 0) {
            let color = shade(&BLUES, lifted(matrix.share(class, predicted)));
            let area = grid.cell(class, predicted);
            cells.entry(color).or_default().push(area);
            counts.push((count, area.middle(), ink(color)));
        }
    }
    for (color, areas) in cells {
        scene.blocks(areas, color);
    }
    let greatest = counts.iter().map(|(count, ..)| *count).max().unwrap_or(0);
    if let Some(em) = grid.em(&"0".repeat(greatest.to_string().len().max(3)), 1) {
        for (count, (x, y), ink) in counts {
            scene.colored_text(&count.to_string(), em, Align::Middle, (x, y + HALF_HEIGHT * em), ink);
        }
    }
    scene.frame(grid.area, 0.5, FRAME);
    let mut left = grid.area.right + 10.0;
    if classes <= SHARES {
        let column = left + 40.0;
        scene.colored_text("recall", TICK_EM, Align::End, (column, TOP - 20.0), FRAME);
        scene.colored_text("(%)", TICK_EM, Align::End, (column, TOP - 6.0), FRAME);
        for class in (0..classes).filter(|&class| matrix.support(class) > 0) {
            let y = grid.cell(class, 0).middle().1 + HALF_HEIGHT * TICK_EM;
            let share = format!("{:.1}", 100.0 * matrix.share(class, class));
            scene.text(&share, TICK_EM, Align::End, (column, y));
        }
        left = column + 18.0;
    }
    let ticks = [0.0, 1.0, 5.0, 20.0, 50.0, 100.0].map(|x| (lifted(x / 100.0), x.to_string())).to_vec();
    let shares = Axis { lo: 0.0, hi: 1.0, ticks, scale: Scale::Linear, beyond: vec![] };
    // High enough for its label, also beside a grid of two classes
    let bottom = grid.area.bottom.max(TOP + width(SHARE, TICK_EM) - 2.0 * OVERHANG + 1.0);
    let area = Area { left, right: left + 14.0, top: TOP, bottom };
    bar(scene, area, &BLUES, &shares, SHARE, None);
    grid.outer.bottom.max(bottom + OVERHANG) + 8.0
}

/// The square root of `share`: most errors are a few percent, which would look white on a linear scale
fn lifted(share: f64) -> f64 {
    share.sqrt()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plot::output::scene::{Item, Text, WHITE};

    fn matrix(csv: &str) -> Result<ConfusionMatrix> {
        read(&Table::parse(Path::new("confusion.csv"), csv.as_bytes()).unwrap())
    }

    #[test]
    fn counts_are_found_by_class() {
        let found = matrix("predicted,true,count\nb,a,1\na,a,7\na,b,2\nb,b,0\n").unwrap();
        assert_eq!(
            (found.names.clone(), found.counts.clone()),
            (vec!["a".into(), "b".into()], vec![vec![7, 1], vec![2, 0]])
        );
        assert_eq!((found.share(0, 1), found.support(1)), (0.125, 2));
    }

    #[test]
    fn each_cell_holds_its_count_in_an_ink_that_can_be_read_and_a_count_of_0_stays_empty() {
        let mut scene = Scene::default();
        let csv = "true,predicted,count\na,a,70\na,b,1\na,c,0\nb,a,12\nb,b,3\nb,c,0\nc,a,4\nc,b,5\nc,c,60\n";
        draw(&mut scene, &matrix(csv).unwrap(), "");
        let is_count = |text: &&Text| text.align == Align::Middle && text.text.parse::<u64>().is_ok();
        let mut counts: Vec<&Text> = scene.texts().filter(is_count).collect();
        counts.sort_by(|a, b| a.place.1.total_cmp(&b.place.1).then(a.place.0.total_cmp(&b.place.0)));
        let shown: Vec<&str> = counts.iter().map(|text| text.text.as_str()).collect();
        assert_eq!(shown, ["70", "1", "12", "3", "4", "5", "60"]);
        let x = |i: usize| counts[i].place.0;
        assert!(x(0) == x(2) && x(0) == x(4) && x(1) == x(3) && x(1) == x(5) && x(1) < x(6));
        let blocks = || {
            scene.items.iter().filter_map(|item| match item {
                Item::Blocks { areas, color } => Some((areas, *color)),
                _ => None,
            })
        };
        for text in counts {
            let (x, y) = (text.place.0, text.place.1 - HALF_HEIGHT * text.em);
            let is_middle = |area: &Area| (area.middle().0 - x).hypot(area.middle().1 - y) < 1e-9;
            let cell = blocks().find(|(areas, _)| areas.iter().any(is_middle));
            assert_eq!(text.color, ink(cell.unwrap().1), "{text:?}");
        }
        let in_white = scene.texts().filter(|text| text.color == WHITE).map(|text| text.text.as_str());
        assert_eq!(in_white.collect::<Vec<_>>(), ["70", "12", "60"]);
    }

    #[test]
    fn the_label_of_the_bar_is_whole_for_any_number_of_classes() {
        for classes in [1, 2, 3, 10, 40] {
            let pairs = (0..classes).flat_map(|i| (0..classes).map(move |j| format!("{i},{j},5\n")));
            let csv: String = pairs.collect();
            let mut scene = Scene::default();
            let height = draw(&mut scene, &matrix(&format!("true,predicted,count\n{csv}")).unwrap(), "r");
            let label = scene.texts().find(|text| text.text == SHARE).unwrap();
            let half = width(SHARE, TICK_EM) / 2.0;
            assert!(label.place.1 - half > 40.0 && label.place.1 + half < height, "{classes}: {label:?}");
        }
    }

    #[test]
    fn a_matrix_of_many_classes_is_a_few_items() {
        let rows = |i| (0..300).map(move |j| format!("{i},{j},{}\n", if i == j { 900 } else { (i * j) % 3 }));
        let csv: String = (0..300).flat_map(rows).collect();
        let mut scene = Scene::default();
        draw(&mut scene, &matrix(&format!("true,predicted,count\n{csv}")).unwrap(), "r");
        assert!(scene.items.len() < 1000, "{}", scene.items.len());
    }

    #[test]
    fn errors_name_line_and_column() {
        let message = |csv: &str| matrix(csv).unwrap_err().to_string();
        assert!(message("true,predicted,count\n").contains("line 2: expected a row for each pair"));
        let large = "true,predicted,count\na,a,9223372036854775807\n";
        assert!(message(large).contains("line 2, column count: expected a whole number"));
        assert!(message("true,count\n").contains("expected a column predicted"));
        for (row, column) in [(",a,1", "true"), ("a,,1", "predicted")] {
            let expected = format!("confusion.csv: line 2, column {column}: expected a class, found ``");
            assert_eq!(message(&format!("true,predicted,count\n{row}\n")), expected);
        }
        assert!(
            message("true,predicted,count\na,a,-1\n")
                .contains("line 2, column count: expected a whole number")
        );
        assert!(
            message("true,predicted,count\na,b,1\na,b,1\n")
                .contains("line 3, column predicted: expected each pair")
        );
        assert_eq!(
            message("true,predicted,count\na,a,1\na,b,2\nb,a,3\n"),
            "confusion.csv: line 4: expected a row for each of 4 pairs of classes, found none for true `b` and \
             predicted `b`"
        );
    }
}
