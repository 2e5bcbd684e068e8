//! Tables of people's own: CSV, plain or gzip, read in parallel chunks
//!
//! ```text
//! bytes ──► source ──► chunks, cut at record ends ──► parsed by all threads ──► collected in the order of the file
//!            │
//!            └──► head: separator, names of the columns
//! ```
//!
//! A table is opened with [`Reader::open`], which finds its [`Head`]. The caller gives each column a [`Role`] and reads
//! the whole [`Table`], or one block of rows after another.
//!
//! Cells are separated by `,`, `;` or TAB. A quote at the start of a cell begins a quoted cell, which may contain
//! separators, line breaks and doubled quotes; elsewhere a quote is text. Spaces around cells that are not quoted do
//! not count. Lines end with LF or CRLF, and blank lines are skipped.
//!
//! Source: RFC 4180 (CSV).

mod cell;
mod chunk;
mod collect;
mod decimal;
mod dictionary;
mod fault;
mod first_lines;
mod head;
mod header;
mod layout;
mod lines;
mod options;
mod pipeline;
mod reader;
mod role;
mod scan;
mod separator;
mod source;
mod start;
mod table;
mod target;

pub use head::Head;
pub use lines::Lines;
pub use options::Options;
pub use reader::{Blocks, Reader};
pub use role::Role;
pub use table::{Cells, Kept, Missing, NO_CODE, Table, Target};
