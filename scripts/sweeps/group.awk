# Rows of a runs.csv grouped by the parameter x: x, mean of y, standard deviation over seeds, how many, in order of x.
#
# hidden_dim and num_layers are read from hidden_dims where they are no columns. If the file holds runs of the loops
# of this folder, only those named after x count.

function parameter(    parts, n) {
    if (x in cell && cell[x] != "") return cell[x]
    if (x != "hidden_dim" && x != "num_layers") fail("no column " x)
    if (cell["hidden_dims"] == "none") return 0
    n = split(cell["hidden_dims"], parts, "x")
    return x == "num_layers" ? n : parts[1]
}

function row(    i, parts, count) {
    if (cell[y] == "") return
    rows++
    mine[rows] = index(cell["run_id"], x "-") == 1
    if (mine[rows]) named = 1
    value[rows] = parameter() + 0
    result[rows] = cell[y]
    count = split("activation epochs batch_size learning_rate momentum weight_decay dtype engine data", parts, " ")
    for (i = 1; i <= count; i++) if (parts[i] != x) others[rows] = others[rows] " " parts[i] "=" cell[parts[i]]
}

function group(r,    at) {
    at = value[r]
    # Rows that differ in more than the seed are not one point with an error bar.
    if (!(at in n)) { keys[++total] = at; first[at] = r }
    if (others[first[at]] != others[r])
        fail("runs of " x " " at " differ in more than the seed:" others[first[at]] " and" others[r])
    sum[at] += result[r]; squares[at] += result[r] * result[r]; n[at]++
}

function done(    i, j, key, mean, variance) {
    for (i = 1; i <= rows; i++) if (mine[i] || !named) group(i)
    if (!total) fail("no row has a " y)
    for (i = 2; i <= total; i++) { # by insertion: few values
        key = keys[i]
        for (j = i - 1; j > 0 && keys[j] > key; j--) keys[j + 1] = keys[j]
        keys[j + 1] = key
    }
    for (i = 1; i <= total; i++) {
        key = keys[i]; mean = sum[key] / n[key]
        variance = n[key] > 1 ? (squares[key] - n[key] * mean * mean) / (n[key] - 1) : 0
        printf "%.9g %.9g %.9g %d\n", key, mean, (variance > 0 ? sqrt(variance) : 0), n[key]
    }
}
