"""The columns of an asset, and what they are made from, as the UI shows them.

Both come from the declarations of tables and of features, so that a page cannot say
anything else than the code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from whatif_assets.domain.base.columns import Column, Table
from whatif_assets.domain.features import FEATURES, Feature
from whatif_assets.domain.features.columns_read import columns_read
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.home.shared_columns import OF_STUDY, SYMBOL, TS
from whatif_assets.home.tables import LAKE

NAMED_OTHERWISE = {"frozen_winner": "frozen_winners"}
# Assets whose rows are rows of another asset, of which they keep the columns.
ROWS_OF = {"leaderboard": "backtest_results", "best_configuration": "leaderboard"}
# Columns that say what a row is about. Every asset that has them passes them on.
PASSED_ON = (SYMBOL, TS, OF_STUDY)

Lineage = dict[str, list[dg.TableColumnDep]]


def table_of(asset: str) -> Table | None:
    """Return the declared table of an asset; None for one that has no rows."""
    name = NAMED_OTHERWISE.get(asset, asset)
    return LAKE.get(name) or DATABASE.get(name)


def column_schema(table: Table, features: Sequence[Feature]) -> dg.TableSchema:
    """Convert the declaration of a table to Dagster's.

    Parameters
    ----------
    table
        The table.
    features
        The columns of the table of features, which depend on the home's studies.
    """
    columns = [
        dg.TableColumn(column.name, column.kind.duckdb, column.about or None)
        for column in table.columns
    ]
    if table is LAKE["features"]:
        kind = (table.others or table.kinds["ts"]).duckdb
        columns += [dg.TableColumn(one.column, kind, _about(one)) for one in features]
    return dg.TableSchema(columns=columns)


def _about(feature: Feature) -> str:
    """Describe a feature, and say what it reads."""
    said = [" Of: ".join(FEATURES[one.function].description for one in feature.chain)]
    if read := columns_read(feature):
        said.append(f"Reads {', '.join(read)}.")
    if feature.fact:
        said.append(f"Reads the fact {feature.fact}.")
    return " ".join(said)


def column_lineage(
    spec: dg.AssetSpec, features: Sequence[Feature]
) -> dg.TableColumnLineage | None:
    """Say which columns of other assets the columns of an asset are made from.

    Only what the declarations say is told. A column that is left out may be computed
    from anything upstream.

    Parameters
    ----------
    spec
        The asset, with the keys that it and its dependencies have in the UI.
    features
        The features of the home's studies.
    """
    name = spec.key.path[-1]
    upstream = {dep.asset_key.path[-1]: dep.asset_key for dep in spec.deps}
    found = _passed_on(name, upstream)
    if name == "features":
        bars = upstream["price_bars"]
        found |= {
            one.column: [dg.TableColumnDep(bars, read) for read in columns_read(one)]
            for one in features
        }
    if name == "forecasts":
        key = upstream["features"]
        found["forecast"] = [dg.TableColumnDep(key, one.column) for one in features]
    return dg.TableColumnLineage(found) if found else None


def _passed_on(name: str, upstream: Mapping[str, dg.AssetKey]) -> Lineage:
    """Return the columns that an asset has unchanged from others, and from which."""
    found: Lineage = {}
    for other, key in upstream.items():
        for column in _in_both(name, other):
            if ROWS_OF.get(name) == other or column in PASSED_ON:
                one = dg.TableColumnDep(key, column.name)
                found.setdefault(column.name, []).append(one)
    return found


def _in_both(name: str, other: str) -> list[Column]:
    """List the columns that the tables of two assets declare alike."""
    mine, theirs = table_of(name), table_of(other)
    if mine is None or theirs is None:
        return []
    return [column for column in mine.columns if column in theirs.columns]
