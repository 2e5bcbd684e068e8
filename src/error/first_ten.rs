//! Short lists for messages

use super::separated::separated;

/// Joins the first ten names, and says how many more there are
pub fn first_ten(names: impl Iterator<Item = String>, separator: &str) -> String {
    const NAMED: usize = 10;
    let mut names = names.peekable();
    let first: Vec<String> = names.by_ref().take(NAMED).collect();
    let more = if names.peek().is_some() {
        format!(" … and {} more", separated(names.count()))
    } else {
        String::new()
    };
    first.join(separator) + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_end_after_ten() {
        let list = |n: usize| first_ten((0..n).map(|i| i.to_string()), ", ");
        assert_eq!((list(0).as_str(), list(2).as_str()), ("", "0, 1"));
        assert_eq!(list(10), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
        assert_eq!(list(12), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 … and 2 more");
        assert!(list(1010).ends_with(" … and 1,000 more"));
    }
}
