"""scikit-learn's MLPClassifier, SGD with momentum; each epoch is one `fit` with one iteration."""

import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from fashion import LEARNING_RATE, MOMENTUM, arguments, load, report, train


def main():
    args = arguments(__doc__)
    images, labels, test_images, test_labels = load(args.data)
    images, test_images = (a.astype(np.float32) / np.float32(255) for a in (images, test_images))
    warnings.simplefilter("ignore", ConvergenceWarning)
    net = MLPClassifier(
        args.dims[1:-1],
        solver="sgd",
        alpha=0,
        batch_size=args.batch_size,
        learning_rate_init=LEARNING_RATE,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        max_iter=1,
        warm_start=True,
        random_state=args.seed,
    )
    epoch_s = train(args, lambda: net.fit(images, labels))
    accuracy = float(net.score(test_images, test_labels))
    one = test_images[:1]
    predict_all, predict_one = lambda: net.predict(test_images), lambda: net.predict(one)
    report(args, "sklearn", sklearn.__version__, epoch_s, accuracy, predict_all, predict_one, len(test_images))


main()
