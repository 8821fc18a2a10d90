"""MS-CKA(t) of one pair of layers from d x d covariances in float64: the best form in NumPy.

score = tr(Cx^(t-1) Cxy Cy^(t-1) Cxy') / (|Cx^t| |Cy^t|), X and Y centred. Matrices are scaled before
they are raised to a power. X.T @ X is recognised by NumPy as symmetric (BLAS syrk).
"""

import numpy as np

from common import parser, report


def ms_cka(x, y, t):
    x, y = x.astype(np.float64), y.astype(np.float64)
    x -= x.mean(axis=0)
    y -= y.mean(axis=0)
    cx, cy, cxy = x.T @ x, y.T @ y, x.T @ y
    scale_x, scale_y = np.linalg.norm(cx), np.linalg.norm(cy)
    cx, cy = cx / scale_x, cy / scale_y
    power_x, power_y = np.linalg.matrix_power(cx, t - 1), np.linalg.matrix_power(cy, t - 1)
    inner = np.sum((power_x @ cxy @ power_y) * cxy) / (scale_x * scale_y)
    return inner / (np.linalg.norm(power_x @ cx) * np.linalg.norm(power_y @ cy))


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
