//! The signature of a model: what its inputs and outputs mean, and how it is kept in the metadata of a model file

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::class_name;
use super::outputs::{Outputs, Target};
use super::preprocessing::{Column, Encoding, Preprocessing};
use crate::config::Scale;
use crate::nn::Metadata;

/// The entry that says how pixels become inputs, and its only value
const PIXEL_SCALING: (&str, &str) = ("pixel_scaling", "divide_by_255");
const CLASS_NAMES: &str = "class_names";
const TARGETS: &str = "targets";
const LOSS: &str = "loss";
const INPUT_DIMS: &str = "input_dims";
const SCALE: &str = "scale";
const COLUMNS: &str = "columns";

/// What the inputs and outputs of a model mean
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// What the outputs are
    pub outputs: Outputs,
    /// How a row becomes the inputs
    pub preprocessing: Preprocessing,
}

/// A column as JSON
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonColumn {
    /// Left out for arrays, whose columns have no names
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    center: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fill: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
}

impl Signature {
    /// The entries of the metadata
    pub fn to_metadata(&self) -> Metadata {
        let Preprocessing { dims, names, encoding } = &self.preprocessing;
        let mut entries = match &self.outputs {
            Outputs::Classes(names) => vec![(CLASS_NAMES, Value::from(&names[..]).to_string())],
            Outputs::Targets { targets, loss } => {
                vec![(TARGETS, serde_json::to_string(targets).unwrap_or_default()), (LOSS, loss.to_string())]
            }
        };
        entries.push((INPUT_DIMS, Value::from(&dims[..]).to_string()));
        match encoding {
            Encoding::Pixels => entries.push((PIXEL_SCALING.0, PIXEL_SCALING.1.to_owned())),
            Encoding::Columns { scale, columns } => {
                let json = |(at, column): (usize, &Column)| JsonColumn::of(column, names.get(at));
                let columns: Vec<JsonColumn> = columns.iter().enumerate().map(json).collect();
                entries.push((
                    SCALE,
                    serde_json::to_value(scale).unwrap_or_default().as_str().unwrap_or_default().to_owned(),
                ));
                entries.push((COLUMNS, serde_json::to_string(&columns).unwrap_or_default()));
            }
        }
        Metadata(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Reads the entries of the metadata of a net with this many inputs and outputs
    ///
    /// # Errors
    /// If an entry is missing or malformed, or does not fit the net; the message names it.
    pub fn from_metadata(metadata: &Metadata, features: usize, outputs: usize) -> Result<Self, String> {
        let outputs =
            if metadata.has(TARGETS) { targets(metadata, outputs)? } else { classes(metadata, outputs)? };
        let preprocessing = preprocessing(metadata, features)?;
        if preprocessing.features() != features {
            let found = preprocessing.features();
            return Err(format!(
                "metadata `{COLUMNS}`: give {found} inputs, expected {features}, as the net has"
            ));
        }
        Ok(Self { outputs, preprocessing })
    }
}

fn classes(metadata: &Metadata, outputs: usize) -> Result<Outputs, String> {
    let classes: Vec<String> = metadata.json(CLASS_NAMES, "a JSON list")?;
    if classes.len() != outputs {
        return Err(metadata.bad(CLASS_NAMES, &format!("{outputs} names")));
    }
    match class_name::problem(&classes, "entry") {
        Some((at, problem)) => Err(format!("metadata `{CLASS_NAMES}`: entry {}: {problem}", at + 1)),
        None => Ok(Outputs::Classes(classes)),
    }
}

fn targets(metadata: &Metadata, outputs: usize) -> Result<Outputs, String> {
    let targets: Vec<Target> = metadata.json(TARGETS, "a JSON list of name, center and scale")?;
    if targets.len() != outputs {
        return Err(metadata.bad(TARGETS, &format!("{outputs} targets")));
    }
    let is_wrong =
        |target: &Target| !(target.center.is_finite() && target.scale.is_finite() && target.scale > 0.0);
    if let Some(at) = targets.iter().position(is_wrong) {
        return Err(format!(
            "metadata `{TARGETS}`: entry {}: expected a finite center, and a scale above 0",
            at + 1
        ));
    }
    let loss = serde_json::from_value(metadata.entry(LOSS)?.into());
    let loss = loss.map_err(|_| metadata.bad(LOSS, "mse, mae or huber"))?;
    Ok(Outputs::Targets { targets, loss })
}

fn preprocessing(metadata: &Metadata, features: usize) -> Result<Preprocessing, String> {
    // The first version of the format had no dimensions of images.
    let is_first = metadata.entry("format_version") == Ok("1");
    let dims = if metadata.has(INPUT_DIMS) || !is_first {
        metadata.json(INPUT_DIMS, "a JSON list of dimensions")?
    } else {
        vec![features]
    };
    let columns = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    if !metadata.has(COLUMNS) {
        if metadata.entry(PIXEL_SCALING.0)? != PIXEL_SCALING.1 {
            return Err(metadata.bad(PIXEL_SCALING.0, PIXEL_SCALING.1));
        }
        if columns != Some(features) {
            return Err(metadata.bad(INPUT_DIMS, &format!("dimensions whose product is {features}")));
        }
        return Ok(Preprocessing { dims, names: Vec::new(), encoding: Encoding::Pixels });
    }
    let scale: Scale = serde_json::from_value(metadata.entry(SCALE)?.into())
        .ok()
        .filter(|scale| *scale != Scale::Auto)
        .ok_or_else(|| metadata.bad(SCALE, "standard, minmax, robust or none"))?;
    let list: Vec<JsonColumn> = metadata.json(COLUMNS, "a JSON list of columns")?;
    if columns != Some(list.len()) {
        return Err(metadata.bad(INPUT_DIMS, &format!("dimensions whose product is {}", list.len())));
    }
    let names: Vec<String> = list.iter().filter_map(|column| column.name.clone()).collect();
    if !names.is_empty() && names.len() != list.len() {
        return Err(format!("metadata `{COLUMNS}`: some columns have a name and others have none"));
    }
    let column = |(at, column): (usize, JsonColumn)| {
        column.column().ok_or_else(|| {
            format!("metadata `{COLUMNS}`: entry {}: expected center and factor, or values", at + 1)
        })
    };
    let columns = list.into_iter().enumerate().map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(Preprocessing { dims, names, encoding: Encoding::Columns { scale, columns } })
}

impl JsonColumn {
    fn of(column: &Column, name: Option<&String>) -> Self {
        let none = Self { name: name.cloned(), center: None, factor: None, fill: None, values: None };
        match column {
            Column::Number { center, factor, fill } => {
                Self { center: Some(*center), factor: Some(*factor), fill: *fill, ..none }
            }
            Column::Category(values) => Self { values: Some(values.clone()), ..none },
        }
    }

    /// The column; `None` if it has other fields than those of a number or of a category
    fn column(self) -> Option<Column> {
        match (self.values, self.center, self.factor, self.fill) {
            (None, Some(center), Some(factor), fill) => Some(Column::Number { center, factor, fill }),
            (Some(values), None, None, None) => {
                let distinct = values.iter().collect::<std::collections::HashSet<_>>().len() == values.len();
                distinct.then_some(Column::Category(values))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::loss::ErrorFunction;

    fn signature(names: &[&str]) -> Signature {
        let columns = vec![
            Column::Number { center: 0.1 + 0.2, factor: 1.0 / 3.0, fill: None },
            Column::Category(vec!["female".to_owned(), "m\"ale".to_owned()]),
            Column::Number { center: -1e-300, factor: 0.0, fill: Some(38.6) },
        ];
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let encoding = Encoding::Columns { scale: Scale::Robust, columns };
        Signature {
            outputs: Outputs::Classes(["no", "yes"].map(str::to_owned).to_vec()),
            preprocessing: Preprocessing { dims: vec![3], names, encoding },
        }
    }

    #[test]
    fn a_signature_reads_back_to_the_same_bits() {
        for names in [&["age", "sex", "=1+1"][..], &[]] {
            let signature = signature(names);
            assert_eq!(Signature::from_metadata(&signature.to_metadata(), 4, 2).unwrap(), signature);
        }
        let encoding = Encoding::Pixels;
        let preprocessing = Preprocessing { dims: vec![28, 28], names: Vec::new(), encoding };
        let pixels = Signature { preprocessing, ..signature(&[]) };
        assert_eq!(Signature::from_metadata(&pixels.to_metadata(), 784, 2).unwrap(), pixels);
    }

    #[test]
    fn targets_read_back_to_the_same_bits_and_damaged_ones_are_named() {
        let target = |name: &str, center, scale| Target { name: name.to_owned(), center, scale };
        let targets = vec![target("price, EUR", 0.1 + 0.2, 1.0 / 3.0), target("age", -1e300, 5e-324)];
        let outputs = Outputs::Targets { targets, loss: ErrorFunction::Huber };
        let signature = Signature { outputs, ..signature(&[]) };
        let metadata = signature.to_metadata();
        assert_eq!(Signature::from_metadata(&metadata, 4, 2).unwrap(), signature);
        for (key, value, message) in [
            (TARGETS, "[]", "expected 2 targets"),
            (TARGETS, "[1,2]", "expected a JSON list of name, center and scale"),
            (LOSS, "cosine", "expected mse, mae or huber"),
        ] {
            let mut metadata = metadata.clone();
            metadata.0.insert(key.to_owned(), value.to_owned());
            let error = Signature::from_metadata(&metadata, 4, 2).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        for scale in ["0", "-1"] {
            let mut metadata = metadata.clone();
            let list =
                format!(r#"[{{"name":"a","center":0,"scale":1}},{{"name":"b","center":0,"scale":{scale}}}]"#);
            metadata.0.insert(TARGETS.to_owned(), list);
            let error = Signature::from_metadata(&metadata, 4, 2).unwrap_err();
            assert!(error.contains("entry 2: expected a finite center"), "{error}");
        }
    }

    #[test]
    fn class_names_that_are_no_names_are_refused() {
        for (names, message) in [
            (["cat", "cat"], "entry 2: `cat` is also in entry 1"),
            (["", "dog"], "entry 1: an empty name"),
            (["dog", "\u{1b}[2J"], "entry 2: a name with the control character U+001B"),
        ] {
            let outputs = Outputs::Classes(names.map(str::to_owned).to_vec());
            let named = Signature { outputs, ..signature(&[]) };
            let error = Signature::from_metadata(&named.to_metadata(), 4, 2).unwrap_err();
            assert!(error.contains(&format!("metadata `class_names`: {message}")), "{error}");
        }
    }

    #[test]
    fn a_damaged_entry_is_named() {
        let with = |key: &str, value: &str| {
            let mut metadata = signature(&["a", "b", "c"]).to_metadata();
            metadata.0.insert(key.to_owned(), value.to_owned());
            Signature::from_metadata(&metadata, 4, 2).unwrap_err()
        };
        for (key, value, message) in [
            (CLASS_NAMES, "[\"a\"]", "expected 2 names"),
            (CLASS_NAMES, "[\"a\",\"a\"]", "entry 2"),
            (SCALE, "auto", "expected standard, minmax, robust or none"),
            (COLUMNS, "{}", "expected a JSON list of columns"),
            (COLUMNS, "[{\"center\":1}]", "dimensions whose product is 1"),
            (INPUT_DIMS, "[2]", "dimensions whose product is 3"),
            (INPUT_DIMS, "[18446744073709551615,2]", "dimensions whose product is 3"),
        ] {
            let error = with(key, value);
            assert!(error.contains(message), "{key}: {error}");
        }
        let list = |column: &str| format!("[{column},{column},{column}]");
        assert!(with(COLUMNS, &list("{\"center\":1}")).contains("entry 1: expected center and factor"));
        assert!(with(COLUMNS, &list("{\"values\":[\"a\",\"a\"]}")).contains("entry 1"));
        assert!(with(COLUMNS, &list("{\"center\":1,\"factor\":1}")).contains("give 3 inputs, expected 4"));
    }
}
