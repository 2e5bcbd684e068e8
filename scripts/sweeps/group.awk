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

function row(    at, mine) {
    mine = index(cell["run_id"], x "-") == 1
    if (mine && !named) { named = 1; split("", sum); split("", squares); split("", n); split("", others); total = 0 }
    if (named && !mine || cell[y] == "") return
    at = parameter() + 0
    # Rows that differ in more than the seed are not one point with an error bar.
    other = ""
    for (i = 1; i <= split("activation epochs batch_size learning_rate momentum weight_decay dtype engine data", p, " "); i++)
        if (p[i] != x) other = other " " p[i] "=" cell[p[i]]
    if ((at in others) && others[at] != other)
        fail("runs of " x " " at " differ in more than the seed:" others[at] " and" other)
    others[at] = other
    if (!(at in n)) keys[++total] = at
    sum[at] += cell[y]; squares[at] += cell[y] * cell[y]; n[at]++
}

function done(    i, j, key, mean, variance) {
    if (!total) fail("no row has a " y)
    for (i = 2; i <= total; i++) { # by insertion: few values
        key = keys[i]
        for (j = i - 1; j > 0 && keys[j] > key; j--) keys[j + 1] = keys[j]
        keys[j + 1] = key
    }
    for (i = 1; i <= total; i++) {
        key = keys[i]; mean = sum[key] / n[key]
        variance = n[key] > 1 ? (squares[key] - n[key] * mean * mean) / (n[key] - 1) : 0
        printf "%.9g %.9g %.9g %d\n", key, mean, variance > 0 ? sqrt(variance) : 0, n[key]
    }
}
