//! Reading the elements of an array and converting them in blocks, in parallel if the file is plain

use std::io;

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
    /// Reads the elements that follow the header, up to the end of the source
    ///
    /// Until the length of the source has been compared with the dimensions, no memory is reserved. Beyond the result,
    /// each thread has a buffer of a block. An array in Fortran order takes its memory twice.
    ///
    /// # Errors
    /// If a dimension is 0, the source has more or fewer elements, or an element is not valid: NaN, infinite, larger
    /// than the type for `for_use` can hold, or a truth value that is neither 0 nor 1.
    pub fn elements(&self, source: &mut Source<'_>, for_use: Use) -> Result<Elements> {
        let len = self.len(source)?;
        let is_float = self.encoding.element.is_float();
        Ok(match (self.encoding.element, for_use) {
            (ElementType::U8 | ElementType::Bool, _) => Elements::Bytes(self.bytes(source, len)?),
            (_, Use::Labels) if !is_float => Elements::Integers(self.numbers(source, len)?),
            (_, Use::Features(Dtype::F32)) => Elements::Single(self.numbers(source, len)?),
            (_, Use::Labels | Use::Features(Dtype::F64)) => Elements::Double(self.numbers(source, len)?),
        })
    }

    /// The number of elements; an error if the source does not have exactly as many
    fn len(&self, source: &Source<'_>) -> Result<usize> {
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
            let text = self.problem(&bytes[at..=at]);
            return Err(self.error(source, 0, Fault::Value { at, text }));
        }
        self.in_rows(source, bytes)
    }

    fn numbers<T: Number>(&self, source: &mut Source<'_>, len: usize) -> Result<Vec<T>> {
        memory::check(len as u128 * size_of::<T>() as u128, || "the data of an array".to_owned())
            .map_err(|_| source.no_memory(len as u128 * size_of::<T>() as u128))?;
        let mut numbers = zeroed::<T>(source, len)?;
        self.read(source, &mut numbers)?;
        self.in_rows(source, numbers)
    }

    /// Fills `out` with the rest of the source
    fn read<T: Number>(&self, source: &mut Source<'_>, out: &mut [T]) -> Result<()> {
        let size = self.encoding.element.bytes();
        #[cfg(unix)]
        if let Some((file, start)) = source.plain() {
            use std::os::unix::fs::FileExt;
            let read = |raw: &mut Vec<u8>, (number, block): (usize, &mut [T])| {
                let at = start + (number * BLOCK * size) as u64;
                let outcome = self.block(raw, block, |into| file.read_exact_at(into, at).map_err(Fault::Io));
                outcome.err().map(|fault| (number * BLOCK, fault))
            };
            let faults = out.par_chunks_mut(BLOCK).enumerate().map_init(Vec::new, read);
            let first = faults.find_map_first(|fault| fault);
            return first.map_or(Ok(()), |(start, fault)| Err(self.error(source, start, fault)));
        }
        let (expected, mut raw, mut done) = (out.len() * size, Vec::new(), 0);
        for (number, block) in out.chunks_mut(BLOCK).enumerate() {
            let outcome = self.block(&mut raw, block, |into| {
                let n = source.fill(into).map_err(Fault::Read)?;
                done += n;
                if n == into.len() { Ok(()) } else { Err(Fault::Short) }
            });
            match outcome {
                Ok(()) => {}
                Err(Fault::Short) => {
                    return Err(source.wrong_length(&done.to_string(), expected, &self.stated()));
                }
                Err(fault) => return Err(self.error(source, number * BLOCK, fault)),
            }
        }
        source.end(expected, &self.stated())
    }

    /// Fills and checks a block; `read` fills the bytes that it gets with the next bytes of the file
    ///
    /// Where the file has the bytes of `T`, they are read into the block itself.
    fn block<T: Number>(
        &self,
        raw: &mut Vec<u8>,
        block: &mut [T],
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
        let is_valid = |number: &T| number.is_valid(self.encoding.element);
        if block.iter().fold(true, |all, number| all & is_valid(number)) {
            return Ok(());
        }
        let at = block.iter().position(|number| !is_valid(number)).unwrap_or_default();
        let bytes = if self.encoding.is_native::<T>() { bytemuck::cast_slice(block) } else { &raw[..] };
        let text = self.problem(&bytes[at * size..][..size]);
        Err(Fault::Value { at, text })
    }

    /// What is wrong with an element
    fn problem(&self, raw: &[u8]) -> String {
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

    /// The elements in row-major order
    fn in_rows<T: Number>(&self, source: &Source<'_>, elements: Vec<T>) -> Result<Vec<T>> {
        if !self.is_fortran || fortran::is_row_major(&self.dims) {
            return Ok(elements);
        }
        let mut rows = zeroed(source, elements.len())?;
        fortran::to_rows(&elements, &self.dims, &mut rows);
        Ok(rows)
    }
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
