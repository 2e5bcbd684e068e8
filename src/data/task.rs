//! What is predicted for a row: one of several classes, or numbers

/// What is predicted for a row
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// One of the classes with these names
    Classify(Vec<String>),
    /// Numbers, the targets with these names
    Regress(Vec<String>),
}

impl Task {
    /// Number of outputs that a net has for it
    pub fn outputs(&self) -> usize {
        self.names().len()
    }

    /// The names of the classes or of the targets
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classify(names) | Self::Regress(names) => names,
        }
    }

    /// The names of the classes; empty in regression
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classify(names) => names,
            Self::Regress(_) => &[],
        }
    }
}
