//! Lists of names in one text, such as columns: separated by commas, quoted as in CSV where a name needs it
//!
//! ```text
//! a,b            two names
//! "a, b","c"     two names, of which the first contains a comma
//! "say ""hi"""   one name with quotes
//! ```
//!
//! Source: RFC 4180 (CSV).

/// The names in a list, without the spaces around them; `None` if a name is empty or its quotes don't fit
pub fn parse(text: &str) -> Option<Vec<String>> {
    items(text)?.into_iter().map(|item| unquoted(item).filter(|name| !name.is_empty())).collect()
}

/// The list of names, from which [`parse`] reads the same names
pub fn join<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |name: &str| {
        let is_plain = !name.contains([',', '"']) && name.trim() == name;
        if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
    };
    names.into_iter().map(quoted).collect::<Vec<_>>().join(",")
}

/// The items of a list as they are written, without the spaces around them; `None` if a quote is not closed
pub fn items(text: &str) -> Option<Vec<&str>> {
    let (mut items, mut rest) = (Vec::new(), text);
    loop {
        let content = rest.trim_start();
        let mut end = 0;
        if content.starts_with('"') {
            // A doubled quote closes and opens the item again.
            loop {
                end += 1 + content[end + 1..].find('"')? + 1;
                if !content[end..].starts_with('"') {
                    break;
                }
            }
        }
        match content[end..].find(',') {
            Some(len) => {
                items.push(content[..end + len].trim_end());
                rest = &content[end + len + 1..];
            }
            None => {
                items.push(content.trim_end());
                return Some(items);
            }
        }
    }
}

/// An item without its quotes; `None` if text follows them
fn unquoted(item: &str) -> Option<String> {
    match item.strip_prefix('"') {
        None => Some(item.to_owned()),
        Some(rest) => {
            let inner = rest.strip_suffix('"')?;
            let single = inner.replace("\"\"", "");
            (!single.contains('"')).then(|| inner.replace("\"\"", "\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_to_the_same_names() {
        for (text, names, written) in [
            ("a, b", &["a", "b"][..], "a,b"),
            ("\"a, b\",c", &["a, b", "c"], "\"a, b\",c"),
            (" \"c\" , d\"e", &["c", "d\"e"], "c,\"d\"\"e\""),
            ("\"say \"\"hi\"\",\"", &["say \"hi\","], "\"say \"\"hi\"\",\""),
            ("\" a \"", &[" a "], "\" a \""),
            ("3", &["3"], "3"),
        ] {
            let found = parse(text).unwrap();
            assert_eq!(found, names, "{text}");
            let again = join(names.iter().copied());
            assert_eq!(again, written);
            assert_eq!(parse(&again).unwrap(), names);
        }
    }

    #[test]
    fn empty_names_and_quotes_that_do_not_fit_are_refused() {
        for text in ["", "a,", ",a", "a,,b", "\"\"", "\"a", "\"a\"b", "\"a\"\"", "\"a\" b,c", "\"a\"b\"c\""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
