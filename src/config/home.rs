//! Paths that begin with `~`, which a shell does not expand in a file, in quotes or after `=`

/// The path with the home folder in place of a leading `~`
///
/// # Errors
/// If the home folder is not known, or the path names the home folder of another user (`~name`).
pub fn expand_home(path: &str) -> Result<String, String> {
    let home = std::env::var("HOME").or_else(|_| std::env::var("USERPROFILE")).ok();
    expand(path, home.as_deref().filter(|home| !home.is_empty()))
}

fn expand(path: &str, home: Option<&str>) -> Result<String, String> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(path.to_owned()) };
    if !rest.is_empty() && !rest.starts_with(std::path::is_separator) {
        return Err(format!(
            "`{path}`: only `~` and `~/` stand for a home folder; write the whole path, or `./{path}` if the name \
             begins with `~`"
        ));
    }
    let unknown = || format!("`{path}`: the variable HOME is not set; write the whole path");
    Ok(home.ok_or_else(unknown)?.to_owned() + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leading_tilde_is_expanded() {
        for (path, expanded) in
            [("~/x", "/home/a/x"), ("~", "/home/a"), ("a/~", "a/~"), ("./~x", "./~x"), ("", "")]
        {
            assert_eq!(expand(path, Some("/home/a")), Ok(expanded.to_owned()));
        }
        assert!(expand("~b/x", Some("/home/a")).unwrap_err().contains("`~b/x`"));
        assert!(expand("~/x", None).unwrap_err().contains("HOME"));
    }
}
