//! The distinct texts of a column, each with a code

use std::collections::HashMap;

/// The distinct texts of a column, with codes in the order of their first use
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    codes: HashMap<Box<str>, u32>,
}

impl Dictionary {
    /// Most texts
    pub const MAX: usize = 1 << 16;

    /// The code of a text; `None` if it would be a text too many
    pub fn code(&mut self, text: &str) -> Option<u32> {
        if let Some(&code) = self.codes.get(text) {
            return Some(code);
        }
        if self.codes.len() == Self::MAX {
            return None;
        }
        let code = self.codes.len() as u32;
        self.codes.insert(text.into(), code);
        Some(code)
    }

    /// Adds the texts of another dictionary; returns their codes in this one, `None` if there are too many
    pub fn merge(&mut self, other: &Self) -> Option<Vec<u32>> {
        let mut codes = vec![0; other.codes.len()];
        for (text, &code) in &other.codes {
            codes[code as usize] = self.code(text)?;
        }
        Some(codes)
    }

    /// The texts, sorted, and for each code the index of its text
    pub fn sorted(self) -> (Vec<String>, Vec<u32>) {
        let mut texts: Vec<_> = self.codes.into_iter().collect();
        texts.sort_unstable();
        let mut ranks = vec![0; texts.len()];
        for (rank, &(_, code)) in texts.iter().enumerate() {
            ranks[code as usize] = rank as u32;
        }
        (texts.into_iter().map(|(text, _)| text.into()).collect(), ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable_and_ranks_follow_the_sorted_texts() {
        let mut first = Dictionary::default();
        assert_eq!(["b", "a", "b"].map(|text| first.code(text)), [Some(0), Some(1), Some(0)]);
        let mut second = Dictionary::default();
        assert_eq!(["c", "a"].map(|text| second.code(text)), [Some(0), Some(1)]);
        assert_eq!(first.merge(&second), Some(vec![2, 1]));
        assert_eq!(first.sorted(), (["a", "b", "c"].map(str::to_owned).to_vec(), vec![1, 0, 2]));
    }

    #[test]
    fn one_text_too_many_is_refused() {
        let mut dictionary = Dictionary::default();
        for i in 0..Dictionary::MAX {
            assert!(dictionary.code(&i.to_string()).is_some());
        }
        assert_eq!((dictionary.code("x"), dictionary.code("7")), (None, Some(7)));
    }
}
