"""The diffusion operator of a layer, built literally as an n x n array in float64.

S = X X', S~ = H S H with H = I - 11'/n, P = (S~ - min S~) / (n |min S~|): rows sum to 1, entries
are not negative. Centring is by broadcasting, which is the cheapest way to write it in NumPy.
"""

import numpy as np


def double_center(matrix):
    row_means = matrix.mean(axis=1)
    return matrix - row_means[:, None] - row_means[None, :] + row_means.mean()


def markov_operator(features):
    features = features.astype(np.float64)
    centered = double_center(features @ features.T)
    smallest = -centered.min()
    return (centered + smallest) / (len(centered) * smallest)


def centered_cosine(first, second):
    first, second = double_center(first), double_center(second)
    return np.sum(first * second) / (np.linalg.norm(first) * np.linalg.norm(second))
