//! What the files of a crate import
//!
//! Sources are read as text, up to the unit tests at a file's end. A re-export (`pub use`) is no import of the file
//! that it stands in; what it names belongs to the file that defines it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// For each module of a crate, such as `crate::nn::mlp`, the paths in its file, and whether each is a re-export
pub type Sources = BTreeMap<String, Vec<(String, bool)>>;

/// Reads the files in the folder `root`
pub fn sources(root: &str) -> Sources {
    fn files(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }
    let module = |path: &Path| {
        let path = path.with_extension("").to_str().unwrap().replacen(root, "crate", 1).replace('/', "::");
        path.trim_end_matches("::mod").trim_end_matches("::lib").to_owned()
    };
    let mut texts: BTreeMap<_, _> =
        files(Path::new(root)).iter().map(|path| (module(path), fs::read_to_string(path).unwrap())).collect();
    texts.remove("crate::main");
    let is_module = |module: &str| texts.contains_key(module);
    texts.iter().map(|(module, text)| (module.clone(), imports(text, module, &is_module))).collect()
}

/// All paths in `text` that start at the crate's root, `self` or `super`, and those in `use` that start at a child
fn imports(text: &str, module: &str, is_module: &dyn Fn(&str) -> bool) -> Vec<(String, bool)> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = text.lines().map(|line| format!("\n{}", line.split("//").next().unwrap().trim()));
    let mut code = lines.collect::<String>();
    // Visibilities are no imports.
    for (visibility, other) in [("pub(crate)", "pub"), ("pub(super)", "pub"), ("pub(in ", "pub(_")] {
        code = code.replace(visibility, other);
    }
    let is_no_part = |c: char| !c.is_alphanumeric() && !"_:$".contains(c);
    // `a::{b, c}` becomes `a::b, a::c`, inner braces first.
    while let Some(open) = code.rfind("::{") {
        let start = code[..open].trim_end_matches(|c| !is_no_part(c)).len();
        let end = open + code[open..].find('}').unwrap();
        let items = code[open + 3..end].split(',').map(str::trim).filter(|item| !item.is_empty());
        let paths: Vec<_> = items.map(|item| format!("{}::{item}", &code[start..open])).collect();
        code.replace_range(start..=end, &paths.join(","));
    }
    let mut imports = vec![];
    for statement in code.split(';') {
        let is_reexport = statement.contains("\npub use ");
        let parts = statement.split_once("\nuse ").or_else(|| statement.split_once("\npub use "));
        let (other, used) = parts.unwrap_or((statement, ""));
        let words = [(other, false), (used, true)]
            .map(|(text, in_use)| text.split(is_no_part).map(move |word| (word, in_use)));
        for (word, in_use) in words.into_iter().flatten().filter(|(word, _)| word.contains("::")) {
            let path = format!("{}::", word.trim_end_matches("::"));
            let (mut from, mut rest) = (module, path.as_str());
            while let Some(inner) = rest.strip_prefix("super::") {
                (from, rest) = (from.rsplit_once("::").unwrap().0, inner);
            }
            let start = rest.split("::").next().unwrap();
            let path = match start {
                "crate" | "chainrule" => rest.replacen(start, "crate", 1),
                "self" => rest.replacen(start, from, 1),
                _ if from != module || in_use && is_module(&format!("{from}::{start}")) => {
                    format!("{from}::{rest}")
                }
                _ => continue,
            };
            let path = path.replace("::self::", "::").trim_end_matches("::").to_owned();
            imports.push((path, in_use && is_reexport));
        }
    }
    imports
}

/// The module whose file defines what `path` names
pub fn module_of<'a>(sources: &'a Sources, path: &'a str) -> &'a str {
    let ends = path.match_indices("::").map(|(at, _)| at).chain([path.len()]);
    let module = ends.map(|end| &path[..end]).filter(|module| sources.contains_key(*module)).last().unwrap();
    let item = path[module.len()..].split("::").nth(1);
    let mut reexports = sources[module].iter().filter(|(_, is_reexport)| *is_reexport);
    match reexports.find(|(to, _)| to.rsplit("::").next() == item && to != path) {
        Some((to, _)) => module_of(sources, to),
        None => module,
    }
}

#[test]
fn braces_keywords_and_reexports_in_paths_are_understood() {
    let text = "use super::{self, a::{B, C},\n d};\npub use e::F;\nfn g() { crate::h::i() } // crate::no\n";
    let found = imports(text, "crate::x::y", &|module| module == "crate::x::y::e");
    let wanted = [
        ("crate::x", false),
        ("crate::x::a::B", false),
        ("crate::x::a::C", false),
        ("crate::x::d", false),
        ("crate::x::y::e::F", true),
        ("crate::h::i", false),
    ];
    assert_eq!(found, wanted.map(|(path, is_reexport)| (path.to_owned(), is_reexport)));
}
