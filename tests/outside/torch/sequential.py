"""Saves models of PyTorch as people have them, with 1,000 rows and the logits that PyTorch computes from them.

    sequential.py FOLDER

NAME.safetensors is the state dict, NAME.npy the rows, NAME.flags the flags that chainrule needs, and NAME.logits the
logits in float64, row by row.
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = pathlib.Path(sys.argv[1])


class Net(nn.Module):
    """A module of its own around the list of layers."""

    def __init__(self, layers):
        super().__init__()
        self.body = nn.Module()
        self.body.layers = layers

    def forward(self, x):
        return self.body.layers(x)


def save(name, net, flags="", pixels=False, dtype=torch.float32, transform=lambda x: x):
    """Saves a model in `dtype`, and what it computes: in float64 for float64, else in float32."""
    net.eval().to(dtype)
    state = net.state_dict()
    save_file(state, FOLDER / f"{name}.safetensors")
    net.to(torch.float64 if dtype == torch.float64 else torch.float32)
    width = next(iter(state.values())).shape[1]
    rows = torch.randint(0, 256, (1000, width), dtype=torch.uint8) if pixels else torch.randn(1000, width)
    np.save(FOLDER / f"{name}.npy", rows.numpy())
    inputs = rows.float() / 255 if pixels else rows
    with torch.no_grad():
        logits = net(transform(inputs).to(next(net.parameters()).dtype))
    logits.double().numpy().tofile(FOLDER / f"{name}.logits")
    (FOLDER / f"{name}.flags").write_text(flags)


torch.manual_seed(7)
relu = lambda: nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 4))
save("relu", relu())
save("dropout", nn.Sequential(nn.Flatten(), nn.Linear(12, 9), nn.ReLU(), nn.Dropout(0.3), nn.Linear(9, 4)))
save("sigmoid", nn.Sequential(nn.Linear(12, 9), nn.Sigmoid(), nn.Linear(9, 4)), "--activation sigmoid")
for layer in (nn.Tanh(), nn.LeakyReLU(), nn.GELU(), nn.SiLU(), nn.SELU()):
    name = {"LeakyReLU": "leaky-relu"}.get(type(layer).__name__, type(layer).__name__.lower())
    save(name, nn.Sequential(nn.Linear(12, 9), layer, nn.Linear(9, 4)), f"--activation {name}")
save("no_bias", nn.Sequential(nn.Linear(12, 9, bias=False), nn.ReLU(), nn.Linear(9, 4, bias=False)))
save("linear", nn.Sequential(nn.Linear(12, 9), nn.Linear(9, 4)))
save("softmax_regression", nn.Sequential(nn.Linear(12, 4)))
save("nested", Net(relu()))
save("parallel", nn.DataParallel(relu()))
for dtype in (torch.float16, torch.bfloat16, torch.float64):
    save(str(dtype).removeprefix("torch."), relu(), dtype=dtype)
save("pixels", relu(), pixels=True)
save("normalized", relu(), "--inputs pixels --mean 0.2860 --std 0.3530", pixels=True, transform=lambda x: (x - 0.2860) / 0.3530)
mean, std = torch.linspace(-1, 1, 12), torch.linspace(0.5, 2, 12)
numbers = lambda x: ",".join(str(float(y)) for y in x)
save("each", relu(), f"--mean={numbers(mean)} --std {numbers(std)}", transform=lambda x: (x - mean) / std)


def with_averages(net):
    """A net whose norms have scales, shifts and running averages as after training."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.LayerNorm)):
            for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
                if tensor.is_floating_point():
                    tensor.data.uniform_(*(-1, 1) if name in ("bias", "running_mean") else (0.5, 2))
    return net


linear = lambda a, b, norm: [nn.Linear(a, b), norm(b), nn.ReLU()]
for norm in (nn.BatchNorm1d, nn.LayerNorm):
    layers = [*linear(12, 9, norm), nn.Dropout(0.5), *linear(9, 6, norm), nn.Linear(6, 4)]
    save(norm.__name__, with_averages(nn.Sequential(*layers)))
mixed = [*linear(12, 9, nn.BatchNorm1d), *linear(9, 6, nn.LayerNorm), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)]
save("mixed_norms", with_averages(Net(nn.Sequential(*mixed))), dtype=torch.float64)
