//! What a column of a table is read for

/// What a column of a table is read for
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Not read; only its place in the line counts
    Skip,
    /// A feature whose cells are finite numbers
    Number,
    /// A feature whose cells are texts; each distinct text gets a code
    Category,
    /// Numbers or class names to learn
    Target,
    /// Text that is copied as it is
    Keep,
}
