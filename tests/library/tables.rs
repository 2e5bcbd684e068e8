//! Tables of people's own: against the crate `csv`, hostile files, damaged files, and any division into chunks

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use chainrule::Result;
use chainrule::config::Dtype;
use chainrule::data::csv::{Cells, NO_CODE, Options, Reader, Role, Table, Target};
use chainrule::random::{Purpose, Random};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

const YES: Options = Options { separator: Some(b','), decimal: b'.', header: Some(true) };

/// A temporary folder with one file, which each test case overwrites
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("t.csv")
    }

    fn open(&self, bytes: &[u8], options: Options) -> Result<Reader> {
        fs::write(self.path(), bytes).unwrap();
        Reader::open(&self.path(), options)
    }

    /// Reads a table in chunks of `chunk` bytes with the roles that `roles` names by their first letters
    fn read(&self, bytes: &[u8], options: Options, roles: &str, chunk: usize) -> Result<Table> {
        fs::write(self.path(), bytes).unwrap();
        Reader::open_with_chunks(&self.path(), options, chunk)?.read(&roles_of(roles), Dtype::F64)
    }

    /// The message for a wrong table, without the name of the file
    #[track_caller]
    fn message(&self, bytes: &[u8], options: Options, roles: &str) -> String {
        let message = self.read(bytes, options, roles, 1 << 20).unwrap_err().to_string();
        for chunk in [1, 7] {
            let again = self.read(bytes, options, roles, chunk).unwrap_err().to_string();
            assert_eq!(again, message, "chunks of {chunk} bytes");
        }
        let name = format!("{}: ", self.path().display());
        message.strip_prefix(&name).unwrap_or_else(|| panic!("no file name in {message}")).to_owned()
    }
}

fn roles_of(letters: &str) -> Vec<Role> {
    let role = |letter| match letter {
        'n' => Role::Number,
        'c' => Role::Category,
        't' => Role::Target,
        'k' => Role::Keep,
        _ => Role::Skip,
    };
    letters.chars().map(role).collect()
}

/// The cells as text, since NaN differs from itself
fn cells(table: &Table) -> String {
    match &table.cells {
        Cells::Single(cells) => format!("{cells:?}"),
        Cells::Double(cells) => format!("{cells:?}"),
    }
}

fn pick<'a, T: ?Sized>(random: &mut Random, items: &[&'a T]) -> &'a T {
    items[random.below(items.len() as u32) as usize]
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// A random table: its text, its roles, and the line of each row
struct Sample {
    text: String,
    roles: String,
    separator: char,
    lines: Vec<u64>,
}

impl Sample {
    fn new(random: &mut Random) -> Self {
        const NUMBERS: [&str; 10] =
            ["1", "-2.5", "1e3", "0.1", "+7", "", "NA", "?", "123456.789012345678", "-0"];
        const TEXTS: [&str; 10] = ["a", "b c", "5\"", "ä", "1", "x\"\"y", "", "1.0", "né\tb", "z;z"];
        const QUOTED: [&str; 7] = ["a", " a ", "l\nm", "l\r\nm", "say \"\"so\"\"", ",;\t", ""];
        let columns = 1 + random.below(5) as usize;
        let roles: String = (0..columns).map(|_| pick(random, &["n", "n", "c", "t", "k", "s"])).collect();
        let separator = *pick(random, &[&',', &';', &'\t']);
        let (mut text, mut line, mut lines) = (String::new(), 1, vec![]);
        let rows = random.below(12) + 1;
        for row in 0..=rows {
            while random.below(8) == 0 {
                text += pick(random, &["\n", "\r\n"]);
                line += 1;
            }
            let start = text.len();
            for (column, role) in roles.chars().enumerate() {
                if column > 0 {
                    text.push(separator);
                }
                let is_quoted = random.below(3) == 0;
                let content = match role {
                    _ if row == 0 => &format!("h{column}"),
                    'n' => pick(random, &NUMBERS.each_ref().map(|text| *text)),
                    _ if is_quoted => pick(random, &QUOTED.each_ref().map(|text| *text)),
                    _ => pick(random, &TEXTS.each_ref().map(|text| *text)),
                };
                if is_quoted || content.contains(separator) {
                    // Outside of quotes, doubled quotes would stay doubled.
                    text += &format!("\"{}\"", content.replace("5\"", "5"));
                } else {
                    text += content;
                }
            }
            let is_blank = text.len() == start;
            if row > 0 && !is_blank {
                lines.push(line);
            }
            line += 1 + text[start..].matches('\n').count() as u64;
            if row < rows || is_blank || random.below(3) > 0 {
                text += pick(random, &["\n", "\r\n"]);
            }
        }
        Self { text, roles, separator, lines }
    }

    /// Compares with what the crate `csv` reads
    fn compare(&self, table: &Table) {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(self.separator as u8).from_reader(self.text.as_bytes());
        let records: Vec<_> = reader.records().map(std::result::Result::unwrap).collect();
        assert_eq!(table.rows, records.len());
        let lines: Vec<_> = (0..table.rows).map(|row| table.lines.line(row)).collect();
        assert_eq!(lines, self.lines);
        let Cells::Double(cells) = &table.cells else { panic!("asked for f64") };
        let is_missing = |text: &str| ["", "NA", "?"].contains(&text.trim());
        let (mut feature, mut category, mut target, mut kept) = (0, 0, 0, 0);
        for (column, role) in self.roles.chars().enumerate() {
            let texts: Vec<_> = records.iter().map(|record| &record[column]).collect();
            let cell = |row: usize, feature| cells[row * table.features + feature];
            match role {
                'n' => {
                    for (row, text) in texts.iter().enumerate() {
                        let number: f64 = if is_missing(text) { f64::NAN } else { text.parse().unwrap() };
                        assert!(number.to_bits() == cell(row, feature).to_bits() || number.is_nan());
                        assert_eq!(number.is_nan(), cell(row, feature).is_nan());
                    }
                }
                'c' => {
                    assert!(table.categories[category].is_sorted());
                    for (row, text) in texts.iter().enumerate() {
                        match cell(row, feature) {
                            code if code.is_nan() => assert!(is_missing(text)),
                            code => assert_eq!(table.categories[category][code as usize], **text),
                        }
                    }
                }
                't' => compare_target(&table.targets[target], &texts),
                'k' => assert!(table.kept[kept].iter().eq(texts.iter().copied())),
                _ => {}
            }
            if "nc".contains(role) {
                let missing: Vec<_> = (0..texts.len()).filter(|&row| is_missing(texts[row])).collect();
                assert_eq!(table.missing[feature].count, missing.len() as u64);
                let first = table.missing[feature].first_line;
                let row = missing.first().map_or(0, |&row| lines[row]);
                assert!(first >= row && (first == 0) == missing.is_empty());
            }
            feature += usize::from("nc".contains(role));
            category += usize::from(role == 'c');
            target += usize::from(role == 't');
            kept += usize::from(role == 'k');
        }
    }
}

fn compare_target(target: &Target, texts: &[&str]) {
    let is_missing = |text: &str| text.trim().is_empty();
    let present = texts.iter().filter(|text| !is_missing(text));
    let numbers: Vec<Option<f64>> = present.map(|text| text.trim().parse().ok()).collect();
    let is_numeric = !numbers.is_empty() && numbers.iter().all(Option::is_some);
    assert_eq!(target.numbers.is_some(), is_numeric);
    for (row, text) in texts.iter().enumerate() {
        match target.codes[row] {
            NO_CODE => assert!(is_missing(text)),
            code if is_numeric => {
                let number: f64 = text.trim().parse().unwrap();
                assert_eq!(target.texts[code as usize], number.to_string());
                assert_eq!(target.numbers.as_ref().unwrap()[row], number);
            }
            code => assert_eq!(target.texts[code as usize], **text),
        }
    }
}

#[test]
fn random_tables_are_read_as_the_crate_csv_reads_them() {
    let (desk, mut random) = (Desk::new(), Random::new(1, Purpose::GradientCheck));
    for threads in [1, 2, 3] {
        in_pool(threads, || {
            for i in 0..1000 {
                let sample = Sample::new(&mut random);
                let options = Options { separator: Some(sample.separator as u8), ..YES };
                let chunk = 1 + random.below(60) as usize;
                match desk.read(sample.text.as_bytes(), options, &sample.roles, chunk) {
                    Ok(table) => sample.compare(&table),
                    // A column of one empty cell has only blank lines.
                    Err(error) if sample.lines.is_empty() => {
                        assert!(error.to_string().contains("expected rows"), "{error}");
                    }
                    Err(error) => panic!("{i}: {error} in {:?}", sample.text),
                }
            }
        });
    }
}

#[test]
fn threads_chunks_blocks_and_gzip_give_the_same_table() {
    let (desk, mut random) = (Desk::new(), Random::new(2, Purpose::GradientCheck));
    let mut text = "x,color,\"y\nz\",note,label\n".to_owned();
    for _ in 0..500 {
        let (color, number) =
            (pick(&mut random, &["red", "\"dark\nred\"", "", "blue"]), random.symmetric(9.0));
        let label = random.below(7);
        text += &format!("{number},{color},{label}.0,\"a \"\"note\"\"\",{label}\n");
    }
    let read = |chunk| desk.read(text.as_bytes(), YES, "ncnkt", chunk).unwrap();
    let whole = in_pool(1, || read(1 << 20));
    assert_eq!(
        (whole.rows, whole.features, &whole.targets[0].texts[..2]),
        (500, 3, &["0", "1"].map(str::to_owned)[..])
    );
    let same = |table: &Table| {
        assert_eq!(cells(table), cells(&whole));
        assert_eq!((&table.targets, &table.kept), (&whole.targets, &whole.kept));
        assert_eq!((&table.missing, &table.categories), (&whole.missing, &whole.categories));
        assert_eq!(table.lines, whole.lines);
    };
    for threads in [1, 2, 5] {
        for chunk in [1, 10, 100, 1000, 10_000] {
            same(&in_pool(threads, || read(chunk)));
        }
    }
    let mut packed = GzEncoder::new(vec![], Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    same(&desk.read(&packed, YES, "ncnkt", 1000).unwrap());
    let cut = desk.read(&packed[..packed.len() / 2], YES, "ncnkt", 1000).unwrap_err().chain();
    assert!(cut.contains("damaged gzip stream after"), "{cut}");

    fs::write(desk.path(), &text).unwrap();
    let reader = Reader::open_with_chunks(&desk.path(), YES, 20).unwrap();
    let mut blocks = reader.blocks(&roles_of("ncnkt"), Dtype::F64);
    let (mut rows, mut count) = (0, 0);
    while let Some(block) = blocks.next_block().unwrap() {
        for row in 0..block.rows {
            assert_eq!(block.kept[0].text(row), whole.kept[0].text(rows));
            assert_eq!(block.lines.line(row), whole.lines.line(rows));
            rows += 1;
        }
        count += 1;
    }
    assert!(rows == 500 && count > 10, "{rows} rows in {count} blocks");
}

/// A stream that gives what another thread sends, and waits for it
struct Pipe(Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Ok(bytes) = self.0.recv() else { return Ok(0) };
        into[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn each_line_of_a_stream_is_answered_before_the_next_is_written() {
    for (header, options) in [("", Options { header: Some(false), ..YES }), ("a,b\n", Options::default())] {
        let (send, receive) = channel();
        let line = |text: &str| send.send(text.as_bytes().to_vec()).unwrap();
        // The first two bytes show whether the stream is compressed.
        line(&format!("{header}1,2\n")[..2]);
        line(&format!("{header}1,2\n")[2..]);
        let reader = Reader::from_stream("-", Pipe(receive), options).unwrap();
        let mut blocks = reader.blocks(&roles_of("nn"), Dtype::F32);
        let mut next = || blocks.next_block().unwrap().map(|block| cells(&block));
        assert_eq!(next().as_deref(), Some("[1.0, 2.0]"));
        line("3,4\n");
        assert_eq!(next().as_deref(), Some("[3.0, 4.0]"));
        line("5,");
        line("6\n7,8\n9");
        assert_eq!(next().as_deref(), Some("[5.0, 6.0, 7.0, 8.0]"));
        line(",10");
        drop(send);
        assert_eq!(next().as_deref(), Some("[9.0, 10.0]"));
        assert_eq!(next(), None);
    }
}

#[test]
fn wrong_rows_and_cells_are_errors_with_line_and_column() {
    let desk = Desk::new();
    for (text, roles, message) in [
        ("a,b\n1,2\n\n3\n", "nn", "line 4 has 1 cell, expected 2 cells"),
        ("a,b\n1,2\n3,4,5\n", "ns", "line 3 has 3 cells, expected 2 cells"),
        ("a,b\n1,2\n3,\"4\n\",5\n", "nk", "line 3 has 3 cells, expected 2 cells"),
        ("a,b\n1,\"x\n\"\n3,y\n", "nn", "line 2, column `b`: found `x`, expected a number"),
        ("a,b\n1,inf\n", "nn", "line 2, column `b`: found `inf`, expected a number"),
        ("a,b\n1,2\n1e999,1\n", "nn", "line 3, column `a`: found `1e999`, expected a number"),
        ("a,b\n1,2\n1\u{1b}[31m,1\n", "nn", "line 3, column `a`: found `1\\u{1b}[31m`, expected a number"),
        ("a,b\n1,x\0y\n", "nk", "line 2: byte 8 of the file is 0, expected text in UTF-8"),
        ("a,b\n1\n2,\0\n", "nk", "line 2 has 1 cell, expected 2 cells"),
        (
            "a,b\n1,\"x\n2,3\n",
            "nk",
            "line 2, column `b`: a quote opens a cell and is not closed, expected another quote after the cell",
        ),
        (
            "a,b\n1,\"x\"y\n",
            "ns",
            "line 2, column `b`: text follows the quote that closes a cell, expected a separator (a quote inside a \
             quoted cell is written twice)",
        ),
        (
            "a,b\n1,x\ry\n",
            "nk",
            "line 2, column `b`: byte 8 of the file is a carriage return without a line feed, expected lines that end \
             with LF or CRLF",
        ),
        (
            "a,b\r1,2\r",
            "nn",
            "line 1, column `c2`: byte 4 of the file is a carriage return without a line feed, expected lines that \
             end with LF or CRLF",
        ),
        ("", "nn", "is empty, expected a table"),
        (" \n\r\n", "nn", "is empty, expected a table"),
        ("a,b\n", "nn", "has only a header, expected rows after it"),
        ("a,b\n\n\n", "nn", "has only a header, expected rows after it"),
    ] {
        assert_eq!(desk.message(text.as_bytes(), YES, roles), message);
    }
    for role in ["k", "c", "t"] {
        let message = desk.message(b"h\xc3\xa4\n\"a\"\"\xff\"\n", YES, role);
        assert_eq!(message, "line 2, column `hä`: byte 9 of the file is not UTF-8; save the table as UTF-8");
    }
    let message = desk.message(b"a,b\xff\n1,2\n", YES, "nn");
    assert_eq!(message, "line 1, column `c2`: byte 4 of the file is not UTF-8; save the table as UTF-8");
    assert_eq!(
        desk.message(b"\xff\xfea\0\n\0", YES, "n"),
        "is UTF-16, expected UTF-8; save the table as UTF-8"
    );
    assert!(desk.message(b"a\nbcd\n\xff\n", YES, "n").contains("line 2, column `a`: found `bcd`"));
}

#[test]
fn a_header_is_found_or_asked_for() {
    let desk = Desk::new();
    for (text, has_header, names) in [
        ("x,y\n1,2\n", true, "x y"),
        ("1,2\n3,4\n", false, "c1 c2"),
        ("\u{feff}\"x\", y \r\n1,2\r\n", true, "x y"),
        ("\u{feff}1;2\n", false, "c1 c2"),
        (",x,x\n1,2,3\n", true, "c1 x x"),
        ("x\ty\n1,5\tb\n", true, "x y"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", false, "c1 c2 c3"),
    ] {
        let options =
            Options { decimal: if text.contains("1,5") { b',' } else { b'.' }, ..Options::default() };
        let reader = desk.open(text.as_bytes(), options).unwrap();
        assert_eq!(
            (reader.head().has_header, reader.head().names.join(" ").as_str()),
            (has_header, names),
            "{text}"
        );
    }
    let message = |text: &str| desk.open(text.as_bytes(), Options::default()).unwrap_err().to_string();
    for text in ["a,a\nb,c\n", "id,2019\n1,2\n", "a,b", ",0,1\n0,5,6\n"] {
        let message = message(text);
        assert!(message.ends_with("say which with --header yes or --header no"), "{message}");
    }
    let reader = desk.open(b"a,a\nb,c\n", Options { header: Some(false), ..Options::default() }).unwrap();
    assert_eq!(reader.head().first_rows, [["a", "a"], ["b", "c"]]);
    let wrong = reader.head().column("a", "--target").unwrap_err().to_string();
    assert!(wrong.ends_with("its columns are `c1`, `c2` (the file has no header)"), "{wrong}");
}

#[test]
fn separators_and_decimal_commas_are_found_or_hinted_at() {
    let desk = Desk::new();
    let hint = |text: &str, options| desk.open(text.as_bytes(), options).unwrap_err().to_string();
    let explicit = hint("a;b\n1;2\n", YES);
    assert!(
        explicit.ends_with("with the separator ',', but contains ';'; try --separator ';'"),
        "{explicit}"
    );
    let decimal = hint("a;b\n1,5;2\n3;4\n", Options::default());
    assert!(
        decimal.contains("line 2, column `a`: found `1,5`") && decimal.ends_with("use --decimal ,"),
        "{decimal}"
    );
    let unclear = hint("a;b,c\n", Options::default());
    assert!(unclear.contains("--separator"), "{unclear}");
    let options = Options { decimal: b',', ..Options::default() };
    let table = desk.read(b"a;b\n1,5;2\n-,5e1;\n", options, "nn", 3).unwrap();
    assert_eq!(cells(&table), "[1.5, 2.0, -5.0, NaN]");
    // Between commas, a number with a decimal comma is quoted.
    for separator in [None, Some(b',')] {
        let options = Options { separator, ..options };
        let table = desk.read(b"a,b\n\"1,5\",2\n\"-,5e1\",\n", options, "nn", 3).unwrap();
        assert_eq!(cells(&table), "[1.5, 2.0, -5.0, NaN]");
    }
    let late = format!("a\tb\n{}2\t1,5\n", "1\t2\n".repeat(100));
    let late = desk.message(late.as_bytes(), Options { separator: Some(b'\t'), ..YES }, "sn");
    assert_eq!(
        late,
        "line 102, column `b`: found `1,5`, expected a number (if the comma is a decimal comma, use --decimal ,)"
    );
    for options in [
        Options { separator: Some(b'1'), decimal: b'.', header: None },
        Options { separator: None, decimal: b';', header: None },
    ] {
        assert!(hint("a;b\n1;2\n", options).contains("expected"));
    }
}

#[test]
fn targets_and_categories_have_codes_and_limits() {
    let desk = Desk::new();
    let table = desk.read(b"c,t\nred,1\n blue ,-1\n\"\",1.0\nred,\n", YES, "ct", 4).unwrap();
    assert_eq!(cells(&table), "[1.0, 0.0, NaN, 1.0]");
    assert_eq!(table.categories, [["blue", "red"]]);
    let target = &table.targets[0];
    let written = target.written.as_ref().unwrap();
    assert_eq!((written.0.join(" ").as_str(), &written.1[..]), ("-1 1 1.0", &[1, 0, 2, NO_CODE][..]));
    assert_eq!((target.texts.join(" ").as_str(), &target.codes[..]), ("-1 1", &[1, 0, 1, NO_CODE][..]));
    assert_eq!((target.missing.count, target.missing.first_line, table.missing[0].first_line), (1, 5, 4));
    let many: String = (0..70_000).map(|i| format!("{i}\n")).collect();
    let table = desk.read(format!("t\n{many}").as_bytes(), YES, "t", 1 << 12).unwrap();
    assert!(table.targets[0].texts.is_empty() && table.targets[0].codes.is_empty());
    assert_eq!(table.targets[0].numbers.as_ref().unwrap()[69_999], 69_999.0);
    for (text, role, found) in [
        (format!("t\n{many}"), "c", "expected fewer, or numbers"),
        (format!("t\n{many}x\n"), "t", "; line 70002 has `x`, which is no number"),
        (format!("t\nx\n{many}y\n"), "t", "; line 2 has `x`, which is no number"),
    ] {
        for chunk in [1 << 10, 1 << 20] {
            let message = desk.read(text.as_bytes(), YES, role, chunk).unwrap_err().to_string();
            assert!(message.contains("column `t` has more than 65,536 distinct texts"), "{message}");
            assert!(message.ends_with(found), "{message}");
        }
    }
}

#[test]
fn wide_tables_are_read() {
    let desk = Desk::new();
    let row = |prefix: &str| {
        let cells: Vec<_> = (0..100_000).map(|i| format!("{prefix}{i}")).collect();
        cells.join(",") + "\n"
    };
    let text = row("x") + &row("1") + &row("2");
    let table = desk.read(text.as_bytes(), Options::default(), &"n".repeat(100_000), 1 << 16).unwrap();
    assert_eq!((table.rows, table.features), (2, 100_000));
}

#[test]
fn damaged_tables_are_read_or_refused_without_a_panic() {
    let (desk, mut random) = (Desk::new(), Random::new(3, Purpose::GradientCheck));
    let mut refused = 0;
    for _ in 0..1000 {
        let sample = Sample::new(&mut random);
        let mut bytes = sample.text.clone().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u32) as usize;
            match random.below(4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = random.below(256) as u8,
                2 => bytes.insert(at, *b"\",\n\r;\t\0\xff"[random.below(8) as usize..].first().unwrap()),
                _ => _ = if bytes.len() > 1 { bytes.remove(at) } else { 0 },
            }
        }
        let options = if random.below(2) == 0 {
            Options::default()
        } else {
            Options { separator: Some(sample.separator as u8), ..YES }
        };
        fs::write(desk.path(), &bytes).unwrap();
        let mut outcomes = [1, 5, 1 << 20].map(|chunk| {
            let reader = Reader::open_with_chunks(&desk.path(), options, chunk)?;
            let columns = reader.head().names.len();
            let roles: Vec<_> = roles_of(&sample.roles).into_iter().cycle().take(columns).collect();
            let table = reader.read(&roles, Dtype::F32)?;
            Ok((cells(&table), table.kept, table.categories, table.lines, format!("{:?}", table.targets)))
        });
        for outcome in &mut outcomes {
            if let Err(error) = outcome {
                let text = chainrule::Error::to_string(error);
                assert!(text.contains("t.csv: ") && !text.contains('\0'), "{text}");
                refused += 1;
            }
        }
        let [one, five, whole] = outcomes.map(|outcome| outcome.map_err(|error| error.to_string()));
        assert_eq!(one, whole, "{:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(five, whole, "{:?}", String::from_utf8_lossy(&bytes));
    }
    assert!(refused > 300, "only {refused} refused");
}
