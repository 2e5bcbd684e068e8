//! Settings that do not fit the kind of the data, which are refused rather than ignored

use std::path::Path;

use super::options::Categorical;
use super::source_kind::{self, Kind};
use super::{DataOptions, Dataset, idx_folder, numpy_set};
use crate::config::{Decimal, Header};
use crate::error::{Error, Result, shown};

/// What a source is, as far as settings depend on it
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Table,
    Npz,
    /// One .npy, whose labels `--y` names
    Npy,
    /// Arrays whose files are named
    NpyFiles,
    Idx,
    Synthetic,
}

impl Source {
    /// The kind of a source; `None` if it can't be read, which the reader reports
    fn of(path: &str) -> Option<Self> {
        let file = Path::new(path);
        match path {
            "synthetic" => return Some(Self::Synthetic),
            "-" => return Some(Self::Table),
            _ if !file.exists() && path.contains(',') => return Some(Self::NpyFiles),
            _ if !file.exists() && file.extension().is_none() => {
                return idx_folder::is_there(file).then_some(Self::Idx);
            }
            _ => {}
        }
        match source_kind::kind(file).ok()? {
            Kind::Table => Some(Self::Table),
            Kind::Npz => Some(Self::Npz),
            Kind::Npy => Some(Self::Npy),
            Kind::Folder if numpy_set::files(file).is_some() => Some(Self::NpyFiles),
            Kind::Folder | Kind::Idx => Some(Self::Idx),
            Kind::Model => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Table => "a table",
            Self::Npz => "an .npz",
            Self::Npy | Self::NpyFiles => "arrays in .npy files",
            Self::Idx => "a set of IDX files",
            Self::Synthetic => "the built-in set",
        }
    }
}

/// Checks that each setting that is not the default fits one of the sources
///
/// # Errors
/// If one does not; the message says what the data are, and which flag to leave out.
pub fn check(options: &DataOptions) -> Result<()> {
    let default;
    let data = match &options.data {
        Some(data) => data,
        None => match Dataset::find() {
            Ok(found) => {
                default = found;
                &default
            }
            Err(_) => return Ok(()),
        },
    };
    let paths = [Some(data), options.test_data.as_ref()];
    let sources: Option<Vec<Source>> = paths.iter().flatten().map(|path| Source::of(path)).collect();
    let Some(sources) = sources else { return Ok(()) };
    for (name, found, fitting) in given(options) {
        let what_fits = match fitting {
            [Source::Table] => "tables",
            [Source::Npz] => "an .npz",
            _ => "an .npz or .npy",
        };
        if !sources.iter().any(|source| fitting.contains(source)) {
            let (path, kind, flag) = (shown(data), sources[0].name(), name.replace('_', "-"));
            let expected =
                format!("none, since {path} is {kind}, and --{flag} is for {what_fits}: leave it out");
            return Err(Error::Setting { name, expected, found });
        }
    }
    Ok(())
}

/// The settings that are not the default: name, value, and the sources that they are for
fn given(options: &DataOptions) -> Vec<(&'static str, String, &'static [Source])> {
    let table = &options.table;
    let list = |names: &[String]| (!names.is_empty()).then(|| names.join(","));
    let header = match table.header {
        Header::Auto => None,
        Header::Yes => Some("yes".to_owned()),
        Header::No => Some("no".to_owned()),
    };
    let categorical = match &table.categorical {
        Categorical::Auto => Some("auto".to_owned()),
        Categorical::Named(names) => list(names),
    };
    let of_tables = [
        ("target", list(&table.targets)),
        ("header", header),
        ("ignore", list(&table.ignore)),
        ("keep_as_id", list(&table.keep_as_id)),
        ("categorical", categorical),
        ("separator", table.separator.clone()),
        ("decimal", (table.decimal != Decimal::Point).then(|| ",".to_owned())),
    ];
    let all = of_tables.into_iter().map(|(name, value)| (name, value, &[Source::Table][..])).chain([
        ("x", options.x.clone(), &[Source::Npz][..]),
        ("y", options.y.clone(), &[Source::Npz, Source::Npy][..]),
    ]);
    all.filter_map(|(name, value, fitting)| Some((name, value?, fitting))).collect()
}
