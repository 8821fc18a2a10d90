"""Distance correlation of one pair with SciPy's cdist, as `dcor` computes it (float64, one thread)."""

import numpy as np
from scipy.spatial.distance import cdist

from common import parser, report
from markov import double_center


def distance_correlation(x, y):
    a, b = double_center(cdist(x, x)), double_center(cdist(y, y))
    covariance = np.mean(a * b)
    variances = np.mean(a * a) * np.mean(b * b)
    return np.sqrt(covariance / np.sqrt(variances))


def main():
    args = parser(__doc__)
    args.add_argument("x")
    args.add_argument("y")
    args = args.parse_args()
    x, y = np.load(args.x), np.load(args.y)
    report(lambda: distance_correlation(x, y), args.repeats)


if __name__ == "__main__":
    main()
