#!/usr/bin/env bash
# Measures the figures of the README and writes them between its marks, and redraws the pictures that it shows.
#
#   scripts/readme-figures.sh            runs everything, then writes README.md and docs/ (about five minutes)
#   scripts/readme-figures.sh --check    changes nothing; fails if a loss or an accuracy in the README differs
#
# Takes the program from CHAINRULE, or else builds it. Times depend on the machine, so --check leaves them out.
# Needs python3, and the data that scripts/get-data.sh downloads.
set -euo pipefail

say() { printf 'readme-figures: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

check=false
case ${1-} in
-h | --help)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
--check) check=true ;;
'') ;;
*) die "unknown argument '$1'; see --help" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v python3 >/dev/null || die "python3 is not installed: it measures time and memory"
readme=$PWD/README.md docs=$PWD/docs
scripts/get-data.sh
if [[ -z ${CHAINRULE-} ]]; then
    cargo build --release --locked
    CHAINRULE=${CARGO_TARGET_DIR:-target}/release/chainrule
fi
chainrule=$(realpath -e "$CHAINRULE") || die "there is no program $CHAINRULE"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/data"
ln -s "$PWD/data/fashion-mnist" "$work/data/fashion-mnist"
cd "$work"
unset CHAINRULE_DATA CHAINRULE_SIMD CHAINRULE_THREADS

# The value of a column in the only row of a CSV file
cell() { # FILE COLUMN
    python3 -c 'import csv, sys; print(next(csv.DictReader(open(sys.argv[1], encoding="utf-8")))[sys.argv[2]])' "$@"
}

# Mean, least and greatest of the numbers on standard input, which are shares, in percent
mean_and_range() {
    python3 -c 'import sys
x = [100 * float(line) for line in sys.stdin]
print(f"mean {sum(x) / len(x):.2f} %, {min(x):.2f} to {max(x):.2f} %")'
}

# Wall time in seconds and greatest memory in MB of a command
time_and_memory() { # COMMAND…
    python3 -c 'import os, subprocess, sys, time
runs = []
for _ in range(5):
    start = time.monotonic()
    child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - start
    if status:
        sys.exit(f"{sys.argv[1:]} failed")
    runs.append((took, usage.ru_maxrss / 1000))
seconds, megabytes = min(runs)
print(f"{seconds:.2f} s, {megabytes:.0f} MB")' "$@"
}

# Writes standard input between the marks NAME:begin and NAME:end of the README
replace() { # NAME
    local text
    text=$(cat)
    if ! grep -q "^<!-- $1:begin" "$readme" || ! grep -q "^<!-- $1:end" "$readme"; then die "README.md has no marks $1:begin and $1:end"; fi
    NAME=$1 TEXT=$text awk '
        $0 ~ "^<!-- " ENVIRON["NAME"] ":end" { skipping = 0 }
        !skipping { print }
        $0 ~ "^<!-- " ENVIRON["NAME"] ":begin" { print ENVIRON["TEXT"]; skipping = 1 }
    ' "$readme" >"$work/README.md"
    cat "$work/README.md" >"$readme"
}

# The lines between the marks NAME:begin and NAME:end of the README
between() { # NAME
    awk -v name="$1" '$0 ~ "^<!-- " name ":end" { on = 0 } on { print } $0 ~ "^<!-- " name ":begin" { on = 1 }' "$readme"
}

say "the default run"
"$chainrule" train --out results 2>quickstart.log
# Of a run with many epochs, the first two and the last
awk '/^epoch/ { n++; if (n == 3) print "…"; held = $0; if (n <= 2) print; next } held != "" { if (n > 2) print held; held = "" } { print }' \
    quickstart.log | sed 's/^/    /' >quickstart.txt

say "seeds 1 to 5"
for seed in 1 2 3 4 5; do
    "$chainrule" train --quiet --seed "$seed" --out seeds --run-id "seed$seed"
    cell "seeds/seed$seed/summary.csv" test_accuracy
done >seeds.txt
seeds=$(mean_and_range <seeds.txt)

say "softmax regression"
"$chainrule" train --quiet --hidden-dims none --epochs 15 --out softmax --run-id softmax
softmax=$(cell softmax/softmax/summary.csv test_accuracy | python3 -c 'print(f"{100 * float(input()):.2f} %")')

row_seeds="| test accuracy after 30 epochs, seeds 1 to 5 | $seeds | \`chainrule train --seed N\` |"
row_softmax="| softmax regression, 15 epochs | $softmax | \`chainrule train --hidden-dims none --epochs 15\` |"

if $check; then
    # What does not depend on the machine: no times, names of runs and numbers of threads
    strip() { sed -E 's/; [0-9.]+ s, [0-9,]+ [a-z]+\/s$//; s/, [0-9.]+ s of training//; s/run-[0-9-]+/RUN/; s/, [0-9]+ threads?//'; }
    diff <(between quickstart | strip) <(strip <quickstart.txt) >&2 || die "the quick start of README.md is stale: run scripts/readme-figures.sh"
    diff <(between results | grep -E '^\| (test|softmax)') <(printf '%s\n' "$row_seeds" "$row_softmax") >&2 ||
        die "the results of README.md are stale: run scripts/readme-figures.sh"
    say "the figures of README.md are those of this program"
    exit 0
fi

say "a whole process"
process=$(time_and_memory "$chainrule" train --epochs 1 --out process)

say "trials side by side"
took() { # JOBS
    local start=$EPOCHREALTIME
    "$chainrule" sweep --quiet --grid seed=1,2,3,4,5,6,7,8 --epochs 5 --jobs "$1" --out "jobs$1-$2"
    python3 -c 'import sys; print(float(sys.argv[2]) - float(sys.argv[1]))' "$start" "$EPOCHREALTIME"
}
for turn in 1 2 3; do
    took 1 "$turn" >>one.txt
    took 2 "$turn" >>two.txt
done
jobs=$(paste one.txt two.txt | python3 -c 'import statistics, sys
print(f"{statistics.median(float(a) / float(b) for a, b in map(str.split, sys.stdin)):.1f} times as fast")')

replace quickstart <quickstart.txt
replace results <<TABLE
| what | result | command |
|---|---|---|
$row_seeds
$row_softmax
| weights after one epoch in f64, compared with NumPy | relative difference 1e-15 | \`scripts/check-numpy.py\` |
| whole process with one epoch (start, load, train, evaluate, write, draw) | $process | \`chainrule train --epochs 1\` |
| 8 trials of the default net, \`--jobs 2\` compared with \`--jobs 1\` | $jobs | \`chainrule sweep --grid seed=1,2,3,4,5,6,7,8 --epochs 5\` |
TABLE

run=(results/run-*/)
cp "${run[0]}curves.png" "$docs/curves.png"
cp "${run[0]}confusion.svg" "$docs/confusion.svg"
say "README.md, docs/curves.png and docs/confusion.svg are written; look at the difference before you commit it"
