//! The commands of docs/tables.md print what the page shows

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::launch::{CHAINRULE, launch};

/// A command of the page, and the lines that it shows below
struct Shown {
    command: String,
    lines: Vec<String>,
}

/// The commands of a page with the lines below each, up to the next command or text
fn commands(page: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let (mut is_open, mut continues) = (false, false);
    for line in page.lines() {
        let code = line.strip_prefix("    ");
        match code.and_then(|code| code.strip_prefix("$ ")) {
            Some(command) => {
                found.push(Shown { command: command.to_owned(), lines: vec![] });
                (is_open, continues) = (true, command.ends_with('\\'));
            }
            None if continues => {
                let rest = code.unwrap_or_else(|| panic!("`{line}` does not continue a command"));
                let command = &mut found.last_mut().unwrap().command;
                *command = format!("{} {}", command.trim_end_matches(['\\', ' ']), rest.trim());
                continues = command.ends_with('\\');
            }
            None if code.is_some() && is_open => {
                found.last_mut().unwrap().lines.push(code.unwrap().to_owned())
            }
            // Output may have empty lines.
            None => is_open &= line.is_empty(),
        }
    }
    found
}

/// A line without the times at its end
fn timeless(line: &str) -> &str {
    let end = match line {
        line if line.ends_with("samples/s") => line.rfind("; "),
        line if line.ends_with("of training") => line.rfind(", "),
        _ => None,
    };
    end.map_or(line, |end| &line[..end])
}

#[test]
fn the_page_on_tables_shows_what_its_commands_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["trees.csv", "trees-later.csv"] {
        fs::copy(root.join("examples").join(name), folder.path().join(name)).unwrap();
    }
    let page = fs::read_to_string(root.join("docs/tables.md")).unwrap();
    let head = page.lines().filter_map(|line| line.strip_prefix("    "));
    let start: Vec<&str> = head.skip_while(|line| !line.starts_with("bark,")).take(5).collect();
    fs::write(folder.path().join("new.csv"), start.join("\n") + "\n").unwrap();
    let commands = commands(&page);
    assert!(commands.len() > 8, "only {} commands were found", commands.len());
    for Shown { command, lines } in commands {
        let mut words = command.split(' ');
        let mut run = match words.next() {
            Some("chainrule") => launch(CHAINRULE, folder.path()),
            Some(other) => {
                let mut other = Command::new(other);
                other.current_dir(folder.path());
                other
            }
            None => panic!("an empty command"),
        };
        let output = run.args(words).output().unwrap();
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        // Each line is printed after the line before it; `…` stands for any others.
        let mut rest = printed.lines();
        for line in lines.iter().filter(|line| *line != "…") {
            let is_printed = rest.any(|printed| timeless(printed) == timeless(line));
            assert!(is_printed, "{command} does not print\n{line}\nbut\n{printed}");
        }
    }
}
