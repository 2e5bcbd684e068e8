//! The files in `fuzz/seeds/`, which an earlier fuzzing chose, read as the fuzz targets read them

use std::panic::catch_unwind;
use std::path::Path;

use crate::fuzz_cases::CASES;

#[test]
fn the_corpus_of_each_fuzz_target_reads_without_a_panic() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, case) in CASES {
        let files = std::fs::read_dir(seeds.join(name)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.collect();
        assert!(files.len() >= 3, "{name}");
        files.sort();
        for path in files {
            let bytes = std::fs::read(&path).unwrap();
            assert!(catch_unwind(|| case(&bytes)).is_ok(), "{}", path.display());
        }
    }
}
