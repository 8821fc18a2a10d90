"""Distance correlation of one pair with scikit-learn's pairwise distances, as ReSi computes it.

D = Euclidean distances, double centring, dCov^2 = mean(A * B), dCor = sqrt(dCov^2 / sqrt(dVar^2 dVar^2)).
"""

import numpy as np
from sklearn.metrics import pairwise_distances

from common import parser, report
from markov import double_center


def distance_correlation(x, y):
    a = double_center(pairwise_distances(x, metric="euclidean"))
    b = double_center(pairwise_distances(y, metric="euclidean"))
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
