"""Writes the tensors of small nets with norms after 100 steps of SGD in f64, as PyTorch computes them.

    python3 tests/outside/torch/norms.py > tests/library/norms/torch.txt

tests/library/norms.rs trains the same nets. Initial weights, inputs and labels are remainders of whole numbers, so both
programs have the same. Each line of the output is a norm, the name of a tensor, and its elements; `loss` has the losses.
"""

import torch
from torch import nn

ROWS, BATCH, STEPS = 48, 16, 100
DIMS = [5, 8, 6, 3]


def wave(n, salt):
    """Numbers from -1/2 to 1/2."""
    i = torch.arange(n, dtype=torch.int64)
    return ((i * 37 + salt * 11) % 101).double() / 101 - 0.5


def train(name):
    norm = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[name]
    layers = []
    for d_in, d_out in zip(DIMS[:-1], DIMS[1:]):
        layers += [nn.Linear(d_in, d_out), norm(d_out), nn.ReLU()]
    net = nn.Sequential(*layers[:-2]).double()
    with torch.no_grad():
        for salt, tensor in enumerate(net.parameters()):
            # The scales of norms are around 1.
            center = 1 if tensor.dim() == 1 and tensor.mean() == 1 else 0
            tensor.copy_(wave(tensor.numel(), salt).view(tensor.shape) + center)
    x = 3 * wave(ROWS * DIMS[0], 20).view(ROWS, -1)
    y = torch.arange(ROWS) * 7 % 5 % 3
    sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    losses = []
    for step in range(STEPS):
        at = step * BATCH % ROWS
        loss = nn.functional.cross_entropy(net(x[at : at + BATCH]), y[at : at + BATCH])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    print(name, "loss", *losses)
    for key, tensor in net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            print(name, key, *tensor.flatten().tolist())


for name in ["batch", "layer"]:
    train(name)
