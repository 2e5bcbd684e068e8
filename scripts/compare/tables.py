"""The preset `table` of chainrule and two classifiers of scikit-learn on five tables, with the same splits.

Tables: iris, wine, breast cancer and digits, which scikit-learn brings, and `clusters`, 100,000 rows of
`make_classification`: 20 columns, of which 10 are informative and 4 are mixtures of these; 4 classes of 4 clusters each; 5 %
of the rows have a class drawn at random; seed 0. Each split is stratified, 70 % for training and 30 % for the test, and
its number is the seed of everything in it. No program sees the test rows before its accuracy is computed.

* `chainrule`: one run of `chainrule train --preset table`.
* `mlp`: MLPClassifier with Adam behind a StandardScaler. 30 random trials are compared by 3-fold cross-validation within the
  training rows, or from 1,000 training rows on by a fifth of these, held out; the best is fitted to all training rows. If
  there are more than 10,000 training rows, the trials use 10,000 of them, and trials and last fit stop early by a tenth
  of their rows, held out.
* `hgb`: HistGradientBoostingClassifier with its default settings.

Needs scikit-learn and pandas. Writes tables.csv, a row for each table, split and program, and tables.md, and prints both.
"""

import argparse
import csv
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

from console import names_of, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = ["iris", "wine", "breast_cancer", "digits", "clusters"]
PROGRAMS = ["chainrule", "mlp", "hgb"]
LARGE = 10_000
COLUMNS = [
    *("table", "split", "program", "version", "train_rows", "test_rows", "inputs", "classes", "test_accuracy"),
    *("tuning_s", "fit_s", "validation_accuracy", "settings"),
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=names_of(TABLES), default=TABLES, help=f"of {','.join(TABLES)} (default: all)")
    parser.add_argument("--programs", type=names_of(PROGRAMS), default=PROGRAMS, help=f"of {','.join(PROGRAMS)} (default: all)")
    parser.add_argument("--splits", type=int, default=5, help="number of splits of each table but clusters (default 5)")
    parser.add_argument("--large-splits", type=int, default=1, help="number of splits of clusters (default 1)")
    parser.add_argument("--trials", type=int, default=30, help="random trials of mlp for each split (default 30)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each program (default 1)")
    parser.add_argument("--chainrule", default=None, help="the program (default: target/release/chainrule, else that in PATH)")
    parser.add_argument("--config", type=pathlib.Path, help="TOML file with settings, in place of the preset")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "results", help="folder for the results (default: results)")
    parser.add_argument("--keep", action="store_true", help="keep the rows of tables.csv that are not measured now")
    parser.add_argument("--redraw", action="store_true", help="run none: make tables.md again from tables.csv")
    return parser.parse_args()


# --- data --------------------------------------------------------------------------------------


def load(table):
    """Inputs and classes of a table."""
    from sklearn import datasets

    if table == "clusters":
        return datasets.make_classification(
            n_samples=100_000,
            n_features=20,
            n_informative=10,
            n_redundant=4,
            n_classes=4,
            n_clusters_per_class=4,
            flip_y=0.05,
            random_state=0,
        )
    return getattr(datasets, f"load_{table}")(return_X_y=True)


def split_of(table, split):
    """Training inputs, test inputs, training classes, test classes; inputs in f32, which all programs get."""
    from sklearn.model_selection import train_test_split

    x, y = load(table)
    return train_test_split(x.astype("float32"), y, test_size=0.3, stratify=y, random_state=split)


# --- programs ----------------------------------------------------------------------------------


def program_path(args):
    built = ROOT / "target/release/chainrule"
    path = args.chainrule or (str(built) if built.exists() else shutil.which("chainrule"))
    if not path or not shutil.which(path):
        sys.exit("tables: error: no program chainrule; build it with `cargo build --release`, or name it with --chainrule")
    return path


def run_chainrule(args, parts, split):
    import pandas

    train_x, test_x, train_y, test_y = parts
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, x, y in [("train", train_x, train_y), ("test", test_x, test_y)]:
            frame = pandas.DataFrame(x, columns=[f"x{i + 1}" for i in range(x.shape[1])])
            frame.assign(**{"class": y}).to_csv(folder / f"{name}.csv", index=False)
        settings = ["--config", args.config] if args.config else ["--preset", "table"]
        command = [program_path(args), "train", *settings, "--data", folder / "train.csv", "--test-data", folder / "test.csv"]
        command += ["--target", "class", "--seed", split, "--threads", args.threads, "--out", folder, "--run-id", "run"]
        start = time.perf_counter()
        done = subprocess.run([*map(str, command), "--quiet", "--print", "json"], capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            sys.exit(f"tables: error: {' '.join(map(str, command))}: {done.stderr.strip()}")
        summary = json.loads(done.stdout)
    return {
        "version": summary["version"],
        "test_accuracy": summary["test_accuracy"],
        "tuning_s": 0,
        "fit_s": seconds,
        "settings": args.config.name if args.config else "preset table",
    }


def run_mlp(args, parts, split):
    import numpy as np
    import sklearn
    from scipy.stats import loguniform
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold, StratifiedShuffleSplit
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    warnings.simplefilter("ignore", ConvergenceWarning)
    # Warns that a batch is larger than the rows: the batch is then all rows.
    warnings.filterwarnings("ignore", message="Got `batch_size`")
    train_x, test_x, train_y, test_y = parts
    large = len(train_y) > LARGE
    space = {
        "hidden_layer_sizes": [(64,), (128,), (256,), (64, 64), (128, 64), (128, 128), (256, 128)],
        "activation": ["relu", "tanh", "logistic"],
        "alpha": loguniform(1e-6, 1),
        "learning_rate_init": loguniform(3e-4, 1e-2),
        "batch_size": [32, 64, 128, 256],
    }
    space = {f"mlpclassifier__{name}": values for name, values in space.items()}
    net = make_pipeline(StandardScaler(), MLPClassifier(max_iter=200, early_stopping=large, random_state=split))
    rows = np.arange(len(train_y))
    if large:
        rows = next(StratifiedShuffleSplit(1, train_size=LARGE, random_state=split).split(train_x, train_y))[0]
    if len(rows) < 1000:
        cv = StratifiedKFold(3, shuffle=True, random_state=split)
    else:
        cv = StratifiedShuffleSplit(1, test_size=0.2, random_state=split)
    start = time.perf_counter()
    search = RandomizedSearchCV(net, space, n_iter=args.trials, cv=cv, random_state=split, refit=False, n_jobs=args.threads)
    search.fit(train_x[rows], train_y[rows])
    tuned = time.perf_counter()
    net.set_params(**search.best_params_).fit(train_x, train_y)
    seconds = time.perf_counter() - tuned
    settings = {name.removeprefix("mlpclassifier__"): value for name, value in search.best_params_.items()}
    plain = lambda v: f"{v:.3g}" if isinstance(v, float) else "x".join(map(str, v)) if isinstance(v, tuple) else str(v)
    return {
        "version": sklearn.__version__,
        "test_accuracy": net.score(test_x, test_y),
        "tuning_s": tuned - start,
        "fit_s": seconds,
        "validation_accuracy": round(search.best_score_, 4),
        "settings": " ".join(f"{name}={plain(value)}" for name, value in sorted(settings.items())),
    }


def run_hgb(args, parts, split):
    import sklearn
    from sklearn.ensemble import HistGradientBoostingClassifier

    train_x, test_x, train_y, test_y = parts
    start = time.perf_counter()
    trees = HistGradientBoostingClassifier(random_state=split).fit(train_x, train_y)
    seconds = time.perf_counter() - start
    accuracy = trees.score(test_x, test_y)
    return {"version": sklearn.__version__, "test_accuracy": accuracy, "tuning_s": 0, "fit_s": seconds, "settings": "default"}


RUN = {"chainrule": run_chainrule, "mlp": run_mlp, "hgb": run_hgb}


# --- results -----------------------------------------------------------------------------------


def measure(args, earlier):
    """Rows of tables.csv, written again after each, so that a run that is cut off keeps what it has."""
    rows = earlier
    for table in args.tables:
        for split in range(args.large_splits if table == "clusters" else args.splits):
            parts = split_of(table, split)
            for program in args.programs:
                found = RUN[program](args, parts, split)
                found["test_accuracy"] = round(float(found["test_accuracy"]), 6)
                found |= {name: round(found[name], 3) for name in ("tuning_s", "fit_s")}
                train_x, _, train_y, test_y = parts
                sizes = {"train_rows": len(train_y), "test_rows": len(test_y), "inputs": train_x.shape[1]}
                row = {"table": table, "split": split, "program": program, "classes": len(set(train_y)), **sizes, **found}
                say(f"{table}, split {split}, {program}: {row['test_accuracy']:.4f}, {row['tuning_s'] + row['fit_s']:.1f} s")
                key = lambda row: (TABLES.index(row["table"]), int(row["split"]), PROGRAMS.index(row["program"]))
                rows = sorted([*(r for r in rows if key(r) != key(row)), row], key=key)
                write(args, rows)
    return rows


def write(args, rows):
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "tables.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (args.out / "tables.md").write_text(markdown(rows), encoding="utf-8")


def kept(args):
    """Rows of an earlier tables.csv."""
    path = args.out / "tables.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def markdown(rows):
    """Test accuracies in %, as mean ± sample standard deviation over the splits, and seconds for all that a program does."""
    programs = [p for p in PROGRAMS if any(row["program"] == p for row in rows)]
    head = ["table", "training rows", "splits", *(f"{p} (%)" for p in programs), *(f"{p} (s)" for p in programs)]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for table in [t for t in TABLES if any(row["table"] == t for row in rows)]:
        own = [row for row in rows if row["table"] == table]
        accuracies, seconds = [], []
        for program in programs:
            found = [row for row in own if row["program"] == program]
            percent = [100 * float(row["test_accuracy"]) for row in found]
            spread = f" ± {statistics.stdev(percent):.2f}" if len(percent) > 1 else ""
            accuracies.append(f"{statistics.mean(percent):.2f}{spread}" if percent else "–")
            times = [float(row["tuning_s"]) + float(row["fit_s"]) for row in found]
            seconds.append(f"{statistics.mean(times):.1f}" if times else "–")
        splits = len({int(row["split"]) for row in own})
        cells = [table.replace("_", " "), f"{int(own[0]['train_rows']):,}", str(splits), *accuracies, *seconds]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    args = arguments()
    earlier = kept(args) if args.keep or args.redraw else []
    # The libraries under scikit-learn read these when they are loaded.
    for name in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{name}_NUM_THREADS"] = str(args.threads)
    if "chainrule" in args.programs and not args.redraw:
        program_path(args)
    rows = earlier if args.redraw else measure(args, earlier)
    if not rows:
        sys.exit(f"tables: error: no rows in {args.out / 'tables.csv'}")
    write(args, rows)
    print((args.out / "tables.csv").read_text(), end="\n")
    print(markdown(rows), end="")


if __name__ == "__main__":
    main()
