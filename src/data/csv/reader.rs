//! The reader of a table: its head first, then all rows or one block after another

use std::io::Read;
use std::path::Path;

use super::head::Head;
use super::options::Options;
use super::role::Role;
use super::table::Table;
use crate::config::Dtype;
use crate::error::Result;

/// A table whose head has been read
pub struct Reader {
    head: Head,
}

/// The rows of a table, block by block
pub struct Blocks {
    reader: Reader,
}

impl Reader {
    /// Opens a table, plain or gzip, and reads its head
    ///
    /// # Errors
    /// If the file can't be read, or is empty, or its first lines are not those of a table, or don't show whether there
    /// is a header.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        todo!("{path:?} {options:?}")
    }

    /// Reads the head of a table from a stream, such as standard input; `name` stands for the file in messages
    ///
    /// It waits for no more lines than it needs: one if separator and header are known, usually two otherwise.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_stream(name: &str, stream: impl Read + Send + 'static, options: Options) -> Result<Self> {
        drop(stream);
        todo!("{name:?} {options:?}")
    }

    /// The head of the table
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Reads all rows; `roles` has the role of each column
    ///
    /// # Errors
    /// If a line has another number of cells, a cell is not what its role expects, there are no rows, or the table
    /// doesn't fit into memory.
    ///
    /// # Panics
    /// If `roles` has another length than the names of the head.
    pub fn read(self, roles: &[Role], dtype: Dtype) -> Result<Table> {
        todo!("{roles:?} {dtype:?}")
    }

    /// The rows, block by block, in bounded memory; `roles` has the role of each column
    ///
    /// # Panics
    /// If `roles` has another length than the names of the head.
    pub fn blocks(self, roles: &[Role], dtype: Dtype) -> Blocks {
        let _ = (roles, dtype);
        Blocks { reader: self }
    }
}

impl Blocks {
    /// The head of the table
    pub fn head(&self) -> &Head {
        self.reader.head()
    }

    /// Reads the next block of rows, with categories and codes of its own; `None` after the last row
    ///
    /// Of a stream, a block is whatever whole lines one read returns, so a line that was written is answered at once.
    ///
    /// # Errors
    /// As [`Reader::read`], except that a table may have no rows.
    pub fn next_block(&mut self) -> Result<Option<Table>> {
        Ok(None)
    }
}
