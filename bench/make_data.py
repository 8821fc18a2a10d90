"""Writes the input of the benchmark: float32 .npy files, the same bytes for the same arguments.

A network is a chain of layers over one set of inputs. Every layer is relu(latent @ mixing + offset)
with a little noise: the spectrum decays over several orders of magnitude, columns have different
means and scales, many entries are exactly zero, as in real networks. The latent of a layer is partly
that of the layer before it, partly new; both networks start from the same one, so they are similar
without being equal.
"""

import argparse
import pathlib

import numpy as np

LATENT_SIZE = 96


def next_latent(latent, rng):
    turn = np.eye(LATENT_SIZE) + 0.02 * rng.standard_normal((LATENT_SIZE, LATENT_SIZE))
    rotation = np.linalg.qr(turn)[0]
    rotation *= np.sign(np.diag(rotation))
    fresh = rng.standard_normal(latent.shape)
    return 0.95 * latent @ rotation + np.sqrt(1 - 0.95**2) * fresh


def layer(latent, features, rng):
    decay = np.arange(1, LATENT_SIZE + 1) ** -0.6
    mixing = decay[:, None] * rng.standard_normal((LATENT_SIZE, features))
    scale = np.exp(0.3 * rng.standard_normal(features))
    offset = 0.5 * rng.standard_normal(features)
    signal = np.maximum(latent @ mixing + offset, 0.0)
    return (scale * (signal + 0.02 * rng.standard_normal(signal.shape))).astype(np.float32)


def write_networks(folder, inputs, features, layers):
    shared = np.random.default_rng(7).standard_normal((inputs, LATENT_SIZE))
    for network in range(2):
        rng = np.random.default_rng(100 + network)
        latent = shared
        for index in range(layers):
            latent = next_latent(latent, rng)
            np.save(folder / f"net{network}_layer{index:02d}.npy", layer(latent, features, rng))


def write_flat_networks(folder, inputs, features, layers):
    """Networks whose layers have flat spectra, as wide layers at initialisation do: random features
    of which a fifth of the variance is common to all layers of both networks."""
    shared = np.random.default_rng(13).standard_normal((inputs, features))
    for network in range(2):
        rng = np.random.default_rng(200 + network)
        for index in range(layers):
            rows = 0.5 * shared + rng.standard_normal(shared.shape)
            np.save(folder / f"flat{network}_layer{index:02d}.npy", rows.astype(np.float32))


def write_offset_pair(folder, inputs, features, mean_over_std):
    """A pair whose columns have a mean `mean_over_std` times their standard deviation."""
    rng = np.random.default_rng(11)
    latent = rng.standard_normal((inputs, LATENT_SIZE))
    for name in ("offset_x", "offset_y"):
        rows = layer(0.9 * latent + 0.4 * rng.standard_normal(latent.shape), features, rng)
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
        sign = np.where(rng.random(features) < 0.5, -1.0, 1.0)
        np.save(folder / f"{name}.npy", (rows + mean_over_std * sign).astype(np.float32))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--features", type=int, required=True)
    parser.add_argument("--layers", type=int, required=True)
    parser.add_argument("--flat-inputs", type=int, required=True)
    parser.add_argument("--offset-inputs", type=int, required=True)
    parser.add_argument("--offset-features", type=int, required=True)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    write_networks(args.folder, args.inputs, args.features, args.layers)
    write_flat_networks(args.folder, args.flat_inputs, args.features, args.layers)
    write_offset_pair(args.folder, args.offset_inputs, args.offset_features, 1e4)


if __name__ == "__main__":
    main()
