"""Code shared by the Python peers: arguments, Fashion-MNIST as arrays, initial weights, and results as a line of JSON."""

import argparse
import gzip
import json
import pathlib
import statistics
import time

import numpy as np

LEARNING_RATE = 0.01
MOMENTUM = 0.9


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--net", default="784-128-64-10", help="widths from features to classes")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5, help="timed epochs, after one warm-up epoch")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/fashion-mnist"))
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--predict", action="store_true", help="also time predictions")
    args = parser.parse_args()
    args.dims = [int(width) for width in args.net.split("-")]
    return args


def read_idx(path):
    raw = gzip.decompress(path.read_bytes())
    dims = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def load(folder):
    """Training images and labels, test images and labels: bytes, one image per row."""
    arrays = []
    for part in ("train", "t10k"):
        images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
        arrays += [images.reshape(len(images), -1), read_idx(folder / f"{part}-labels-idx1-ubyte.gz")]
    return arrays


def start_weights(dims, rng):
    """[(W in × out, b), ...], He's uniform."""
    limit = lambda d_in: (6 / d_in) ** 0.5
    return [
        (rng.uniform(-limit(i), limit(i), (i, o)).astype(np.float32), np.zeros(o, np.float32))
        for i, o in zip(dims, dims[1:])
    ]


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def train(args, epoch):
    """Runs one warm-up epoch, then the timed epochs; returns their seconds."""
    epoch()
    return [timed(epoch) for _ in range(args.epochs)]


def report(args, program, version, epoch_s, accuracy, predict_all, predict_one, images):
    """Prints the line; `predict_all` and `predict_one` are timed if --predict is given."""
    line = {
        "program": program,
        "version": version,
        "net": args.net,
        "batch_size": args.batch_size,
        "threads": args.threads,
        "epoch_s": epoch_s,
        "test_accuracy": accuracy,
    }
    if args.predict:
        predict_all(), predict_one()
        line["predict_images_per_s"] = images / statistics.median(timed(predict_all) for _ in range(7))
        line["predict_one_us"] = 1e6 * statistics.median(timed(predict_one) for _ in range(1000))
    print(json.dumps(line), flush=True)
