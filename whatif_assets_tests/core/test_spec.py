"""Errors in YAML files name the file, the line, what was found and what is allowed."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from whatif_assets.core.errors import BadInput, did_you_mean
from whatif_assets.core.spec import parse, read_yaml


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: Literal["red", "green"] = "red"
    count: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    inner: Inner = Inner()
    many: dict[str, Inner] = {}


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        parse(Outer, read_yaml(path))
    return str(caught.value).replace(str(tmp_path) + "/", "")


def test_unknown_field_is_named_with_line_and_suggestion(tmp_path):
    message = refusal(tmp_path, "title: x\ninner:\n  colour: red\n  coutn: 2\n")
    assert message == (
        "a.yaml:4: inner.coutn: unknown field; allowed are colour, count. "
        "Did you mean 'count'?"
    )


def test_value_outside_a_choice_lists_the_choice(tmp_path):
    message = refusal(tmp_path, "title: x\ninner: {colour: gren}\n")
    assert message == (
        "a.yaml:2: inner.colour: found 'gren'; allowed are 'green' or 'red'. "
        "Did you mean 'green'?"
    )


def test_wrong_type_says_what_was_found(tmp_path):
    message = refusal(tmp_path, "title: x\nmany:\n  one:\n    count: few\n")
    assert message.startswith("a.yaml:4: many.one.count: found 'few';")


def test_missing_field_is_named(tmp_path):
    assert refusal(tmp_path, "inner: {}\n") == (
        "a.yaml:1: title: this field is required and is missing."
    )


def test_every_fault_is_reported_at_once(tmp_path):
    message = refusal(tmp_path, "titel: x\ninner: {colour: blue}\n")
    assert len(message.splitlines()) == 3


def test_a_field_that_stands_twice_is_refused(tmp_path):
    message = refusal(tmp_path, "title: x\ninner: {}\ntitle: y\n")
    assert message == "a.yaml:3: title stands twice; it is already on line 1."


@pytest.mark.parametrize("text", ["", "- 1\n", "just text\n"])
def test_a_file_without_fields_is_refused(tmp_path, text):
    assert "a.yaml:1: expected 'field: value' lines" in refusal(tmp_path, text)


def test_broken_yaml_names_the_line(tmp_path):
    assert refusal(tmp_path, "title: [1\n").startswith("a.yaml:2: this is not valid")


def test_a_missing_file_is_no_traceback(tmp_path):
    with pytest.raises(BadInput, match="there is no such file"):
        read_yaml(tmp_path / "nothing.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"title: \xff\xfe")
    with pytest.raises(BadInput, match="cannot be read as UTF-8"):
        read_yaml(path)


def test_what_was_cut_short_is_suggested_whole():
    assert did_you_mean("fast", ["slowperiod", "fastperiod"]) == (
        " Did you mean 'fastperiod'?"
    )
    assert did_you_mean("", ["slowperiod"]) == ""
