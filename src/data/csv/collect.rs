//! Collecting parsed chunks in the order of the file, whatever the order in which threads finish them

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cell::Real;
use super::chunk::Parsed;
use super::fault::{Fault, Problem};
use super::layout::Layout;
use super::lines::Lines;
use super::table::{Kept, Missing, Table};
use super::target::TargetColumn;
use super::{dictionary::Dictionary, head::Head};
use crate::error::memory;
use crate::error::{Error, Result};

/// Why a chunk was not parsed
#[derive(Debug)]
pub enum Failure {
    /// A cell or record is not as expected
    Fault(Fault),
    /// The chunk could not be read
    Read(Error),
}

/// A parsed chunk, or why it was not parsed
pub type Outcome<T> = std::result::Result<Parsed<T>, Failure>;

/// The rows of all chunks up to the first one that is missing
pub struct Collector<'a, T> {
    head: &'a Head,
    layout: &'a Layout,
    /// Number of bytes of the file from the first row on, if it is known
    size: Option<u64>,
    /// Chunks that wait for an earlier one, with their length in bytes
    waiting: BTreeMap<usize, (usize, Outcome<T>)>,
    next: usize,
    error: Option<Error>,
    /// Bytes of the collected chunks
    collected: u64,
    /// Bytes before the first chunk
    offset: u64,
    /// Line of the next chunk, counted from 1
    line: u64,
    rows: usize,
    cells: Vec<T>,
    missing: Vec<Missing>,
    categories: Vec<Dictionary>,
    targets: Vec<TargetColumn>,
    kept: Vec<Kept>,
    lines: Lines,
}

impl<'a, T: Real> Collector<'a, T> {
    /// A collector of the chunks that start at a line and behind `offset` bytes; `size`: bytes that follow, if known
    pub fn new(head: &'a Head, layout: &'a Layout, line: u64, offset: u64, size: Option<u64>) -> Self {
        Self {
            head,
            layout,
            size,
            waiting: BTreeMap::new(),
            next: 0,
            error: None,
            collected: 0,
            offset,
            line,
            rows: 0,
            cells: vec![],
            missing: vec![Missing::default(); layout.features],
            categories: vec![Dictionary::default(); layout.categories.len()],
            targets: layout.targets.iter().map(|_| TargetColumn::new()).collect(),
            kept: vec![Kept::default(); layout.kept],
            lines: Lines::default(),
        }
    }

    /// Takes the chunk with this number, counted from 0, and its length; returns memory for the next one
    pub fn take(&mut self, number: usize, len: usize, outcome: Outcome<T>) -> Vec<T> {
        self.waiting.insert(number, (len, outcome));
        let mut free = Vec::new();
        while let Some((len, outcome)) = self.waiting.remove(&self.next) {
            self.next += 1;
            if self.error.is_some() {
                continue;
            }
            match outcome.and_then(|parsed| self.append(parsed, len)) {
                Ok(cells) => free = cells,
                Err(Failure::Read(error)) => self.error = Some(error),
                Err(Failure::Fault(fault)) => {
                    let bytes = self.offset + self.collected;
                    self.error = Some(fault.error(&self.head.path, &self.head.names, self.line, bytes));
                }
            }
        }
        free
    }

    /// Whether a chunk has failed
    pub fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    fn append(&mut self, mut parsed: Parsed<T>, len: usize) -> std::result::Result<Vec<T>, Failure> {
        let too_many = |column, text| {
            let problem = Problem::TooManyTexts { most: Dictionary::MAX, text };
            Failure::Fault(Fault { problem, line: 0, byte: 0, column: Some(column) })
        };
        self.collected += len as u64;
        self.reserve(parsed.cells.len()).map_err(Failure::Read)?;
        for (index, &feature) in self.layout.categories.iter().enumerate() {
            let codes = self.categories[index]
                .merge(&parsed.categories[index])
                .ok_or_else(|| too_many(self.layout.feature_columns[feature], None))?;
            recode(&mut parsed.cells, feature, self.layout.features, &codes);
        }
        self.cells.extend_from_slice(&parsed.cells);
        for (missing, other) in self.missing.iter_mut().zip(parsed.missing) {
            missing.append(other, self.line);
        }
        for ((target, other), &column) in
            self.targets.iter_mut().zip(parsed.targets).zip(&self.layout.targets)
        {
            target.append(other, self.line).map_err(|text| too_many(column, text))?;
        }
        for (kept, other) in self.kept.iter_mut().zip(&parsed.kept) {
            kept.append(other);
        }
        self.lines.append(&parsed.lines, self.rows, self.line);
        (self.rows, self.line) = (self.rows + parsed.rows, self.line + parsed.breaks);
        Ok(parsed.cells)
    }

    /// Reserves memory for `more` features and, if the size of the file is known, for those that probably follow
    fn reserve(&mut self, more: usize) -> Result<()> {
        if self.cells.capacity() - self.cells.len() >= more {
            return Ok(());
        }
        let least = self.cells.len() + more;
        let wanted = match self.size {
            Some(size) if size > self.collected => {
                let share = size as f64 / self.collected.max(1) as f64;
                // One percent more, since the lengths of rows vary.
                (least as f64 * share * 1.01) as usize + more
            }
            Some(_) => least,
            None => least.max(2 * self.cells.len()),
        };
        let bytes = wanted as u128 * size_of::<T>() as u128;
        let what = || format!("the table {}", self.head.path.display());
        memory::check(bytes, what)?;
        let reserved = self.cells.try_reserve_exact(wanted - self.cells.len());
        reserved.map_err(|_| Error::Memory { what: what(), bytes })
    }

    /// The table, and the line and the byte after it
    ///
    /// # Errors
    /// The first one of the chunks, in the order of the file.
    pub fn table(mut self) -> Result<(Table, u64)> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let (mut categories, mut ranks) = (vec![], vec![]);
        for dictionary in self.categories {
            let (texts, rank) = dictionary.sorted();
            categories.push(texts);
            ranks.push(rank);
        }
        // Memory for rows that the file turned out not to have is returned.
        if self.cells.len() + self.cells.len() / 8 < self.cells.capacity() {
            self.cells.shrink_to_fit();
        }
        if !ranks.is_empty() {
            let features = self.layout.features;
            self.cells.par_chunks_mut(features << 12).for_each(|rows| {
                for (&feature, ranks) in self.layout.categories.iter().zip(&ranks) {
                    recode(rows, feature, features, ranks);
                }
            });
        }
        let table = Table {
            rows: self.rows,
            features: self.layout.features,
            cells: T::cells(self.cells),
            missing: self.missing,
            categories,
            targets: self.targets.into_par_iter().map(TargetColumn::finish).collect(),
            kept: self.kept,
            lines: self.lines,
        };
        Ok((table, self.line))
    }
}

/// Replaces each code of a feature by `codes` of it; missing cells stay
fn recode<T: Real>(cells: &mut [T], feature: usize, features: usize, codes: &[u32]) {
    let (_, first) = cells.split_at_mut(feature.min(cells.len()));
    for cell in first.iter_mut().step_by(features) {
        if let Some(code) = cell.code() {
            *cell = T::from_code(codes[code]);
        }
    }
}
