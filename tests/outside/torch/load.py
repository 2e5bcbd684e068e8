"""Loads a model.safetensors of chainrule into an nn.Sequential of the same layers, and computes rows.

    load.py MODEL ROWS_NPY LOGITS

The rows are pixels from 0 to 255; the logits are written in float64, row by row. The load is strict: every tensor has its
module, and every module its tensors.
"""

import json
import sys

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

model, rows, logits = sys.argv[1:]
kinds = {
    "linear": lambda a, b: nn.Linear(int(a), int(b)),
    "batch-norm": lambda n: nn.BatchNorm1d(int(n)),
    "layer-norm": lambda n: nn.LayerNorm(int(n)),
    "dropout": lambda p: nn.Dropout(float(p)),
    "relu": nn.ReLU,
}
with safe_open(model, "pt") as file:
    texts = [text.split(" ") for text in json.loads(file.metadata()["layers"])]
    state = {key: file.get_tensor(key) for key in file.keys()}
net = nn.Sequential(*(kinds[name](*words) for name, *words in texts))
net.load_state_dict(state)
net.eval()
with torch.no_grad():
    net(torch.tensor(np.load(rows)).float() / 255).double().numpy().tofile(logits)
