"""Randomness is an argument: every stream is named by a seed and the words of what it is for."""

import hashlib

import numpy as np


def derive_seed(seed: int, *names: object) -> int:
    """Return the seed of the stream ``names`` under ``seed``, equal on every machine.

    Args:
        seed: The seed that the user gave.
        names: What the stream is for, such as ``"proposal", 7``; anything with a stable ``str``.

    Returns:
        An integer in [0, 2**63), which torch, numpy and the standard library all take.
    """
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object) -> np.random.Generator:
    """Return a NumPy generator for the stream ``names`` under ``seed``."""
    return np.random.default_rng(derive_seed(seed, *names))
