"""PyTorch, eager or compiled (--compile: gather, forward, backward and update of several steps in one graph).

With --bf16, products take bf16 under autocast, and weights, velocities and the loss stay f32.
"""

import copy
import sys

import numpy as np
import torch
from torch import nn

from fashion import LEARNING_RATE, MOMENTUM, arguments, load, report, start_weights, train

COMPILED, BF16 = "--compile" in sys.argv, "--bf16" in sys.argv
sys.argv = [argument for argument in sys.argv if argument not in ("--compile", "--bf16")]
# A byte is exact in bf16, so converting it at once gives the same numbers as converting the f32 quotient.
INPUT = torch.bfloat16 if BF16 else torch.float32
# Several steps per call are faster while a step is short; with long steps they only take longer to compile.
STEPS_A_CALL = {16: 8, 64: 8}


def precision():
    """The context in which products are computed."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=BF16)


def model_of(params):
    """nn.Sequential with the given weights."""
    layers = []
    for w, b in params:
        layer = nn.Linear(*w.shape)
        layer.weight.data.copy_(torch.from_numpy(w.T.copy()))
        layer.bias.data.copy_(torch.from_numpy(b))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def eager_epoch(model, images, labels, args):
    """Returns a function that runs one epoch of the usual loop over a permutation of the images, without DataLoader."""
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)
    criterion = nn.CrossEntropyLoss()

    def epoch(order):
        for rows in order.split(args.batch_size):
            x = images[rows].to(INPUT).div_(255)
            optimizer.zero_grad(set_to_none=True)
            with precision():
                loss = criterion(model(x), labels[rows])
            loss.backward()
            optimizer.step()

    return epoch


def compiled_epoch(model, images, labels, args):
    """The same with each step as one graph: the backward pass is written out, so that there is no graph break."""
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    params = [(layer.weight.data, layer.bias.data) for layer in linears]
    velocities = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in params]

    def step(rows):
        flow = [images[rows].to(INPUT) / 255]
        for l, (w, b) in enumerate(params):
            z = torch.addmm(b, flow[-1], w.t())
            flow.append(torch.relu(z) if l + 1 < len(params) else z)
        delta = torch.softmax(flow[-1], dim=1)
        delta = (delta - nn.functional.one_hot(labels[rows], delta.shape[1])) / len(rows)
        for l in reversed(range(len(params))):
            (w, b), (vw, vb) = params[l], velocities[l]
            dw, db = delta.t() @ flow[l], delta.sum(0)
            if l > 0:
                delta = (delta @ w) * (flow[l] > 0)
            vw.mul_(MOMENTUM).add_(dw)
            vb.mul_(MOMENTUM).add_(db)
            w.sub_(vw, alpha=LEARNING_RATE)
            b.sub_(vb, alpha=LEARNING_RATE)

    steps = STEPS_A_CALL.get(args.batch_size, 1)

    @torch.compile(fullgraph=True, dynamic=False)
    def some_steps(rows):
        with precision():
            for part in rows.split(args.batch_size):
                step(part)

    @torch.no_grad()
    def epoch(order):
        for rows in order.split(steps * args.batch_size):
            some_steps(rows)

    return epoch


def main():
    args = arguments(__doc__)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels, test_images, test_labels = (torch.from_numpy(a.copy()) for a in load(args.data))
    labels = labels.long()
    model = model_of(start_weights(args.dims, np.random.default_rng(args.seed)))
    epoch = (compiled_epoch if COMPILED else eager_epoch)(model, images, labels, args)
    epoch_s = train(args, lambda: epoch(torch.randperm(len(images))))

    # Autocast would convert the weights again in each call.
    trained = copy.deepcopy(model).to(INPUT)

    def predict(images):
        return torch.cat([trained(part.to(INPUT).div_(255)).argmax(1) for part in images.split(1000)])

    with torch.inference_mode():
        accuracy = float((predict(test_images) == test_labels).float().mean())
        one = test_images[:1].to(INPUT).div_(255)
        names = [["torch-eager", "torch-bf16"], ["torch-compile", "torch-compile-bf16"]]
        predict_all, predict_one = lambda: predict(test_images), lambda: trained(one)
        report(args, names[COMPILED][BF16], torch.__version__, epoch_s, accuracy, predict_all, predict_one, len(test_images))


main()
