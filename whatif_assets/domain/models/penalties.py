"""Standardised features and penalised coefficients, for linear models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.models.portable import ROWS_AT_ONCE
from whatif_assets.domain.models.weights import center_and_scale


class PenaltySettings(Settings):
    """Settings of linear models with a penalty."""

    penalty: float = Field(
        default=1e-3,
        ge=0,
        description="Penalty on the standardised coefficients; 0: no penalty.",
    )
    l1_ratio: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the penalty that is on absolute values and sets "
        "coefficients to 0; the rest is on squares. 0: ridge, 1: lasso.",
    )

    @property
    def l1(self) -> float:
        """Factor of the sum of absolute coefficients."""
        return self.penalty * self.l1_ratio

    @property
    def l2(self) -> float:
        """Factor of half the sum of squared coefficients."""
        return self.penalty * (1 - self.l1_ratio)


@dataclass(frozen=True, eq=False)
class Standardised:
    """Features scaled to mean 0 and standard deviation 1, without constant ones.

    Attributes
    ----------
    center, scale
        Mean and standard deviation of each of the k features.
    used
        Which features are not constant.
    rows
        n rows of the scaled features that are used, and a column of ones.
    """

    center: FloatArray
    scale: FloatArray
    used: Mask
    rows: FloatArray

    @classmethod
    def of(cls, x: FloatArray, weights: FloatArray | None) -> Standardised:
        """Scale n x k features, with n weights or None if all rows count the same."""
        center, scale = center_and_scale(x, weights)
        used = _varies(x) & (scale > 0)
        rows = np.empty((len(x), int(used.sum()) + 1))
        rows[:, -1] = 1.0
        for start in range(0, len(x), ROWS_AT_ONCE):  # which fit into a cache
            some = slice(start, start + ROWS_AT_ONCE)
            rows[some, :-1] = (x[some, used] - center[used]) / scale[used]
        return cls(center, scale, used, rows)

    def unscaled(
        self, standardised: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Convert coefficients of the scaled features to those of the k features.

        Returns
        -------
        tuple
            What to add to the constant (an array of one number), the k coefficients,
            and the k standardised ones, 0 for constant features.
        """
        every, coefficients = np.zeros((2, len(self.used)))
        every[self.used] = standardised
        coefficients[self.used] = standardised / self.scale[self.used]
        return np.array([-np.sum(coefficients * self.center)]), coefficients, every


def _varies(x: FloatArray) -> Mask:
    """Whether a column has different values; usually its first rows tell."""
    varies = np.asarray((x[:ROWS_AT_ONCE] != x[0]).any(axis=0))
    if not varies.all():
        varies[~varies] = (x[:, ~varies] != x[0, ~varies]).any(axis=0)
    return varies


def penalised(
    square: FloatArray,
    line: FloatArray,
    l1: FloatArray,
    l2: FloatArray,
    start: FloatArray,
) -> FloatArray:
    """Minimise ``b'Ab / 2 - c'b + sum(l1 * |b|) + sum(l2 * b**2) / 2`` over b.

    Parameters
    ----------
    square, line
        A (k x k, positive semidefinite) and c (k).
    l1, l2
        Penalties of each of the k coefficients, at least 0.
    start
        Coefficients to start from, where there is a penalty on absolute values.
    """
    if not l1.any():
        # Of several minima, collinear columns share their effect.
        return np.asarray(np.linalg.lstsq(square + np.diag(l2), line, rcond=None)[0])
    from whatif_assets.domain.models._moments import descend

    return np.asarray(descend(square, line, l1, l2, start))
