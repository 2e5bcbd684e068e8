//! Exported models, read and computed without the programs that they are for; tests/outside/export.rs has those

mod npz_reader;
mod onnx_reader;

use std::path::Path;
use std::process::Command;

use chainrule::config::{Dtype, Scale};
use chainrule::data::outputs::Target;
use chainrule::data::preprocessing::{Column, Encoding};
use chainrule::export::{c_header, npz, onnx};

use crate::export_cases::{Case, ROWS, cases, check, check_targets, regression_cases};
use crate::left_out::left_out;

fn all_cases() -> Vec<Case> {
    cases(tempfile::tempdir().unwrap().path())
}

#[test]
fn onnx_graphs_compute_what_the_models_compute() {
    for case in all_cases() {
        let file = onnx::to_bytes(&case.saved).unwrap();
        assert_eq!(onnx_reader::ints(&file, 1), [onnx::IR_VERSION]);
        assert_eq!(onnx_reader::ints(onnx_reader::messages(&file, 8)[0], 2), [onnx::OPSET]);
        let [graph] = onnx_reader::messages(&file, 7)[..] else { panic!("several graphs") };
        let elements: Vec<f64> = case.rows.iter().map(|&x| x.into()).collect();
        let input = onnx_reader::Array { cols: elements.len() / ROWS, elements };
        let values = onnx_reader::compute(graph, input);
        let labels: Vec<i64> = values["label"].elements.iter().map(|&x| x as i64).collect();
        let probabilities: Vec<f32> = values["probabilities"].elements.iter().map(|&x| x as f32).collect();
        check(&case.name, &case.logits, &labels, &probabilities, 1e-5);
        let names = |field| -> Vec<String> {
            onnx_reader::messages(graph, field)
                .iter()
                .map(|value| onnx_reader::texts(value, 1).remove(0))
                .collect()
        };
        assert_eq!(
            (names(11), names(12)),
            (vec!["input".to_owned()], vec!["probabilities".into(), "label".into()])
        );
    }
}

#[test]
fn graphs_arrays_and_headers_of_regression_give_targets_in_their_own_units() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for case in regression_cases(folder) {
        let file = onnx::to_bytes(&case.saved).unwrap();
        let [graph] = onnx_reader::messages(&file, 7)[..] else { panic!("several graphs") };
        let elements: Vec<f64> = case.rows.iter().map(|&x| x.into()).collect();
        let input = onnx_reader::Array { cols: elements.len() / ROWS, elements };
        let values = onnx_reader::compute(graph, input);
        let found: Vec<f32> = values["output"].elements.iter().map(|&x| x as f32).collect();
        check_targets(&case, &found, 1e-5);
        let [output] = onnx_reader::messages(graph, 12)[..] else { panic!("several outputs") };
        assert_eq!(onnx_reader::texts(output, 1), ["output"]);

        let arrays = npz_reader::arrays(npz::to_bytes(&case.saved).unwrap());
        let targets = case.saved.signature.outputs.targets();
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(arrays["target_names"].texts(), names);
        let is_near = |name: &str, of: fn(&Target) -> f64| {
            let pairs = arrays[name].numbers().into_iter().zip(targets.iter().map(of));
            pairs.into_iter().all(|(found, want)| (found - want).abs() <= 1e-7 * want.abs())
        };
        assert!(
            is_near("target_center", |target| target.center)
                && is_near("target_scale", |target| target.scale)
        );
        assert!(!arrays.contains_key("class_names"));
    }
    let cases = regression_cases(folder);
    for compiler in ["gcc", "clang"] {
        if Command::new(compiler).arg("--version").output().is_err() {
            left_out("the C headers of models of numbers", &format!("{compiler} not installed"));
            continue;
        }
        for case in &cases {
            let header = c_header::header(&case.saved, "flat").unwrap();
            std::fs::write(folder.join("flat.h"), header.text).unwrap();
            let program = "#include \"flat.h\"\n#include <stdio.h>\n\nint main(void)\n{\n    \
                float input[FLAT_INPUTS], targets[FLAT_TARGETS];\n\n    \
                while (fread(input, sizeof input, 1, stdin) == 1) {\n        flat_predict(input, targets);\n        \
                fwrite(targets, sizeof targets, 1, stdout);\n    }\n    fputs(flat_target_names[1], stderr);\n    \
                return 0;\n}\n";
            std::fs::write(folder.join("main.c"), program).unwrap();
            let flags = "-std=c99 -Wall -Wextra -Werror -pedantic -Wshadow -O1 main.c -o program -lm";
            let output = Command::new(compiler).current_dir(folder).args(flags.split(' ')).output().unwrap();
            assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
            let bytes: Vec<u8> = case.rows.iter().flat_map(|x| x.to_le_bytes()).collect();
            std::fs::write(folder.join("rows"), bytes).unwrap();
            let rows = std::fs::File::open(folder.join("rows")).unwrap();
            let output = Command::new(folder.join("program")).stdin(rows).output().unwrap();
            assert_eq!(String::from_utf8(output.stderr).unwrap(), "$F_y");
            let numbers = output.stdout.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap()));
            check_targets(case, &numbers.collect::<Vec<_>>(), 1e-5);
        }
    }
}

#[test]
fn onnx_metadata_hold_the_names_of_classes_columns_and_categories() {
    for case in all_cases() {
        let metadata = onnx_reader::metadata(&onnx::to_bytes(&case.saved).unwrap());
        for (key, value) in case.saved.signature.to_metadata().0 {
            assert_eq!(metadata[&key], value);
        }
        assert_eq!(
            (metadata["opset"].as_str(), &metadata["dtype"]),
            ("13", &case.saved.dtype.name().to_owned())
        );
    }
}

#[test]
fn npz_arrays_are_those_of_the_model() {
    for case in all_cases() {
        let arrays = npz_reader::arrays(npz::to_bytes(&case.saved).unwrap());
        for tensor in case.saved.model.tensors() {
            let array = &arrays[&tensor.name()];
            let stored: Vec<f64> = tensor.shape.stored_order().map(|at| tensor.data[at]).collect();
            assert_eq!(array.numbers(), stored, "{}", case.name);
            assert_eq!(array.kind, if case.saved.dtype == Dtype::F32 { "<f4" } else { "<f8" });
            assert!(array.shape.starts_with(&format!("({},", tensor.shape.stored()[0])), "{}", array.shape);
        }
        assert_eq!(arrays["class_names"].texts(), case.saved.signature.outputs.classes());
        let layers: Vec<String> = case.saved.model.layers().iter().map(ToString::to_string).collect();
        assert_eq!(arrays["layers"].texts(), layers);
        let metadata = serde_json::to_value(case.saved.signature.to_metadata().0).unwrap();
        let stored: serde_json::Value = serde_json::from_str(&arrays["metadata"].texts()[0]).unwrap();
        assert_eq!(stored, metadata);
        let Encoding::Columns { scale, columns } = &case.saved.signature.preprocessing.encoding else {
            assert_eq!(arrays["factor"].numbers().len(), 16);
            continue;
        };
        assert_eq!(arrays["is_clipped"].numbers(), [f64::from(u8::from(*scale == Scale::Robust))]);
        let (source, code) = (arrays["source"].numbers(), arrays["code"].numbers());
        let mut found = source.iter().zip(code);
        for (at, column) in columns.iter().enumerate() {
            for k in 0..column.features() {
                let code = if matches!(column, Column::Category(_)) { k as f64 } else { -1.0 };
                assert_eq!(found.next(), Some((&(at as f64), code)), "{}", case.name);
            }
        }
        assert_eq!(found.next(), None);
    }
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    for (a, b) in all_cases().into_iter().zip(all_cases()) {
        assert!(onnx::to_bytes(&a.saved).unwrap() == onnx::to_bytes(&b.saved).unwrap());
        assert!(npz::to_bytes(&a.saved).unwrap() == npz::to_bytes(&b.saved).unwrap());
        let header = |case: &Case| c_header::header(&case.saved, "x").unwrap().text;
        assert!(header(&a) == header(&b));
    }
}

#[test]
fn numbers_that_f32_can_not_hold_are_named() {
    for mut case in all_cases() {
        let is_double = case.saved.dtype == Dtype::F64;
        if let Encoding::Columns { columns, .. } = &mut case.saved.signature.preprocessing.encoding {
            columns[0] = Column::Number { center: 0.0, factor: 1e39, fill: None };
            let message = "metadata `columns`: entry 1: factor is 1e39, which is too large for f32";
            assert_eq!(c_header::header(&case.saved, "x").unwrap_err(), message);
            assert_eq!(onnx::to_bytes(&case.saved).err().as_deref(), (!is_double).then_some(message));
            assert_eq!(npz::to_bytes(&case.saved).err().as_deref(), (!is_double).then_some(message));
        }
        case.saved.model.tensors_mut().next().unwrap().data[1] = -1e300;
        let error = c_header::header(&case.saved, "x").unwrap_err();
        assert_eq!(error, "0.weight: element 1 is -1e300, which is too large for f32");
    }
}

/// A program that writes, for the rows in a file: class, logits and probabilities of each; and the names of the classes
fn c_program(case: &Case) -> String {
    let name = &case.name;
    let upper = name.to_uppercase();
    format!(
        "#include \"{name}.h\"
#include \"{name}.h\"
#include <stdio.h>

static int run_{name}(FILE *in, FILE *out)
{{
    float input[{upper}_INPUTS], logits[{upper}_CLASSES], probabilities[{upper}_CLASSES];

    while (fread(input, sizeof input, 1, in) == 1) {{
        float k = (float){name}_predict(input, probabilities);

        if ((int)k != {name}_predict(input, NULL)) {{
            return 1;
        }}
        {name}_logits(input, logits);
        fwrite(&k, sizeof k, 1, out);
        fwrite(logits, sizeof logits, 1, out);
        fwrite(probabilities, sizeof probabilities, 1, out);
    }}
    puts({name}_class_names[1]);
    puts({name}_class_names[2]);
    return 0;
}}

"
    )
}

/// Compiles a program that includes the headers of all cases
fn compile(compiler: &str, folder: &Path, cases: &[Case]) {
    let mut program: String = cases.iter().map(c_program).collect();
    program += "int main(int argc, char **argv)\n{\n    int status = 1;\n    FILE *in = fopen(argv[2], \"rb\");\n    \
                FILE *out = fopen(argv[3], \"wb\");\n\n    switch (argc == 4 ? argv[1][5] - 'a' : -1) {\n";
    for (at, case) in cases.iter().enumerate() {
        program += &format!("    case {at}:\n        status = run_{}(in, out);\n        break;\n", case.name);
    }
    program += "    }\n    fclose(in);\n    return status + fclose(out);\n}\n";
    std::fs::write(folder.join("main.c"), program).unwrap();
    // An unused header must give no warning either.
    let empty: String = cases.iter().map(|case| format!("#include \"{}.h\"\n", case.name)).collect();
    std::fs::write(folder.join("unused.c"), empty + "int main(void)\n{\n    return 0;\n}\n").unwrap();
    for source in ["unused.c", "main.c"] {
        let mut command = Command::new(compiler);
        command.current_dir(folder).args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pedantic",
            "-Wshadow",
        ]);
        let output = command.args(["-O1", source, "-o", "program", "-lm"]).output().unwrap();
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn c_headers_compile_without_warnings_and_compute_what_the_models_compute() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases = cases(folder);
    for case in &cases {
        let header = c_header::header(&case.saved, &case.name).unwrap();
        std::fs::write(folder.join(format!("{}.h", case.name)), header.text).unwrap();
        let bytes: Vec<u8> = case.rows.iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(folder.join(format!("{}.rows", case.name)), bytes).unwrap();
    }
    for compiler in ["gcc", "clang"] {
        if Command::new(compiler).arg("--version").output().is_err() {
            left_out("the C headers of exported models", &format!("{compiler} not installed"));
            continue;
        }
        compile(compiler, folder, &cases);
        for (at, case) in cases.iter().enumerate() {
            let mut command = Command::new(folder.join("program"));
            let letter = char::from(b'a' + at as u8);
            command.current_dir(folder).args([
                format!("case_{letter}"),
                format!("{}.rows", case.name),
                "out".into(),
            ]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", case.name);
            let classes = case.saved.signature.outputs.classes();
            let names = format!("{}\n{}\n", classes[1], classes[2]);
            assert_eq!(String::from_utf8(output.stdout).unwrap(), names);
            let bytes = std::fs::read(folder.join("out")).unwrap();
            let numbers: Vec<f32> =
                bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
            let rows: Vec<&[f32]> = numbers.chunks_exact(7).collect();
            assert_eq!(rows.len(), ROWS);
            for (row, want) in rows.iter().zip(case.logits.chunks_exact(3)) {
                let scale = want.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
                let near = |(found, want): (&f32, &f64)| (f64::from(*found) - want).abs() <= 1e-4 * scale;
                assert!(row[1..4].iter().zip(want).all(near), "{}, {compiler}: {row:?}, {want:?}", case.name);
            }
            let labels: Vec<i64> = rows.iter().map(|row| row[0] as i64).collect();
            let probabilities = rows.iter().map(|row| &row[4..]).collect::<Vec<_>>().concat();
            check(&case.name, &case.logits, &labels, &probabilities, 1e-4);
        }
    }
}
