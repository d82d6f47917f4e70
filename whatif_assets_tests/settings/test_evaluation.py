"""Settings of an evaluation: what is refused, and what stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.settings.evaluation import Evaluation
from whatif_assets.settings.study import read_study


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("method: k_fold", "k_fold needs 'groups', such as groups: 6"),
        (
            "method: cpcv, groups: 6",
            "needs 'groups' and 'tested', such as groups: 6, t",
        ),
        ("method: split, groups: 6", "'groups' is only for method: k_fold and cpcv"),
        ("method: k_fold, groups: 6, tested: 2", "'tested' is only for method: cpcv"),
        ("method: k_fold, groups: 6, train: 0.5", "'train' is not for method: k_fold"),
        ("method: k_fold, groups: 6, expanding: true", "'expanding' is not for method"),
        ("method: k_fold, groups: 1", "groups"),
        ("method: cpcv, groups: 6, tested: 1", "tested"),
        ("method: k_fold, groups: 6, test: 5", "only for method: walk_forward"),
        ("method: kfold, groups: 6", "k_fold"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(
    tmp_path: Path, fields: str, message: str
) -> None:
    file = tmp_path / "one.yaml"
    text = "configurations: {rule: {strategy: buy_and_hold}}"
    file.write_text(f"evaluation: {{{fields}}}\n{text}\n")
    with pytest.raises(BadInput, match=f"one.yaml:1.*{message}"):
        read_study(file)


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({}, 1),
        ({"method": "k_fold", "groups": 6}, 1),
        ({"method": "cpcv", "groups": 6, "tested": 2}, 5),
    ],
)
def test_paths_are_counted(given: dict[str, Any], paths: int) -> None:
    assert Evaluation(**given).paths == paths


def test_what_is_hashed_of_earlier_studies_stays_as_it_was() -> None:
    fields = {"method", "train", "test", "step", "expanding", "embargo", "holdout"}
    assert set(Evaluation().model_dump()) == fields
    more = Evaluation(method="cpcv", groups=6, tested=2).model_dump(exclude={"holdout"})
    assert set(more) == (fields | {"groups", "tested"}) - {"holdout"}
