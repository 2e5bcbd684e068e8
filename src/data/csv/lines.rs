//! The line numbers of the rows of a table

/// The line number of each row of a table
///
/// A row usually stands on the line after the one before. Only the exceptions are stored: rows that follow blank lines
/// or quoted line breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// A row and its line, for the first row and wherever a line doesn't follow the one before; both ascend
    jumps: Vec<(usize, u64)>,
}

impl Lines {
    /// The line, counted from 1, on which a row starts; rows are counted from 0
    pub fn line(&self, row: usize) -> u64 {
        match self.jumps.partition_point(|&(first, _)| first <= row).checked_sub(1) {
            Some(at) => self.jumps[at].1 + (row - self.jumps[at].0) as u64,
            None => row as u64 + 1,
        }
    }

    /// Notes that `row`, which comes after all noted rows, starts on `line`
    pub(super) fn note(&mut self, row: usize, line: u64) {
        if self.jumps.is_empty() || self.line(row) != line {
            self.jumps.push((row, line));
        }
    }

    /// Appends rows whose numbers start at `row` and whose lines start behind `line`
    pub(super) fn append(&mut self, other: &Self, row: usize, line: u64) {
        for &(first, at) in &other.jumps {
            self.note(row + first, line + at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_after_blank_lines_and_quoted_breaks_have_the_right_line() {
        let mut lines = Lines::default();
        let starts = [2, 3, 4, 7, 8, 10];
        for (row, &line) in starts.iter().enumerate() {
            lines.note(row, line);
        }
        assert_eq!(lines.jumps.len(), 3);
        let found: Vec<_> = (0..6).map(|row| lines.line(row)).collect();
        assert_eq!(found, starts);
        let mut both = lines.clone();
        both.append(&lines, 6, 20);
        assert_eq!((both.line(5), both.line(6), both.line(9)), (10, 22, 27));
    }
}
