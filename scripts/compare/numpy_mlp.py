"""NumPy, written for speed: every array is allocated once, `out=` everywhere, pixels stay bytes until a batch is gathered."""

import numpy as np

from fashion import LEARNING_RATE, MOMENTUM, arguments, load, report, start_weights, train


class Net:
    def __init__(self, dims, rows, rng):
        self.params = start_weights(dims, rng)
        self.velocities = [(np.zeros_like(w), np.zeros_like(b)) for w, b in self.params]
        self.gradients = [(np.empty_like(w), np.empty_like(b)) for w, b in self.params]
        self.flow = [np.empty((rows, d), np.float32) for d in dims]
        self.deltas = [np.empty((rows, d), np.float32) for d in dims]

    def forward(self, rows):
        """Computes the logits from flow[0]."""
        for l, (w, b) in enumerate(self.params):
            z = self.flow[l + 1][:rows]
            np.matmul(self.flow[l][:rows], w, out=z)
            z += b
            if l + 1 < len(self.params):
                np.maximum(z, 0, out=z)
        return z

    def backward(self, rows, labels):
        """Computes all gradients from the logits and makes one SGD step."""
        z, delta = self.flow[-1][:rows], self.deltas[-1][:rows]
        np.subtract(z, z.max(axis=1, keepdims=True), out=delta)
        np.exp(delta, out=delta)
        delta /= delta.sum(axis=1, keepdims=True)
        delta[np.arange(rows), labels] -= 1
        delta /= rows
        for l in reversed(range(len(self.params))):
            (w, _), (dw, db) = self.params[l], self.gradients[l]
            x, delta = self.flow[l][:rows], self.deltas[l + 1][:rows]
            np.matmul(x.T, delta, out=dw)
            np.sum(delta, axis=0, out=db)
            if l > 0:
                before = self.deltas[l][:rows]
                np.matmul(delta, w.T, out=before)
                before *= x > 0
        for params, velocities, gradients in zip(self.params, self.velocities, self.gradients):
            for p, v, g in zip(params, velocities, gradients):
                v *= MOMENTUM
                v += g
                np.multiply(v, LEARNING_RATE, out=g)
                p -= g


def main():
    args = arguments(__doc__)
    images, labels, test_images, test_labels = load(args.data)
    rng = np.random.default_rng(args.seed)
    net = Net(args.dims, args.batch_size, rng)
    scale = np.float32(1 / 255)

    def epoch():
        order = rng.permutation(len(images))
        for start in range(0, len(order), args.batch_size):
            chosen = order[start : start + args.batch_size]
            np.multiply(images[chosen], scale, out=net.flow[0][: len(chosen)])
            net.forward(len(chosen))
            net.backward(len(chosen), labels[chosen])

    epoch_s = train(args, epoch)
    reader = Net(args.dims, 1000, rng)
    reader.params = net.params
    single = Net(args.dims, 1, rng)
    single.params = net.params
    predicted = np.empty(len(test_images), np.int64)

    def predict_all():
        for start in range(0, len(test_images), 1000):
            part = test_images[start : start + 1000]
            np.multiply(part, scale, out=reader.flow[0][: len(part)])
            np.argmax(reader.forward(len(part)), axis=1, out=predicted[start : start + len(part)])

    predict_all()
    accuracy = float((predicted == test_labels).mean())
    report(args, "numpy", np.__version__, epoch_s, accuracy, predict_all, lambda: single.forward(1), len(test_images))


main()
