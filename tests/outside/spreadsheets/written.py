"""What a CSV file of chainrule's says, cell by cell: the oracle of the checks beside it."""

import csv
import pathlib

# Columns of words. All others hold numbers, or nothing.
TEXT = set(
    "run_id trial status hidden_dims activation started_at version dtype engine no_shuffle data"
    " true predicted class mean sweep_id dataset data_hash simd cpu host commit reason best_of note"
    " test_data target ignore categorical missing scale class_weight weight_column task loss init initial_weights"
    " monitor keep schedule nesterov decay_bias optimizer flip norm".split()
)
# What differs from one run of the same settings to the next.
TIMES = {"train_s", "wall_s", "epoch_s", "samples_per_s", "started_at"}


def files(folder):
    """All CSV files below a folder."""
    return sorted(pathlib.Path(folder).rglob("*.csv"))


def read(path, dialect):
    """Header, and rows of text, float or None, as Python's csv module reads them."""
    eu = dialect == "excel-eu"
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") == eu, f"{path}: byte-order mark"
    assert (raw.count(b"\r\n") == raw.count(b"\n")) if eu else b"\r" not in raw, f"{path}: ends of lines"
    with open(path, encoding="utf-8-sig" if eu else "utf-8", newline="") as file:
        header, *lines = csv.reader(file, delimiter=";" if eu else ",", strict=True)
    assert len(set(header)) == len(header) and all(name.isidentifier() for name in header), f"{path}: {header}"
    rows = []
    for number, line in enumerate(lines, 2):
        assert len(line) == len(header), f"{path}, row {number}: {len(line)} cells, not {len(header)}"
        rows.append([value(name, cell, eu) for name, cell in zip(header, line)])
    return header, rows


def value(name, cell, eu):
    """What one cell means."""
    if cell == "":
        return None
    if name in TEXT:
        return cell
    assert ("." if eu else ",") not in cell, f"{name}: {cell} has the other dialect's sign"
    return float(cell.replace(",", "."))


def same(written, found):
    """Whether a cell arrived: numbers as equal numbers, words unchanged; words that are digits may be a number."""
    if isinstance(written, str) and isinstance(found, float):
        return written.isdecimal() and float(written) == found
    return type(written) is type(found) and written == found
