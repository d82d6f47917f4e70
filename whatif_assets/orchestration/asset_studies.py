"""Which studies use which assets, so that the graph can be filtered by study.

The assets of a home are shared by its studies, and an asset has one group, which is its
step. So a study is a tag of every asset that it uses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import Feature
from whatif_assets.home.home import Home
from whatif_assets.orchestration.observed import OBSERVED, READ_BY
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.backtesting import indicators_of

STUDY = "study"  # tag, with the name of the study: study/demo
# Assets that have something of a study only if one of its configurations has a model.
OF_MODELS = frozenset(
    {"features", "trained_models", "forecasts", "forecast_quality", "model_cards"}
)


@dataclass(frozen=True)
class Uses:
    """What studies of a home do not use, by the name of the study."""

    left_out: Mapping[str, Collection[str]]

    @classmethod
    def of(cls, home: Home) -> Uses:
        """Find what each study of a home uses; without configurations, nothing.

        A wrong study must not prevent the UI from opening; the sensor reports it.
        """
        found = {}
        for name, study in home.studies().items():
            with contextlib.suppress(BadInput):
                if configurations := home.configurations(study):
                    left_out = _left_out(home, study, configurations)
                    found[name] = frozenset(left_out)
        return cls(found)

    def tags(self, asset: str) -> dict[str, str]:
        """Return the tags of an asset: one for each study that uses it."""
        # An observed asset is used where one of the assets that read it is.
        readers = [one for one, read in READ_BY.items() if asset in read]
        wanted = set(readers) if asset in OBSERVED else {asset}
        return {
            tag_of(study): ""
            for study, unused in self.left_out.items()
            if not wanted <= set(unused)
        }


def tag_of(study: str) -> str:
    """Return the tag of a study; a plus, which tags cannot have, is a dot."""
    return f"{STUDY}/{study.replace('+', '.')}"


def _left_out(
    home: Home, study: Study, configurations: Sequence[Configuration]
) -> Iterator[str]:
    """Yield the assets that a study does not use."""
    if all(one.algorithm is None for one in configurations):
        yield from OF_MODELS
    if not study.evaluation.holdout:
        yield "holdout_results"
    read: list[Feature] = []
    if home.market.facts:  # only then, since it lists all variants
        for one in configurations:
            of_model = one.features_read if one.algorithm is not None else ()
            read += [*of_model, *indicators_of(one)]
    if all(feature.fact is None for feature in read):
        yield "facts"
