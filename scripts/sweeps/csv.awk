# Reads CSV files of chainrule's, both dialects: loaded before a program that defines row() and done().
#
#   awk -f csv.awk -f group.awk -v x=learning_rate -v y=test_accuracy runs.csv
#
# For each line after a header, cell[NAME] holds the cells, with decimal points; names[1..columns] the header.

BEGIN { FS = "^$" } # lines are split here, not by awk

{ sub(/\r$/, "") }

FNR == 1 {
    sub(/^\357\273\277/, "")
    separator = index($0, ";") ? ";" : ","
    columns = split_line($0, names)
    next
}

{
    split("", cell)
    count = split_line($0, cells)
    for (i = 1; i <= count; i++) {
        if (separator == ";" && cells[i] ~ /^-?[0-9]+,[0-9]+$/) sub(/,/, ".", cells[i])
        cell[names[i]] = cells[i]
    }
    row()
}

END { if (!broken) done() }

# Cuts a line at its separators, those within quotes aside; returns how many cells there are.
function split_line(line, out,    n, c, quoted, at, text) {
    n = 0; text = ""; quoted = 0
    for (at = 1; at <= length(line); at++) {
        c = substr(line, at, 1)
        if (quoted && c == "\"" && substr(line, at + 1, 1) == "\"") { text = text c; at++ }
        else if (c == "\"") quoted = !quoted
        else if (c == separator && !quoted) { out[++n] = text; text = "" }
        else text = text c
    }
    out[++n] = text
    return n
}

function fail(message) {
    print message > "/dev/stderr"
    broken = 1
    exit 1
}
