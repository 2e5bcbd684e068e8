//! Commands of the program that must end with an exit code

use std::path::Path;
use std::process::Output;

use crate::launch::{CHAINRULE, launch};

/// Standard output and standard error of a command that must end with this exit code
#[track_caller]
pub fn ended(folder: &Path, args: &[&str], code: i32) -> (String, String) {
    let Output { status, stdout, stderr } =
        launch(CHAINRULE, folder).args(args).output().expect("the program can be started");
    let [stdout, stderr] =
        [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("the program writes UTF-8"));
    assert_eq!(status.code(), Some(code), "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (stdout, stderr)
}

/// The same for a command in one line, whose arguments are separated by single spaces
#[track_caller]
pub fn ended_line(folder: &Path, line: &str, code: i32) -> (String, String) {
    ended(folder, &line.split(' ').collect::<Vec<_>>(), code)
}
