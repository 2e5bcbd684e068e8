"""A net with batch norm, dropout and augmentation in PyTorch, for comparison with the same settings of chainrule.

Linear, batch norm, ReLU and dropout, flips and shifts of whole batches, mixup with one share for a batch, label smoothing, SGD
with Nesterov momentum or AdamW, weight decay of the weights only, linear warm-up and cosine by batch. Forward and backward pass are compiled unless --eager is
given; with --bf16, products take bf16 under autocast. Prints a line of JSON: seconds of each epoch and the test accuracy.
"""

import argparse
import json
import math
import pathlib
import time

import torch
from torch import nn
from torch.nn import functional as F

from fashion import load


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", default="1024,1024,1024", help="widths of the hidden layers")
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--input-dropout", type=float, default=0.0)
    parser.add_argument("--norm", choices=["batch", "none"], default="batch")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--mixup", type=float, default=0.0)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    parser.add_argument("--optimizer", choices=["sgd", "adamw"], default="sgd")
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--warmup", type=float, default=2.0, help="epochs")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--stop-after", type=int, help="epochs after which the run ends, for timing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/fashion-mnist"))
    return parser.parse_args()


def net(args):
    layers, width = [], 784
    if args.input_dropout:
        layers.append(nn.Dropout(args.input_dropout))
    for hidden in map(int, args.hidden.split(",")):
        layers.append(nn.Linear(width, hidden))
        if args.norm == "batch":
            layers.append(nn.BatchNorm1d(hidden))
        layers.append(nn.ReLU())
        if args.dropout:
            layers.append(nn.Dropout(args.dropout))
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, 10))


def augmented(images, args):
    """Bytes of a batch, flipped with probability 1/2 and shifted by up to `shift` pixels with zeros coming in."""
    count = len(images)
    at = torch.arange(28)
    columns, rows = at.expand(count, 28), at.expand(count, 28)
    if args.flip:
        columns = torch.where(torch.rand(count, 1) < 0.5, 27 - columns, columns)
    if args.shift:
        images = F.pad(images, (args.shift,) * 4)
        offsets = torch.randint(0, 2 * args.shift + 1, (2, count, 1))
        columns, rows = columns + offsets[0], rows + offsets[1]
    return images[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def rate(args, step, steps):
    warm = args.warmup * steps / args.epochs
    if step < warm:
        return args.learning_rate * (step + 1) / warm
    return args.learning_rate * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels, test_images, test_labels = (torch.from_numpy(a.copy()) for a in load(args.data))
    images, labels = images.view(-1, 28, 28), labels.long()
    model = net(args)
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    groups = [{"params": decayed, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if args.optimizer == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=args.learning_rate, fused=True)
    else:
        optimizer = torch.optim.SGD(
            groups, lr=args.learning_rate, momentum=args.momentum, nesterov=True, fused=True
        )
    criterion = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)
    shares = torch.distributions.Beta(args.mixup, args.mixup) if args.mixup else None

    def loss_of(x, y, share):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
            x = x.to(torch.bfloat16 if args.bf16 else torch.float32).div_(255)
            if share is None:
                return criterion(model(x), y)
            outputs = model(torch.lerp(x.roll(1, 0), x, share.to(x.dtype)))
            return share * criterion(outputs, y) + (1 - share) * criterion(outputs, y.roll(1, 0))

    loss_of = loss_of if args.eager else torch.compile(loss_of)
    batches = math.ceil(len(images) / args.batch_size)
    steps, step, epoch_s = args.epochs * batches, 0, []
    for _ in range(args.stop_after or args.epochs):
        start = time.perf_counter()
        model.train()
        for rows in torch.randperm(len(images)).split(args.batch_size):
            x = images[rows]
            if args.flip or args.shift:
                x = augmented(x, args)
            for group in optimizer.param_groups:
                group["lr"] = rate(args, step, steps)
            optimizer.zero_grad(set_to_none=True)
            share = shares.sample() if shares else None
            loss_of(x.reshape(len(x), -1), labels[rows], share).backward()
            optimizer.step()
            step += 1
        epoch_s.append(time.perf_counter() - start)
    model.eval()
    with torch.inference_mode():
        predicted = torch.cat([model(part.float() / 255).argmax(1) for part in test_images.split(1000)])
    accuracy = float((predicted == test_labels).float().mean())
    print(json.dumps({"epoch_s": epoch_s, "test_accuracy": accuracy}))


main()
