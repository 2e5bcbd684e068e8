"""Records what PyTorch's optimizers and schedules make of a small net in 100 steps, in float64.

    optimizers.py > tests/outside/torch/optimizers.json

tests/library/optimizers.rs trains the same net with the settings of each case and compares the weights. It needs torch, and
neither data nor random numbers: inputs, labels and initial weights are formulas that both sides compute.
"""

import json

import torch
from torch import nn
from torch.optim import lr_scheduler

WIDTHS, ROWS, BATCH, STEPS = (6, 5, 3), 40, 8, 100
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

x = torch.tensor([[(31 * i + 17 * j + 13 * i * j) % 251 for j in range(WIDTHS[0])] for i in range(ROWS)]) / 255.0
y = torch.tensor([i * i % WIDTHS[2] for i in range(ROWS)])


def net():
    layers = []
    for at, (d_in, d_out) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        linear = nn.Linear(d_in, d_out)
        weights = [[((7 * i + 5 * j + 3 * at) % 11) / 11.0 - 0.5 for i in range(d_in)] for j in range(d_out)]
        linear.weight.data = torch.tensor(weights)
        linear.bias.data = torch.tensor([((3 * j + at) % 5) / 10.0 - 0.2 for j in range(d_out)])
        layers += [linear, nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])


def weights_only(net, decay):
    """The groups of an optimizer that decays matrices and no vectors."""
    tensors = list(net.parameters())
    return [
        {"params": [tensor for tensor in tensors if tensor.dim() > 1], "weight_decay": decay},
        {"params": [tensor for tensor in tensors if tensor.dim() == 1], "weight_decay": 0.0},
    ]


def warm_cosine(optimizer, warmup):
    rising = lr_scheduler.LinearLR(optimizer, 1 / warmup, 1.0, warmup - 1)
    falling = lr_scheduler.CosineAnnealingLR(optimizer, STEPS - warmup)
    return lr_scheduler.SequentialLR(optimizer, [rising, falling], [warmup])


def trained(make_optimizer, make_schedule=None):
    """Final weights, inputs × outputs as chainrule has them, and biases, and the rates of all steps."""
    model = net()
    optimizer = make_optimizer(model)
    schedule = make_schedule and make_schedule(optimizer)
    rates = []
    for step in range(STEPS):
        first = step * BATCH % ROWS
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[first : first + BATCH]), y[first : first + BATCH]).backward()
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule:
            schedule.step()
    tensors = [tensor.detach().T.reshape(-1).tolist() for tensor in model.parameters()]
    return {"rates": rates, "tensors": tensors}


def sgd(lr, **more):
    return lambda model: torch.optim.SGD(model.parameters(), lr=lr, **more)


def adamw(lr, **more):
    return lambda model: torch.optim.AdamW(model.parameters(), lr=lr, **more)


cases = {
    "adamw": trained(adamw(0.02, weight_decay=0.1)),
    "adamw-weights-only": trained(
        lambda model: torch.optim.AdamW(weights_only(model, 0.3), lr=0.02, betas=(0.8, 0.95), eps=1e-3),
        lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, STEPS),
    ),
    "nesterov-weights-only": trained(
        lambda model: torch.optim.SGD(weights_only(model, 0.01), lr=0.3, momentum=0.9, nesterov=True)
    ),
    "cosine": trained(sgd(0.5, momentum=0.9), lambda optimizer: warm_cosine(optimizer, 10)),
    "one-cycle": trained(
        sgd(0.5, momentum=0.9),
        lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=STEPS, cycle_momentum=False),
    ),
    "step": trained(
        sgd(0.5, momentum=0.5), lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [STEPS // 2, STEPS * 3 // 4])
    ),
}
lines = [f"{json.dumps(name)}: {json.dumps(case, separators=(',', ':'))}" for name, case in cases.items()]
print("{", ",\n".join(lines), "}", sep="\n")
