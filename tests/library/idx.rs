//! IDX files, plain and gzip: correct, truncated, damaged, and hostile

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chainrule::config::Dtype;
use chainrule::data::array::{Array, Elements, Use};
use chainrule::data::idx;
use chainrule::error::{Error, Result};
use chainrule::random::{Purpose, Random};
use tempfile::TempDir;

use crate::idx_files::{gzip, idx_bytes};
use crate::left_out::left_out;

fn read_features(path: &Path) -> Result<Array> {
    idx::read(path, Use::Features(Dtype::F32))
}

fn array(dims: &[u32], bytes: Vec<u8>) -> Array {
    Array { dims: dims.iter().map(|&d| d as usize).collect(), elements: Elements::Bytes(bytes) }
}

/// A temporary folder with one file, which each test case overwrites
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file with these bytes and reads it
    fn read(&self, bytes: &[u8]) -> Result<Array> {
        let path = self.path("file");
        fs::write(&path, bytes).expect("the temporary folder can be written");
        read_features(&path)
    }

    /// The error for a file with these bytes, and its message, which must name the file
    fn error(&self, bytes: &[u8]) -> (Error, String) {
        let error = self.read(bytes).expect_err("this file is wrong");
        let message = error.to_string();
        assert!(message.contains(&self.path("file").display().to_string()), "no file name in {message}");
        (error, message)
    }
}

/// 24 bytes that differ from each other
fn pixels() -> Vec<u8> {
    (0..24).map(|i| i * 10 + 3).collect()
}

/// A small correct file and its contents
fn small() -> (Vec<u8>, Array) {
    (idx_bytes(&[2, 3, 4], &pixels()), array(&[2, 3, 4], pixels()))
}

fn byte(random: &mut Random) -> u8 {
    random.below(256) as u8
}

// Correct files

#[test]
fn files_of_any_number_of_dimensions_are_read_plain_and_gzip() {
    let desk = Desk::new();
    for dims in [&[24][..], &[4, 6], &[2, 3, 4], &[1, 2, 3, 4], &[24, 1, 1, 1], &[2, 1, 3, 1, 4, 1]] {
        let file = idx_bytes(dims, &pixels());
        let right = array(dims, pixels());
        assert_eq!(desk.read(&file).unwrap(), right);
        assert_eq!(desk.read(&gzip(&file)).unwrap(), right);
    }
}

#[test]
fn a_file_of_one_byte_is_read() {
    let desk = Desk::new();
    let file = idx_bytes(&[1], &[7]);
    let right = array(&[1], vec![7]);
    assert_eq!(desk.read(&file).unwrap(), right);
    assert_eq!(desk.read(&gzip(&file)).unwrap(), right);
}

#[test]
fn gzip_is_recognised_by_its_first_bytes_and_not_by_the_name() {
    let desk = Desk::new();
    let (file, right) = small();
    for (name, bytes) in [("images.gz", file.clone()), ("images-idx3-ubyte", gzip(&file))] {
        fs::write(desk.path(name), bytes).unwrap();
        assert_eq!(read_features(&desk.path(name)).unwrap(), right, "{name}");
    }
}

#[test]
fn all_members_of_a_gzip_file_are_read_wherever_it_is_split() {
    let desk = Desk::new();
    let (file, right) = small();
    for cut in 0..=file.len() {
        let (a, b) = file.split_at(cut);
        assert_eq!(desk.read(&[gzip(a), gzip(&[]), gzip(b)].concat()).unwrap(), right, "cut at {cut}");
    }
}

#[test]
fn data_longer_than_the_buffer_are_read_whole_into_a_vector_of_their_length() {
    let desk = Desk::new();
    let mut random = Random::new(1, Purpose::BenchImages);
    // Half noise, half runs, so that the decoder returns pieces of all lengths; 1009 is a prime.
    let data: Vec<u8> =
        (0..1009 * 1009).map(|i| if i / 5000 % 2 == 0 { byte(&mut random) } else { 9 }).collect();
    let file = idx_bytes(&[1009, 1009], &data);
    for bytes in [file.clone(), gzip(&file)] {
        let read = desk.read(&bytes).unwrap();
        assert_eq!(read.dims, [1009, 1009]);
        let Elements::Bytes(bytes) = read.elements else { panic!("these are no bytes") };
        assert!(bytes == data, "the bytes differ");
        // An allocator may round up, but must not double.
        assert!(bytes.capacity() < data.len() + data.len() / 8, "{} bytes reserved", bytes.capacity());
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_is_followed() {
    let desk = Desk::new();
    let (file, right) = small();
    fs::write(desk.path("target"), file).unwrap();
    std::os::unix::fs::symlink("target", desk.path("link")).unwrap();
    assert_eq!(read_features(&desk.path("link")).unwrap(), right);
}

// Headers

#[test]
fn a_file_shorter_than_its_header_has_a_truncated_header() {
    let desk = Desk::new();
    let (file, _) = small();
    // The fourth byte says how long the header is.
    for (len, whole) in [(0, 4), (1, 4), (2, 4), (3, 4), (4, 16), (5, 16), (15, 16)] {
        for bytes in [file[..len].to_vec(), gzip(&file[..len])] {
            let (_, message) = desk.error(&bytes);
            let expected = format!("truncated header: {len} bytes, expected {whole}");
            assert!(message.ends_with(&expected), "{message}");
        }
    }
}

#[test]
fn a_wrong_magic_is_refused_with_the_value_found() {
    let desk = Desk::new();
    for (magic, words) in [
        (0x0100_0803_u32, "zero bytes"),
        (0x0001_0803, "zero bytes"),
        (0x8950_4e47, "zero bytes"), // a PNG file
        (0x0000_0003, "unsigned bytes"),
        (0x0000_0a03, "unsigned bytes"),
        (0x0000_ff03, "unsigned bytes"),
        (0x0000_0800, "1 to 255 dimensions"),
        (0x0000_0e00, "1 to 255 dimensions"),
    ] {
        let file = [&magic.to_be_bytes()[..], &[0; 60]].concat();
        for bytes in [file.clone(), gzip(&file)] {
            let (_, message) = desk.error(&bytes);
            let found = format!("IDX magic is {magic:#010x}, expected ");
            assert!(message.contains(&found) && message.contains(words), "{message}");
        }
    }
}

#[test]
fn a_gzip_file_packed_twice_is_refused() {
    let (_, message) = Desk::new().error(&gzip(&gzip(&small().0)));
    assert!(message.contains("IDX magic is 0x1f8b08"), "{message}");
}

// Dimensions and lengths

#[test]
fn a_zero_dimension_is_refused_with_the_dimensions() {
    let desk = Desk::new();
    for stated in [&[0][..], &[0, 28, 28], &[10, 0], &[2, 3, 4, 0], &[u32::MAX, u32::MAX, u32::MAX, 0]] {
        for data in [&[][..], &[1, 2, 3]] {
            let file = idx_bytes(stated, data);
            for bytes in [file.clone(), gzip(&file)] {
                let (_, message) = desk.error(&bytes);
                assert!(message.contains(&format!("dimensions {stated:?} contain a 0")), "{message}");
            }
        }
    }
}

#[test]
fn a_product_that_overflows_is_refused() {
    let desk = Desk::new();
    // The last two are 2⁶⁴, which wraps to 0, and 2⁶⁴ + 2³³, which wraps to less than 2³⁴.
    for stated in [[u32::MAX; 4], [1 << 16; 4], [2, (1 << 31) + 1, 1 << 31, 2]] {
        let file = idx_bytes(&stated, &[0; 24]);
        for bytes in [file.clone(), gzip(&file)] {
            let (_, message) = desk.error(&bytes);
            assert!(message.contains(&format!("dimensions {stated:?} have a product")), "{message}");
        }
    }
}

#[test]
fn dimensions_too_large_for_the_file_are_refused_before_memory_is_reserved() {
    let desk = Desk::new();
    // The first two exceed any address space, so an attempt to reserve them would give `Error::Memory`.
    for stated in [&[u32::MAX, u32::MAX][..], &[1 << 31, 1 << 30, 1, 2], &[u32::MAX], &[60_000, 28, 28]] {
        let file = idx_bytes(stated, &[0; 24]);
        let (_, message) = desk.error(&file);
        assert!(
            message.contains(": 24 bytes of data") && message.contains(&format!("{stated:?}")),
            "{message}"
        );
        let (_, message) = desk.error(&gzip(&file));
        assert!(message.contains(": at most ") && message.contains(&format!("{stated:?}")), "{message}");
    }
}

#[test]
fn the_error_for_too_few_or_too_many_bytes_has_both_numbers() {
    let desk = Desk::new();
    let (file, _) = small();
    for count in [0, 1, 23, 25, 26, 48, 24_000] {
        let bytes = idx_bytes(&[2, 3, 4], &vec![5; count]);
        let (_, message) = desk.error(&bytes);
        assert!(message.contains(&format!(": {count} bytes of data, expected 24 by")), "{message}");
        let (_, message) = desk.error(&gzip(&bytes));
        let found = if count < 24 { count.to_string() } else { "more than 24".to_owned() };
        assert!(message.contains(&format!(": {found} bytes of data, expected 24 by")), "{message}");
    }
    let (_, message) = desk.error(&[gzip(&file), gzip(&[0])].concat());
    assert!(message.contains("more than 24 bytes"), "a second member after the data: {message}");
}

#[test]
fn data_at_the_largest_compression_ratio_of_deflate_are_read() {
    let desk = Desk::new();
    let file = idx_bytes(&[4000, 5000], &vec![0; 20_000_000]);
    let packed = gzip(&file);
    assert!(
        file.len() > 1000 * packed.len(),
        "the ratio is too small for this test: {} to {}",
        file.len(),
        packed.len()
    );
    assert_eq!(desk.read(&packed).unwrap().dims, [4000, 5000]);
}

#[test]
fn memory_that_cannot_be_reserved_is_an_error() {
    // A file with a hole of 2⁶² bytes has the length that its header states. Some file systems can't hold it.
    let header = idx_bytes(&[1 << 31, 1 << 31], &[]);
    for folder in [std::env::temp_dir(), PathBuf::from("/dev/shm")] {
        let Ok(file) = tempfile::NamedTempFile::new_in(folder) else { continue };
        fs::write(file.path(), &header).unwrap();
        if file.as_file().set_len(header.len() as u64 + (1 << 62)).is_ok() {
            let error = read_features(file.path()).expect_err("no machine has that much memory");
            assert!(matches!(error, Error::Memory { bytes, .. } if bytes == 1 << 62), "{error:?}");
            assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
            return;
        }
    }
    left_out("memory that cannot be reserved", "no file system here holds a file of 2^62 bytes");
}

// gzip

#[test]
fn a_gzip_file_cut_anywhere_is_refused() {
    let desk = Desk::new();
    let packed = gzip(&small().0);
    for len in 0..packed.len() {
        let (_, message) = desk.error(&packed[..len]);
        let header = message.contains(&format!("truncated header: {len} bytes"));
        assert!(if len < 2 { header } else { message.contains("damaged gzip") }, "{len} bytes: {message}");
    }
}

#[test]
fn a_second_gzip_member_cut_anywhere_is_refused() {
    let desk = Desk::new();
    let (file, _) = small();
    let (first, second) = (gzip(&file[..20]), gzip(&file[20..]));
    for len in 1..second.len() {
        let (error, _) = desk.error(&[&first[..], &second[..len]].concat());
        assert!(matches!(error, Error::Gzip { .. }), "{len} bytes: {error:?}");
    }
    let (_, message) = desk.error(&first);
    assert!(message.contains("bytes of data, expected 24"), "cut between the members: {message}");
}

#[test]
fn the_error_of_a_truncated_gzip_file_says_how_many_bytes_were_read() {
    let mut random = Random::new(2, Purpose::BenchImages);
    let data: Vec<u8> = (0..500_000).map(|_| byte(&mut random)).collect();
    let packed = gzip(&idx_bytes(&[500_000], &data));
    let (error, message) = Desk::new().error(&packed[..packed.len() / 2]);
    // Noise can't be compressed, so half the file holds about half the data.
    assert!(matches!(error, Error::Gzip { after: 150_000..=350_000, .. }), "{error:?}");
    assert!(message.contains("damaged gzip stream after"), "{message}");
}

#[test]
fn a_changed_byte_in_a_gzip_file_is_an_error_or_leaves_the_data_as_they_are() {
    let desk = Desk::new();
    let (file, right) = small();
    let packed = gzip(&file);
    let mut ignored = Vec::new();
    for at in 0..packed.len() {
        for change in 1..=255 {
            let mut bytes = packed.clone();
            bytes[at] ^= change;
            if let Ok(read) = desk.read(&bytes) {
                assert_eq!(read, right, "byte {at} changed by {change:#04x}");
                ignored.push(at);
            }
        }
    }
    ignored.dedup();
    // RFC 1952: bytes 3 to 9 hold flags (`text` has no effect), time, extra flags and system.
    assert!(ignored.iter().all(|at| (3..10).contains(at)), "changes were not detected at {ignored:?}");
}

#[test]
fn a_wrong_checksum_or_length_at_the_end_of_a_gzip_file_is_refused() {
    let desk = Desk::new();
    let packed = gzip(&small().0);
    for back in 1..=8 {
        let mut bytes = packed.clone();
        let at = bytes.len() - back;
        bytes[at] ^= 1;
        let (error, _) = desk.error(&bytes);
        assert!(matches!(error, Error::Gzip { after: 40, .. }), "{back} from the end: {error:?}");
    }
}

#[test]
fn zeros_after_the_gzip_stream_are_padding() {
    let desk = Desk::new();
    let (file, right) = small();
    let (a, b) = file.split_at(20);
    for packed in [gzip(&file), [gzip(a), gzip(b)].concat()] {
        for count in [1, 2, 511, 512, 10_240, 300_000] {
            let bytes = [&packed[..], &vec![0; count]].concat();
            assert_eq!(desk.read(&bytes).unwrap(), right, "{count} zeros");
        }
    }
    let (_, message) = desk.error(&[gzip(&file[..30]), vec![0; 512]].concat());
    assert!(message.contains(": 14 bytes of data, expected 24"), "{message}");
}

#[test]
fn other_bytes_after_the_gzip_stream_are_an_error_that_says_so() {
    let desk = Desk::new();
    let packed = gzip(&small().0);
    for rubbish in [b"x", &b"rubbish"[..], b"\x1fx", &[0xff; 512], b"\0\0x", b"\0\x1f\x8b"] {
        let (_, message) = desk.error(&[&packed[..], rubbish].concat());
        assert!(message.contains("other bytes follow the gzip stream"), "{rubbish:?}: {message}");
    }
    // These may be the start of a member that is cut.
    for cut in [&[0x1f][..], &[0x1f, 0x8b], &[0x1f, 0x8b, 8, 0]] {
        let (error, _) = desk.error(&[&packed[..], cut].concat());
        assert!(matches!(error, Error::Gzip { .. }), "{cut:?}: {error:?}");
    }
}

#[test]
fn a_gzip_bomb_is_read_no_further_than_its_header_states() {
    let desk = Desk::new();
    let bomb = gzip(&idx_bytes(&[2, 3, 4], &vec![0; 50_000_000]));
    assert!(bomb.len() < 50_000, "the file is too long for this test: {} bytes", bomb.len());
    // A reader that went to the end would find the second one damaged.
    for bytes in [&bomb[..], &bomb[..bomb.len() - 1000]] {
        let (_, message) = desk.error(bytes);
        assert!(message.contains("more than 24 bytes"), "{message}");
    }
}

// Paths that are not regular files

/// Reads `path`; panics if that takes more than 20 s
fn read_in_time(path: &Path) -> Result<Array> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    thread::spawn(move || sender.send(read_features(&path)));
    receiver.recv_timeout(Duration::from_secs(20)).expect("reading takes more than 20 s")
}

#[track_caller]
fn assert_not_a_file(path: &Path, kind: &str) {
    let error = read_in_time(path).expect_err("this is no file");
    let expected = format!("{}: is a {kind}, expected a file", path.display());
    assert_eq!(error.to_string(), expected);
}

#[track_caller]
fn assert_cannot_be_read(path: &Path) {
    let error = read_in_time(path).expect_err("this can't be read");
    assert!(matches!(error, Error::Read { .. }), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[test]
fn a_directory_is_refused() {
    assert_not_a_file(Desk::new().folder.path(), "directory");
}

#[cfg(unix)]
#[test]
fn a_fifo_is_refused_without_waiting_for_its_writer() {
    let desk = Desk::new();
    let path = desk.path("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_not_a_file(&path, "FIFO");
    std::os::unix::fs::symlink("fifo", desk.path("link")).unwrap();
    assert_not_a_file(&desk.path("link"), "FIFO");
}

#[cfg(unix)]
#[test]
fn a_socket_and_a_device_are_refused() {
    let desk = Desk::new();
    let path = desk.path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert_not_a_file(&path, "socket");
    assert_not_a_file(Path::new("/dev/zero"), "device");
}

#[test]
fn a_missing_file_is_an_error() {
    let desk = Desk::new();
    assert_cannot_be_read(&desk.path("nothing"));
    fs::write(desk.path("file"), "").unwrap();
    assert_cannot_be_read(&desk.path("file/below"));
}

#[cfg(unix)]
#[test]
fn dangling_and_circular_links_are_errors() {
    let desk = Desk::new();
    for (link, target) in [("dangling", "nothing"), ("circular", "circular")] {
        std::os::unix::fs::symlink(target, desk.path(link)).unwrap();
        assert_cannot_be_read(&desk.path(link));
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let path = desk.path("secret");
    fs::write(&path, small().0).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        return left_out("a file without permission", "root may read every file");
    }
    assert_cannot_be_read(&path);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fails_while_it_is_read_is_an_error() {
    // This regular file can be opened, but no memory is mapped at address 0, so reading its start fails.
    assert_cannot_be_read(Path::new("/proc/self/mem"));
}

// Random bytes

#[test]
fn no_random_bytes_make_the_reader_panic() {
    let desk = Desk::new();
    let mut random = Random::new(3, Purpose::BenchImages);
    let mut right = 0;
    for case in 0..6000 {
        let mut bytes: Vec<u8> = (0..random.below(80)).map(|_| byte(&mut random)).collect();
        if random.below(4) > 0 {
            // A correct magic and small dimensions, so that not only the first checks are tested.
            let n = random.below(5);
            let dims: Vec<u32> = (0..n).map(|_| random.below(6)).collect();
            bytes = idx_bytes(&dims, &bytes);
        }
        if random.below(2) == 0 {
            bytes = gzip(&bytes);
        }
        if !bytes.is_empty() && random.below(2) == 0 {
            let at = random.below(bytes.len() as u32) as usize;
            bytes[at] = byte(&mut random);
        }
        if let Ok(read) = desk.read(&bytes) {
            right += 1;
            assert!((1..=255).contains(&read.dims.len()), "case {case}: {:?}", read.dims);
            assert_eq!(read.dims.iter().product::<usize>(), read.elements.len(), "case {case}");
        }
    }
    assert!(right > 0, "no case was read");
}
