"""MS-CKA(t) of one pair of layers as its definition reads: P^t of two n x n Markov operators."""

import numpy as np

from common import parser, report
from markov import centered_cosine, markov_operator


def ms_cka(x, y, t):
    return centered_cosine(
        np.linalg.matrix_power(markov_operator(x), t),
        np.linalg.matrix_power(markov_operator(y), t),
    )


def main():
    args = parser(__doc__)
    args.add_argument("x")
    args.add_argument("y")
    args.add_argument("--t", type=int, default=4)
    args = args.parse_args()
    x, y = np.load(args.x), np.load(args.y)
    report(lambda: ms_cka(x, y, args.t), args.repeats)


if __name__ == "__main__":
    main()
