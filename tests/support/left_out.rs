//! Checks that this machine can't run

use std::io::Write;

/// Reports that `what` is not checked here, and `why`
///
/// For what no package brings: a processor feature, a file system, a user without root's rights. Tests of a program
/// that could be installed call `missing` in `tests/outside`, which fails where `CI` is true.
///
/// The line goes to the process's own stderr, which the test harness does not capture, and to the end of the file that
/// `LEFT_OUT_FILE` names: `scripts/test.sh` prints that file in its summary.
pub fn left_out(what: &str, why: &str) {
    let line = format!("LEFT OUT: {what}: {why}\n");
    std::io::stderr().write_all(format!("!!!! {line}").as_bytes()).expect("stderr can be written");
    if let Some(path) = std::env::var_os("LEFT_OUT_FILE") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        let mut file = file.expect("the file that LEFT_OUT_FILE names can be opened");
        file.write_all(line.as_bytes()).expect("the file that LEFT_OUT_FILE names can be written");
    }
}
