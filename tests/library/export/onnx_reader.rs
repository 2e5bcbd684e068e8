//! A reader of ONNX files that knows only what the exports contain, and computes their graphs in f64

use std::collections::BTreeMap;

use crate::erf::erf;

/// The fields of a message of protocol buffers: numbers and bytes
#[derive(Debug)]
pub enum Field<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// The fields with number `wanted`, in order
pub fn fields(mut bytes: &[u8], wanted: u64) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Int(varint(&mut bytes) as i64),
            2 => {
                let len = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(len);
                bytes = rest;
                Field::Bytes(value)
            }
            other => panic!("wire type {other}"),
        };
        if key >> 3 == wanted {
            found.push(field);
        }
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes")
}

pub fn ints(bytes: &[u8], wanted: u64) -> Vec<i64> {
    let int = |field| match field {
        Field::Int(value) => value,
        Field::Bytes(_) => panic!("field {wanted} has bytes"),
    };
    fields(bytes, wanted).into_iter().map(int).collect()
}

pub fn messages(bytes: &[u8], wanted: u64) -> Vec<&[u8]> {
    let message = |field| match field {
        Field::Bytes(value) => value,
        Field::Int(_) => panic!("field {wanted} has a number"),
    };
    fields(bytes, wanted).into_iter().map(message).collect()
}

pub fn texts(bytes: &[u8], wanted: u64) -> Vec<String> {
    messages(bytes, wanted).into_iter().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
}

pub fn metadata(model: &[u8]) -> BTreeMap<String, String> {
    messages(model, 14).iter().map(|entry| (texts(entry, 1).remove(0), texts(entry, 2).remove(0))).collect()
}

/// An array, row by row, with the number of elements of a row
#[derive(Clone, Debug)]
pub struct Array {
    pub elements: Vec<f64>,
    pub cols: usize,
}

impl Array {
    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { elements: self.elements.iter().map(|&x| f(x)).collect(), cols: self.cols }
    }

    /// Element by element; a shorter array is repeated: one of several rows of one column for each column
    fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let (len, cols) = (self.elements.len().max(other.elements.len()), self.cols.max(other.cols));
        let at = |array: &Self, i: usize| match array.elements.len() {
            several if array.cols == 1 && several > 1 => array.elements[i / cols],
            len => array.elements[i % len],
        };
        let elements = (0..len).map(|i| f(at(self, i), at(other, i))).collect();
        Self { elements, cols }
    }

    fn rows(&self, f: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        let rows: Vec<_> = self.elements.chunks_exact(self.cols).map(f).collect();
        Self { cols: rows[0].len(), elements: rows.concat() }
    }
}

/// The constants of a graph
pub fn constants(graph: &[u8]) -> BTreeMap<String, Array> {
    let constant = |tensor: &&[u8]| {
        let (dims, bytes) = (ints(tensor, 1), messages(tensor, 9)[0]);
        let elements: Vec<f64> = match ints(tensor, 2)[0] {
            1 => bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap()).into()).collect(),
            7 => bytes.chunks_exact(8).map(|x| i64::from_le_bytes(x.try_into().unwrap()) as f64).collect(),
            9 => bytes.iter().map(|&x| x.into()).collect(),
            11 => bytes.chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().unwrap())).collect(),
            other => panic!("type {other}"),
        };
        assert_eq!(elements.len() as i64, dims.iter().product::<i64>());
        let cols = dims.last().map_or(1, |&cols| cols as usize);
        (texts(tensor, 8).remove(0), Array { elements, cols })
    };
    messages(graph, 5).iter().map(constant).collect()
}

/// All values of a graph for an input
pub fn compute(graph: &[u8], input: Array) -> BTreeMap<String, Array> {
    let mut values = constants(graph);
    values.insert("input".to_owned(), input);
    for node in messages(graph, 1) {
        let inputs: Vec<&Array> = texts(node, 1).iter().map(|name| &values[name]).collect();
        let x = inputs[0];
        let output = match texts(node, 4)[0].as_str() {
            "Cast" => x.clone(),
            "Add" => x.zip(inputs[1], |a, b| a + b),
            "Sub" => x.zip(inputs[1], |a, b| a - b),
            "Mul" => x.zip(inputs[1], |a, b| a * b),
            "Div" => x.zip(inputs[1], |a, b| a / b),
            "Equal" => x.zip(inputs[1], |a, b| f64::from(a == b)),
            "IsNaN" => x.map(|x| x.is_nan().into()),
            "Clip" => x.map(|x| x.clamp(inputs[1].elements[0], inputs[2].elements[0])),
            "Sqrt" => x.map(f64::sqrt),
            "Relu" => x.map(|x| x.max(0.0)),
            "Tanh" => x.map(f64::tanh),
            "Exp" => x.map(f64::exp),
            "Erf" => x.map(erf),
            "Max" => x.zip(inputs[1], f64::max),
            "Min" => x.zip(inputs[1], f64::min),
            "Sigmoid" => x.map(|x| 1.0 / (1.0 + (-x).exp())),
            "ReduceMean" => x.rows(|row| vec![row.iter().sum::<f64>() / row.len() as f64]),
            "Where" => {
                let len = inputs.iter().map(|array| array.elements.len()).max().unwrap();
                let at = |array: &Array, i: usize| array.elements[i % array.elements.len()];
                let chosen = |i| if at(x, i) == 1.0 { at(inputs[1], i) } else { at(inputs[2], i) };
                Array { elements: (0..len).map(chosen).collect(), cols: x.cols }
            }
            "Gather" => x.rows(|row| inputs[1].elements.iter().map(|&at| row[at as usize]).collect()),
            "Gemm" => x.rows(|row| {
                let outputs = inputs[1].elements.chunks_exact(row.len()).zip(&inputs[2].elements);
                outputs.map(|(w, b)| b + w.iter().zip(row).map(|(w, x)| w * x).sum::<f64>()).collect()
            }),
            "Softmax" => x.rows(|row| {
                let sum: f64 = row.iter().map(|x| x.exp()).sum();
                row.iter().map(|x| x.exp() / sum).collect()
            }),
            "ArgMax" => x.rows(|row| {
                let best = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
                vec![best.unwrap() as f64]
            }),
            other => panic!("operator {other}"),
        };
        values.insert(texts(node, 2).remove(0), output);
    }
    values
}
