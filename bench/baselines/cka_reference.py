"""Linear CKA in float64 with the exact mean taken off first: the reference for its rounding error."""

import numpy as np

from common import parser, report


def centered(features):
    features = features.astype(np.float64)
    features -= features.mean(axis=0)
    features -= features.mean(axis=0)  # The second pass removes the rounding of the first mean.
    return features


def cka(x, y):
    x, y = centered(x), centered(y)
    cross = np.linalg.norm(x.T @ y) ** 2
    return cross / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def main():
    args = parser(__doc__)
    args.add_argument("x")
    args.add_argument("y")
    args = args.parse_args()
    x, y = np.load(args.x), np.load(args.y)
    report(lambda: cka(x, y), args.repeats)


if __name__ == "__main__":
    main()
