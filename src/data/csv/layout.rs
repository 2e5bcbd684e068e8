//! How the cells of a record are read, and where they are stored

use super::role::Role;

/// How the cells of a record are read
#[derive(Clone, Debug)]
pub struct Layout {
    /// The role of each column, with its index among the columns that are stored with it
    pub columns: Vec<(Role, usize)>,
    /// The index among the kept columns of each column that has another role and is also kept; empty if none is
    pub also_kept: Vec<Option<usize>>,
    /// The byte between cells
    pub separator: u8,
    /// The decimal character
    pub decimal: u8,
    /// The index among the features of each category column
    pub categories: Vec<usize>,
    /// Number of feature columns
    pub features: usize,
    /// The target columns
    pub targets: Vec<usize>,
    /// Number of columns whose text is kept
    pub kept: usize,
    /// The column of each feature
    pub feature_columns: Vec<usize>,
}

impl Layout {
    /// The layout of records with these roles
    pub fn new(roles: &[Role], separator: u8, decimal: u8) -> Self {
        let (mut columns, mut categories, mut targets, mut kept) = (vec![], vec![], vec![], 0);
        let mut feature_columns = vec![];
        for (column, &role) in roles.iter().enumerate() {
            let index = match role {
                Role::Skip => 0,
                Role::Number => feature_columns.len(),
                Role::Category => {
                    categories.push(feature_columns.len());
                    categories.len() - 1
                }
                Role::Target => {
                    targets.push(column);
                    targets.len() - 1
                }
                Role::Keep => {
                    kept += 1;
                    kept - 1
                }
            };
            if matches!(role, Role::Number | Role::Category) {
                feature_columns.push(column);
            }
            columns.push((role, index));
        }
        let features = feature_columns.len();
        let also_kept = vec![];
        Self { columns, also_kept, separator, decimal, categories, features, targets, kept, feature_columns }
    }

    /// This layout, in which the texts of `also_kept`, ascending columns that have no role [`Role::Keep`], are kept, too
    pub fn keeping(mut self, also_kept: &[usize]) -> Self {
        let is_kept = |column: usize| self.columns[column].0 == Role::Keep || also_kept.contains(&column);
        let places: Vec<usize> = (0..self.columns.len()).filter(|&column| is_kept(column)).collect();
        let place = |column: usize| places.iter().position(|&kept| kept == column);
        self.kept = places.len();
        self.also_kept = vec![None; self.columns.len()];
        for column in places.iter().copied() {
            match self.columns[column].0 {
                Role::Keep => self.columns[column].1 = place(column).unwrap_or_default(),
                _ => self.also_kept[column] = place(column),
            }
        }
        self
    }
}
