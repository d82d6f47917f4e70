"""Write docs/reference.md from the models and registries: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docs.reference_texts import (
    ADJUSTMENTS,
    COMPARISON,
    FACTS,
    FEATURES_HEAD,
    FINSPACE_HEAD,
    HEAD,
    QUALITY_HEAD,
    QUALITY_LOSSES,
    QUALITY_REFUSED,
    RANKING,
    SIZES,
    TABLES,
)
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.features import FAMILIES, FeatureFunction, parse_feature
from whatif_assets.domain.models import ALGORITHMS
from whatif_assets.domain.models.ensemble import ENSEMBLE, EnsembleSettings
from whatif_assets.domain.models.labels import LABELS
from whatif_assets.domain.quality import QUALITY_CHECKS, REFUSED
from whatif_assets.domain.quality.losses import ABOUT
from whatif_assets.domain.strategies import PANEL_STRATEGIES, STRATEGIES
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.report.macros import BARS_MACROS, MACROS
from whatif_assets.settings.costs import CostSettings
from whatif_assets.settings.evaluation import Evaluation
from whatif_assets.settings.fields import General
from whatif_assets.settings.label import LabelSettings
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import (
    Dates,
    SparkSettings,
    Study,
)
from whatif_assets.sources import SOURCES
from whatif_assets.sources.csv_profiles import PROFILES
from whatif_assets.sources.facts import FACT_CHECKS, Availability, FactOptions
from whatif_assets.sources.online import Online

PATH = Path(__file__).with_name("reference.md")
FINSPACE = PATH.with_name("finspace.yaml")
ALGORITHM_SETTINGS = {name: one.Settings for name, one in ALGORITHMS.items()}
ALGORITHM_SETTINGS[ENSEMBLE] = EnsembleSettings


def main() -> None:
    """Write docs/reference.md."""
    PATH.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """Compose the whole page, as Markdown."""
    parts = [HEAD]
    for title, models in (
        ("Market (`market.yaml`, or `market:` in a study)", {"": Market}),
        ("Facts of a market", {"": FactOptions, "available": Availability}),
        ("Options of the sources", {n: s.Options for n, s in SOURCES.items()}),
        ("Study", {"": Study}),
        (
            "Blocks of a study",
            {
                "dates": Dates,
                "label": LabelSettings,
                "evaluation": Evaluation,
                "costs": CostSettings,
                "spark": SparkSettings,
            },
        ),
        ("Kinds of labels: fields beside `kind` in `label`", LABELS),
        ("Configuration: common fields", {"": General}),
        ("Configuration: algorithms", ALGORITHM_SETTINGS),
        ("Configuration: strategies", {n: s.Settings for n, s in STRATEGIES.items()}),
        (
            "Configuration: strategies of portfolios",
            {n: s.Settings for n, s in PANEL_STRATEGIES.items()},
        ),
    ):
        parts.append(f"## {title}\n")
        for name, model in models.items():
            parts += [f"### `{name}`\n"] * bool(name)
            source = SOURCES.get(name)
            described = source or LABELS.get(name)
            parts += [about(described)] if described else []
            parts += [fields(model)] if model.model_fields else []
            parts += [profiles()] * (name == "csv")
            online = source is not None and issubclass(source, Online)
            parts += [needs(source)] if online else []
        parts += [FACTS, fact_checks()] * (FactOptions in models.values())
        of_bars = ["## Sizes of bars\n", SIZES, "## Quality of bars\n", quality()]
        of_bars += ["## Splits and dividends\n", adjustments()]
        parts += of_bars * (models == {"": Market})
    parts += ["## Features\n", FEATURES_HEAD]
    for family, functions in FAMILIES.items():
        parts += [f"### {family}\n", features(functions)]
    parts += ["### From FinSpace\n", FINSPACE_HEAD, finspace()]
    parts += ["## Metrics\n", metrics()]
    parts += ["## Comparing two results\n", comparison()]
    parts += ["## Tables of `whatif.duckdb`\n", TABLES, tables()]
    return "\n".join(parts)


def fields(model: type[BaseModel]) -> str:
    """Make the table of a model's fields."""
    rows = [
        (
            f"`{name}`",
            _kind(field.annotation),
            "required"
            if field.is_required()
            else f"`{_default(field.get_default(call_default_factory=True))}`",
            field.description or "",
        )
        for name, field in model.model_fields.items()
    ]
    return table(("field", "type", "default", ""), rows)


def about(source: type) -> str:
    """Return the first paragraph of a docstring."""
    return " ".join(source.__doc__.split("\n\n")[0].split()) + "\n"


def quality() -> str:
    """Make the tables of the checks of bars."""
    rows = [
        (
            f"`{name}`",
            check.severity,
            "; ".join(
                f"`{limit}: {field.default}` {field.description or ''}"
                for limit, field in check.limits.model_fields.items()
            ),
            _definition(check.find),
        )
        for name, check in QUALITY_CHECKS.items()
    ]
    refused = ((f"`{name}`", about) for name, about in REFUSED.items())
    losses = ((f"`{name}`", about) for name, about in ABOUT.items())
    return "\n".join(
        (
            QUALITY_HEAD,
            table(("check", "severity", "limits", ""), rows),
            QUALITY_REFUSED,
            table(("check", ""), refused),
            QUALITY_LOSSES,
            table(("may_lose", "what happens to a symbol whose bars of a session are refused"), losses),
        )
    )


def adjustments() -> str:
    """Describe how prices are adjusted, and the macros of DuckDB for adjusted bars."""
    rows = ((f"`{name}`", about) for name, about in BARS_MACROS.items())
    return f"{ADJUSTMENTS}\n{table(('macro', ''), rows)}"


def fact_checks() -> str:
    """Make the table of the checks of facts."""
    rows = (
        (f"`{name}`", "warning" if fails else "note", about)
        for name, (about, _, fails) in FACT_CHECKS.items()
    )
    return table(("check", "severity", ""), rows)


def profiles() -> str:
    """Make the table of the profiles of the source `csv`."""
    rows = (
        (
            f"`{name}`",
            profile.about,
            " or ".join(f"`{' '.join(form)}`" for form in profile.stamps),
            ", ".join(f"`{n}: {_written(v)}`" for n, v in profile.options.items()),
        )
        for name, profile in PROFILES.items()
    )
    head = ("profile", "files", "timestamp columns", "sets")
    return f"Profiles of `csv`, set with `profile`:\n\n{table(head, rows)}"


def needs(source: type[Online]) -> str:
    """Describe what an online source needs, and how it was tested."""
    keys = " and ".join(f"`{key}`" for key in source.keys)
    needed = f"Keys come from the environment: {keys}. " if keys else ""
    return (
        f"{needed}Needs `pip install 'whatif_assets[{source.name}]'`. Tested with "
        "responses in the service's documented format, served on loopback; not tested "
        "with the live service.\n"
    )


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


def features(functions: dict[str, FeatureFunction]) -> str:
    """Make the table of a family of features."""
    rows = []
    for name, function in functions.items():
        arguments = ", ".join(
            n if f.is_required() else f"{n}={_default(f.default)}"
            for n, f in function.arguments.model_fields.items()
        )
        needed = {"fact": "name", "to": "SPY"}
        given = {k: v for k, v in needed.items() if k in function.arguments.model_fields}
        reads = ", ".join(name.replace("_", " ") for name in function.inputs)
        if function.across_symbols:
            arguments, reads, warm_up = f"of, {arguments}", "of", "that of `of`"
        else:
            warm_up = str(parse_feature({name: given}).warm_up)
        about = function.description
        rows.append((f"`{name}`", arguments, function.unit, reads, warm_up, about))
    return table(("feature", "arguments", "unit", "reads", "warm-up", ""), rows)


def finspace() -> str:
    """Make the tables of FinSpace's functions and their names in this project."""
    names = yaml.safe_load(FINSPACE.read_text(encoding="utf-8"))
    notes = names["notes"]
    analysed = [
        (f"`{old}`", ", ".join(map(_feature_text, new)), notes.get(old, ""))
        for old, new in names["analyse"].items()
    ]
    others = [(f"`{old}`", where) for old, where in names["elsewhere"].items()]
    return "\n".join(
        (
            table(("FinSpace", "this project", "difference"), analysed),
            table(("FinSpace: collect, summarise, fill", "this project"), others),
        )
    )


def _feature_text(item: object) -> str:
    """Format a feature with the arguments that differ from its defaults."""
    feature = parse_feature(item)
    usual = dict(parse_feature(feature.function).arguments)
    given = ", ".join(f"{k}: {v}" for k, v in feature.arguments if v != usual[k])
    return f"`{feature.function}: {{{given}}}`" if given else f"`{feature.function}`"


def metrics() -> str:
    """Describe the ranking by metrics, and define each metric."""
    rows = (
        (
            f"`{name}`",
            metric.unit,
            "higher" if metric.higher_is_better else "lower",
            _definition(metric.function),
        )
        for name, metric in METRICS.items()
    )
    return RANKING + table(("metric", "unit", "better", "definition"), rows)


def comparison() -> str:
    """Describe the comparison of two results, on the command line and in DuckDB."""
    rows = ((f"`{name}`", about) for name, about in MACROS.items())
    return f"{COMPARISON}\n{table(('macro', ''), rows)}"


def tables() -> str:
    """Make the table of the tables of the database."""
    rows = (
        (f"`{name}`", declared.about, ", ".join(f"`{c}`" for c in declared.kinds))
        for name, declared in DATABASE.items()
    )
    return table(("table", "a row", "columns"), rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Format a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    cells = ((cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def _kind(annotation: object) -> str:
    """Describe a type in the same words on every version of Python."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "none"
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_kind(argument) for argument in arguments)
    if origin is Literal:
        return ", ".join(str(argument) for argument in arguments)
    if arguments:
        inner = ", ".join(_kind(a) for a in arguments if a is not Ellipsis)
        return f"{origin.__name__} of {inner}"
    return getattr(annotation, "__name__", str(annotation).removeprefix("typing."))


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return ""
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else str(value)


def _definition(function: object) -> str:
    """Return a docstring without its references, on one line."""
    return " ".join((function.__doc__ or "").partition("References\n")[0].split())


if __name__ == "__main__":
    main()
