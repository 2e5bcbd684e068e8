//! Imports go one way: folders as in docs/design.md, and no circle among files
//!
//! Reads the sources as text, up to the unit tests at a file's end. A re-export (`pub use`) is followed to the file
//! that it names, and is no import of the file that it stands in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder of `src/` with the folders that it may import; any file may import `error` and `random`
const ALLOWED: [(&str, &[&str]); 11] = [
    ("error", &[]),
    ("random", &[]),
    ("nn", &[]),
    ("config", &["nn"]),
    ("data", &["config", "nn"]),
    ("tables", &["config", "nn"]),
    ("train", &["tables", "data", "config", "nn"]),
    ("report", &["tables", "config", "nn"]),
    ("plot", &["report", "tables", "config", "nn"]),
    ("sweep", &["plot", "report", "train", "tables", "data", "config", "nn"]),
    ("cli", &["sweep", "plot", "report", "train", "tables", "data", "config", "nn"]),
];

/// A path from the crate's root: folders, files and the item
type Names = Vec<String>;

/// One mention of a path in a file
struct Import {
    line: usize,
    names: Names,
    is_reexport: bool,
}

struct File {
    path: PathBuf,
    imports: Vec<Import>,
}

/// The files of a crate by their modules
struct Sources(BTreeMap<Names, File>);

impl Sources {
    fn of(root: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        let (mut folders, mut texts) = (vec![root.clone()], BTreeMap::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().unwrap() != "main.rs" {
                    let module = path.strip_prefix(&root).unwrap().with_extension("");
                    let mut names: Names =
                        module.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
                    names.pop_if(|last| last == "mod" || last == "lib");
                    texts.insert(names, (fs::read_to_string(&path).unwrap(), path));
                }
            }
        }
        let is_module = |names: &[String]| texts.contains_key(names);
        let read = |(module, (text, path)): (&Names, &(String, PathBuf))| {
            let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned();
            (module.clone(), File { path, imports: imports(text, module, &is_module) })
        };
        Self(texts.iter().map(read).collect())
    }

    /// The module whose file defines what `names` means, if it is in this crate
    fn module_of(&self, names: &[String]) -> Names {
        let len = (0..=names.len()).rev().find(|&len| self.0.contains_key(&names[..len])).unwrap();
        let (module, item) = (&names[..len], names.get(len));
        let mut reexports = self.0[module].imports.iter().filter(|import| import.is_reexport);
        match reexports.find(|import| import.names.last() == item && import.names != names) {
            Some(reexport) => self.module_of(&reexport.names),
            None => module.to_vec(),
        }
    }

    /// The modules that a module imports, with the first place of each
    fn targets(&self, module: &Names) -> BTreeMap<Names, String> {
        let (file, mut targets) = (&self.0[module], BTreeMap::new());
        for import in file.imports.iter().filter(|import| !import.is_reexport) {
            let place = format!("{}:{}", file.path.display(), import.line);
            targets.entry(self.module_of(&import.names)).or_insert(place);
        }
        targets.remove(module);
        targets
    }
}

/// All paths in `text` that start at the crate's root or at a module around this one
fn imports(text: &str, module: &[String], is_module: &impl Fn(&[String]) -> bool) -> Vec<Import> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap()).collect();
    let (code, mut imports) = (code.join("\n"), vec![]);
    for (at, _) in code.match_indices("::") {
        let start =
            code[..at].rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |before| before + 1);
        let before = code[..start].rsplit('\n').next().unwrap().trim_start();
        if before.ends_with([':', '$']) || before.ends_with("in ") {
            continue; // The middle of a path, what a macro names where it is used, or a visibility
        }
        let child = [module, &[code[start..at].to_owned()]].concat();
        let from = match &code[start..at] {
            "crate" | "chainrule" => &[],
            "self" | "super" => module,
            _ if before.ends_with("use ") && is_module(&child) => module,
            _ => continue,
        };
        let rest = code[start..].trim_start_matches("crate::").trim_start_matches("chainrule::");
        let line = 1 + code[..start].matches('\n').count();
        let is_reexport = before.starts_with("pub") && before.ends_with("use ");
        let paths = expand(rest, from.to_vec());
        imports.extend(paths.into_iter().map(|names| Import { line, names, is_reexport }));
    }
    imports
}

/// Expands a path with braces to the paths that it names
fn expand(text: &str, mut from: Names) -> Vec<Names> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    match &text[..end] {
        "" | "self" => {}
        "super" => _ = from.pop(),
        name => from.push(name.to_owned()),
    }
    if let Some(rest) = text[end..].strip_prefix("::") {
        return expand(rest, from);
    }
    let Some(list) = text.strip_prefix('{') else { return vec![from] };
    let (mut depth, mut start, mut paths) = (0, 0, vec![]);
    for (at, c) in list.char_indices() {
        if depth == 0 && (c == ',' || c == '}') && !list[start..at].trim().is_empty() {
            paths.extend(expand(list[start..at].trim(), from.clone()));
        }
        match c {
            ',' if depth == 0 => start = at + 1,
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    paths
}

#[test]
fn a_folder_imports_only_the_folders_below_it() {
    let (sources, mut offences, mut count) = (Sources::of("src"), vec![], 0);
    for (module, file) in &sources.0 {
        let Some(folder) = module.first() else { continue };
        let allowed = ALLOWED.iter().find(|(name, _)| name == folder);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{folder} is not in ALLOWED"));
        for import in &file.imports {
            let target = sources.module_of(&import.names);
            let Some(target) = target.first().filter(|&target| target != folder) else { continue };
            count += 1;
            if !allowed.contains(&target.as_str()) && target != "error" && target != "random" {
                offences.push(format!("{}:{}: imports {target}", file.path.display(), import.line));
            }
        }
    }
    assert!(count > 50, "only {count} imports found: the search is broken");
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// Follows the imports of the last module of `path`; each circle becomes one line of places
fn follow(
    sources: &Sources,
    path: &mut Vec<(Names, String)>,
    done: &mut Vec<Names>,
    circles: &mut Vec<String>,
) {
    let module = path.last().unwrap().0.clone();
    for (target, place) in sources.targets(&module) {
        if let Some(start) = path.iter().position(|(on_path, _)| *on_path == target) {
            let places = path[start + 1..].iter().map(|(_, place)| place.clone()).chain([place]);
            circles.push(places.collect::<Vec<_>>().join(" → "));
        } else if !done.contains(&target) {
            path.push((target, place));
            follow(sources, path, done, circles);
            path.pop();
        }
    }
    done.push(module);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut circles = vec![];
    for root in ["src", "kernels/src"] {
        let (sources, mut done) = (Sources::of(root), vec![]);
        for module in sources.0.keys() {
            if !done.contains(module) {
                follow(&sources, &mut vec![(module.clone(), String::new())], &mut done, &mut circles);
            }
        }
    }
    circles.sort();
    circles.dedup();
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n"));
}

#[test]
fn braces_keywords_and_reexports_in_paths_are_understood() {
    let text = "use super::{self, a::{B, C}, d};\npub use e::F;\nfn g() { crate::h::i() } // crate::no\n";
    let module = ["x", "y"].map(str::to_owned);
    let found = imports(text, &module, &|names| names == ["x", "y", "e"]);
    let found: Vec<_> = found.iter().map(|i| (i.line, i.names.join("::"), i.is_reexport)).collect();
    let wanted = [
        (1, "x", false),
        (1, "x::a::B", false),
        (1, "x::a::C", false),
        (1, "x::d", false),
        (2, "x::y::e::F", true),
    ];
    let wanted = wanted.into_iter().chain([(3, "h::i", false)]);
    assert_eq!(found, wanted.map(|(line, path, is)| (line, path.to_owned(), is)).collect::<Vec<_>>());
}
