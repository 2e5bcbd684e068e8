#!/usr/bin/env python3
"""Compares chainrule's arithmetic, and with --time its speed, with NumPy.

    cargo build --release && scripts/get-data.sh && python3 scripts/check-numpy.py [--time 5]

It needs only NumPy. For f64 and f32, it takes chainrule's initial weights (a run of 0 epochs), trains
one epoch in NumPy in the order of the file, and compares the result with the weights after one epoch
of chainrule. Tolerances: in f64, 1e-9 of the largest weight of each tensor; in f32, 2e-3 of the
largest weight of the net.

The f32 comparison uses only the first 2000 images. In about one of three full f32 epochs, a ReLU
input is so close to 0 that rounding changes its sign. Two correct programs then continue with
different gradients, and their weights differ by some percent after the epoch. (Two NumPy programs
that differ only in the order of their sums ended 3e-2 to 9e-2 apart for 3 of 10 seeds; over 2000
images they were never more than 2e-7 apart, for 40 seeds.)

Exit codes: 0 within the tolerances, 1 outside or failed, 2 wrong usage.
"""

import argparse
import csv
import gzip
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
except ImportError:
    sys.exit("check-numpy: error: NumPy is not installed: pip install numpy")

ROOT = pathlib.Path(__file__).resolve().parent.parent
BARS = {"f64": 1e-9, "f32": 2e-3}
F32_IMAGES = 2000


class Failure(Exception):
    """Something outside this program is not as expected."""


def say(text):
    print(f"check-numpy: {text}", file=sys.stderr, flush=True)


# --- files -------------------------------------------------------------------------------------


def read_idx(folder, name, dims):
    """An IDX file of bytes, plain or gzip, as an array of `dims` dimensions."""
    path = folder / f"{name}.gz"
    try:
        if path.exists():
            raw = gzip.decompress(path.read_bytes())
        else:
            path = folder / name
            raw = path.read_bytes()
    except (OSError, EOFError) as err:
        raise Failure(f"cannot read {path}: {err} (scripts/get-data.sh gets the data)") from err
    start = 4 + 4 * dims
    if len(raw) < start or raw[:4] != bytes([0, 0, 8, dims]):
        raise Failure(f"{path}: not an IDX file of bytes in {dims} dimensions")
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    if len(raw) - start != math.prod(shape):
        raise Failure(f"{path}: {len(raw) - start} bytes of data, its header says {shape}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def write_subset(folder, pixels, labels):
    """Writes the given images as a data set whose training and test images are the same."""
    folder.mkdir()
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", pixels.reshape(-1, 28, 28)), ("labels-idx1", labels.astype(np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes(), 1))


def read_safetensors(path):
    """All tensors of a safetensors file by name: 8 bytes length (little-endian), JSON header, data."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or size > len(raw) - 8:
        raise Failure(f"{path}: a header of {size} bytes in a file of {len(raw)}")
    tensors = {}
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in ("F32", "F64"):
            continue  # not a weight
        dtype = np.dtype("<f4" if entry["dtype"] == "F32" else "<f8")
        begin, end = entry["data_offsets"]
        numbers = np.frombuffer(raw[8 + size + begin : 8 + size + end], dtype)
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def layers_of(path, args, dtype):
    """[(W [out, in], b [out]), ...] of a model file, first layer first, with its shapes checked."""
    tensors = read_safetensors(path)
    ids = sorted(int(n.split(".")[0]) for n in tensors if n.endswith(".weight") and n.split(".")[0].isdigit())
    layers = []
    for i in ids:
        if f"{i}.bias" not in tensors:
            raise Failure(f"{path}: has {i}.weight and no {i}.bias; it holds {sorted(tensors)}")
        layers.append((f"{i}", tensors[f"{i}.weight"], tensors[f"{i}.bias"]))
    widths = [784, *args.hidden_dims, 10]
    expected = [((o, i), (o,)) for i, o in zip(widths, widths[1:])]
    found = [(w.shape, b.shape) for _, w, b in layers]
    if found != expected:
        raise Failure(f"{path}: layers of shapes {found}, expected {expected}; it holds {sorted(tensors)}")
    wanted = np.float64 if dtype == "f64" else np.float32
    for name, w, b in layers:
        if w.dtype != wanted or b.dtype != wanted:
            raise Failure(f"{path}: layer {name} holds {w.dtype}, expected {np.dtype(wanted)}")
        if not (np.isfinite(w).all() and np.isfinite(b).all()):
            raise Failure(f"{path}: layer {name} holds numbers that are not finite")
    return layers


# --- chainrule ---------------------------------------------------------------------------------


def chainrule(args, data, out, epochs, dtype, *more):
    """Runs `chainrule train` on a data folder and returns the folder of its one run."""
    command = [
        *(str(args.binary), "train", "--quiet", "--data", str(data), "--out", str(out)),
        *("--epochs", str(epochs), "--dtype", dtype, "--seed", str(args.seed)),
        *("--batch-size", str(args.batch_size), "--activation", args.activation),
        *("--learning-rate", repr(args.learning_rate), "--momentum", repr(args.momentum)),
        *("--weight-decay", repr(args.weight_decay)),
        *("--hidden-dims", *(map(str, args.hidden_dims) if args.hidden_dims else ["none"])),
        *more,
    ]
    shown = " ".join(command)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    except OSError as err:
        raise Failure(f"cannot run {args.binary}: {err} (cargo build --release --locked builds it)") from err
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise Failure(f"exit code {done.returncode} from: {shown}\n{last}")
    models = sorted(out.glob("*/model.safetensors"))
    if len(models) != 1:
        raise Failure(f"{len(models)} files */model.safetensors, expected 1, in {out} after: {shown}")
    return models[0].parent


def epoch_seconds(run):
    """Returns `epoch_s` of the last epoch in a run's epochs.csv."""
    path = run / "epochs.csv"
    try:
        with path.open(newline="") as file:
            times = [row["epoch_s"] for row in csv.DictReader(file) if row["epoch_s"]]
        return float(times[-1])
    except (OSError, KeyError, IndexError, ValueError) as err:
        raise Failure(f"{path}: no usable column epoch_s ({err!r})") from err


# --- reference: written for clarity  ---------------------------------------------------------------


def train_one_epoch(layers, pixels, labels, args):
    """One epoch of momentum SGD in the order of the file; returns the trained copies."""
    dtype = layers[0][1].dtype
    params = [p.copy() for _, w, b in layers for p in (w, b)]
    velocities = [np.zeros_like(p) for p in params]
    eta, mu, lam = (dtype.type(v) for v in (args.learning_rate, args.momentum, args.weight_decay))
    for start in range(0, len(pixels), args.batch_size):
        x = pixels[start : start + args.batch_size].astype(dtype) / dtype.type(255)
        y = labels[start : start + args.batch_size]
        weights, biases = params[0::2], params[1::2]

        inputs = []  # the input of each layer
        for i, (w, b) in enumerate(zip(weights, biases)):
            inputs.append(x)
            x = x @ w.T + b
            if i + 1 < len(weights):
                # 1 / (1 + exp(-z)) in a form that cannot overflow
                x = np.maximum(x, 0) if args.activation == "relu" else (1 + np.tanh(x / 2)) / 2

        # d(mean cross-entropy)/d(logits) = (softmax - one-hot) / batch
        delta = np.exp(x - x.max(axis=1, keepdims=True))
        delta /= delta.sum(axis=1, keepdims=True)
        delta[np.arange(len(y)), y] -= 1
        delta /= len(y)

        gradients = []
        for w, a in zip(reversed(weights), reversed(inputs)):
            gradients += [delta.sum(axis=0), delta.T @ a]
            if a is not inputs[0]:
                delta = delta @ w
                delta = delta * (a > 0) if args.activation == "relu" else delta * a * (1 - a)
        gradients.reverse()

        for p, v, g in zip(params, velocities, gradients):
            v[...] = mu * v + (g + lam * p)
            p[...] = p - eta * v
    return params


def compare(args, dtype, pixels, labels):
    """Prints the differences for one dtype; returns True if they are within its tolerance."""
    bar = BARS[dtype]
    with tempfile.TemporaryDirectory(prefix="check-numpy-") as tmp:
        tmp = pathlib.Path(tmp)
        data = args.data
        if dtype == "f32":
            data, pixels, labels = tmp / "data", pixels[:F32_IMAGES], labels[:F32_IMAGES]
            write_subset(data, pixels, labels)
        say(f"{dtype}: chainrule, 0 epochs and 1 epoch, {len(pixels)} images")
        start_run = chainrule(args, data, tmp / "start", 0, dtype, "--no-shuffle")
        start = layers_of(start_run / "model.safetensors", args, dtype)
        end_run = chainrule(args, data, tmp / "end", 1, dtype, "--no-shuffle")
        end = layers_of(end_run / "model.safetensors", args, dtype)
    say(f"{dtype}: NumPy, 1 epoch")
    ours = train_one_epoch(start, pixels, labels, args)
    if not all(np.isfinite(p).all() for p in ours):
        raise Failure(f"{dtype}: NumPy's weights are not finite after one epoch: nothing to compare with")

    names = [f"{name}.{kind}" for name, _, _ in start for kind in ("weight", "bias")]
    before = [p for _, w, b in start for p in (w, b)]
    theirs = [p for _, w, b in end for p in (w, b)]
    print(f"{dtype}: chainrule w against NumPy w' after an epoch of {len(pixels)} images; moved = max|w' - w at the start| / max|w'|")
    differences, relatives, sizes = [], [], []
    for name, p0, p, q in zip(names, before, ours, theirs):
        p0, p, q = (a.astype(np.float64) for a in (p0, p, q))
        difference, size = np.abs(q - p).max(), np.abs(p).max()
        differences.append(difference)
        sizes.append(size)
        relatives.append(difference / size if size > 0 else (0.0 if difference == 0 else math.inf))
        moved = np.abs(p - p0).max() / size if size > 0 else 0.0
        print(f"  {name:<10} max|w - w'| / max|w'| = {relatives[-1]:.2e}   (moved {moved:.2e})")
    overall = max(differences) / max(sizes)
    judged = max(relatives) if dtype == "f64" else overall
    verdict = "ok" if judged <= bar else "FAILED"
    which = "worst tensor" if dtype == "f64" else "overall"
    print(f"  {'overall':<10} max|w - w'| / max|w'| = {overall:.2e}")
    print(f"  {dtype} {verdict}: {which} {judged:.2e}, bar {bar:.0e}")
    return judged <= bar


# --- NumPy program written for speed ----------------------------------------------------------


class FastTrainer:
    """Float32 NumPy that allocates nothing in its loop.

    Images are converted once, and each batch is gathered into a fixed buffer. Weights are [in, out],
    all parameters are in one vector, and eta is multiplied into the loss gradient, so that the update
    `v = mu v + eta (g + lambda w); w = w - v` makes three passes over that vector (five with weight
    decay). It does not compute the loss, which favors NumPy.
    """

    def __init__(self, layers, pixels, labels, args):
        self.args, self.n = args, len(pixels)
        self.x = pixels.astype(np.float32)
        self.x /= np.float32(255)
        self.targets = np.eye(10, dtype=np.float32)[labels]
        self.rng = np.random.default_rng(args.seed)

        total = sum(w.size + b.size for _, w, b in layers)
        self.p, self.v, self.g = (np.zeros(total, np.float32) for _ in range(3))
        self.scratch = np.empty(total, np.float32) if args.weight_decay else None
        self.weights, self.biases, self.dw, self.db = [], [], [], []
        at = 0
        for _, w, b in layers:
            for source, views, gradients in ((w.T, self.weights, self.dw), (b, self.biases, self.db)):
                views.append(self.p[at : at + source.size].reshape(source.shape))
                gradients.append(self.g[at : at + source.size].reshape(source.shape))
                views[-1][...] = source
                at += source.size
        self.batches = {}  # rows -> buffers: one set for full batches, one for the shorter last batch
        for rows in {min(args.batch_size, self.n), self.n % args.batch_size} - {0}:
            self.batches[rows] = self.buffers(rows)

    def buffers(self, rows):
        widths = [w.shape[1] for w in self.weights]
        return {
            "a": [np.empty((rows, d), np.float32) for d in [784, *widths]],
            "d": [np.empty((rows, d), np.float32) for d in widths],
            "mask": [np.empty((rows, d), bool) for d in widths],
            "y": np.empty((rows, 10), np.float32),
            "row": np.empty((rows, 1), np.float32),
            "ones": np.ones(rows, np.float32),
            "scale": np.float32(self.args.learning_rate / rows),
        }

    def epoch(self):
        args, batch = self.args, self.args.batch_size
        order = self.rng.permutation(self.n)
        relu = args.activation == "relu"
        mu = np.float32(args.momentum)
        decay = np.float32(args.learning_rate * args.weight_decay)
        weights, biases, dw, db = self.weights, self.biases, self.dw, self.db
        last = len(weights) - 1
        for start in range(0, self.n, batch):
            index = order[start : start + batch]
            buf = self.batches[len(index)]
            a, d, mask, y, row, ones = (buf[k] for k in ("a", "d", "mask", "y", "row", "ones"))
            np.take(self.x, index, axis=0, out=a[0], mode="clip")
            np.take(self.targets, index, axis=0, out=y, mode="clip")

            for i, w in enumerate(weights):
                z = np.dot(a[i], w, out=a[i + 1])
                z += biases[i]
                if i < last and relu:
                    np.maximum(z, 0, out=z)
                elif i < last:
                    z *= np.float32(0.5)
                    np.tanh(z, out=z)
                    z += 1
                    z *= np.float32(0.5)

            # delta = eta / rows * (softmax - one-hot)
            z, delta = a[-1], d[-1]
            np.max(z, axis=1, keepdims=True, out=row)
            np.subtract(z, row, out=delta)
            np.exp(delta, out=delta)
            np.sum(delta, axis=1, keepdims=True, out=row)
            np.divide(buf["scale"], row, out=row)
            delta *= row
            y *= buf["scale"]
            delta -= y

            for i in range(last, -1, -1):
                delta = d[i]
                np.dot(a[i].T, delta, out=dw[i])
                np.dot(ones, delta, out=db[i])
                if i > 0:
                    below = np.dot(delta, weights[i].T, out=d[i - 1])
                    if relu:
                        np.greater(a[i], 0, out=mask[i - 1])
                        below *= mask[i - 1]
                    else:
                        below *= a[i]
                        np.subtract(1, a[i], out=a[i])
                        below *= a[i]

            if mu:
                self.v *= mu
                self.v += self.g
                step = self.v
            else:
                step = self.g
            if decay:
                np.multiply(self.p, decay, out=self.scratch)
                step += self.scratch
            self.p -= step


def train_accuracy(trainer, labels):
    """Training accuracy of a FastTrainer's weights, to show that it learns."""
    x = trainer.x
    for i, (w, b) in enumerate(zip(trainer.weights, trainer.biases)):
        x = x @ w + b
        if i + 1 < len(trainer.weights):
            x = np.maximum(x, 0) if trainer.args.activation == "relu" else (1 + np.tanh(x / 2)) / 2
    return float((x.argmax(axis=1) == labels).mean())


def race(args, pixels, labels):
    """Times epochs of NumPy and chainrule in turns, so that a slow minute of the machine affects both."""
    with tempfile.TemporaryDirectory(prefix="check-numpy-") as tmp:
        run = chainrule(args, args.data, pathlib.Path(tmp, "start"), 0, "f32")
        trainer = FastTrainer(layers_of(run / "model.safetensors", args, "f32"), pixels, labels, args)
        trainer.epoch()  # warm-up
        numpy_s, chainrule_s = [], []
        for turn in range(args.time):
            begin = time.perf_counter()
            trainer.epoch()
            numpy_s.append(time.perf_counter() - begin)
            time.sleep(0.3)  # BLAS threads spin for a while after their work
            run = chainrule(args, args.data, pathlib.Path(tmp, f"turn{turn}"), 2, "f32")
            chainrule_s.append(epoch_seconds(run))
            say(f"turn {turn + 1} of {args.time}: NumPy {numpy_s[-1]:.3f} s, chainrule {chainrule_s[-1]:.3f} s")
    accuracy = train_accuracy(trainer, labels)
    if not accuracy > 0.5:
        raise Failure(f"the NumPy trainer gets {accuracy:.1%} of the training images right: its time means nothing")
    numpy_m, chainrule_m = statistics.median(numpy_s), statistics.median(chainrule_s)
    print(f"f32, one epoch, median of {args.time} (chainrule: epoch_s of a run's 2nd epoch), {os.cpu_count()} CPUs")
    for name, times, median in (("NumPy", numpy_s, numpy_m), ("chainrule", chainrule_s, chainrule_m)):
        print(f"  {name:<10} {median:.3f} s   ({min(times):.3f} to {max(times):.3f})")
    print(f"  NumPy / chainrule = {numpy_m / chainrule_m:.2f}   (NumPy learns: {accuracy:.1%} after {args.time + 1} epochs)")


# --- command line ------------------------------------------------------------------------------


def number(kind, low, name):
    def parse(text):
        value = kind(text)
        if not (math.isfinite(value) and value >= low):
            raise ValueError
        return value

    parse.__name__ = name
    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    places = [os.environ.get("CHAINRULE_DATA"), ROOT / "data/fashion-mnist", "/usr/share/datasets/fashion-mnist"]
    places = [pathlib.Path(p) for p in places if p]
    found = next((p for p in places if p.is_dir()), ROOT / "data/fashion-mnist")
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    count, real = number(int, 1, "whole number >= 1"), number(float, 0, "number >= 0")
    parser.add_argument("--data", type=pathlib.Path, default=found, metavar="DIR")
    parser.add_argument("--binary", type=pathlib.Path, default=target / "release/chainrule", metavar="FILE")
    parser.add_argument("--hidden-dims", nargs="+", default=["128", "64"], metavar="N", help="widths, or none")
    parser.add_argument("--batch-size", type=count, default=64)
    parser.add_argument("--learning-rate", type=real, default=0.01)
    parser.add_argument("--momentum", type=real, default=0.9)
    parser.add_argument("--weight-decay", type=real, default=0.0)
    parser.add_argument("--activation", choices=["relu", "sigmoid"], default="relu")
    parser.add_argument("--seed", type=number(int, 0, "whole number >= 0"), default=1)
    parser.add_argument("--time", type=count, default=0, metavar="EPOCHS", help="also time this many epochs of each program")
    args = parser.parse_args()
    words = [w for text in args.hidden_dims for w in text.split(",") if w]
    try:
        args.hidden_dims = [] if words == ["none"] else [count(w) for w in words]
    except ValueError:
        parser.error(f"--hidden-dims: whole numbers >= 1, or none, not {' '.join(args.hidden_dims)}")
    args.data, args.binary = args.data.absolute(), args.binary.absolute()
    return args


def main():
    args = arguments()
    try:
        if not os.access(args.binary, os.X_OK):
            raise Failure(f"no program {args.binary}: build it with cargo build --release --locked")
        pixels = read_idx(args.data, "train-images-idx3-ubyte", 3)
        labels = read_idx(args.data, "train-labels-idx1-ubyte", 1).astype(np.intp)
        if pixels.shape[1:] != (28, 28) or len(pixels) != len(labels) or labels.max(initial=0) > 9:
            raise Failure(f"{args.data}: {pixels.shape} images, {labels.shape} labels: expected 28 x 28, 10 classes")
        pixels = pixels.reshape(len(pixels), 784)
        passed = [compare(args, dtype, pixels, labels) for dtype in ("f64", "f32")]
        if args.time:
            race(args, pixels, labels)
    except (Failure, OSError, ValueError, KeyError) as err:
        say(f"error: {err}")
        return 1
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
