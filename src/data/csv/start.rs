//! Reading the head of a table, so that the next bytes are those of its first row

use super::fault::{Fault, Problem};
use super::first_lines::FirstLines;
use super::head::Head;
use super::options::Options;
use super::scan::{self, RecordEnd};
use super::source::Source;
use crate::error::Result;

/// A head, and the place of the row after it
#[derive(Clone, Debug)]
pub struct Start {
    /// The head
    pub head: Head,
    /// The line of the next byte, counted from 1
    pub line: u64,
}

/// Reads the head of a table, in steps of `chunk` bytes at first
///
/// * `wanted`: names of columns that the caller looks for
///
/// # Errors
/// If the file can't be read, or its first lines are not those of a table, or a person has to say what they are.
pub fn read(source: &mut Source, options: Options, wanted: &[String], chunk: usize) -> Result<Start> {
    options.check()?;
    let (mut buffer, mut filled, mut tried) = (vec![], 0, 0);
    loop {
        let len =
            if filled < buffer.len() { buffer.len() } else { chunk.max(2 * filled).min(source.most() + 1) };
        filled = source.fill(&mut buffer, filled, len, source.is_live())?;
        let (is_whole, is_full) = (source.has_ended(), filled > source.most());
        // A long text is tried again only after it has grown by half, since each try reads it from the start.
        if !is_whole && !is_full && filled > chunk && filled < tried + tried / 2 {
            continue;
        }
        tried = filled;
        let lines = FirstLines { path: source.path(), text: &buffer[..filled], is_whole, options, wanted };
        if let Some((head, line, at)) = lines.head()? {
            source.give_back(&buffer[at..filled]);
            return Ok(Start { head, line });
        }
        if is_whole || is_full {
            let problem = Problem::TooLong { most: source.most() };
            // The lines before it are whole.
            let whole = RecordEnd::default().find(&buffer[..filled], options.separator.unwrap_or(b','));
            let fault = Fault { problem, line: scan::breaks(&buffer[..whole]), byte: 0, column: None };
            return Err(fault.error(source.path(), &[], 1, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::path::Path;

    use super::*;

    #[test]
    fn an_endless_first_record_is_refused() {
        for (start, line) in [("", 1), ("\"", 1), ("\n\"a\n", 2), ("a,\"\n", 1), ("a,y\n", 2)] {
            let stream = io::Cursor::new(start.to_owned()).chain(io::repeat(b'1'));
            let mut source = Source::of(Path::new("t.csv"), stream).unwrap();
            source.set_most(1000);
            let message = read(&mut source, Options::default(), &[], 10).unwrap_err().to_string();
            let expected = format!("t.csv: line {line} is longer than 1,000 bytes; is a quote not closed?");
            assert_eq!(message, expected);
        }
    }
}
