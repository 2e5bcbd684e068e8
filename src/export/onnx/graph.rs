//! The graph of an ONNX file: nodes, constants, inputs and outputs
//!
//! The numbers of fields and types are those of `onnx.proto`,
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use super::protobuf::Message;
use crate::export::element::Element;

/// The types of tensors: `TensorProto.DataType`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// f32
    Float = 1,
    /// i64
    Int64 = 7,
    /// A truth value, one byte
    Bool = 9,
    /// f64
    Double = 11,
}

impl From<Element> for Type {
    fn from(element: Element) -> Self {
        match element {
            Element::Single => Self::Float,
            Element::Double => Self::Double,
        }
    }
}

/// A dimension of an input or output
#[derive(Clone, Copy, Debug)]
pub enum Dim {
    /// Known
    Len(usize),
    /// Free, with a name
    Free(&'static str),
}

/// A graph that grows; constants are written at once, nodes are kept to the end
pub struct Graph<'a> {
    message: &'a mut Message,
    nodes: Message,
    element: Element,
}

impl<'a> Graph<'a> {
    /// A graph in `message`, whose constants are numbers of type `element`
    pub fn new(message: &'a mut Message, name: &str, description: &str, element: Element) -> Self {
        message.text(2, name);
        message.text(10, description);
        Self { message, nodes: Message::default(), element }
    }

    /// The type of the graph's numbers
    pub fn element(&self) -> Element {
        self.element
    }

    /// Writes the nodes
    pub fn end(self) {
        self.message.extend(&self.nodes);
    }

    /// Adds an input
    pub fn input(&mut self, name: &str, kind: Type, dims: &[Dim], description: &str) {
        self.message.message(11, |value| value_info(value, name, kind, dims, description));
    }

    /// Adds an output
    pub fn output(&mut self, name: &str, kind: Type, dims: &[Dim], description: &str) {
        self.message.message(12, |value| value_info(value, name, kind, dims, description));
    }

    /// Adds a node, named like its output
    pub fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) {
        self.nodes.message(1, |node| {
            inputs.iter().for_each(|input| node.text(1, input));
            node.text(2, output);
            node.text(3, output);
            node.text(4, operator);
            for &(name, value) in attributes {
                node.message(5, |attribute| {
                    attribute.text(1, name);
                    attribute.int(3, value);
                    attribute.int(20, 2); // AttributeProto.INT
                });
            }
        });
    }

    /// Adds a node that computes the mean of each row, as a matrix of one column
    pub fn mean_of_rows(&mut self, input: &str, output: &str) {
        self.nodes.message(1, |node| {
            node.text(1, input);
            node.text(2, output);
            node.text(3, output);
            node.text(4, "ReduceMean");
            node.message(5, |attribute| {
                attribute.text(1, "axes");
                attribute.int(8, 1);
                attribute.int(20, 7); // AttributeProto.INTS
            });
        });
    }

    /// Adds a constant of numbers
    pub fn numbers(&mut self, name: &str, dims: &[usize], numbers: impl Iterator<Item = f64>) {
        let bytes = self.element.bytes(numbers);
        self.tensor(name, self.element.into(), dims, &bytes);
    }

    /// Adds a constant list of whole numbers
    pub fn integers(&mut self, name: &str, numbers: &[usize]) {
        let bytes: Vec<u8> = numbers.iter().flat_map(|&n| (n as i64).to_le_bytes()).collect();
        self.tensor(name, Type::Int64, &[numbers.len()], &bytes);
    }

    /// Adds a constant list of truth values
    pub fn flags(&mut self, name: &str, flags: impl Iterator<Item = bool>) {
        let bytes: Vec<u8> = flags.map(u8::from).collect();
        self.tensor(name, Type::Bool, &[bytes.len()], &bytes);
    }

    fn tensor(&mut self, name: &str, kind: Type, dims: &[usize], bytes: &[u8]) {
        self.message.message(5, |tensor| {
            dims.iter().for_each(|&dim| tensor.int(1, dim as i64));
            tensor.int(2, kind as i64);
            tensor.text(8, name);
            tensor.bytes(9, bytes);
        });
    }
}

fn value_info(value: &mut Message, name: &str, kind: Type, dims: &[Dim], description: &str) {
    value.text(1, name);
    value.message(2, |types| {
        types.message(1, |tensor| {
            tensor.int(1, kind as i64);
            tensor.message(2, |shape| {
                for &dim in dims {
                    shape.message(1, |message| match dim {
                        Dim::Len(len) => message.int(1, len as i64),
                        Dim::Free(name) => message.text(2, name),
                    });
                }
            });
        });
    });
    value.text(3, description);
}
