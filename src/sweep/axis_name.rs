//! The name of an axis: the setting that it means, or the message for a name that a sweep can't vary

use crate::config::{Setting, find, sweepable};

/// Number of characters of a wrong name in a message
const NAME_SHOWN: usize = 40;

/// Names that people may use for a setting, and its name here
const ALIASES: [(&str, &str); 18] = [
    ("lr", "learning_rate"),
    ("eta", "learning_rate"),
    ("rate", "learning_rate"),
    ("step_size", "learning_rate"),
    ("wd", "weight_decay"),
    ("l2", "weight_decay"),
    ("decay", "weight_decay"),
    ("lambda", "weight_decay"),
    ("bs", "batch_size"),
    ("batch", "batch_size"),
    ("width", "hidden_dim"),
    ("hidden_size", "hidden_dim"),
    ("units", "hidden_dim"),
    ("depth", "num_layers"),
    ("layers", "num_layers"),
    ("n_layers", "num_layers"),
    ("shuffle", "no_shuffle"),
    ("seeds", "seed"),
];

/// Returns the setting with this name, written with `_` or `-`; fails if a sweep can't vary it
pub fn named(name: &str) -> Result<&'static Setting, String> {
    let wanted = name.trim().replace('-', "_");
    sweepable().find(|setting| setting.name == wanted).ok_or_else(|| {
        let shown: String = name.chars().take(NAME_SHOWN).collect();
        if let Some(setting) = find(&wanted) {
            return format!(
                "`{shown}` can't be varied; give one value for the whole sweep, as --{} VALUE",
                setting.flag()
            );
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == wanted).map(|(_, name)| *name);
        let names = || sweepable().map(|setting| setting.name);
        let near = || names().find(|other| are_near(other, &wanted));
        match alias.or_else(near) {
            Some(meant) => {
                format!("`{shown}` can't be varied; did you mean {meant}? type {meant} in its place")
            }
            None => {
                let names = names().collect::<Vec<_>>().join(", ");
                format!("`{shown}` can't be varied; expected one of {names}")
            }
        }
    })
}

/// Whether one name begins with the other, or they differ by a character or by two neighbours that are swapped
fn are_near(a: &str, b: &str) -> bool {
    let (a, b) = if a.len() <= b.len() { (a.as_bytes(), b.as_bytes()) } else { (b.as_bytes(), a.as_bytes()) };
    if a.len() >= 3 && b.starts_with(a) {
        return true;
    }
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let swapped = a.len() >= 2 && b.len() >= 2 && [a[1], a[0]] == b[..2] && a[2..] == b[2..];
    let one =
        (a.len() == b.len() && !a.is_empty() && a[1..] == b[1..]) || (b.len() == a.len() + 1 && a == &b[1..]);
    one || swapped
}
