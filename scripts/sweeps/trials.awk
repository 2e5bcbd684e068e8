# Epochs of all runs in the files: "epoch y" lines, a block a run with its label as the first line.

function row(    id, i, varied) {
    id = cell["run_id"]
    if (!(id in label)) {
        order[++total] = id
        varied = ""
        if ("trial" in cell)
            for (i = 3; i <= columns && names[i] != "epoch"; i++) varied = varied " " names[i] "=" cell[names[i]]
        rate[id] = cell["learning_rate"]
        if (total > 1 && rate[id] != rate[order[1]]) rates = 1
        label[id] = id varied
    }
    if (cell[y] != "") lines[id] = lines[id] cell["epoch"] " " cell[y] "\n"
}

function done(    i, id) {
    for (i = 1; i <= total; i++) {
        id = order[i]
        if (lines[id] == "") continue
        if (label[id] != id && rates && label[id] !~ /learning_rate/) label[id] = label[id] " learning_rate=" rate[id]
        printf "%s\"%s\"\n%s", (drawn++ ? "\n\n" : ""), label[id], lines[id]
    }
    if (!drawn) fail("no row has a " y)
}
