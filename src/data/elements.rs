//! Reading the elements of an array and converting them in blocks, in parallel if the file is plain

use std::io;
use std::ops::Range;

use bytemuck::allocation::try_zeroed_slice_box;
use rayon::prelude::*;

use super::array::{Elements, Use};
use super::element::{ElementType, Encoding, Number};
use super::fortran;
use super::source::Source;
use crate::config::Dtype;
use crate::error::memory;
use crate::error::{Error, Result, first_ten};

/// Number of elements of a block; a block is checked while it is in the cache that it was read into
const BLOCK: usize = 1 << 15;

/// Bytes of the columns of an array in Fortran order that are read at once, unless an eighth of the array or one column is
/// more
const COLUMNS_BYTES: usize = 1 << 18;

/// What the header of an array states
pub struct Layout {
    /// The dimensions
    pub dims: Vec<usize>,
    /// The elements' type
    pub encoding: Encoding,
    /// Whether the first dimension varies fastest
    pub is_fortran: bool,
    /// The type as the format writes it, for messages
    pub type_name: String,
}

impl Layout {
    /// Whether the elements are read as bytes
    pub fn has_bytes(&self) -> bool {
        matches!(self.encoding.element, ElementType::U8 | ElementType::Bool)
    }

    /// Reads the elements that follow the header, up to the end of the source
    ///
    /// Until the length of the source has been compared with the dimensions, no memory is reserved. Beyond the result,
    /// each thread has a buffer of a block. An array in Fortran order needs an eighth of its memory more, or that of a column.
    ///
    /// # Errors
    /// If a dimension is 0, the source has more or fewer elements, or an element is not valid: infinite, NaN unless
    /// `for_use` allows it, larger than the type for `for_use` can hold, or a truth value that is neither 0 nor 1.
    pub fn elements(&self, source: &mut Source<'_>, for_use: Use) -> Result<Elements> {
        let len = self.check_len(source)?;
        Ok(match self.stored(for_use) {
            Stored::Bytes if self.is_in_rows() => Elements::Bytes(self.bytes(source, len)?),
            Stored::Bytes => Elements::Bytes(self.numbers(source, len, for_use)?),
            Stored::Integers => Elements::Integers(self.numbers(source, len, for_use)?),
            Stored::Single => Elements::Single(self.numbers(source, len, for_use)?),
            Stored::Double => Elements::Double(self.numbers(source, len, for_use)?),
        })
    }

    /// Reads some rows, the next ones or, of a plain file, any
    ///
    /// The caller has checked the length with [`Self::check_len`], and asks [`Self::is_in_rows`].
    ///
    /// # Errors
    /// As [`Self::elements`]. That a compressed file has more or fewer elements is found with its last row.
    pub fn rows(&self, source: &mut Source<'_>, rows: Range<usize>, for_use: Use) -> Result<Elements> {
        Ok(match self.stored(for_use) {
            Stored::Bytes => Elements::Bytes(self.some_rows(source, rows, for_use)?),
            Stored::Integers => Elements::Integers(self.some_rows(source, rows, for_use)?),
            Stored::Single => Elements::Single(self.some_rows(source, rows, for_use)?),
            Stored::Double => Elements::Double(self.some_rows(source, rows, for_use)?),
        })
    }

    /// Whether the elements of a row follow each other in the file
    pub fn is_in_rows(&self) -> bool {
        !self.is_fortran || fortran::is_row_major(&self.dims)
    }

    /// The type in memory
    fn stored(&self, for_use: Use) -> Stored {
        match (self.encoding.element, for_use) {
            (ElementType::U8 | ElementType::Bool, _) => Stored::Bytes,
            (element, _) if for_use.is_labels() && !element.is_float() => Stored::Integers,
            (_, Use::Features(Dtype::F32 | Dtype::Bf16) | Use::FeaturesOrNan(Dtype::F32 | Dtype::Bf16)) => {
                Stored::Single
            }
            _ => Stored::Double,
        }
    }

    /// The number of elements
    ///
    /// # Errors
    /// If a dimension is 0, or the source does not have exactly as many elements.
    pub fn check_len(&self, source: &Source<'_>) -> Result<usize> {
        if self.dims.contains(&0) {
            return Err(source.error(&format!("{} contain a 0, expected at least 1 each", self.named_dims())));
        }
        let len = self.dims.iter().try_fold(1_usize, |product, &d| product.checked_mul(d));
        let bytes = len.and_then(|len| len.checked_mul(self.encoding.element.bytes()));
        let (Some(len), Some(bytes)) = (len, bytes) else {
            let problem = format!("{} have a product that is larger than any memory", self.named_dims());
            return Err(source.error(&problem));
        };
        source.check_left(bytes, &self.stated())?;
        Ok(len)
    }

    /// What states the number of bytes: `dimensions [2, 3] of <f4`
    fn stated(&self) -> String {
        format!("{} of {}", self.named_dims(), self.type_name)
    }

    fn named_dims(&self) -> String {
        format!("dimensions [{}]", first_ten(self.dims.iter().map(ToString::to_string), ", "))
    }

    fn bytes(&self, source: &mut Source<'_>, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| source.no_memory(len as u128))?;
        source.append(&mut bytes, len)?;
        if bytes.len() < len {
            return Err(source.wrong_length(&bytes.len().to_string(), len, &self.stated()));
        }
        source.end(len, &self.stated())?;
        if self.encoding.element == ElementType::Bool
            && let Some(at) = bytes.iter().position(|&byte| byte > 1)
        {
            let text = self.problem(&bytes[at..=at], Use::Labels);
            return Err(self.error(source, 0, Fault::Value { at, text }));
        }
        Ok(bytes)
    }

    fn numbers<T: Number>(&self, source: &mut Source<'_>, len: usize, for_use: Use) -> Result<Vec<T>> {
        let in_block = if self.is_in_rows() { 0 } else { self.columns_at_once::<T>(len) * self.dims[0] };
        let bytes = (len as u128 + in_block as u128) * size_of::<T>() as u128;
        memory::check(bytes, || "the data of an array".to_owned()).map_err(|_| source.no_memory(bytes))?;
        let mut numbers = zeroed::<T>(source, len)?;
        if self.is_in_rows() {
            self.read(source, 0, &mut numbers, for_use)?;
        } else {
            self.read_columns(source, &mut numbers, for_use)?;
        }
        Ok(numbers)
    }

    /// Number of columns of an array in Fortran order that are read at once, of `len` elements in all
    fn columns_at_once<T>(&self, len: usize) -> usize {
        let (rows, most) = (self.dims[0], COLUMNS_BYTES.max(len / 8 * size_of::<T>()));
        (most / size_of::<T>() / rows).clamp(1, len / rows)
    }

    /// Fills `out` with all elements, in row-major order, of an array in Fortran order
    fn read_columns<T: Number>(&self, source: &mut Source<'_>, out: &mut [T], for_use: Use) -> Result<()> {
        let (rows, columns) = (self.dims[0], out.len() / self.dims[0]);
        let at_once = self.columns_at_once::<T>(out.len());
        let mut block = zeroed::<T>(source, at_once * rows)?;
        for first in (0..columns).step_by(at_once) {
            let block = &mut block[..(columns - first).min(at_once) * rows];
            self.read(source, first * rows, block, for_use)?;
            fortran::columns_to_rows(block, first, &self.dims, out);
        }
        Ok(())
    }

    fn some_rows<T: Number>(
        &self,
        source: &mut Source<'_>,
        rows: Range<usize>,
        for_use: Use,
    ) -> Result<Vec<T>> {
        let columns: usize = self.dims[1..].iter().product();
        let mut numbers = zeroed::<T>(source, rows.len() * columns)?;
        if self.is_in_rows() {
            self.read(source, rows.start * columns, &mut numbers, for_use)?;
            return Ok(numbers);
        }
        // The rows of each column follow each other, so that they are an array in the same order.
        for (column, part) in numbers.chunks_mut(rows.len()).enumerate() {
            self.read(source, column * self.dims[0] + rows.start, part, for_use)?;
        }
        let (dims, mut in_rows) = ([&[rows.len()], &self.dims[1..]].concat(), zeroed(source, numbers.len())?);
        fortran::to_rows(&numbers, &dims, &mut in_rows);
        Ok(in_rows)
    }

    /// Fills `out` with the elements from `first` on, which are the next ones unless the file is plain
    fn read<T: Number>(
        &self,
        source: &mut Source<'_>,
        first: usize,
        out: &mut [T],
        for_use: Use,
    ) -> Result<()> {
        let size = self.encoding.element.bytes();
        #[cfg(unix)]
        if let Some((file, start)) = source.plain() {
            use std::os::unix::fs::FileExt;
            let read = |raw: &mut Vec<u8>, (number, block): (usize, &mut [T])| {
                let at = first + number * BLOCK;
                let from = start + (at * size) as u64;
                let read = |into: &mut [u8]| file.read_exact_at(into, from).map_err(Fault::Io);
                self.block(raw, block, for_use, read).err().map(|fault| (at, fault))
            };
            let faults = out.par_chunks_mut(BLOCK).enumerate().map_init(Vec::new, read);
            let found = faults.find_map_first(|fault| fault);
            return found.map_or(Ok(()), |(start, fault)| Err(self.error(source, start, fault)));
        }
        let len: usize = self.dims.iter().product();
        let (expected, mut raw, mut done) = (len * size, Vec::new(), first * size);
        let is_last = first + out.len() == len;
        for (number, block) in out.chunks_mut(BLOCK).enumerate() {
            let outcome = self.block(&mut raw, block, for_use, |into| {
                let n = source.fill(into).map_err(Fault::Read)?;
                done += n;
                if n == into.len() { Ok(()) } else { Err(Fault::Short) }
            });
            match outcome {
                Ok(()) => {}
                Err(Fault::Short) => {
                    return Err(source.wrong_length(&done.to_string(), expected, &self.stated()));
                }
                Err(fault) => return Err(self.error(source, first + number * BLOCK, fault)),
            }
        }
        if is_last { source.end(expected, &self.stated()) } else { Ok(()) }
    }

    /// Fills and checks a block; `read` fills the bytes that it gets with the next bytes of the file
    ///
    /// Where the file has the bytes of `T`, they are read into the block itself.
    fn block<T: Number>(
        &self,
        raw: &mut Vec<u8>,
        block: &mut [T],
        for_use: Use,
        read: impl FnOnce(&mut [u8]) -> std::result::Result<(), Fault>,
    ) -> std::result::Result<(), Fault> {
        let size = self.encoding.element.bytes();
        if self.encoding.is_native::<T>() {
            read(bytemuck::cast_slice_mut(block))?;
        } else {
            raw.resize(block.len() * size, 0);
            read(raw)?;
            self.encoding.convert(raw, block);
        }
        // Without an early exit, the loop is vectorized.
        let allows_nan = for_use.allows_nan();
        let is_valid =
            |number: &T| number.is_valid(self.encoding.element) | (allows_nan & number.is_missing());
        if block.iter().fold(true, |all, number| all & is_valid(number)) {
            return Ok(());
        }
        let at = block.iter().position(|number| !is_valid(number)).unwrap_or_default();
        let bytes = if self.encoding.is_native::<T>() { bytemuck::cast_slice(block) } else { &raw[..] };
        let text = self.problem(&bytes[at * size..][..size], for_use);
        Err(Fault::Value { at, text })
    }

    /// What is wrong with an element
    fn problem(&self, raw: &[u8], for_use: Use) -> String {
        let found = self.encoding.text(raw);
        let mut value = [0.0];
        self.encoding.convert(raw, &mut value);
        match self.encoding.element {
            ElementType::Bool => format!("found a truth value of {found}, expected 0 or 1"),
            ElementType::U64 => format!("found {found}, expected at most {}, the largest label", i64::MAX),
            _ if f64::is_finite(value[0]) => {
                format!(
                    "found {found}, expected at most {:e}, the largest f32 (train with --dtype f64)",
                    f32::MAX
                )
            }
            _ if value[0].is_nan() && for_use.is_labels() => {
                format!("found {found}, expected a finite number; --missing drop leaves such rows out")
            }
            _ if value[0].is_nan() => format!(
                "found {found}, expected a finite number; add --missing mean, median, zero or drop if it is missing"
            ),
            _ => format!("found {found}, expected a finite number"),
        }
    }

    /// The error for a fault in the block that starts at element `start`
    fn error(&self, source: &Source<'_>, start: usize, fault: Fault) -> Error {
        match fault {
            Fault::Read(error) => error,
            Fault::Io(error) => source.reading(error),
            Fault::Short => source.error("its data end too early"),
            Fault::Value { at, text } => {
                let per_row: usize = self.dims[1..].iter().product();
                let at = match self.is_fortran {
                    true => fortran::row_major(start + at, &self.dims),
                    false => start + at,
                };
                let row = format!("row {}", at / per_row + 1);
                let place = if per_row == 1 { row } else { format!("{row}, element {}", at % per_row + 1) };
                source.error(&format!("{place}: {text}"))
            }
        }
    }
}

/// The type of elements in memory
enum Stored {
    Bytes,
    Integers,
    Single,
    Double,
}

/// Why a block can't be read
enum Fault {
    Read(Error),
    Io(io::Error),
    /// The source ends
    Short,
    Value {
        /// Position in the block
        at: usize,
        text: String,
    },
}

/// Memory that the system clears when it is first used, so that it is written once
fn zeroed<T: Number>(source: &Source<'_>, len: usize) -> Result<Vec<T>> {
    match try_zeroed_slice_box(len) {
        Ok(slice) => Ok(slice.into_vec()),
        Err(()) => Err(source.no_memory(len as u128 * size_of::<T>() as u128)),
    }
}
