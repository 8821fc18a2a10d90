"""Two networks fused by alternating diffusion as the definition reads: P1 P2 ... PL, n x n each.

The score is the cosine of the two doubly centred products. What similarity there is decays with
every factor while the constant part of P stays: in float64 little of it is left after 12 layers.
"""

import numpy as np

from common import parser, report
from markov import centered_cosine, markov_operator


def fused_operator(paths):
    fused = None
    for path in paths:
        layer = markov_operator(np.load(path))
        fused = layer if fused is None else fused @ layer
    return fused


def main():
    args = parser(__doc__)
    args.add_argument("--first", nargs="+", required=True, help="layers of the first network")
    args.add_argument("--second", nargs="+", required=True, help="layers of the second network")
    args = args.parse_args()
    report(
        lambda: centered_cosine(fused_operator(args.first), fused_operator(args.second)),
        args.repeats,
    )


if __name__ == "__main__":
    main()
