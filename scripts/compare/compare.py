"""Runs chainrule and its peers in turns and writes results/compare.csv, compare.md and compare.svg.

Started by scripts/compare.sh, which installs and builds what it runs. Needs nothing but Python.
"""

import argparse
import csv
import json
import math
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from xml.sax.saxutils import escape

from console import names_of, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
NETS = {
    "tiny": ("784-32-10", 16),
    "small": ("784-128-64-10", 64),
    "wide": ("784-512-512-10", 128),
    "big": ("784-2048-2048-10", 256),
}
# Programs whose products take bf16 end in -bf16. Ours runs if one of the chosen peers does.
OWN = {"chainrule": "f32", "chainrule-bf16": "bf16"}
PEERS = [
    *("numpy", "torch-eager", "torch-bf16", "torch-compile", "torch-compile-bf16", "jax", "jax-bf16", "sklearn"),
    *("candle", "burn-flex", "burn-ndarray"),
]
SCRIPTS = {
    "numpy": ["numpy_mlp.py"],
    "torch-eager": ["torch_mlp.py"],
    "torch-bf16": ["torch_mlp.py", "--bf16"],
    "torch-compile": ["torch_mlp.py", "--compile"],
    "torch-compile-bf16": ["torch_mlp.py", "--compile", "--bf16"],
    "jax": ["jax_mlp.py"],
    "jax-bf16": ["jax_mlp.py", "--bf16"],
    "sklearn": ["sklearn_mlp.py"],
}
# Largest allowed difference of test accuracies for one net: the programs use different seeds.
ACCURACY_SPREAD = 0.03
COLUMNS = [
    *("program", "version", "net", "layers", "batch_size", "threads", "epochs", "epoch_median_s", "epoch_min_s"),
    *("test_accuracy", "predict_images_per_s", "predict_one_us", "process_s", "process_peak_mib"),
    *("gflop_per_s", "fraction_of_peak", "times_chainrule", "cpu", "cores"),
]


def arguments():
    parser = argparse.ArgumentParser(prog="compare.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=names_of(PEERS), default=PEERS, help=f"of {','.join(PEERS)} (default: all)")
    parser.add_argument("--nets", type=names_of(NETS), default=list(NETS), help=f"of {','.join(NETS)} (default: all)")
    parser.add_argument("--threads", type=lambda t: [int(n) for n in t.split(",")], default=[1, 2], help="default 1,2")
    parser.add_argument("--epochs", type=int, default=5, help="timed epochs per turn, after one warm-up epoch (default 5)")
    parser.add_argument("--turns", type=int, default=1, help="number of turns of each program (default 1)")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "data/fashion-mnist")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "results")
    parser.add_argument("--keep", action="store_true", help="keep the rows of compare.csv whose nets and threads are not run now")
    parser.add_argument("--readme", action="store_true", help="write table and chart into README.md and docs/")
    parser.add_argument("--redraw", action="store_true", help="run nothing: make table and chart from the compare.csv that is there")
    parser.add_argument("--list-peers", action="store_true", help="only print the chosen peers, one per line")
    return parser.parse_args()


class Failure(Exception):
    """A program failed or printed something unexpected."""


# --- running -----------------------------------------------------------------------------------


def run(command, threads):
    """Runs a program; returns its last line on stdout, wall time in s and peak memory in MiB."""
    # Variables that the user has set for chainrule or OpenBLAS (such as the choice of kernels) would change the comparison.
    dropped = ("CHAINRULE_", "OPENBLAS_")
    keep = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    limits = ["OMP", "OPENBLAS", "MKL", "RAYON"]
    env = keep | {f"{name}_NUM_THREADS": str(threads) for name in limits} | {"JAX_PLATFORMS": "cpu"}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=errors, env=env, cwd=ROOT)
        out = process.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-3:]
            raise Failure(f"exit code {process.returncode}: {' | '.join(last)}")
    lines = out.strip().splitlines()
    return lines[-1] if lines else "", seconds, usage.ru_maxrss / 1024


def peer_command(program, net, threads, epochs, data):
    dims, batch_size = NETS[net]
    flags = ["--net", dims, "--batch-size", batch_size, "--threads", threads, "--epochs", epochs, "--data", data]
    if program in SCRIPTS:
        name, *more = SCRIPTS[program]
        return [ROOT / "target/compare-venv/bin/python", HERE / name, *more, *flags]
    return [ROOT / "peers/target/release/peers", "--peer", program, *flags]


def run_peer(program, net, threads, args):
    line, _, _ = run([*peer_command(program, net, threads, args.epochs, args.data), "--predict"], threads)
    return json.loads(line)


def own_of(program):
    """Our program with the products of this one: the one that it is compared with."""
    return "chainrule-bf16" if program.endswith("-bf16") else "chainrule"


def chainrule_train(program, net, threads, epochs, data, out):
    dims, batch_size = NETS[net]
    hidden = ",".join(dims.split("-")[1:-1])
    command = [ROOT / "target/release/chainrule", "train", "--quiet", "--data", data, "--out", out, "--run-id", "run"]
    command += ["--epochs", epochs, "--threads", threads, "--hidden-dims", hidden, "--batch-size", batch_size]
    return run([*command, "--dtype", OWN[program]], threads)


def run_chainrule(program, net, threads, args):
    dims, batch_size = NETS[net]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        chainrule_train(program, net, threads, args.epochs + 1, args.data, folder)
        with (folder / "run/epochs.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        with (folder / "run/summary.csv").open(newline="") as file:
            version = next(csv.DictReader(file))["version"]
        bench = folder / "bench.csv"
        command = [ROOT / "target/release/chainrule", "bench", "--net", dims, "--batch-size", batch_size]
        command += ["--threads", threads, "--epochs", 1, "--data", args.data, "--out", bench, "--dtype", OWN[program]]
        run(command, threads)
        with bench.open(newline="") as file:
            figures = list(csv.DictReader(file))
    # Names are as "784-32-10 10000 images".
    predict = {row["name"].split()[1]: row for row in figures if row["kind"] == "predict"}
    # A processor without AVX512-BF16 has no row of this peak.
    operation = "vdpbf16ps" if program == "chainrule-bf16" else "fma"
    peaks = [float(row["gflop_per_s"]) for row in figures if row["operation"] == operation]
    return {
        "program": program,
        "version": version,
        "epoch_s": [float(row["epoch_s"]) for row in rows[1:]],
        "test_accuracy": float(rows[-1]["test_accuracy"]),
        "predict_images_per_s": float(predict["10000"]["images_per_s"]),
        "predict_one_us": 1e6 * float(predict["1"]["median_s"]),
        "peaks_gflop_per_s": peaks,
    }


def whole_process(program, threads, args):
    """Start, load, one epoch of small, evaluate, write or print: wall time in s and peak memory in MiB."""
    if program in OWN:
        with tempfile.TemporaryDirectory() as folder:
            _, seconds, mib = chainrule_train(program, "small", threads, 1, args.data, folder)
    else:
        _, seconds, mib = run(peer_command(program, "small", threads, 0, args.data), threads)
    return seconds, mib


def measure(args):
    """Returns a map (program, net, threads) -> results of its turns, and a list of failures."""
    results, failures = {}, []
    programs = [own for own in OWN if own in {"chainrule", *map(own_of, args.peers)}] + args.peers
    for net in args.nets:
        for threads in args.threads:
            for turn in range(args.turns):
                for program in programs[turn % len(programs) :] + programs[: turn % len(programs)]:
                    key = (program, net, threads)
                    if any(failed == key for failed, _ in failures):
                        continue
                    say(f"{net}, {threads} threads, turn {turn + 1} of {args.turns}: {program}")
                    try:
                        one = (run_chainrule if program in OWN else run_peer)(*key, args)
                        if net == "small":
                            one["process"] = whole_process(program, threads, args)
                        results.setdefault(key, []).append(one)
                    except (Failure, OSError, ValueError, KeyError, StopIteration) as err:
                        failures.append((key, f"{program} on {net} with {threads} threads: {err}"))
                        say(f"FAILED: {failures[-1][1]}")
    return results, [text for _, text in failures]


# --- results -----------------------------------------------------------------------------------


def cpu_name():
    """The name of the CPU as Linux reports it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def gflop_an_epoch(dims):
    dims = [int(d) for d in dims.split("-")]
    weights = [a * b for a, b in zip(dims, dims[1:])]
    return 60_000 * 2e-9 * (2 * sum(weights) + sum(weights[1:]))


def rows_of(results):
    """The lines of compare.csv."""
    rows, peaks = [], {}
    machine = {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0))}
    for (program, _, threads), turns in results.items():
        if program in OWN:
            peaks.setdefault((program, threads), []).extend(peak for turn in turns for peak in turn["peaks_gflop_per_s"])
    for (program, net, threads), turns in results.items():
        epochs = [s for turn in turns for s in turn["epoch_s"]]
        median = lambda key: statistics.median(turn[key] for turn in turns)
        dims, batch_size = NETS[net]
        rate = gflop_an_epoch(dims) / statistics.median(epochs)
        process = [turn["process"] for turn in turns if "process" in turn]
        peak = peaks.get((own_of(program), threads))
        rows.append({
            "program": program,
            "version": turns[0]["version"],
            "net": net,
            "layers": dims.replace("-", " "),
            "batch_size": batch_size,
            "threads": threads,
            "epochs": len(epochs),
            "epoch_median_s": round(statistics.median(epochs), 5),
            "epoch_min_s": round(min(epochs), 5),
            "test_accuracy": round(median("test_accuracy"), 4),
            "predict_images_per_s": round(median("predict_images_per_s")),
            "predict_one_us": round(median("predict_one_us"), 2),
            "process_s": round(statistics.median(s for s, _ in process), 3) if process else "",
            "process_peak_mib": round(max(mib for _, mib in process)) if process else "",
            "gflop_per_s": round(rate, 1),
            "fraction_of_peak": round(rate / statistics.median(peak), 3) if peak else "",
            **machine,
        })
    own = {(r["program"], r["net"], r["threads"]): r["epoch_median_s"] for r in rows if r["program"] in OWN}
    for row in rows:
        base = own.get((own_of(row["program"]), row["net"], row["threads"]))
        row["times_chainrule"] = round(row["epoch_median_s"] / base, 2) if base else ""
    return rows


def kept(path, rows):
    """Rows of an earlier compare.csv whose net and number of threads were not run now, with numbers parsed."""
    now = {(row["net"], row["threads"]) for row in rows}
    if not path.exists():
        return []
    with path.open(newline="") as file:
        earlier = list(csv.DictReader(file))
    texts, counts = {"program", "version", "net", "layers", "cpu"}, {"batch_size", "threads", "epochs", "cores"}
    for row in earlier:
        for key in set(row) - texts:
            row[key] = "" if row[key] == "" else int(float(row[key])) if key in counts else float(row[key])
    return [row for row in earlier if (row["net"], row["threads"]) not in now]


def odd_accuracies(rows):
    """Returns a message for each program whose accuracy differs from the others."""
    odd = []
    for net in {row["net"] for row in rows}:
        all_of_net = [row for row in rows if row["net"] == net]
        middle = statistics.median(row["test_accuracy"] for row in all_of_net)
        odd += [
            f"{row['program']} on {net}: test accuracy {row['test_accuracy']}, the others have {middle}"
            for row in all_of_net
            if abs(row["test_accuracy"] - middle) > ACCURACY_SPREAD
        ]
    return odd


def table(rows):
    """Markdown table: seconds per epoch by program, and the ratio of the fastest peer to ours, for f32 and for bf16."""
    keys = sorted({(list(NETS).index(r["net"]), r["net"], r["threads"]) for r in rows})
    columns = [(net, threads) for _, net, threads in keys]
    programs = [p for p in [*OWN, *PEERS] if any(r["program"] == p for r in rows)]
    cell = {(r["program"], r["net"], r["threads"]): r for r in rows}
    seconds = lambda row: f"{row['epoch_median_s']:.3g}" if row else "–"
    lines = ["| seconds an epoch | " + " | ".join(f"{net}, {t} thread{'s' * (t > 1)}" for net, t in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for program in programs:
        version = next(r["version"] for r in rows if r["program"] == program)
        found = [cell.get((program, *column)) for column in columns]
        lines.append(f"| {program} {version} | " + " | ".join(map(seconds, found)) + " |")
    for own, peer, peak in [("chainrule", "peer", "FMA peak"), ("chainrule-bf16", "bf16 peer", "peak of bf16")]:
        if own not in programs:
            continue
        ratio, share = [], []
        alike = [p for p in programs if p != own and own_of(p) == own]
        for column in columns:
            row = cell.get((own, *column))
            peers = [cell[(p, *column)]["epoch_median_s"] for p in alike if (p, *column) in cell]
            ratio.append(f"**{min(peers) / row['epoch_median_s']:.2f}**" if row and peers else "–")
            share.append(f"{row['fraction_of_peak']:.2f}" if row and row["fraction_of_peak"] else "–")
        lines.append(f"| fastest {peer} / {own} | " + " | ".join(ratio) + " |")
        lines.append(f"| {own}, share of the {peak} | " + " | ".join(share) + " |")
    return "\n".join(lines) + "\n"


def ticks(low, high):
    """1, 2 and 5 times powers of ten from `low` to `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    return [mark for mark in marks if low <= mark <= high]


def chart(rows):
    """SVG: epoch time of each program divided by chainrule's in f32 on a log axis, for each net the fastest program first.

    Each program has the number of threads with which it was fastest, given at its name.
    """
    nets = [net for net in NETS if any(r["net"] == net and r["program"] == "chainrule" for r in rows)]
    ratios = {}
    for net in nets:
        best = {}
        for row in sorted((r for r in rows if r["net"] == net), key=lambda r: r["epoch_median_s"]):
            best.setdefault(row["program"], row)
        own = best["chainrule"]["epoch_median_s"]
        ratios[net] = [(row["program"], row["threads"], row["epoch_median_s"] / own) for row in best.values()]
    every = [ratio for group in ratios.values() for _, _, ratio in group]
    marks = ticks(0.5, 2 * max([1.0, *every]))
    low, high = min([0.9, *every]) / 1.1, max([2.0, *every]) * 1.1
    bar, left, wide = 18, 250, 420
    width = left + wide + 60
    place = lambda ratio: left + wide * math.log(ratio / low) / math.log(high / low)
    out, y = [], 50
    for net in nets:
        dims, batch_size = NETS[net]
        out.append(f'<text x="12" y="{y + 12}" font-weight="bold">{net}: {dims}, batch {batch_size}</text>')
        y += 20
        for program, threads, ratio in ratios[net]:
            color = "#d1495b" if program in OWN else "#8d99ae"
            start, end = sorted([place(1), place(ratio)])
            name = f'{program} <tspan font-size="10" fill="#555">{threads} thread{"s" * (threads > 1)}</tspan>'
            out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{name}</text>')
            if program == "chainrule":
                out.append(f'<circle cx="{start:.1f}" cy="{y + 9}" r="5" fill="{color}"/>')
            else:
                out.append(f'<rect x="{start:.1f}" y="{y + 2}" width="{max(1, end - start):.1f}" height="{bar - 4}" fill="{color}"/>')
            out.append(f'<text x="{max(end, place(1)) + 8:.1f}" y="{y + 13}">{ratio:.2f}</text>')
            y += bar
        y += 12
    axis = []
    for mark in (mark for mark in marks if low <= mark <= high):
        x, strong = place(mark), mark == 1
        axis.append(f'<line x1="{x:.1f}" y1="44" x2="{x:.1f}" y2="{y}" stroke="{"#333" if strong else "#ddd"}"/>')
        axis.append(f'<text x="{x:.1f}" y="{y + 14}" text-anchor="middle">{mark:g}</text>')
    machines = sorted({f"{r['cpu']}, {r['cores']} cores" for r in rows if r.get("cpu")})
    notes = [
        "Median time of an epoch divided by chainrule's, log scale. Each program with the number of threads that made it fastest,",
        f"of {' and '.join(str(n) for n in sorted({r['threads'] for r in rows}))}."
        + (f" Machine: {'; '.join(machines)}." if machines else ""),
    ]
    notes = [f'<text x="12" y="{y + 36 + 14 * i}" font-size="10" fill="#555">{escape(text)}</text>' for i, text in enumerate(notes)]
    height = y + 66
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        "<title>Time of an epoch by program, chainrule = 1</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<text x="12" y="24" font-size="15" font-weight="bold">Time of an epoch, chainrule = 1, shorter is better</text>',
    ]
    return "\n".join([*head, *axis, *out, *notes, "</svg>"]) + "\n"


def write(args, rows):
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "compare.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (args.out / "compare.md").write_text(table(rows), encoding="utf-8")
    (args.out / "compare.svg").write_text(chart(rows), encoding="utf-8")
    if args.readme:
        readme = ROOT / "README.md"
        before, rest = readme.read_text(encoding="utf-8").split("<!-- compare:begin -->\n")
        _, after = rest.split("<!-- compare:end -->")
        text = f"{before}<!-- compare:begin -->\n{table(rows)}<!-- compare:end -->{after}"
        readme.write_text(text, encoding="utf-8")
        (ROOT / "docs/compare.svg").write_text(chart(rows), encoding="utf-8")


def main():
    args = arguments()
    if args.list_peers:
        print("\n".join(args.peers))
        return 0
    if args.redraw:
        rows = kept(args.out / "compare.csv", [])
        if not rows:
            say(f"error: no rows in {args.out}/compare.csv")
            return 1
        write(args, rows)
        return 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    results, problems = measure(args)
    if not results:
        say("error: no program ran")
        return 1
    rows = rows_of(results)
    if args.keep:
        rows += kept(args.out / "compare.csv", rows)
        rows.sort(key=lambda row: (list(NETS).index(row["net"]), row["threads"]))
    write(args, rows)
    print(table(rows), end="")
    problems += odd_accuracies(rows)
    for problem in problems:
        say(f"PROBLEM: {problem}")
    say(f"{len(rows)} lines in {args.out}/compare.csv; table and chart in compare.md and compare.svg")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
