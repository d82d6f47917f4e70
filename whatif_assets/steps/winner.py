"""The winner of a study: its best configuration and variant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.home.home import Home
from whatif_assets.home.state import Judge
from whatif_assets.home.trial_identity import evaluated_sessions, trials_of
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.leaderboard import BOARD, RESULTS, best

NAME = "name"  # the part of inputs that is a name, not content
# Fields of a study that have to be equal for results to be comparable.
FRAME = {"dates", "symbols", "evaluation", "benchmark"}


@dataclass(frozen=True, eq=False)
class Winner:
    """The best configuration of a study, with the variant that won.

    Attributes
    ----------
    home, study, configuration, variant
        The home, the study, and the winning configuration and variant.
    row
        The winner's row of the leaderboard: values by column.
    """

    home: Home
    study: Study
    configuration: Configuration
    variant: Variant
    row: dict[str, Any]

    @classmethod
    def of(cls, home: Home, study: Study, row: dict[str, Any]) -> Winner:
        """Find the configuration and the variant of a row of the leaderboard."""
        configuration, _ = home.find(row["configuration"])
        variants = configuration.variants()
        (variant,) = (v for v in variants if v.id == row["variant"])
        return cls(home, study, configuration, variant, row)

    @property
    def ranked_value(self) -> float:
        """Value that the study ranks by: a metric, or a weighted sum of several."""
        return float(self.row[self.study.ranking.column])

    @property
    def sessions(self) -> list[date]:
        """Sessions of the study's test windows."""
        return evaluated_sessions(self.home, self.study)

    @property
    def trial(self) -> str:
        """Hash of the winner's trial; see `trials_of`."""
        names = self.configuration.variant_ids()
        trials = trials_of(self.home, self.study, self.configuration)
        return dict(zip(names, trials))[self.variant.id]

    @property
    def made_of(self) -> dict[str, str]:
        """Hashes of the data that the winner's results were computed from, by part."""
        manifest = self.home.lake.manifest(RESULTS, self.configuration.key)
        inputs = manifest.inputs if manifest else {}
        own = ("settings", "code")
        return {part: of for part, of in inputs.items() if not part.startswith(own)}

    @property
    def inputs(self) -> dict[str, str]:
        """Hashes of the winner's settings, data and name, by part."""
        configuration, lake = self.configuration, self.home.lake
        frame = self.study.model_dump(mode="json", include=FRAME)
        own = [self.row["settings"], frame, sorted(METRICS)]
        code = configuration.strategy_type().code_version
        manifest = lake.manifest(RESULTS, configuration.key)
        made_of = dict(manifest.inputs) if manifest else {}
        # These settings cover all variants, and those of others may have changed.
        made_of.pop("settings", None)
        return {
            "settings": combined_hash([own, code]),
            "data": combined_hash(sorted(made_of.items())),
            NAME: combined_hash([configuration.key, self.variant.id]),
        }


def winner_of(fresh: Judge, study: Study) -> Winner | None:
    """Find the winner of a study, if it has one.

    Raises
    ------
    BadInput
        Its leaderboard is missing or stale; the message says why.
    """
    state = fresh.of(BOARD, study.name)
    if not state.is_fresh:
        raise BadInput(
            f"{BOARD} of study {study.name} is {state}. Materialise {BOARD} again "
            "(in the UI, or with 'whatif run')."
        )
    rows = best(fresh.home.lake.read(BOARD, study.name), study)
    for row in rows.to_dict("records"):
        return Winner.of(fresh.home, study, {str(k): v for k, v in row.items()})
    return None
