"""What the page of an asset shows besides its results: owners, tags, columns, code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import Feature
from whatif_assets.home.home import Home
from whatif_assets.home.tables import LAKE
from whatif_assets.orchestration.asset_columns import (
    column_lineage,
    column_schema,
    table_of,
)
from whatif_assets.orchestration.asset_studies import Uses
from whatif_assets.orchestration.observed import OBSERVED, WHOLE
from whatif_assets.orchestration.owners import owners
from whatif_assets.steps.code_versions import ROOTS

# Address of the repository's files, such as https://github.com/us/ours/blob/main, where
# links to code and documentation lead. Without it they lead to files of this machine.
REPOSITORY = "WHATIF_REPOSITORY"
ROOT = Path(__file__).parents[2]
AXIS = "whatif/axis"  # tag: whether there is a part for each session, study and so on
DOCS = {
    "facts": "reference.md#facts-of-a-market",
    "features": "reference.md#features",
    "data_quality": "reference.md#quality-of-bars",
    "trained_models": "algorithms.md",
    "forecasts": "labels.md",
    "forecast_quality": "forecast_quality.md",
    "model_cards": "model_cards.md",
    "backtest_results": "strategy_semantics.md",
    "result_quality": "leaks.md",
    "leaderboard": "queries.md",
    "placebo_results": "verdict.md",
    "holdout_results": "verdict.md",
    "verdicts": "verdict.md",
    "frozen_winner": "forward.md",
    "forward_results": "forward.md",
}
OF_OTHERS = "chain.md"


def with_pages(
    chain: dg.Definitions, home: Home
) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """Return the assets of a chain with what their pages show.

    Parameters
    ----------
    chain
        The chain of the home.
    home
        The home, whose studies say which features there are.
    """
    features, uses = _features(home), Uses.of(home)
    built = [one for one in chain.assets or () if isinstance(one, dg.AssetsDefinition)]
    return dg.map_asset_specs(lambda spec: explained(spec, features, uses), built)


def _features(home: Home) -> Sequence[Feature]:
    """Return the features of bars of the market's own size; none if a study is wrong.

    A wrong study must not prevent the UI from opening; the sensor reports it.
    """
    try:
        return home.features()[home.market.bar_size]
    except BadInput:
        return ()


def explained(
    spec: dg.AssetSpec, features: Sequence[Feature], uses: Uses
) -> dg.AssetSpec:
    """Return the specification of an asset with all that its page shows.

    Parameters
    ----------
    spec
        The asset.
    features
        The features of the home's studies.
    uses
        Which studies use which assets.
    """
    name = spec.key.path[-1]
    references = [_reference(what, file) for what, file in _files(name)]
    metadata: dict[str, Any] = {
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=references
        )
    }
    if table := table_of(name):
        metadata["dagster/column_schema"] = column_schema(table, features)
        if lineage := column_lineage(spec, features):
            metadata["dagster/column_lineage"] = lineage
    return spec.merge_attributes(
        metadata=metadata,
        owners=owners(),
        tags={AXIS: axis_of(name), **uses.tags(name)},
    ).replace_attributes(description=f"{spec.description}\n\nRead on: {_link(name)}")


def axis_of(asset: str) -> str:
    """Say what an asset has a part for: session, configuration or study; or whole."""
    if asset in OBSERVED:
        return OBSERVED[asset].axis
    return (LAKE[asset].axis if asset in LAKE else None) or WHOLE


def _files(asset: str) -> Iterator[tuple[str, str]]:
    """Yield the files that explain an asset: what each is, and its path."""
    if asset in OBSERVED:
        yield "the input", _file_of("orchestration.observed")
    else:
        yield "the asset", _file_of(f"orchestration.assets.{asset}")
        yield "its step", _file_of(ROOTS[asset][0])
    if _address() or (ROOT / "docs").is_dir():  # an installed package has no docs
        yield "its documentation", _docs(asset).partition("#")[0]


def _file_of(module: str) -> str:
    """Return the path of a module of the package, from the root of the repository."""
    path = Path("whatif_assets", *module.split("."))
    is_package = (ROOT / path).is_dir()
    return str(path / "__init__.py" if is_package else path.with_suffix(".py"))


def _reference(what: str, file: str) -> dg.UrlCodeReference | dg.LocalFileCodeReference:
    """Refer to a file of the repository, by its address if it has one."""
    if address := _address():
        return dg.UrlCodeReference(url=f"{address}/{file}", label=what)
    return dg.LocalFileCodeReference(file_path=str(ROOT / file), label=what)


def _docs(asset: str) -> str:
    return f"docs/{DOCS.get(asset, OF_OTHERS)}"


def _link(asset: str) -> str:
    """Name the page of the documentation, with a link if it has an address."""
    page = _docs(asset)
    return f"[{page}]({_address()}/{page})" if _address() else f"`{page}`"


def _address() -> str:
    return os.environ.get(REPOSITORY, "").rstrip("/")
