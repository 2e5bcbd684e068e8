//! What the caller knows about the form of a table

use crate::error::{Error, Result};

/// What the caller knows about the form of a table; the rest is found in its first lines
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The byte between cells; `None`: `,`, `;` or TAB, whichever the first lines contain
    pub separator: Option<u8>,
    /// The decimal character, `.` or `,`
    pub decimal: u8,
    /// Whether the first line has the names of the columns; `None`: found from the first lines
    pub header: Option<bool>,
}

impl Default for Options {
    /// Decimal points; separator and header are found
    fn default() -> Self {
        Self { separator: None, decimal: b'.', header: None }
    }
}

impl Options {
    /// Checks that the characters can be told apart
    ///
    /// # Errors
    /// If the separator is a character of numbers or quotes, or the decimal character is not `.` or `,`. Both may be `,`:
    /// a number with a decimal comma is then quoted.
    pub(super) fn check(self) -> Result<()> {
        let expected = |text: &str| text.to_owned();
        let found = |byte: u8| char::from(byte).to_string();
        if !matches!(self.decimal, b'.' | b',') {
            let (expected, found) = (expected("`.` or `,`"), found(self.decimal));
            return Err(Error::Setting { name: "decimal", expected, found });
        }
        match self.separator {
            Some(byte) if byte.is_ascii_alphanumeric() || b"\"\r\n\0+-.".contains(&byte) || byte >= 0x80 => {
                let expected =
                    expected("an ASCII character that is not part of numbers, such as `,`, `;` or TAB");
                Err(Error::Setting { name: "separator", expected, found: found(byte) })
            }
            _ => Ok(()),
        }
    }
}
