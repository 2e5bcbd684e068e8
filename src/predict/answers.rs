//! The lines of a table of predictions

use std::collections::HashSet;

use chainrule_kernels::Scalar;

use super::input::Block;
use super::text_cell::{push_number, push_text};
use crate::data::outputs::{Outputs, Target};
use crate::error::{Error, Result, printable};

/// The column with the number of the row
const ROW: &str = "row";

/// Which columns a table of predictions has, beside `row` and what is predicted
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Columns of the input that are copied, by name or by position from 1
    pub keep: Vec<String>,
    /// Whether each class has a column with its probability
    pub proba: bool,
    /// How many classes have a pair of columns, from the most probable on; at least 1
    pub top_k: usize,
}

/// The lines of predictions
#[derive(Debug)]
pub enum Answers {
    /// Of classes
    Classes(ClassAnswers),
    /// Of numbers
    Targets(Vec<Target>),
}

/// The lines of predictions of classes
#[derive(Debug)]
pub struct ClassAnswers {
    names: Vec<String>,
    /// The cell of each class
    cells: Vec<Vec<u8>>,
    proba: bool,
    top_k: usize,
}

impl Answers {
    /// The lines for these outputs
    ///
    /// # Errors
    /// If probabilities of classes are asked for where numbers are predicted.
    pub fn new(outputs: &Outputs, columns: &Columns) -> Result<Self> {
        let names = match outputs {
            Outputs::Classes(names) => names,
            Outputs::Targets { .. } if columns.proba || columns.top_k > 1 => {
                let problem = "--proba and --top-k are for models of classes, and this one predicts numbers";
                return Err(Error::Usage(problem.to_owned()));
            }
            Outputs::Targets { targets, .. } => return Ok(Self::Targets(targets.clone())),
        };
        let cell = |name: &String| {
            let mut cell = Vec::new();
            push_text(&mut cell, name);
            cell
        };
        let cells: Vec<Vec<u8>> = names.iter().map(cell).collect();
        let top_k = columns.top_k.clamp(1, cells.len().max(1));
        Ok(Self::Classes(ClassAnswers { names: names.clone(), cells, proba: columns.proba, top_k }))
    }

    /// The header line
    ///
    /// A column that is copied and has the name of one that is predicted gets the name `input_NAME`.
    ///
    /// * `kept`: names of the columns that are copied
    ///
    /// # Errors
    /// If two columns would have one name.
    pub fn header(&self, kept: &[String]) -> Result<Vec<u8>> {
        let predicted = match self {
            Self::Classes(answers) => answers.columns(),
            Self::Targets(targets) if targets.len() == 1 => vec!["predicted".to_owned()],
            Self::Targets(targets) => {
                targets.iter().map(|target| format!("predicted_{}", target.name)).collect()
            }
        };
        let is_own = |name: &String| name == ROW || predicted.contains(name);
        let copied = |name: &String| if is_own(name) { format!("input_{name}") } else { name.clone() };
        let mut cells: Vec<String> = [ROW.to_owned()].into_iter().chain(kept.iter().map(copied)).collect();
        cells.extend(predicted.iter().cloned());
        let mut known = HashSet::new();
        if let Some(twice) = cells.iter().find(|&name| !known.insert(name)) {
            let name = printable(twice);
            let problem = format!(
                "the predictions would have two columns called `{name}`; rename one in the input, or leave it out of --keep"
            );
            return Err(Error::Usage(problem));
        }
        let mut line = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                line.push(b',');
            }
            push_text(&mut line, cell);
        }
        line.push(b'\n');
        Ok(line)
    }

    /// The lines of a batch, whose first row is row `start` of the block
    ///
    /// * `predicted`, `outputs`: as [`Evaluator::outputs`](crate::train::evaluate::Evaluator::outputs) passes them
    pub fn lines<T: Scalar>(&self, block: &Block, start: usize, predicted: &[u32], outputs: &[T]) -> Vec<u8> {
        let width = match self {
            Self::Classes(answers) => answers.cells.len(),
            Self::Targets(targets) => targets.len(),
        };
        let rows = outputs.chunks_exact(width);
        let (mut text, mut order) = (Vec::with_capacity(rows.len() * 32), Vec::new());
        for (row, outputs) in rows.enumerate() {
            let number = block.first_row + (start + row) as u64;
            text.extend(number.to_string().as_bytes());
            for kept in &block.kept {
                text.push(b',');
                push_text(&mut text, kept.text(start + row));
            }
            match self {
                Self::Classes(answers) => {
                    answers.push(&mut text, predicted[row] as usize, outputs, &mut order);
                }
                Self::Targets(targets) => {
                    for (target, output) in targets.iter().zip(outputs) {
                        text.push(b',');
                        // In f32, targets far from 0 compared with their deviations would lose digits.
                        push_number::<f64>(&mut text, target.value(output.to_f64()));
                    }
                }
            }
            text.push(b'\n');
        }
        text
    }
}

impl ClassAnswers {
    /// The names of the columns
    fn columns(&self) -> Vec<String> {
        let pair = ["predicted", "confidence"];
        let mut cells = pair.map(str::to_owned).to_vec();
        for k in 2..=self.top_k {
            cells.extend(pair.map(|name| format!("{name}_{k}")));
        }
        if self.proba {
            cells.extend(self.names.iter().map(|name| format!("p_{name}")));
        }
        cells
    }

    /// Appends the most probable classes and the probabilities of a row
    ///
    /// * `order`: scratch
    fn push<T: Scalar>(&self, text: &mut Vec<u8>, best: usize, probabilities: &[T], order: &mut Vec<usize>) {
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
            text.extend(&self.cells[class]);
            text.push(b',');
            push_number::<T>(text, probabilities[class].to_f64());
        }
        if self.proba {
            for p in probabilities {
                text.push(b',');
                push_number::<T>(text, p.to_f64());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_have_one_name() {
        let outputs = Outputs::Classes(["a", "b"].map(str::to_owned).to_vec());
        let answers =
            Answers::new(&outputs, &Columns { proba: true, top_k: 1, ..Columns::default() }).unwrap();
        let header = |kept: &[&str]| {
            let kept: Vec<String> = kept.iter().map(|&name| name.to_owned()).collect();
            answers.header(&kept).map(|line| String::from_utf8(line).unwrap())
        };
        let own = "predicted,confidence,p_a,p_b";
        assert_eq!(header(&["id", "x, y"]).unwrap(), format!("row,id,\"x, y\",{own}\n"));
        let kept = ["predicted", "row", "p_b"];
        assert_eq!(header(&kept).unwrap(), format!("row,input_predicted,input_row,input_p_b,{own}\n"));
        for kept in [["id", "id"], ["row", "input_row"]] {
            let message = header(&kept).unwrap_err().to_string();
            assert!(message.contains(&format!("two columns called `{}`", kept[1])), "{message}");
        }
    }
}
