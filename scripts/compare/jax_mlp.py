"""JAX, written for speed: an epoch is one compiled call, a scan over the batches, with donated buffers."""

import os
import sys

if "--threads" in sys.argv and sys.argv[sys.argv.index("--threads") + 1] == "1":
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import functools

import jax
import jax.numpy as jnp
import numpy as np

from fashion import LEARNING_RATE, MOMENTUM, arguments, load, report, start_weights, train


def logits(params, x):
    for w, b in params[:-1]:
        x = jnp.maximum(x @ w + b, 0)
    w, b = params[-1]
    return x @ w + b


def loss(params, x, y):
    z = logits(params, x)
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0])


def main():
    args = arguments(__doc__)
    images, labels, test_images, test_labels = load(args.data)
    rng = np.random.default_rng(args.seed)
    images, labels = jnp.asarray(images), jnp.asarray(labels.astype(np.int32))
    params = jax.tree.map(jnp.asarray, start_weights(args.dims, rng))
    state = (params, jax.tree.map(jnp.zeros_like, params))
    whole = len(images) // args.batch_size

    def step(state, rows):
        params, velocities = state
        x = images[rows].astype(jnp.float32) / 255
        gradients = jax.grad(loss)(params, x, labels[rows])
        velocities = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocities, gradients)
        return (jax.tree.map(lambda p, v: p - LEARNING_RATE * v, params, velocities), velocities), None

    @functools.partial(jax.jit, donate_argnums=0)
    def run(state, order):
        batches = order[: whole * args.batch_size].reshape(whole, args.batch_size)
        state, _ = jax.lax.scan(step, state, batches)
        rest = order[whole * args.batch_size :]
        return step(state, rest)[0] if len(rest) else state

    def epoch():
        nonlocal state
        state = jax.block_until_ready(run(state, rng.permutation(len(images)).astype(np.int32)))

    epoch_s = train(args, epoch)
    predict = jax.jit(lambda params, bytes_: jnp.argmax(logits(params, bytes_.astype(jnp.float32) / 255), axis=1))
    test, one = jnp.asarray(test_images), jnp.asarray(test_images[:1])
    accuracy = float((np.asarray(predict(state[0], test)) == test_labels).mean())
    predict_all = lambda: predict(state[0], test).block_until_ready()
    predict_one = lambda: predict(state[0], one).block_until_ready()
    report(args, "jax", jax.__version__, epoch_s, accuracy, predict_all, predict_one, len(test_images))


main()
