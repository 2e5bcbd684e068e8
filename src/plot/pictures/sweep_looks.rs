//! The looks of the combinations of a sweep: their colors, marks and dashes, and the legend of these

use std::collections::HashSet;

use crate::plot::output::scene::WIDTH;
use crate::plot::parts::legend::Legend;
use crate::plot::parts::line_style::{LOOKS, Look};
use crate::plot::pictures::overlay::looks;
use crate::plot::pictures::score_panel::failed;
use crate::report::analysis::{Analysis, Group};

/// The look of each combination
pub struct Looks {
    /// By group
    pub groups: Vec<Look>,
    /// The varied setting that color and mark show; `None` if each combination has its own
    pub color: Option<usize>,
    /// The varied setting that dashes show
    dashes: Option<usize>,
}

impl Looks {
    pub fn of(analysis: &Analysis) -> Self {
        let axes = &analysis.axes;
        let fewest = |most: usize, but: Option<usize>| {
            let few = (0..axes.len()).filter(|&i| axes[i].values.len() <= most && Some(i) != but);
            few.min_by_key(|&i| (axes[i].numbers.is_some(), axes[i].values.len()))
        };
        let color = fewest(LOOKS, None).filter(|_| matches!(axes.len(), 2 | 3) && !analysis.is_sampled);
        let dashes = fewest(4, color).filter(|_| color.is_some() && axes.len() == 3);
        let groups = match color {
            None => looks(&analysis.groups.iter().map(|group| analysis.rank(group)).collect::<Vec<_>>()),
            Some(color) => {
                let look = |group: &Group| match dashes {
                    Some(dashes) => Look::of(group.place[color]).dashed(group.place[dashes]),
                    None => Look::of(group.place[color]),
                };
                analysis.groups.iter().map(look).collect()
            }
        };
        Self { groups, color, dashes }
    }

    /// What colors, marks and dashes show
    pub fn legend(&self, analysis: &Analysis) -> Legend {
        let (mut heading, mut keys) = (String::new(), vec![]);
        if let Some(color) = self.color {
            let axis = &analysis.axes[color];
            heading = axis.name.clone();
            let look = |i| if self.dashes.is_some() { Look::of(i).dashed(0) } else { Look::of(i) };
            keys.extend(axis.values.iter().enumerate().map(|(i, value)| (look(i), value.clone())));
        }
        if let Some(dashes) = self.dashes {
            let axis = &analysis.axes[dashes];
            let key = |(i, value): (usize, &String)| (Look::dashes(i), format!("{} {value}", axis.name));
            keys.extend(axis.values.iter().enumerate().map(key));
        }
        if analysis.groups.iter().any(|group| failed(analysis, group)) {
            keys.push((Look::FAILURE, "diverged or failed".to_owned()));
        }
        Legend::new(&heading, keys, WIDTH - 40.0)
    }

    /// The groups whose curves stand out: all that have a look, or the best one of each value that has a color
    pub fn chosen(&self, analysis: &Analysis) -> HashSet<usize> {
        let mut values = HashSet::new();
        let stands_out = |&i: &usize| match self.color {
            Some(color) => values.insert(analysis.groups[i].place[color]),
            None => self.groups[i] != Look::FAINT,
        };
        analysis.ranking().iter().copied().filter(stands_out).collect()
    }
}
