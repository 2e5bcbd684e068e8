"""Reads CSV files with pandas, as docs/spreadsheets.md says, and compares every cell.

    with_pandas.py FOLDER DIALECT
"""

import sys

import pandas
import written


def compare(path, dialect):
    eu = {"sep": ";", "decimal": ","} if dialect == "excel-eu" else {}
    version = tuple(int(part) for part in pandas.__version__.split(".")[:2])
    exact = {"float_precision": "round_trip"} if version < (3, 1) else {}
    table = pandas.read_csv(path, **exact, **eu)
    header, rows = written.read(path, dialect)
    assert list(table.columns) == header, f"{path}: {list(table.columns)}, not {header}"
    assert len(table) == len(rows), f"{path}: {len(table)} rows, not {len(rows)}"
    for at, name in enumerate(header):
        column = table[name]
        assert name in written.TEXT or pandas.api.types.is_numeric_dtype(column), f"{path}, {name}: {column.dtype}"
        for number, (row, got) in enumerate(zip(rows, column), 2):
            want = row[at]
            if pandas.isna(got):
                got = None
            elif isinstance(got, bool) or pandas.api.types.is_bool(got):
                got = str(got).lower()
            elif not isinstance(got, str):
                got = float(got)
            assert written.same(want, got), f"{path}, row {number}, {name}: {got!r}, not {want!r}"


folder, dialect = sys.argv[1:]
for file in written.files(folder):
    compare(file, dialect)
