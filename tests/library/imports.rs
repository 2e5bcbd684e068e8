//! Imports go one way: folders as docs/design.md and docs/engine.md say, and no circle among files
//!
//! The order of the folders of `kernels/src/` is read from the comment of its lib.rs: each imports only those to its
//! right.

mod sources;

use std::collections::BTreeSet;

use sources::{module_of, sources};

/// Each folder of `src/` with the folders that it may import; any file may import `error` and `random`
const SRC: [(&str, &str); 13] = [
    ("error", ""),
    ("random", ""),
    ("nn", ""),
    ("config", "nn"),
    ("data", "config nn"),
    ("export", "data config nn"),
    ("tables", "config nn"),
    ("train", "tables data config nn"),
    ("report", "tables config nn"),
    ("plot", "report tables config nn"),
    ("sweep", "plot report train tables data config nn"),
    ("predict", "train tables data config nn"),
    ("cli", "export predict sweep plot report train tables data config nn"),
];

/// Whether files of the folder `from` may import the folder `to`
fn allows(root: &str, from: &str, to: &str) -> bool {
    if root == "src" {
        let mut rows = SRC.iter().filter(|(folder, _)| *folder == from);
        return rows.any(|(_, allowed)| allowed.split(' ').chain(["error", "random"]).any(|name| name == to));
    }
    let order = include_str!("../../kernels/src/lib.rs").lines().find(|line| line.contains("` → `")).unwrap();
    let place = |folder: &str| order.split('→').position(|names| names.contains(&format!("`{folder}`")));
    let place =
        |folder| place(folder).unwrap_or_else(|| panic!("{folder} has no place in the order: {order}"));
    place(from) < place(to)
}

#[test]
fn a_folder_imports_only_the_folders_below_it() {
    for root in ["src", "kernels/src"] {
        let (sources, mut offences, mut count) = (sources(root), vec![], 0);
        for (module, imports) in &sources {
            for (path, _) in imports {
                let folder = |module: &str| module.split("::").nth(1).map(str::to_owned);
                let folders = folder(module).zip(folder(module_of(&sources, path)));
                let Some((from, to)) = folders.filter(|(from, to)| from != to) else { continue };
                count += 1;
                offences
                    .extend((!allows(root, &from, &to)).then(|| format!("{root}: {module} imports {path}")));
            }
        }
        assert!(count > 50, "only {count} imports found in {root}: the search is broken");
        assert!(offences.is_empty(), "{}", offences.join("\n"));
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for root in ["src", "kernels/src"] {
        let sources = sources(root);
        let edges = sources.iter().flat_map(|(from, all)| {
            let imports = all.iter().filter(|(_, is_reexport)| !is_reexport);
            imports.map(|(path, _)| (from.as_str(), module_of(&sources, path)))
        });
        let mut edges: BTreeSet<_> = edges.filter(|(from, to)| from != to).collect();
        // A file that imports none, or that none imports, is in no circle.
        while let Some(&(from, to)) = edges.iter().find(|(from, to)| {
            !edges.iter().any(|edge| edge.0 == *to) || !edges.iter().any(|edge| edge.1 == *from)
        }) {
            edges.remove(&(from, to));
        }
        assert!(edges.is_empty(), "{root}: {edges:#?}");
    }
}
