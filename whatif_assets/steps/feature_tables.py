"""Tables of features: one per bar size, written together session by session.

``features`` holds the features of the market's own bars, ``features_5min`` those of
5-minute bars, and so on. The manifest of a session in ``features`` describes all of
these tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash, short_hash
from whatif_assets.domain.features import FEATURES, features_of_sessions, functions_of
from whatif_assets.home.home import Home
from whatif_assets.settings.configuration import Configuration
from whatif_assets.steps.session_features import Engine, SessionFeatures

TABLE = "features"
KEYS = ("symbol", "ts")


def table_of(home: Home, size: BarSize) -> str:
    """Name of the table with the features of a bar size."""
    return TABLE if size == home.market.bar_size else f"{TABLE}_{size}"


class FeatureTables:
    """Features of single sessions at every bar size that the home's studies use.

    Parameters
    ----------
    home
        The home; its studies define the columns at each bar size.
    wanted, engine
        As for :class:`SessionFeatures`.
    """

    def __init__(
        self,
        home: Home,
        wanted: Sequence[date] = (),
        engine: Engine = features_of_sessions,
    ) -> None:
        self._home = home
        self.stores = {
            size: SessionFeatures(home, features, wanted, engine, size)
            for size, features in home.features().items()
        }

    def of(self, session: date) -> dict[BarSize, pd.DataFrame]:
        """Compute the features of one session; see :meth:`SessionFeatures.of`."""
        return {size: store.of(session) for size, store in self.stores.items()}

    def write(self, session: date, frames: dict[BarSize, pd.DataFrame]) -> Any:
        """Write the tables of a session, and remove tables that no study uses.

        Returns
        -------
        dict
            ``columns`` and ``versions`` (content hashes), each by bar size; also the
            ``versions_without_groups`` of tables with features that read groups.
        """
        lake, key = self._home.lake, session.isoformat()
        lake.begin(TABLE, key)
        wanted = {table_of(self._home, size) for size in frames}
        for table in lake.sized(TABLE):
            if table not in wanted:
                lake.remove(table, key)
        versions = {
            str(size): lake.write(table_of(self._home, size), key, frame)
            for size, frame in frames.items()
        }
        columns = {
            str(size): [name for name in frame if name not in KEYS]
            for size, frame in frames.items()
        }
        apart = {
            str(size): _hash_without(frame, grouped)
            for size, frame in frames.items()
            if (grouped := self._grouped(size))
        }
        details: dict[str, Any] = {"columns": columns, "versions": versions}
        return {**details, "versions_without_groups": apart} if apart else details

    def _grouped(self, size: BarSize) -> list[str]:
        """List the columns of a table that depend on the groups of the market."""
        return [f.column for f in self.stores[size].features if f.reads_groups]

    def inputs(self, session: date) -> dict[str, str]:
        """Return hashes of the present inputs of a session's features, by part."""
        return self._merged([s.inputs(session) for s in self.stores.values()])

    def inputs_read(self, session: date) -> dict[str, str]:
        """Return hashes of the inputs from which `of` computed a session, by part."""
        return self._merged([s.inputs_read(session) for s in self.stores.values()])

    def _merged(self, parts: list[dict[str, str]]) -> dict[str, str]:
        merged = {name: value for part in parts for name, value in part.items()}
        sizes = [str(size) for size in self.stores]
        if "facts" in merged:
            merged["facts"] = combined_hash(part.get("facts") for part in parts)
        return {
            **merged,
            "settings": combined_hash([sizes, [part["settings"] for part in parts]]),
        }


def _hash_without(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Hash a table without some columns, for those who do not read them."""
    rows = pd.util.hash_pandas_object(frame.drop(columns=columns), index=False)
    return short_hash(rows.to_numpy().tobytes())


def columns_version(home: Home) -> str:
    """Return a hash of the columns that studies use, and of their code and groups."""
    parts: list[Any] = []
    for size, features in home.features().items():
        code = [[f, FEATURES[f].code_version] for f in functions_of(features)]
        parts.append([str(size), [feature.column for feature in features], code])
        parts += home.market.groups_read(features).items()
    return combined_hash(parts)


def feature_versions(
    home: Home, configuration: Configuration, sessions: Sequence[date]
) -> list[str]:
    """Return the data versions of the features that a configuration reads.

    Raises
    ------
    BadInput
        Features of a session are not materialised, or lack a column that the
        configuration uses; a what-if may use a column that no study uses.
    """
    size = str(home.bar_size(configuration))
    home.lake.versions(TABLE, [session.isoformat() for session in sessions])
    wanted, found = {f.column for f in configuration.features_read}, []
    reads_groups = any(feature.reads_groups for feature in configuration.features_read)
    for session in sessions:
        manifest = home.lake.manifest(TABLE, session.isoformat())
        details = manifest.details if manifest else {}
        known = details.get("columns", {})
        # Manifests of earlier versions have one list, for the market's own bars.
        columns = known.get(size, []) if isinstance(known, dict) else []
        lacking = sorted(wanted - set(columns))
        if lacking:
            raise _lacking(home, configuration, session, lacking)
        versions = dict(details["versions"])
        if not reads_groups:
            versions |= details.get("versions_without_groups", {})
        found.append(str(versions[size]))
    return found


def _lacking(
    home: Home, configuration: Configuration, session: date, columns: Sequence[str]
) -> BadInput:
    """Make the error about missing columns; it says why, and how to get them."""
    size = home.bar_size(configuration)
    of_studies = {feature.column for feature in home.features().get(size, ())}
    named = f"{', '.join(columns)} of {size} bars"
    if set(columns) <= of_studies:
        return BadInput(
            f"Configuration {configuration.key}: features of session {session} lack "
            f"{named}; they were computed before the study used them. Materialise "
            "features for the study's sessions again."
        )
    return BadInput(
        f"Configuration {configuration.key}: no study of the home uses the features "
        f"{named}, and only features of studies are computed. Write this "
        f"configuration into study {configuration.study}, with bar: {size}, and run it."
    )


def read_features(
    home: Home,
    size: BarSize,
    sessions: Sequence[date],
    columns: Sequence[str],
    symbols: Sequence[str],
) -> pd.DataFrame:
    """Read columns of some sessions and symbols, with ``symbol, ts, session``."""
    wanted = [*KEYS, *columns]
    return home.lake.stacked(table_of(home, size), sessions, wanted, symbols)
