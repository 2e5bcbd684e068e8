"""Opens CSV files in LibreOffice, in both locales, as docs/spreadsheets.md says, and compares every cell.

    libreoffice.py SOFFICE FOLDER DIALECT
"""

import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

import written

# The numbers by which the filter's options name a language.
LANGUAGES = {"en-US": 1033, "de-DE": 1031}
# What a person chooses in the import dialog: separator, and the language whose numbers the file holds.
CHOICES = {"standard": (",", "en-US"), "excel-eu": (";", "de-DE")}
PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse">\
<value>LOCALE</value></prop></item>
</oor:items>
"""
SPACES = "office table text style fo".split()
NS = {name: f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0" for name in SPACES}
NS["fo"] = "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"


def attribute(element, name, default=None):
    space, _, local = name.partition(":")
    return element.get(f"{{{NS[space]}}}{local}", default)


def convert(soffice, locale, dialect, files, out):
    """Each file as a flat OpenDocument sheet: `out`/0.fods, 1.fods, …"""
    separator, language = CHOICES[dialect]
    # The dialog of a person at home in this language has it preset; anyone else chooses it.
    language = 0 if language == locale else LANGUAGES[language]
    profile = out / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user/registrymodifications.xcu").write_text(PROFILE.replace("LOCALE", locale))
    inputs = [out / f"{number}.csv" for number in range(len(files))]
    for copy, path in zip(inputs, files):
        copy.write_bytes(path.read_bytes())
    # Separator, quote, UTF-8, first row, no columns' formats, language, quoted cells may be numbers, no dates.
    options = f"{ord(separator)},34,76,1,,{language},false,false"
    command = [soffice, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "fods"]
    command += ["--outdir", out, f"--infilter=Text - txt - csv (StarCalc):{options}", *inputs]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return [path.with_suffix(".fods") for path in inputs]


def cell(element):
    """Text, float or None; anything else that LibreOffice made of it as text that tells."""
    kind = attribute(element, "office:value-type")
    if attribute(element, "table:formula"):
        return f"formula {attribute(element, 'table:formula')}"
    if kind == "float":
        return float(attribute(element, "office:value"))
    if kind in (None, "string"):
        text = "\n".join("".join(line.itertext()) for line in element.iterfind("text:p", NS))
        return text or None
    return f"{kind} {element.attrib}"


def sheet(path, locale):
    """The rows, without the empty ones below and the empty cells behind."""
    root = xml.parse(path).getroot()
    language, country = locale.split("-")
    default = root.find("office:styles/style:default-style[@style:family='table-cell']/style:text-properties", NS)
    found = (attribute(default, "fo:language"), attribute(default, "fo:country"))
    assert found == (language, country), f"LibreOffice ran in {found}, not in {locale}"
    rows = []
    for row in root.iterfind("office:body/office:spreadsheet/table:table/table:table-row", NS):
        cells = []
        for element in row.iterfind("table:table-cell", NS):
            value = cell(element)
            repeated = int(attribute(element, "table:number-columns-repeated", "1"))
            cells += [value] * (repeated if value is not None else min(repeated, 100))
        while cells and cells[-1] is None:
            cells.pop()
        repeated = int(attribute(row, "table:number-rows-repeated", "1"))
        rows += [cells] * (repeated if cells else min(repeated, 1))
    while rows and not rows[-1]:
        rows.pop()
    return rows


def compare(path, dialect, locale, rows):
    """How many cells were compared."""
    header, lines = written.read(path, dialect)
    where = f"{path.name} ({dialect}, {locale})"
    assert len(rows) == len(lines) + 1, f"{where}: {len(rows)} rows, not {len(lines) + 1}"
    for number, (wanted, found) in enumerate(zip([header, *lines], rows), 1):
        found = found + [None] * (len(wanted) - len(found))
        assert len(found) == len(wanted), f"{where}, row {number}: {len(found)} cells, not {len(wanted)}"
        for name, want, got in zip(header, wanted, found):
            # LibreOffice saves 15 digits of a number: what was written with more may differ by one in the last of those.
            numbers = isinstance(want, float) and isinstance(got, float)
            is_same = abs(want - got) <= 1e-14 * abs(want) if numbers else written.same(want, got)
            assert is_same, f"{where}, row {number}, {name}: {got!r}, not {want!r}"
    return len(header) * len(rows)


def main(soffice, folder, dialect):
    files = written.files(folder)
    for locale in LANGUAGES:
        with tempfile.TemporaryDirectory() as out:
            sheets = convert(soffice, locale, dialect, files, pathlib.Path(out))
            cells = sum(compare(f, dialect, locale, sheet(s, locale)) for f, s in zip(files, sheets))
        print(f"{dialect}, {locale}: {cells} cells of {len(files)} files")


main(*sys.argv[1:])
