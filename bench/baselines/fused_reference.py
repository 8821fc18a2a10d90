"""Two fused networks without n x n arrays, in float64: the reference for their score.

With X_i centred, the doubly centred product of the Markov operators of a network is a multiple of
M = X_1 K X_L', K = C_12 C_23 ... C_(L-1)L, C_ij = X_i' X_j; K is rescaled after every factor, because
only the direction of M matters. <M, N> = tr(K' (X_1' Y_1) K_y (Y_L' X_L)).

As a check that owes nothing to this formula, M is applied to random vectors layer by layer
(M v = X_1 (X_1' (X_2 (X_2' ...)))): `action_error` is the relative difference.
"""

import numpy as np

from common import parser, report


def centered(path):
    features = np.load(path).astype(np.float64)
    return features - features.mean(axis=0)


class Fused:
    """First and last layer and the d_1 x d_L core of one fused network."""

    def __init__(self, paths):
        self.first = self.last = centered(paths[0])
        self.core = np.eye(self.first.shape[1])
        for path in paths[1:]:
            layer = centered(path)
            self.core = self.core @ (self.last.T @ layer)
            self.core /= np.linalg.norm(self.core)
            self.last = layer

    def inner(self, other):
        middle = (self.first.T @ other.first) @ other.core @ (other.last.T @ self.last)
        return np.sum(self.core * middle)

    def action_error(self, paths):
        vectors = np.random.default_rng(1).standard_normal((len(self.first), 4))
        by_core = self.first @ (self.core @ (self.last.T @ vectors))
        by_layers = vectors
        for path in reversed(paths):
            layer = centered(path)
            by_layers = layer @ (layer.T @ by_layers)
            by_layers /= np.linalg.norm(by_layers)
        by_core /= np.linalg.norm(by_core)
        return float(np.linalg.norm(by_core - by_layers))


def main():
    args = parser(__doc__)
    args.add_argument("--first", nargs="+", required=True, help="layers of the first network")
    args.add_argument("--second", nargs="+", required=True, help="layers of the second network")
    args = args.parse_args()
    first, second = Fused(args.first), Fused(args.second)

    def score():
        return first.inner(second) / np.sqrt(first.inner(first) * second.inner(second))

    error = max(first.action_error(args.first), second.action_error(args.second))
    report(score, args.repeats, action_error=error)


if __name__ == "__main__":
    main()
