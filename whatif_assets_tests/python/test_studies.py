"""A study made in Python is the study of the YAML that it is saved as."""

from __future__ import annotations

import pytest
import yaml

import whatif_assets as wi
from whatif_assets.settings.study import read_study
from whatif_assets_tests.conftest import TINY_STUDY


def test_a_study_is_saved_as_the_same_study(tiny_study, tmp_path):
    fields = yaml.safe_load(TINY_STUDY)
    saved = wi.study("tiny", **fields).save(tmp_path / "saved.yaml")
    assert read_study(saved)[0] == read_study(tiny_study)[0]


def test_values_that_occur_twice_are_written_twice():
    grid = [1, 2]
    rule = {"strategy": "ema_cross", "sweep": {"fastperiod": grid, "slowperiod": grid}}
    assert "*" not in wi.study("s", configurations={"a": rule}).yaml()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"configuration": {}}, "Did you mean 'configurations'?"),
        ({"configurations": {"a": {"strategy": "ema"}}}, "Did you mean 'ema_cross'?"),
        ({"configurations": {"a": object()}}, "only plain values can be written"),
    ],
)
def test_a_wrong_field_is_named(fields, says):
    with pytest.raises(wi.BadInput) as error:
        wi.study("s", **fields)
    assert says in str(error.value)
