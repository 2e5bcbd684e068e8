//! Whether the first record is a header

use super::cell::{is_missing, number};

/// What a cell looks like
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A missing cell
    Missing,
    /// A finite number
    Number,
    /// Any other text
    Text,
}

impl Kind {
    /// The kind of a cell with this content
    pub fn of(content: &[u8], decimal: u8) -> Self {
        let content = content.trim_ascii();
        if is_missing(content) {
            Self::Missing
        } else if number::<f64>(content, decimal).is_some() {
            Self::Number
        } else {
            Self::Text
        }
    }
}

/// What the first records say
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// The first record is a header
    Header,
    /// The first record is a row of data
    Data,
    /// Not yet known; if no record follows, a person has to say
    Doubtful,
}

/// Compares the kinds of the first record with those of the rows after it, of which it looks at no more than it needs
///
/// * A record of numbers, possibly with missing cells, is a row, except for `,0,1,2`, which pandas writes as a header.
/// * A record of texts, missing cells at most, above a number is a header.
/// * Distinct texts without a missing cell (`are_names`) are a header.
/// * A record with a number above a number, and no text above a number, is a row.
pub fn guess(first: &[&[u8]], decimal: u8, are_names: bool, rows: impl Iterator<Item = Vec<Kind>>) -> Guess {
    let kinds: Vec<_> = first.iter().map(|content| Kind::of(content, decimal)).collect();
    let has_number = kinds.contains(&Kind::Number);
    if !kinds.contains(&Kind::Text) {
        let counted = |(i, content): (usize, &&[u8])| content.trim_ascii() == i.to_string().as_bytes();
        let is_index = first.len() > 1 && first[0].is_empty() && first[1..].iter().enumerate().all(counted);
        return if has_number && !is_index { Guess::Data } else { Guess::Doubtful };
    }
    for row in rows {
        let above_number = |kind| kinds.iter().zip(&row).any(|pair| pair == (&kind, &Kind::Number));
        match (above_number(Kind::Text), above_number(Kind::Number)) {
            (true, _) if has_number => return Guess::Doubtful,
            (true, _) => return Guess::Header,
            (false, true) => return Guess::Data,
            (false, false) if are_names && !has_number => return Guess::Header,
            (false, false) => {}
        }
    }
    Guess::Doubtful
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Guess {
        let rows: Vec<Vec<&[u8]>> =
            text.split('|').map(|row| row.split(',').map(str::as_bytes).collect()).collect();
        let mut sorted = rows[0].clone();
        sorted.sort_unstable();
        sorted.dedup();
        let are_names = sorted.len() == rows[0].len() && !sorted.contains(&&b""[..]);
        let kinds = rows[1..].iter().map(|row| row.iter().map(|cell| Kind::of(cell, b'.')).collect());
        guess(&rows[0], b'.', are_names, kinds)
    }

    #[test]
    fn texts_above_numbers_are_a_header_and_numbers_are_data() {
        for (text, guessed) in [
            ("1,2", Guess::Data),
            ("1,?|2,3", Guess::Data),
            ("x,y|1,2", Guess::Header),
            ("x,x|1,2", Guess::Header),
            (",x|1,2", Guess::Header),
            ("x,y|NA,NA", Guess::Header),
            ("name,color|bob,red", Guess::Header),
            ("5.1,setosa|4.9,setosa", Guess::Data),
            ("a,a|b,c", Guess::Doubtful),
            ("a,a|b,c|b,1", Guess::Header),
            (",0,1,2|0,5,6,7", Guess::Doubtful),
            ("id,2019|1,2", Guess::Doubtful),
            ("x,1|y,NA", Guess::Doubtful),
            ("NA,NA|1,2", Guess::Doubtful),
            ("x,y", Guess::Doubtful),
        ] {
            assert_eq!(table(text), guessed, "{text}");
        }
    }
}
