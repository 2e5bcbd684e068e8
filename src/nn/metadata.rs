//! The metadata of a model file: texts by name

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

/// The metadata of a model file; the methods' errors name the entry, what was expected and what was found
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(pub BTreeMap<String, String>);

impl Metadata {
    /// The entry `key`
    ///
    /// # Errors
    /// If there is none.
    pub fn entry(&self, key: &str) -> Result<&str, String> {
        let missing = || format!("metadata `{key}`: missing; was this written by chainrule?");
        self.0.get(key).map(String::as_str).ok_or_else(missing)
    }

    /// Whether there is an entry `key`
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The message for an entry that is not what was expected
    pub fn bad(&self, key: &str, expected: &str) -> String {
        let found = self.0.get(key).map_or("", String::as_str);
        format!("metadata `{key}`: is `{found}`, expected {expected}")
    }

    /// The entry `key`, a whole number from `least` to `most`
    ///
    /// # Errors
    /// If there is none, or it is not written as this program writes numbers, but as `+4` or `04`.
    pub fn number(&self, key: &str, least: usize, most: usize) -> Result<usize, String> {
        let text = self.entry(key)?;
        let number =
            text.parse().ok().filter(|n: &usize| (least..=most).contains(n) && n.to_string() == text);
        number.ok_or_else(|| self.bad(key, &format!("a whole number from {least} to {most}")))
    }

    /// The entry `key`, parsed as JSON
    ///
    /// # Errors
    /// If there is none, or it is not `expected`.
    pub fn json<V: DeserializeOwned>(&self, key: &str, expected: &str) -> Result<V, String> {
        serde_json::from_str(self.entry(key)?).map_err(|_| self.bad(key, expected))
    }
}
