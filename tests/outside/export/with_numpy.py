"""Computes each NAME.npz of a folder with NumPy, by the lines of docs/models.md.

    with_numpy.py DOCS_MODELS_MD FOLDER

Rows are read from NAME.rows; labels (int64) and probabilities (float32) are written to NAME.labels and NAME.probabilities,
the targets of a model of numbers (float32) to NAME.output.
"""

import pathlib
import sys

import numpy as np

text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
(block,) = [block for block in text.split("```python\n")[1:] if 'np.load("model.npz")' in block]
lines = block.split("```")[0].replace('"model.npz"', "path")

for path in sorted(pathlib.Path(sys.argv[2]).glob("*.npz")):
    columns = np.load(path)["source"].max() + 1
    names = {"np": np, "path": path, "rows": np.fromfile(path.with_suffix(".rows"), np.float32).reshape(-1, columns)}
    exec(lines, names)
    if "targets" in names:
        names["targets"].astype(np.float32).tofile(path.with_suffix(".output"))
        continue
    x, classes = names["x"], list(np.load(path)["class_names"])
    exp = np.exp(x - x.max(axis=1, keepdims=True))
    labels = np.array([classes.index(name) for name in names["label"]], np.int64)
    labels.tofile(path.with_suffix(".labels"))
    (exp / exp.sum(axis=1, keepdims=True)).astype(np.float32).tofile(path.with_suffix(".probabilities"))
