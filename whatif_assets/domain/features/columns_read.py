"""Which columns of bars a feature reads, from the declarations of its functions."""

from __future__ import annotations

from whatif_assets.domain.bars.schema import BAR_COLUMNS
from whatif_assets.domain.features.feature import Feature
from whatif_assets.domain.features.function import FACT
from whatif_assets.domain.features.indicators import FEATURES

KEYS = ("symbol", "ts")
TYPICAL = ("high", "low", "close")


def columns_read(feature: Feature) -> tuple[str, ...]:
    """List the columns of bars that a feature reads, of its own symbol or another.

    Parameters
    ----------
    feature
        A feature of one symbol or across symbols, which reads what the features
        inside it read.

    Returns
    -------
    tuple of str
        Names in the order of tidy bars, without ``symbol`` and ``ts``. The columns of
        facts are not among them.
    """
    leaf = feature.chain[-1]
    function = FEATURES[leaf.function]
    named = zip(function.inputs, function.columns(dict(leaf.arguments)))
    read = {column for name, column in named if not name.startswith(FACT)}
    read |= {one.relative_to for one in feature.chain if one.relative_to}
    plain = {column.partition("@")[0] for column in read}  # without another's symbol
    if "bars" in plain:
        plain.update(BAR_COLUMNS)
    if "typical" in plain:
        plain.update(TYPICAL)
    return tuple(name for name in BAR_COLUMNS if name in plain and name not in KEYS)
