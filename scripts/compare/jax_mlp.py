"""JAX, written for speed: an epoch is one compiled call, a scan over the batches, with donated buffers.

With --bf16, products take bf16 and add in f32; all else is f32.
"""

import os
import sys

if "--threads" in sys.argv and sys.argv[sys.argv.index("--threads") + 1] == "1":
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

BF16 = "--bf16" in sys.argv
if BF16:
    sys.argv.remove("--bf16")

import functools

import jax
import jax.numpy as jnp
import numpy as np

from fashion import LEARNING_RATE, MOMENTUM, arguments, load, report, start_weights, train


def dot(a, b):
    return jnp.matmul(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16), preferred_element_type=jnp.float32)


# The derivative that JAX finds itself multiplies gradients in f32 by factors in bf16.
dot_and_gradients = jax.custom_vjp(dot)
dot_and_gradients.defvjp(
    lambda x, w: (dot(x, w), (x.astype(jnp.bfloat16), w.astype(jnp.bfloat16))),
    lambda saved, dy: (dot(dy, saved[1].T), dot(saved[0].T, dy)),
)
product = dot_and_gradients if BF16 else jnp.matmul


def logits(params, x):
    for w, b in params[:-1]:
        x = jnp.maximum(product(x, w) + b, 0)
    w, b = params[-1]
    return product(x, w) + b


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
    report(args, "jax-bf16" if BF16 else "jax", jax.__version__, epoch_s, accuracy, predict_all, predict_one, len(test_images))


main()
