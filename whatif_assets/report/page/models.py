"""Section: what the models rely on, and how they did in and out of sample."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd

from whatif_assets.domain.accounts.number_format import format_figures, format_percent
from whatif_assets.domain.model_quality.drift import LARGE_SHIFT
from whatif_assets.report.page.charts import (
    HOLD,
    WINNER,
    chart,
    trace,
)
from whatif_assets.report.page.content import PageContent
from whatif_assets.report.page.forecasts import configuration_shown
from whatif_assets.report.page.markup import Section, escaped, folded, paragraph, table

TITLE = "Models"
MOST_FEATURES = 20
MOST_DRAWN = 4


def models(content: PageContent) -> Section:
    """Show scores, importance and drift of features, and partial dependence.

    Details are those of the configuration that the section of forecasts shows.
    """
    cards = content.forecasts["model_cards"]
    if cards.empty:
        why = "No configuration has a model. The asset model_cards describes models."
        return Section(TITLE, "models", paragraph(why))
    key = configuration_shown(content, cards)
    of_key = {
        name: rows[rows["configuration"] == key]
        for name, rows in content.forecasts.items()
    }
    parts = [_note(), _all(content, cards), f"<h3>{escaped(_name(key))}</h3>"]
    parts += _details(of_key)
    return Section(TITLE, "models", "".join(parts))


def _name(key: str) -> str:
    return key.partition(".")[2]


def _note() -> str:
    return paragraph(
        "How models did in training and out of sample, as means over folds. Skill is 1 "
        "less the squared error divided by that of forecasting no change: above 0 is "
        "better than no model. A model that does far better in training than out of "
        "sample has learned noise. Stability is the rank correlation of the features' "
        "importance from fold to fold: near 0, each fold's model relies on other "
        "features. All figures are in the tables model_cards, feature_importance, "
        "feature_drift, partial_dependence and learning_curve."
    )


def _all(content: PageContent, cards: pd.DataFrame) -> str:
    """List all configurations with a model, in the order of the leaderboard."""
    ranks = content.leaderboard.groupby("configuration")["rank"].min()
    figures = ["train_skill", "test_skill", "train_ic", "test_ic", "stability"]
    by_key = cards.groupby("configuration")
    means, folds = by_key[figures].mean(), by_key.size()
    first = by_key["algorithm"].first()
    keys = sorted(means.index, key=lambda key: (ranks.get(key, 1e18), key))
    rows = [
        (
            _name(key),
            first[key],
            f"{folds[key]:,}",
            *(format_figures(value) for value in means.loc[key]),
        )
        for key in keys
    ]
    head = ["Configuration", "Algorithm", "Folds", "Skill in training", "Skill"]
    head += ["Rank correlation in training", "Rank correlation", "Stability"]
    return table(head, rows, texts=2)


def _details(of_key: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Show the card of the last fold, importance, drift and partial dependence."""
    card = of_key["model_cards"].iloc[-1]
    yield _card(card)
    importance = of_key["feature_importance"].groupby("feature", sort=False)
    mean = importance[["importance", "permutation", "shapley"]].mean()
    mean = mean.sort_values("permutation", ascending=False, na_position="last")
    yield "<h4>Importance of features</h4>"
    yield paragraph(
        "Means over folds. Permutation: how much the error out of sample rises when "
        "the feature's values are shuffled among the bars. Shapley: its share of what "
        "moves the forecasts out of sample. In training: its share by the algorithm's "
        "own count. A feature that counts in training alone has taught the model noise."
    )
    yield _importance(mean)
    dependence = of_key["partial_dependence"]
    drawn = [_dependence(n, dependence, name) for n, name in enumerate(mean.index)]
    yield f'<div class="grid">{"".join(drawn[:MOST_DRAWN])}</div>'
    yield from _learning(of_key["learning_curve"])
    yield from _drift(of_key["feature_drift"])


def _card(card: pd.Series) -> str:
    """Write the card of one model."""
    shown = {
        "Algorithm": f"{card['algorithm']}, {card['backend']}, seed {card['seed']}",
        "Settings": card["settings"],
        "Label": card["label"],
        "Features": ", ".join(json.loads(card["features"])),
        "Fitted on": f"{card['train_rows']:,} rows, {_days(card, 'train')}",
        "Tested on": f"{card['test_rows']:,} rows, {_days(card, 'test')}",
        "Error": f"{format_figures(card['train_rmse'])} in training, "
        f"{format_figures(card['test_rmse'])} out of sample",
        "Features that drifted": f"{card['drifted']:,}",
        "Code and data": f"{card['code']}, {card['data']}",
        "Libraries": card["libraries"],
    }
    rows = [(name, str(value)) for name, value in shown.items()]
    return folded(
        f"Card of the last model, fold {card['fold']}",
        table(("What", "Value"), rows, texts=2),
    )


def _days(card: pd.Series, part: str) -> str:
    first, last = (pd.Timestamp(card[f"{part}_{end}"]) for end in ("first", "last"))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _importance(mean: pd.DataFrame) -> str:
    """List the most important features."""
    rows = [
        (
            name,
            format_percent(row["permutation"]),
            format_percent(row["shapley"]),
            format_percent(row["importance"]),
        )
        for name, row in mean.head(MOST_FEATURES).iterrows()
    ]
    shown = f"{len(rows)} of {len(mean)} features" if len(mean) > len(rows) else ""
    head = ("Feature", "Permutation", "Shapley", "In training")
    return table(head, rows) + (paragraph(shown) if shown else "")


def _dependence(number: int, dependence: pd.DataFrame, feature: str) -> str:
    """Draw the mean forecast over the values of a feature."""
    rows = dependence[dependence["feature"] == feature]
    if rows.empty:
        return ""
    line = trace(
        "scatter",
        x=[float(f"{value:.6g}") for value in rows["value"]],
        y=[float(f"{value:.6g}") for value in rows["forecast"]],
        mode="lines+markers",
        line={"color": WINNER},
        hovertemplate="%{x:.4~g}: %{y:.4~g}<extra></extra>",
    )
    fixed = {"automargin": False}
    drawn = chart(
        f"chart-dependence-{number}",
        [line],
        feature,
        "mean forecast",
        height=240,
        xaxis={**fixed, "nticks": 5},
        yaxis={**fixed, "gridcolor": HOLD + "30"},
        margin={"l": 76, "r": 12, "t": 8, "b": 48},
    )
    return f"<div>{drawn}</div>"


def _learning(curve: pd.DataFrame) -> Iterator[str]:
    """List the errors of models that were fitted on fewer sessions."""
    if curve.empty:
        return
    rows = [
        (
            f"{row['sessions']:,}",
            f"{row['train_rows']:,}",
            format_figures(row["train_rmse"]),
            format_figures(row["test_rmse"]),
            format_figures(row["train_ic"]),
            format_figures(row["test_ic"]),
        )
        for row in curve.to_dict("records")
    ]
    head = ("Sessions", "Rows", "Error in training", "Error", "Correlation in training")
    text = paragraph(
        "The last model fitted on its latest sessions only, and tested on the same "
        "ones. If the error out of sample still falls, more history would help; if "
        "both errors meet, only other features or another model would."
    )
    drawn = table((*head, "Correlation"), rows, texts=0)
    yield f"<h4>Learning curve</h4>{text}{drawn}"


def _drift(drift: pd.DataFrame) -> Iterator[str]:
    """List the features that differ most between training and test."""
    worst = drift.sort_values("stability_index", ascending=False)
    worst = worst.drop_duplicates("feature")
    large = int((worst["stability_index"] > LARGE_SHIFT).sum())
    rows = [
        (
            row["feature"],
            f"{row['fold']}",
            format_figures(row["stability_index"]),
            format_figures(row["ks"]),
            format_figures(row["train_mean"]),
            format_figures(row["test_mean"]),
        )
        for row in worst.head(MOST_FEATURES).to_dict("records")
    ]
    head = ("Feature", "Fold", "Stability index", "KS distance")
    named = (
        f"Drift: in {large} of {len(worst)} features, a test differs much from its "
        "training"
    )
    text = paragraph(
        "For each feature the fold with the largest population stability index. Above "
        f"{LARGE_SHIFT}, values in the test differ much from those in training."
    )
    yield folded(
        named, text + table((*head, "Mean in training", "Mean in the test"), rows)
    )
