//! Tells a release build from which commit it is made, if the source is a Git repository; Git itself is not needed
//!
//! Other builds have no commit: each new one would compile the crate again.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CHAINRULE_COMMIT");
    if std::env::var("PROFILE").as_deref() != Ok("release") || std::env::var_os("CHAINRULE_COMMIT").is_some()
    {
        return;
    }
    if let Some(commit) = commit() {
        println!("cargo:rustc-env=CHAINRULE_COMMIT={commit}");
    }
}

/// The commit that is checked out; `None` if there is no repository or it can't be read
fn commit() -> Option<String> {
    let git = git_folder(Path::new(".git"))?;
    let head = read(&git.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref: ") else { return Some(head) };
    // A worktree has its own HEAD; branches are in the folder of the repository.
    let common = read(&git.join("commondir")).map_or(git.clone(), |common| git.join(common));
    if let Some(commit) = read(&common.join(name)) {
        return Some(commit);
    }
    let packed = read(&common.join("packed-refs"))?;
    let line = packed.lines().find(|line| line.split_once(' ').is_some_and(|(_, other)| other == name))?;
    line.split_once(' ').map(|(commit, _)| commit.to_owned())
}

/// The folder of the repository; `.git` is a file that names it in a worktree or a submodule
fn git_folder(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    read(git)?.strip_prefix("gitdir: ").map(PathBuf::from)
}

/// The text of a file; the build is made again when it changes
fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo:rerun-if-changed={}", path.display());
    Some(text.trim().to_owned())
}
