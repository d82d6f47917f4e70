"""Which Spark master a study runs on, and where its sweeps run."""

from __future__ import annotations

from typing import Any

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.spark.session import is_local, refuse_connect
from whatif_assets.settings.study import SparkSettings
from whatif_assets.steps import backend
from whatif_assets.steps.backend import master_of, study_settings


class _Study:
    def __init__(self, **settings: Any) -> None:
        self.spark = SparkSettings(**settings)


@pytest.mark.parametrize(
    ("settings", "of_environment", "master"),
    [
        ({}, "", "local[*]"),
        ({"settings": {"spark.master": "yarn"}}, "", "yarn"),
        ({"master": "spark://a:1", "settings": {"spark.master": "yarn"}}, "", "spark://a:1"),
        ({"master": "spark://a:1", "settings": {"spark.master": "yarn"}}, "local", "local"),
    ],
)  # fmt: skip
def test_the_environment_overrides_the_study(
    settings: dict[str, Any],
    of_environment: str,
    master: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WHATIF_SPARK_MASTER", of_environment)
    taken: list[tuple[Any, ...]] = []
    monkeypatch.setattr(backend, "spark_settings", lambda *of: taken.append(of) or {})
    study: Any = _Study(**settings)
    assert master_of(study) == master
    study_settings(study)
    assert taken == [(master, {}, False)]


@pytest.mark.parametrize(
    ("master", "local"),
    [("local", True), ("local[2]", True), ("local-cluster[1,1,1024]", False), ("yarn", False)],
)  # fmt: skip
def test_a_local_master_is_this_process(master: str, local: bool) -> None:
    assert is_local(master) is local


@pytest.mark.parametrize(
    "settings", [{"spark.remote": "sc://head"}, {"spark.master": "sc://head"}]
)
def test_spark_connect_is_refused_with_what_to_set_instead(
    settings: dict[str, str],
) -> None:
    with pytest.raises(BadInput, match=r"Connect \(sc://head\).*Set spark.master"):
        refuse_connect(settings)
    with pytest.raises(ValueError, match="Spark Connect"):
        SparkSettings(settings=settings)


def test_spark_connect_of_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://head")
    with pytest.raises(BadInput, match="SPARK_REMOTE unset"):
        study_settings(None)
