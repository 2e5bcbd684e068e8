//! Training curves as SVG and PNG, drawn from an epochs.csv alone

mod axis;
mod canvas;
mod curves;
mod path;

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use crate::error::{Error, Result};
use axis::Axis;
use canvas::{At, Canvas, Drawn, HEIGHT, Point, WIDTH};
use curves::Points;
pub use curves::{Curves, read_curves};
use path::{coarsen, dashes, marked};

/// The same picture twice
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// The file's text: 800 × 320 units
    pub svg: String,
    /// The file's bytes: 1600 × 640 pixels
    pub png: Vec<u8>,
}

/// Loss and accuracy by epoch, side by side, for training and test
///
/// Epochs without a figure are bridged. The same curves give the same bytes.
///
/// # Errors
/// If there is nothing to draw or the drawing library fails.
pub fn draw_curves(curves: &Curves) -> Result<Pictures> {
    let failed = |problem| Error::Plot { path: curves.path.clone(), problem };
    if curves.is_empty() {
        return Err(failed("no epoch in it has a figure".to_owned()));
    }
    let svg = canvas::svg(|canvas| draw(canvas, curves)).map_err(failed)?;
    let png = canvas::png(|canvas| draw(canvas, curves)).map_err(failed)?;
    Ok(Pictures { svg, png })
}

// Sizes in units (see `canvas::WIDTH`): over a page's 16 cm a unit is 0.57 pt, so the ticks' labels are 7 pt.
const TITLE_EM: f64 = 14.0;
const LABEL_EM: f64 = 13.0;
const TICK_EM: f64 = 12.0;
const LINE: f64 = 1.75;
const MARK: f64 = 3.25;
const TOP: f64 = 52.0;
const BOTTOM: f64 = HEIGHT as f64 - 44.0;
/// Between the frame and the outermost points, so that no mark is cut off
const INSET: [f64; 2] = [10.0, 9.0];

const GRID: RGBColor = RGBColor(221, 221, 221);
const FRAME: RGBColor = RGBColor(90, 90, 90);

/// Told apart by colour (Okabe and Ito's blue and vermilion), by line and by mark
#[derive(Clone, Copy, PartialEq)]
enum Series {
    Training,
    Test,
}

impl Series {
    fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Test => "test",
        }
    }

    fn line<DB: DrawingBackend>(self, canvas: &Canvas<DB>, points: &[Point]) -> Drawn {
        match self {
            Self::Training => canvas.line(points, LINE, self.color()),
            Self::Test => dashes(points).iter().try_for_each(|dash| canvas.line(dash, LINE, self.color())),
        }
    }

    fn mark<DB: DrawingBackend>(self, canvas: &Canvas<DB>, at: Point) -> Drawn {
        match self {
            Self::Training => canvas.disc(at, MARK, self.color()),
            Self::Test => canvas.open_square(at, MARK - 0.25, 1.5, self.color()),
        }
    }

    fn color(self) -> RGBColor {
        match self {
            Self::Training => RGBColor(0, 114, 178),
            Self::Test => RGBColor(213, 94, 0),
        }
    }
}

fn draw<DB: DrawingBackend>(canvas: &Canvas<DB>, curves: &Curves) -> Drawn {
    let width = f64::from(WIDTH);
    let suffix = curves.diverged.map(|epoch| format!(" (diverged in epoch {epoch})")).unwrap_or_default();
    let room = width - 40.0 - canvas.width(&suffix, TITLE_EM)?;
    let title = fit(&printable(&curves.run_id), |text| Ok(canvas.width(text, TITLE_EM)? <= room))?;
    canvas.text(&(title + &suffix), TITLE_EM, At::Middle, (width / 2.0, 19.0))?;

    let [train_loss, test_loss, train_accuracy, test_accuracy] = curves.all();
    let mut shown = vec![];
    if !(train_loss.is_empty() && train_accuracy.is_empty()) {
        shown.push(Series::Training);
    }
    if !(test_loss.is_empty() && test_accuracy.is_empty()) {
        shown.push(Series::Test);
    }
    legend(canvas, &shown)?;

    let epochs = || curves.all().into_iter().flatten().map(|&(epoch, _)| epoch);
    let range = (epochs().min().unwrap_or(0), epochs().max().unwrap_or(0));
    let middle = f64::from(WIDTH) / 2.0;
    // Narrower ranges would show chance as if it were progress, or a lone epoch's two points at opposite ends
    let (share, points) = if range.0 == range.1 { (0.25, 10.0) } else { (0.05, 2.0) };
    let span = |greatest: f64| if greatest > 0.0 { greatest * share } else { 1.0 };
    let loss = Panel {
        label: "Loss (cross-entropy, nats)",
        unit: 1.0,
        y: axis::figures(train_loss.iter().chain(test_loss).map(|&(_, nats)| nats), f64::MAX, span),
        series: [(Series::Training, train_loss), (Series::Test, test_loss)],
    };
    loss.draw(canvas, [0.0, middle], range)?;
    let percent = train_accuracy.iter().chain(test_accuracy).map(|&(_, share)| share * 100.0);
    let accuracy = Panel {
        label: "Accuracy (%)",
        unit: 100.0,
        y: axis::figures(percent, 100.0, |_| points),
        series: [(Series::Training, train_accuracy), (Series::Test, test_accuracy)],
    };
    accuracy.draw(canvas, [middle, f64::from(WIDTH)], range)
}

/// One row below the title, where it can cover no curve
fn legend<DB: DrawingBackend>(canvas: &Canvas<DB>, shown: &[Series]) -> Drawn {
    const BASELINE: f64 = 39.0;
    const SAMPLE: f64 = 40.0;
    const GAP: f64 = 6.0;
    const BETWEEN: f64 = 28.0;
    let y = BASELINE - 4.5;
    let widths =
        shown.iter().map(|series| canvas.width(series.name(), LABEL_EM)).collect::<Drawn<Vec<_>>>()?;
    let total = widths.iter().map(|width| SAMPLE + GAP + width + BETWEEN).sum::<f64>() - BETWEEN;
    let mut x = (f64::from(WIDTH) - total) / 2.0;
    for (series, width) in shown.iter().zip(widths) {
        series.line(canvas, &[(x, y), (x + SAMPLE, y)])?;
        series.mark(canvas, (x + SAMPLE / 2.0, y))?;
        canvas.text(series.name(), LABEL_EM, At::Start, (x + SAMPLE + GAP, BASELINE))?;
        x += SAMPLE + GAP + width + BETWEEN;
    }
    Ok(())
}

struct Panel<'a> {
    label: &'static str,
    /// What a figure is multiplied by to be shown
    unit: f64,
    y: Axis,
    series: [(Series, &'a Points); 2],
}

impl Panel<'_> {
    /// Between `from` and `to`, labels included
    fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        [from, to]: [f64; 2],
        epochs: (u32, u32),
    ) -> Drawn {
        let mut widest: f64 = 0.0;
        for (_, label) in &self.y.ticks {
            widest = widest.max(canvas.width(label, TICK_EM)?);
        }
        let (left, right) = (from + 36.0 + widest, to - 14.0);
        let digit = canvas.width("0", TICK_EM)?;
        let room = |label: &str| ((right - left) / (digit * (label.len() + 2) as f64)) as usize;
        let x = axis::epochs(epochs.0, epochs.1, room);
        let at_x = |epoch: f64| left + INSET[0] + x.position(epoch) * (right - left - 2.0 * INSET[0]);
        let at_y =
            |figure: f64| BOTTOM - INSET[1] - self.y.position(figure) * (BOTTOM - TOP - 2.0 * INSET[1]);

        for (epoch, label) in &x.ticks {
            let x = at_x(*epoch);
            canvas.rule((x, TOP), (x, BOTTOM), 0.5, GRID)?;
            canvas.rule((x, BOTTOM), (x, BOTTOM + 4.0), 0.5, FRAME)?;
            canvas.text(label, TICK_EM, At::Middle, (x, BOTTOM + 16.0))?;
        }
        for (figure, label) in &self.y.ticks {
            let y = at_y(*figure);
            canvas.rule((left, y), (right, y), 0.5, GRID)?;
            canvas.rule((left - 4.0, y), (left, y), 0.5, FRAME)?;
            canvas.text(label, TICK_EM, At::End, (left - 7.0, y + 0.365 * TICK_EM))?;
        }
        let corners = [(left, TOP), (right, TOP), (right, BOTTOM), (left, BOTTOM)];
        for [i, j] in [[0, 1], [1, 2], [3, 2], [0, 3]] {
            canvas.rule(corners[i], corners[j], 0.5, FRAME)?;
        }
        canvas.text("Epoch", LABEL_EM, At::Middle, ((left + right) / 2.0, f64::from(HEIGHT) - 9.0))?;
        canvas.text_upwards(self.label, LABEL_EM, (from + 18.0, (TOP + BOTTOM) / 2.0))?;

        if self.series.iter().all(|(_, points)| points.is_empty()) {
            let middle = ((left + right) / 2.0, (TOP + BOTTOM) / 2.0);
            return canvas.text("no figures", LABEL_EM, At::Middle, middle);
        }
        let place = |points: &Points| {
            points
                .iter()
                .map(|&(e, figure)| (at_x(f64::from(e)), at_y(figure * self.unit)))
                .collect::<Vec<_>>()
        };
        for (series, points) in &self.series {
            series.line(canvas, &coarsen(&place(points)))?;
        }
        for (series, points) in &self.series {
            marked(&place(points), *series == Series::Test).try_for_each(|at| series.mark(canvas, at))?;
        }
        Ok(())
    }
}

/// `text` without what XML forbids and what would not show
fn printable(text: &str) -> String {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if forbidden(c) { ' ' } else { c }).collect()
}

/// `text`, with as much of its middle left out as it takes to fit
fn fit(text: &str, fits: impl Fn(&str) -> Drawn<bool>) -> Drawn<String> {
    const LONGEST: usize = 200;
    if text.chars().nth(LONGEST).is_none() && fits(text)? {
        return Ok(text.to_owned());
    }
    let chars: Vec<char> = text.chars().collect();
    for kept in (2..chars.len().min(LONGEST)).rev() {
        let (head, tail) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
        let shorter = head.iter().chain(['…'].iter()).chain(tail).collect::<String>();
        if fits(&shorter)? {
            return Ok(shorter);
        }
    }
    Ok("…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(epochs: u32, run_id: &str) -> Curves {
        let falling = |from: f64, by: f64| (1..=epochs).map(|e| (e, from / f64::from(e).powf(by))).collect();
        Curves {
            path: "epochs.csv".into(),
            run_id: run_id.to_owned(),
            train_loss: falling(0.8, 0.5),
            test_loss: falling(0.7, 0.3),
            train_accuracy: (1..=epochs).map(|e| (e, 1.0 - 0.3 / f64::from(e))).collect(),
            test_accuracy: (1..=epochs).map(|e| (e, 0.9 - 0.2 / f64::from(e))).collect(),
            diverged: None,
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
            let png = draw_curves(&curves(epochs, "r")).unwrap().png;
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
        let (width, _, pixels) = decode(&draw_curves(&curves(7, &"m".repeat(300))).unwrap().png);
        let rows: Vec<_> = pixels.chunks(width as usize * 3).collect();
        let margin = 4;
        let blank = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 255);
        assert!(rows[..margin].iter().chain(&rows[rows.len() - margin..]).all(|row| blank(row)));
        assert!(rows.iter().all(|row| blank(&row[..3 * margin]) && blank(&row[row.len() - 3 * margin..])));
    }

    #[test]
    fn the_same_curves_give_the_same_bytes() {
        assert_eq!(draw_curves(&curves(12, "r")).unwrap(), draw_curves(&curves(12, "r")).unwrap());
    }

    #[test]
    fn a_run_id_cannot_break_the_svg() {
        let svg = draw_curves(&curves(3, "<&\"'>]]></text><script>\u{0}\u{1b}\u{ffff}\n")).unwrap().svg;
        assert!(svg.contains("&lt;&amp;&quot;&apos;&gt;]]&gt;&lt;/text&gt;&lt;script&gt;"));
        // Every tag that opens is closed or closes itself, in order, and every & starts one of five entities
        let mut open = vec![];
        for tag in svg.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').unwrap();
            assert!(!text.contains('>') && !tag.contains('&'), "{tag}: {text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            for entity in text.split('&').skip(1) {
                let name = entity.split_once(';').unwrap().0;
                assert!(["lt", "gt", "amp", "quot", "apos"].contains(&name), "{name}");
            }
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => assert_eq!(tag.matches('"').count() % 2, 0),
                None => open.extend(tag.split(' ').next()),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn the_svg_has_its_size_and_keeps_text_as_text() {
        let svg = draw_curves(&curves(3, "run-7")).unwrap().svg;
        assert!(svg.starts_with("<svg width=\"800\" height=\"320\" "), "{}", &svg[..100]);
        for text in ["run-7", "training", "test", "Epoch", "Loss (cross-entropy, nats)", "Accuracy (%)"] {
            assert!(svg.contains(&format!("\n{text}\n</text>")), "{text}");
        }
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let error = draw_curves(&curves(0, "r")).unwrap_err();
        assert_eq!(error.to_string(), "cannot draw epochs.csv: no epoch in it has a figure");
    }

    #[test]
    fn a_series_without_figures_is_not_in_the_legend() {
        let mut curves = curves(3, "r");
        curves.test_loss.clear();
        assert!(draw_curves(&curves).unwrap().svg.contains("\ntest\n"));
        curves.test_accuracy.clear();
        assert!(!draw_curves(&curves).unwrap().svg.contains("\ntest\n"));
        curves.train_accuracy.clear();
        assert!(draw_curves(&curves).unwrap().svg.contains("\nno figures\n"));
    }

    #[test]
    fn long_titles_lose_their_middle() {
        let narrow = |text: &str| Ok(text.chars().count() <= 5);
        assert_eq!(fit("abcde", narrow).unwrap(), "abcde");
        assert_eq!(fit("abcdefgh", narrow).unwrap(), "ab…gh");
    }
}
