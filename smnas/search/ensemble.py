"""A model of several outputs as an ensemble: each member a plane, and a tree on what it leaves.

The plane carries on where data end, the tree learns what is not straight. Each is fitted to a
bootstrap sample of its own, so the members differ as much as the data leave open.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import ExtraTreeRegressor

Matrix = NDArray[np.float64]

RIDGE = 1.0
"""Weight of the squared slopes, for features and outputs of variance one."""
MOST_POINTS = 1000
"""Points that a member is fitted to, at most."""
_LEAF = 2
"""Fewest points in a leaf."""


class Ensemble:
    """Fitted members; see ``fit``."""

    def __init__(self, members: list[tuple[Matrix, Any]], scale: "_Scale") -> None:
        """Take built members (use ``fit``)."""
        self._members, self._scale = members, scale

    @classmethod
    def fit(
        cls, features_NF: Matrix, outputs_NO: Matrix, members: int, rng: np.random.Generator
    ) -> "Ensemble":
        """Return an ensemble fitted to N points of F features and O outputs."""
        scale = _Scale(features_NF, outputs_NO)
        x_NF, y_NO = scale.features(features_NF), scale.outputs(outputs_NO)
        fitted: list[tuple[Matrix, Any]] = []
        for _ in range(members):
            drawn = rng.integers(len(x_NF), size=min(len(x_NF), MOST_POINTS))
            plane = _fit_plane(x_NF[drawn], y_NO[drawn])
            left_NO = y_NO[drawn] - _with_one(x_NF[drawn]) @ plane
            seed = int(rng.integers(2**31))
            tree = ExtraTreeRegressor(min_samples_leaf=_LEAF, random_state=seed)
            fitted.append((plane, tree.fit(x_NF[drawn], left_NO)))
        return cls(fitted, scale)

    def predict(self, features_NF: Matrix) -> NDArray[np.float64]:
        """Return what each member predicts: members x N x O."""
        x_NF = self._scale.features(features_NF)
        single, planes = x_NF.astype(np.float32), _with_one(x_NF)
        each = [
            planes @ plane + tree.tree_.predict(single).reshape(len(x_NF), -1)
            for plane, tree in self._members
        ]
        return self._scale.outputs_back(np.stack(each))


class _Scale:
    """To mean zero and variance one, and back; what never varies becomes zero."""

    def __init__(self, features_NF: Matrix, outputs_NO: Matrix) -> None:
        self._means = features_NF.mean(axis=0), outputs_NO.mean(axis=0)
        self._stds = tuple(
            np.where(std > 1e-9, std, np.inf)
            for std in (features_NF.std(axis=0), outputs_NO.std(axis=0))
        )

    def features(self, features_NF: Matrix) -> Matrix:
        return (features_NF - self._means[0]) / self._stds[0]

    def outputs(self, outputs_NO: Matrix) -> Matrix:
        return (outputs_NO - self._means[1]) / self._stds[1]

    def outputs_back(self, outputs_KNO: Matrix) -> Matrix:
        stds = np.where(np.isinf(self._stds[1]), 0.0, self._stds[1])
        return outputs_KNO * stds + self._means[1]


def _with_one(x_NF: Matrix) -> Matrix:
    return np.column_stack([x_NF, np.ones(len(x_NF))])


def _fit_plane(x_NF: Matrix, y_NO: Matrix) -> Matrix:
    """Return the ridge regression's slopes and, last, its intercepts, which are not held back."""
    with_one = _with_one(x_NF)
    penalty = RIDGE * np.eye(with_one.shape[1])
    penalty[-1, -1] = 1e-9
    return np.linalg.solve(with_one.T @ with_one + penalty, with_one.T @ y_NO).astype(np.float64)
