"""Reads the CSV files of the same runs in both dialects with Python's csv: they say the same, times aside.

    with_csv.py FOLDER_STANDARD FOLDER_EXCEL_EU
"""

import pathlib
import sys

import written

standard, eu = map(pathlib.Path, sys.argv[1:])
names = [path.relative_to(standard) for path in written.files(standard)]
assert names and names == [path.relative_to(eu) for path in written.files(eu)], f"other files: {names}"
for name in names:
    header, rows = written.read(standard / name, "standard")
    other_header, other_rows = written.read(eu / name, "excel-eu")
    assert header == other_header and len(rows) == len(other_rows), name
    for number, (row, other) in enumerate(zip(rows, other_rows), 2):
        for column, a, b in zip(header, row, other):
            assert column in written.TIMES or a == b, f"{name}, row {number}, {column}: {a!r} and {b!r}"
