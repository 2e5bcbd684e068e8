"""Checks each NAME.onnx of a folder with onnx, and computes it with ONNX Runtime.

    with_onnxruntime.py FOLDER

Rows are read from NAME.rows; labels (int64) and probabilities (float32) are written to NAME.labels and NAME.probabilities,
the targets of a model of numbers (float32) to NAME.output.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (cells,) = session.get_inputs()
    assert (cells.name, cells.type, cells.shape[0]) == ("input", "tensor(float)", "batch"), cells
    rows = np.fromfile(path.with_suffix(".rows"), np.float32).reshape(-1, cells.shape[1])
    if [output.name for output in session.get_outputs()] == ["output"]:
        (output,) = session.run(None, {"input": rows})
        assert output.dtype == np.float32, path
        output.tofile(path.with_suffix(".output"))
        continue
    probabilities, label = session.run(["probabilities", "label"], {"input": rows})
    assert (probabilities.dtype, label.dtype, label.shape) == (np.float32, np.int64, (len(rows),)), path
    label.tofile(path.with_suffix(".labels"))
    probabilities.tofile(path.with_suffix(".probabilities"))
    empty, _ = session.run(None, {"input": rows[:0]})
    assert empty.shape == (0, probabilities.shape[1]), empty.shape
