//! What several test binaries need
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};

/// An IDX file of unsigned bytes whose header states `dims`, true or not
pub fn idx_bytes(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, u8::try_from(dims.len()).expect("the header counts dimensions in one byte")];
    file.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    file.extend(data);
    file
}

/// One gzip member that unpacks to `bytes`
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes")
}

/// A folder of four small IDX files: 200 and 50 images of 4 × 4 in three classes, images packed
pub fn small_data(folder: &Path) {
    for (name, len) in [("train", 200u32), ("t10k", 50)] {
        let pixels: Vec<u8> = (0..len * 16).map(|at| (at / 16 % 3 * 80 + at * 7 % 50) as u8).collect();
        let labels: Vec<u8> = (0..len).map(|i| (i % 3) as u8).collect();
        let images = gzip(&idx_bytes(&[len, 4, 4], &pixels));
        std::fs::write(folder.join(format!("{name}-images-idx3-ubyte.gz")), images)
            .expect("a temporary folder can be written");
        std::fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx_bytes(&[len], &labels))
            .expect("a temporary folder can be written");
    }
}

/// Whether these programs are there; if not, says loudly that a test was left out, or fails where CI is true
pub fn installed(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().copied().filter(|program| !find(program)).collect();
    if missing.is_empty() {
        return true;
    }
    left_out(&format!("{} not installed", missing.join(", ")));
    false
}

/// Says on the real stderr, which no test harness holds back, that a test was left out; fails where CI is true
pub fn left_out(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs this test: {why}");
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    writeln!(std::io::stderr(), "!!!! LEFT OUT: {name}: {why}").expect("stderr can be written");
}

fn find(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
