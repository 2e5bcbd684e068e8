# Shared by the loops of this folder: settings from the environment, and one training run.
# shellcheck shell=sh disable=SC2034

here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$0")

say() { printf '%s: %s\n' "$name" "$*" >&2; }
die() {
    say "error: $*"
    exit 2
}

case ${1-} in
-h | --help)
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    cat <<'HELP'
Settings come from the environment:
  EPOCHS      passes over the training set [10]
  SEEDS       one run for each of these, separated by spaces [42]
  DATA        folder of IDX files, or 'synthetic' [as 'chainrule train' finds it, or this repository's]
  OUT         folder of the runs and of runs.csv [results]
  CHAINRULE   the program [this repository's release build, or the one in the PATH]
Finished runs are skipped, unfinished ones start again. Exit: 0, or 4 if a run failed or diverged.
HELP
    exit 0
    ;;
esac

root=$(dirname "$(dirname "$here")")
EPOCHS=${EPOCHS:-10} SEEDS=${SEEDS:-42} OUT=${OUT:-results} DATA=${DATA-}
if [ -z "${CHAINRULE-}" ]; then
    CHAINRULE=${CARGO_TARGET_DIR:-$root/target}/release/chainrule
    [ -x "$CHAINRULE" ] || CHAINRULE=$(command -v chainrule) ||
        die "no chainrule here: run 'cargo build --release' in $root, or set CHAINRULE"
fi
if [ -z "$DATA" ] && [ -z "${CHAINRULE_DATA-}" ] && [ -d "$root/data/fashion-mnist" ]; then
    DATA=$root/data/fashion-mnist
fi
export name EPOCHS OUT DATA CHAINRULE # for the shells that GNU parallel starts

# Prints the status in the summary of run ID: ok, diverged, interrupted or failed; prints nothing without a summary
status_of() {
    summary=$OUT/$1/summary.csv
    if [ -f "$summary" ]; then sed -n '2s/^[^,;]*[,;]\([a-z]*\)[,;].*/\1/p' "$summary"; fi
}

# trial ID FLAG…: one run of chainrule train in OUT/ID, its row appended to OUT/runs.csv, its messages in OUT/ID.log
trial() {
    id=$1
    shift
    if [ -d "$OUT/$id" ]; then
        case $(status_of "$id") in
        ok)
            say "$id: there already"
            return 0
            ;;
        diverged)
            say "$id: there already, diverged"
            return 3
            ;;
        esac
        say "$id: unfinished, starts again"
        rm -rf -- "${OUT:?}/$id"
    fi
    mkdir -p "$OUT"
    code=0
    "$CHAINRULE" train --run-id "$id" --out "$OUT" --epochs "$EPOCHS" ${DATA:+--data "$DATA"} "$@" \
        2>"$OUT/$id.log" || code=$?
    tail -n 2 "$OUT/$id.log" | head -n 1 | sed "s/^/$id: /" >&2
    return "$code"
}

failed=0
# Handles the exit code of a failed trial: wrong usage and signals end the loop, other codes are counted
went_wrong() {
    if [ "$1" -eq 2 ] || [ "$1" -gt 128 ]; then exit "$1"; fi
    failed=$((failed + 1))
}

finish() {
    say "rows in $OUT/runs.csv; $failed runs failed or diverged"
    if [ "$failed" -gt 0 ]; then exit 4; fi
}
