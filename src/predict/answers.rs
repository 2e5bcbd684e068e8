//! The lines of a table of predictions

use chainrule_kernels::Scalar;

use super::input::Block;
use super::text_cell::{push_probability, push_text};

/// Which columns a table of predictions has, beside `row`, `predicted` and `confidence`
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Columns of the input that are copied, by name or by position from 1
    pub keep: Vec<String>,
    /// Whether each class has a column with its probability
    pub proba: bool,
    /// How many classes have a pair of columns, from the most probable on; at least 1
    pub top_k: usize,
}

/// The lines of predictions of classes
#[derive(Debug)]
pub struct Answers {
    /// The cell of each class
    classes: Vec<Vec<u8>>,
    proba: bool,
    top_k: usize,
}

impl Answers {
    /// The lines for these classes
    pub fn new(classes: &[String], columns: &Columns) -> Self {
        let cell = |name: &String| {
            let mut cell = Vec::new();
            push_text(&mut cell, name);
            cell
        };
        let classes: Vec<Vec<u8>> = classes.iter().map(cell).collect();
        let top_k = columns.top_k.clamp(1, classes.len().max(1));
        Self { classes, proba: columns.proba, top_k }
    }

    /// The header line
    ///
    /// * `kept`: names of the columns that are copied
    /// * `names`: names of the classes
    pub fn header(&self, kept: &[String], names: &[String]) -> Vec<u8> {
        let mut cells: Vec<String> = vec!["row".to_owned()];
        cells.extend_from_slice(kept);
        cells.extend(["predicted", "confidence"].map(str::to_owned));
        for k in 2..=self.top_k {
            cells.extend(["predicted", "confidence"].map(|name| format!("{name}_{k}")));
        }
        if self.proba {
            cells.extend(names.iter().map(|name| format!("p_{name}")));
        }
        let mut line = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                line.push(b',');
            }
            push_text(&mut line, cell);
        }
        line.push(b'\n');
        line
    }

    /// The lines of a batch, whose first row is row `start` of the block
    pub fn lines<T: Scalar>(
        &self,
        block: &Block,
        start: usize,
        predicted: &[u32],
        probabilities: &[T],
    ) -> Vec<u8> {
        let (mut text, mut order) = (Vec::with_capacity(predicted.len() * 32), Vec::new());
        let rows = probabilities.chunks_exact(self.classes.len());
        for (row, (&best, probabilities)) in predicted.iter().zip(rows).enumerate() {
            let number = block.first_row + (start + row) as u64;
            text.extend(number.to_string().as_bytes());
            for kept in &block.kept {
                text.push(b',');
                push_text(&mut text, kept.text(start + row));
            }
            self.push_best(&mut text, best as usize, probabilities, &mut order);
            if self.proba {
                for &p in probabilities {
                    text.push(b',');
                    push_probability(&mut text, p);
                }
            }
            text.push(b'\n');
        }
        text
    }

    /// Appends the most probable classes
    ///
    /// * `order`: scratch
    fn push_best<T: Scalar>(
        &self,
        text: &mut Vec<u8>,
        best: usize,
        probabilities: &[T],
        order: &mut Vec<usize>,
    ) {
        order.clear();
        if self.top_k == 1 {
            order.push(best);
        } else {
            // Different logits can have equal probabilities, so the class of the largest logit is put first.
            order.extend(0..probabilities.len());
            let key = |&at: &usize| (at != best, -probabilities[at].to_f64());
            order.sort_by(|a, b| {
                let ((a_other, a), (b_other, b)) = (key(a), key(b));
                a_other.cmp(&b_other).then(a.total_cmp(&b))
            });
            order.truncate(self.top_k);
        }
        for &class in order.iter() {
            text.push(b',');
            text.extend(&self.classes[class]);
            text.push(b',');
            push_probability(text, probabilities[class]);
        }
    }
}
