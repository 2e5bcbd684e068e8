# confusion.csv as lines of column, row, count, share of the true class, name of the true class; apart by TABs.

function number(name) {
    if (!(name in place)) place[name] = total++
    return place[name]
}

function row() {
    lines++
    at[lines] = number(cell["true"])
    text[lines] = cell["true"]
    predicted[lines] = cell["predicted"]
    images[lines] = cell["count"]
    all[at[lines]] += cell["count"]
}

function done(    i, share) {
    if (!lines) fail("no row")
    for (i = 1; i <= lines; i++) {
        gsub(/["\t]/, " ", text[i])
        share = all[at[i]] > 0 ? images[i] / all[at[i]] : 0
        printf "%d\t%d\t%d\t%.4f\t%s\n", number(predicted[i]), at[i], images[i], share, text[i]
    }
}
