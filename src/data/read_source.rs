//! Reading the sets of a source: which reader its content needs

use std::path::Path;

use super::array_gaps::SetUse;
use super::raw::RawSets;
use super::source_kind::{self, Kind};
use super::table_set::Wanted;
use super::{DataOptions, idx_folder, numpy_set, table_set};
use crate::error::{Error, Result};

/// Reads a source, with the names of classes if it has them
///
/// * `wanted`: which columns of a table are read
pub fn read(path: &str, options: &DataOptions, wanted: Wanted<'_>) -> Result<(RawSets, Option<Vec<String>>)> {
    let unnamed = |train, test| Ok((RawSets { train, test }, None));
    let (file, dtype, task) = (Path::new(path), options.dtype, options.task);
    let is_training = matches!(wanted, Wanted::Any);
    let arrays = SetUse::new(dtype, options.table.missing, matches!(wanted, Wanted::Model(_)));
    if let Some((x, y)) = pair(path, options.y.as_deref().filter(|_| is_training))? {
        return unnamed(numpy_set::from_npy(x.as_ref(), y.as_ref(), arrays, task)?, None);
    }
    if path == "-" {
        return unnamed(table_set::read(path, options, wanted)?, None);
    }
    // The files of one of several sets in a folder are named by their prefix, which is no file and has no extension.
    if file.is_dir() || (!file.exists() && file.extension().is_none()) {
        return match numpy_set::files(file) {
            Some(files) => Ok((numpy_set::from_folder(file, &files, arrays, task)?, None)),
            None => idx_folder::load(file, arrays, task),
        };
    }
    let expected = |problem: &str| Err(Error::content(file, problem));
    match source_kind::kind(file)? {
        Kind::Table => unnamed(table_set::read(path, options, wanted)?, None),
        Kind::Npz => {
            let (x, y) = (options.x.as_deref(), options.y.as_deref());
            Ok((numpy_set::from_npz(file, [x, y], is_training, arrays, task)?, None))
        }
        Kind::Npy => expected("is one array, expected two, of inputs and of labels: --data x.npy,y.npy"),
        Kind::Folder | Kind::Idx => expected("is one IDX file, expected the folder with images and labels"),
        Kind::Model => expected("is a model, expected data"),
    }
}

/// The paths of two .npy files that are named together, as `x.npy,y.npy`, or by --data and --y; `None` for other data
///
/// # Errors
/// If one of them is no .npy file.
fn pair<'a>(path: &'a str, y: Option<&'a str>) -> Result<Option<(&'a str, &'a str)>> {
    let is_npy = |path: &str| Ok(source_kind::kind(path.as_ref())? == Kind::Npy);
    if Path::new(path).exists() {
        // In an .npz, --y names an array.
        let y = y.filter(|_| matches!(is_npy(path), Ok(true)));
        return Ok(y.map(|y| (path, y)));
    }
    let Some((x, y)) = path.split_once(',') else { return Ok(None) };
    for file in [x, y] {
        if !is_npy(file)? {
            let problem = format!("is no .npy file, expected two in {path}, of inputs and of labels");
            return Err(Error::content(file.as_ref(), problem));
        }
    }
    Ok(Some((x, y)))
}
