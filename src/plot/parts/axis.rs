//! Ranges, ticks and their labels

use crate::error::separated;
use crate::report::analysis::short_number;

/// One axis: its range, its ticks and its scale
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub lo: f64,
    pub hi: f64,
    pub ticks: Vec<(f64, String)>,
    pub scale: Scale,
    /// Values far above `hi`, drawn side by side beyond a gap
    pub beyond: Vec<f64>,
}

/// Distance between two values beyond the axis, as a share of the axis
const STEP: f64 = 0.16;

/// How values are spread over an axis
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Linear,
    /// Logarithmic: equal ratios have equal distances
    Log,
    /// One place for each name, counted from 0
    Names,
}

impl Scale {
    /// Position of `x` between `lo` (0) and `hi` (1); one half if `x`, `lo` and `hi` are equal
    ///
    /// Differences of halves and of logarithms don't overflow; differences and ratios of large numbers can.
    fn fraction(self, x: f64, lo: f64, hi: f64) -> f64 {
        let distance = |from: f64, to: f64| match self {
            Self::Log => to.ln() - from.ln(),
            Self::Linear | Self::Names => to / 2.0 - from / 2.0,
        };
        let fraction = distance(lo, x) / distance(lo, hi);
        if fraction.is_nan() { 0.5 } else { fraction.clamp(-1e9, 1e9) }
    }
}

impl Axis {
    /// Position of `x` along the axis: 0 at its low end, 1 at its high end; finite for every finite `x`
    pub fn position(&self, x: f64) -> f64 {
        let place = match self.beyond.iter().position(|beyond| *beyond == x) {
            Some(i) => 1.0 + STEP * (i as f64 + 1.0),
            None => self.scale.fraction(x, self.lo, self.hi),
        };
        place / (1.0 + STEP * self.beyond.len() as f64)
    }

    /// Position of the gap before the values beyond the axis; `None` without such values
    pub fn gap(&self) -> Option<f64> {
        let whole = 1.0 + STEP * self.beyond.len() as f64;
        (!self.beyond.is_empty()).then_some((1.0 + STEP / 2.0) / whole)
    }
}

/// An axis with a tick and its label at each of `values`, which ascend
///
/// * `last`: the greatest value that has a metric; values so far above it that they would squeeze the others together are
///   beyond the axis
pub fn numbers(values: &[(f64, String)], scale: Scale, last: f64) -> Axis {
    const FAR: f64 = 0.5; // of the range of values with metrics
    let first = values.first().map_or(0.0, |value| value.0);
    let is_far = |x: f64| last > first && scale.fraction(x, first, last) > 1.0 + FAR;
    let beyond: Vec<f64> = values.iter().map(|value| value.0).filter(|x| is_far(*x)).collect();
    let hi = values.iter().rev().find(|value| !is_far(value.0)).map_or(first, |value| value.0);
    Axis { lo: first, hi, ticks: values.to_vec(), scale, beyond }
}

/// An axis with a place for each name
pub fn names(names: &[String]) -> Axis {
    let ticks = (0u32..).map(f64::from).zip(names.iter().cloned()).collect();
    Axis { lo: -0.5, hi: names.len() as f64 - 0.5, ticks, scale: Scale::Names, beyond: vec![] }
}

/// The scale on which `values`, which ascend, are spread most evenly
///
/// `None` if a 0 among them rules out the logarithmic scale and the linear one is crowded: then they are shown as names.
pub fn scale_for(values: &[f64]) -> Option<Scale> {
    let least_gap = |values: &[f64]| {
        let (first, last) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
        let gap = |pair: &[f64]| (pair[1] / 2.0 - pair[0] / 2.0) / (last / 2.0 - first / 2.0);
        values.windows(2).map(gap).fold(f64::INFINITY, f64::min)
    };
    let logs = |values: &[f64]| values.iter().map(|x| x.ln()).collect::<Vec<_>>();
    let wins = |values: &[f64]| least_gap(&logs(values)) > 1.25 * least_gap(values);
    match values {
        [first, ..] if *first > 0.0 => Some(if wins(values) { Scale::Log } else { Scale::Linear }),
        [0.0, rest @ ..] if rest.len() > 1 && wins(rest) => None,
        _ => Some(Scale::Linear),
    }
}

/// Whether `values`, which ascend, are spread more evenly by their ratios than by their differences: the median says so
///
/// The distances between single values, which [`scale_for`] compares, say nothing if the values were drawn at random.
pub fn is_even_in_ratios(values: &[f64]) -> bool {
    let [first, .., last] = values else { return false };
    let median = values[values.len() / 2];
    let off_middle = |scale: Scale| (scale.fraction(median, *first, *last) - 0.5).abs();
    *first > 0.0 && off_middle(Scale::Log) < off_middle(Scale::Linear)
}

/// A log axis from `lo`, above 0, to `hi`, with ticks at round numbers
pub fn ratios(lo: f64, hi: f64) -> Axis {
    let powers = hi.log10() - lo.log10();
    let steps: &[u32] = match powers {
        _ if powers > 3.5 => &[1],
        _ if powers > 1.2 => &[1, 3],
        _ => &[1, 2, 3, 5, 7],
    };
    let exponents = lo.log10().floor() as i32..=hi.log10().ceil() as i32;
    let numbers =
        exponents.flat_map(|exp| steps.iter().filter_map(move |m| format!("{m}e{exp}").parse().ok()));
    let mut round: Vec<f64> = numbers.filter(|x| (lo..=hi).contains(x)).collect();
    if round.len() < 2 {
        round = vec![lo, hi];
    }
    let ticks = round.into_iter().map(|x| (x, short_number(x))).collect();
    Axis { lo, hi, ticks, scale: Scale::Log, beyond: vec![] }
}

/// An axis from the first to the last epoch, with ticks at whole epochs
pub fn epochs(first: u32, last: u32) -> Axis {
    let most = if last < 1000 { 10 } else { 5 }; // ticks, so that their labels fit side by side
    let (a, b) = (u64::from(first), u64::from(last));
    let nice = (0..).flat_map(|exp| [1, 2, 5].map(|m| m * 10u64.pow(exp)));
    let step = nice.take(30).find(|step| b / step - a.div_ceil(*step) < most).unwrap_or(u64::MAX);
    let steps = (a.div_ceil(step)..=b / step).map(|i| i * step);
    // The first epoch has a tick, too: it is where the curves start.
    let start = Some(a).filter(|a| a % step != 0);
    let ticks = start.into_iter().chain(steps).map(|epoch| (epoch as f64, epoch.to_string())).collect();
    let pad = if first == last { 0.5 } else { 0.0 };
    Axis { lo: a as f64 - pad, hi: b as f64 + pad, ticks, scale: Scale::Linear, beyond: vec![] }
}

/// An axis over the metrics `values`, which lie between 0 and `cap`; its range is at least `min_span(greatest value)`
pub fn metrics(values: impl Iterator<Item = f64>, cap: f64, min_span: impl Fn(f64) -> f64) -> Axis {
    const NEARLY_0: f64 = 0.05; // of the greatest: then the axis starts at 0
    let (mut lo, mut hi) = values.fold((f64::INFINITY, 0.0_f64), |(lo, hi), x| (lo.min(x), hi.max(x)));
    let span = min_span(hi).max(1e-12); // below, floats have too few digits
    if lo < hi * NEARLY_0 {
        lo = 0.0;
    }
    if lo.is_infinite() {
        (lo, hi) = (0.0, span);
    } else if hi - lo < span {
        lo = (lo / 2.0 + hi / 2.0 - span / 2.0).clamp(0.0, cap - span);
        hi = lo + span;
    }
    Axis { lo, hi, ticks: ticks(lo, hi), scale: Scale::Linear, beyond: vec![] }
}

/// An axis over `values`, which may lie on both sides of 0
///
/// Values that differ in their seventh digit or later are taken for equal: the labels of ticks between them would be too
/// long. Then the range is a hundredth of their size.
pub fn values(values: impl Iterator<Item = f64>) -> Axis {
    const EQUAL: f64 = 1e-6;
    const RANGE: f64 = 0.01;
    let (mut lo, mut hi) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(x), hi.max(x)));
    if lo > hi {
        (lo, hi) = (0.0, 1.0);
    }
    let size = lo.abs().max(hi.abs());
    // Differences of halves don't overflow.
    if hi / 2.0 - lo / 2.0 <= (EQUAL / 2.0 * size).max(1e-300) {
        let span = if size > 0.0 { (RANGE * size).max(1e-299) } else { 1.0 };
        let middle = lo / 2.0 + hi / 2.0;
        (lo, hi) = ((middle - span / 2.0).max(f64::MIN), (middle + span / 2.0).min(f64::MAX));
    }
    Axis { lo, hi, ticks: ticks(lo, hi), scale: Scale::Linear, beyond: vec![] }
}

/// An axis over the counts from 1 to `greatest`, on a log scale; a count of 1 lies a little above its low end
pub fn counts(greatest: u64) -> Axis {
    const ABOVE: f64 = 0.15; // of the axis: the position of 1
    let hi = greatest.max(1) as f64;
    let per_power: &[u64] = if greatest < 100 { &[1, 2, 5] } else { &[1] };
    let nice = (0..19).flat_map(|exp| per_power.iter().map(move |m| m * 10u64.pow(exp)));
    let ticks = nice.take_while(|count| *count <= greatest.max(1));
    let ticks = ticks.map(|count| (count as f64, separated(count))).collect();
    Axis { lo: hi.powf(-ABOVE / (1.0 - ABOVE)), hi, ticks, scale: Scale::Log, beyond: vec![] }
}

/// Three to eight ticks at multiples of 1, 2 or 5 times a power of ten, with labels
fn ticks(lo: f64, hi: f64) -> Vec<(f64, String)> {
    const MOST: f64 = 8.0;
    const SLACK: f64 = 1e-9; // in steps: a bound that is a multiple up to rounding gets its tick
    let bounds = |step: f64| ((lo / step - SLACK).ceil(), (hi / step + SLACK).floor());
    let least = (hi / MOST - lo / MOST).log10().floor() as i32;
    let nice = (least..=least + 2).flat_map(|exp| [1.0, 2.0, 5.0].map(|m| (exp, m * 10f64.powi(exp))));
    let fits = |&(_, step): &(i32, f64)| bounds(step).1 - bounds(step).0 < MOST;
    let (exp, step) = nice.clone().find(fits).unwrap_or((least, hi - lo));
    let (first, last) = bounds(step);
    let count = (last - first) as usize + 1;
    (0..count)
        .map(|i| {
            // Dividing by an exact power of ten gives the number that parsing the label gives
            let i = first + i as f64 + 0.0;
            let x = if exp < 0 { i * (step * 10f64.powi(-exp)).round() / 10f64.powi(-exp) } else { i * step };
            (x, label(x, exp, lo.abs().max(hi.abs())))
        })
        .collect()
}

/// Text of `x`, a multiple of `10^exp`; in scientific notation if the greatest number would be long
fn label(x: f64, exp: i32, greatest: f64) -> String {
    if x == 0.0 {
        "0".to_owned()
    } else if greatest >= 1e5 || exp < -4 {
        let digits = (x.abs().log10().floor() as i32 - exp).max(0) as usize;
        format!("{x:.digits$e}")
    } else {
        format!("{x:.*}", (-exp).max(0) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn epochs_are_whole_and_distinct() {
        assert_eq!(labels(&epochs(1, 1)), ["1"]);
        assert_eq!(labels(&epochs(1, 2)), ["1", "2"]);
        assert_eq!(labels(&epochs(1, 3)), ["1", "2", "3"]);
        assert_eq!(labels(&epochs(1, 10)), ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
        assert_eq!(labels(&epochs(1, 30)), ["1", "5", "10", "15", "20", "25", "30"]);
        assert_eq!(labels(&epochs(1, 1000)), ["1", "200", "400", "600", "800", "1000"]);
        assert_eq!(labels(&epochs(7, 9)), ["7", "8", "9"]);
        for last in (1..3000).chain([u32::MAX - 1, u32::MAX]) {
            let axis = epochs(1, last);
            assert!((1..=11).contains(&axis.ticks.len()), "{last}: {axis:?}");
        }
    }

    #[test]
    fn metrics_have_three_to_eight_ticks_inside() {
        for i in 1..2000 {
            let (lo, hi) = (f64::from(i % 37) * 0.013, 0.5 + f64::from(i) * 0.0317);
            let axis = metrics([lo, hi].into_iter(), f64::MAX, |_| 0.1);
            assert!((3..=8).contains(&axis.ticks.len()), "{lo} to {hi}: {axis:?}");
            assert!(
                axis.ticks.iter().all(|(x, _)| (-1e-6..=1.0 + 1e-6).contains(&axis.position(*x))),
                "{axis:?}"
            );
            assert!(axis.ticks.iter().all(|(x, label)| label.parse() == Ok(*x)), "{axis:?}");
        }
    }

    #[test]
    fn accuracy_stays_within_0_and_100() {
        let axis = |a: f64, b: f64| metrics([a, b].into_iter(), 100.0, |_| 2.0);
        assert_eq!((axis(100.0, 100.0).lo, axis(100.0, 100.0).hi), (98.0, 100.0));
        assert_eq!((axis(0.0, 0.0).lo, axis(0.0, 0.0).hi), (0.0, 2.0));
        assert_eq!(labels(&axis(82.3, 91.2)), ["84", "86", "88", "90"]);
        assert_eq!(labels(&axis(99.0, 99.0)), ["98.0", "98.5", "99.0", "99.5", "100.0"]);
    }

    #[test]
    fn an_axis_that_nearly_reaches_0_starts_there() {
        let axis = metrics([0.6, 1e-8].into_iter(), f64::MAX, |_| 0.1);
        assert_eq!(labels(&axis), ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]);
    }

    #[test]
    fn extreme_metrics_have_short_labels() {
        let axis = |a: f64, b: f64| {
            metrics([a, b].into_iter(), f64::MAX, |hi| if hi > 0.0 { hi / 20.0 } else { 1.0 })
        };
        for (a, b) in [(0.0, 0.0), (2.0, 2.0), (1e-9, 2e-9), (3.0, 3e30), (1e300, 1.5e308), (0.0, 5e-324)] {
            let axis = axis(a, b);
            assert!(axis.lo < axis.hi && !axis.ticks.is_empty(), "{a} {b}: {axis:?}");
            assert!(axis.ticks.iter().all(|(_, label)| label.len() <= 8), "{a} {b}: {axis:?}");
        }
    }

    #[test]
    fn values_of_any_size_on_both_sides_of_0_have_ticks_with_short_labels() {
        let axis = |a: f64, b: f64| values([a, b].into_iter());
        assert_eq!(labels(&axis(-3.0, 5.0)), ["-2", "0", "2", "4"]);
        assert_eq!(labels(&axis(-2e9, -1e9)), ["-2.0e9", "-1.8e9", "-1.6e9", "-1.4e9", "-1.2e9", "-1.0e9"]);
        assert_eq!(labels(&axis(7.0, 7.0)), ["6.97", "6.98", "6.99", "7.00", "7.01", "7.02", "7.03"]);
        assert_eq!((axis(0.0, 0.0).lo, axis(0.0, 0.0).hi), (-0.5, 0.5));
        for size in [1e-6, 1.0, 1e9, 1e300, 1.7e308] {
            for (a, b) in [(-1.0, 1.0), (-1.0, -0.9), (0.0, 1.0), (1.0, 1.0), (-1.0, -1.0), (0.999, 1.0)] {
                let axis = axis(a * size, b * size);
                assert!(axis.lo <= a * size && axis.hi >= b * size && axis.lo < axis.hi, "{axis:?}");
                assert!((3..=8).contains(&axis.ticks.len()), "{axis:?}");
                assert!(axis.ticks.iter().all(|(_, label)| label.len() <= 10), "{axis:?}");
                let places: Vec<_> = axis.ticks.iter().map(|(x, _)| axis.position(*x)).collect();
                assert!(places.iter().all(|x| (-1e-6..=1.0 + 1e-6).contains(x)), "{places:?} {axis:?}");
            }
        }
        let close = axis(1e9, 1e9 + 1e4);
        assert_eq!((close.lo, close.hi), (1e9, 1e9 + 1e4));
        assert_eq!(labels(&close)[1], "1.000002e9");
        assert!(values(std::iter::empty()).lo < 1.0);
    }

    #[test]
    fn a_count_of_1_is_above_the_low_end_and_powers_of_ten_have_ticks() {
        for greatest in [2, 7, 99, 100, 12_345, u64::MAX] {
            let axis = counts(greatest);
            assert!((axis.position(1.0) - 0.15).abs() < 1e-9 && (axis.position(axis.hi) - 1.0).abs() < 1e-9);
        }
        assert_eq!(labels(&counts(1)), ["1"]);
        assert_eq!(labels(&counts(25)), ["1", "2", "5", "10", "20"]);
        assert_eq!(labels(&counts(1000)), ["1", "10", "100", "1,000"]);
    }

    #[test]
    fn without_metrics_there_is_still_an_axis() {
        let axis = metrics(std::iter::empty(), 100.0, |_| 2.0);
        assert_eq!((axis.lo, axis.hi), (0.0, 2.0));
    }

    #[test]
    fn equal_ratios_are_equally_far_apart_on_a_log_axis() {
        let values = [0.001, 0.01, 0.1].map(|x| (x, x.to_string()));
        let axis = numbers(&values, Scale::Log, 0.1);
        for (x, place) in [(0.001, 0.0), (0.01, 0.5), (0.1, 1.0), (0.005, 5f64.log10() / 2.0)] {
            assert!((axis.position(x) - place).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn the_scale_is_the_one_that_spreads_values_most_evenly() {
        assert_eq!(scale_for(&[32.0, 64.0, 128.0, 256.0, 512.0]), Some(Scale::Log));
        assert_eq!(scale_for(&[0.001, 0.005, 0.01, 0.05, 0.1]), Some(Scale::Log));
        assert_eq!(scale_for(&[16.0, 32.0, 64.0]), Some(Scale::Log));
        assert_eq!(scale_for(&[1.0, 2.0, 3.0, 4.0]), Some(Scale::Linear));
        assert_eq!(scale_for(&[10.0, 20.0, 30.0]), Some(Scale::Linear));
        assert_eq!(scale_for(&[0.0, 0.5, 0.9]), Some(Scale::Linear));
        assert_eq!(scale_for(&[0.0, 1e-5, 1e-4, 1e-3]), None);
        assert_eq!(scale_for(&[7.0]), Some(Scale::Linear));
    }

    #[test]
    fn values_without_metrics_far_above_the_others_are_beyond_the_axis() {
        let values = [0.001, 0.01, 0.1, 0.2, 1e6].map(|x| (x, x.to_string()));
        let axis = numbers(&values, Scale::Log, 0.1);
        assert_eq!((axis.hi, axis.beyond.as_slice()), (0.2, &[1e6][..]));
        assert!((axis.position(0.2) - 1.0 / (1.0 + STEP)).abs() < 1e-12 && axis.position(1e6) == 1.0);
        assert!(numbers(&values[..4], Scale::Log, 0.1).gap().is_none());
        assert!(numbers(&values, Scale::Log, 1e6).gap().is_none());
    }

    #[test]
    fn positions_are_finite_between_the_smallest_and_largest_numbers() {
        let extremes = [-f64::MAX, -1.0, 0.0, 5e-324, 1e-320, 1e-300, 0.1, 1.0, 1e9, f64::MAX]
            .map(|x| (x, x.to_string()));
        for from in 0..extremes.len() {
            for to in from..extremes.len() {
                for last in from..=to {
                    for scale in [Scale::Linear, Scale::Log] {
                        if scale == Scale::Log && extremes[from].0 <= 0.0 {
                            continue;
                        }
                        let axis = numbers(&extremes[from..=to], scale, extremes[last].0);
                        let places: Vec<_> =
                            extremes[from..=to].iter().map(|(x, _)| axis.position(*x)).collect();
                        assert!(places.iter().all(|x| (0.0..=1.0).contains(x)), "{places:?} {axis:?}");
                        assert!(places.is_sorted(), "{places:?} {axis:?}");
                    }
                }
                let values: Vec<_> = extremes[from..=to].iter().map(|(x, _)| *x).collect();
                assert!(scale_for(&values).is_some() || values[0] == 0.0);
            }
        }
    }
}
