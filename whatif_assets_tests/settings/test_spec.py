"""Errors in YAML files name the file, the line, what was found and what is allowed."""

from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.settings import Settings
from whatif_assets.settings.spec import parse, read_yaml
from whatif_assets.settings.study import names_file


class Inner(Settings):
    colour: Literal["red", "green"] = "red"
    count: int = 1
    share: float = 0.5
    whether: bool = False
    since: date | None = None
    symbols: tuple[str, ...] = ()


class Outer(Settings):
    title: str
    inner: Inner = Inner()
    many: dict[str, Inner] = Field(default={})


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        parse(Outer, read_yaml(path))
    return str(caught.value).replace(str(tmp_path) + "/", "")


def test_unknown_field_is_named_with_line_and_suggestion(tmp_path):
    message = refusal(tmp_path, "title: x\ninner:\n  colour: red\n  coutn: 2\n")
    assert message == (
        "a.yaml:4: inner.coutn: unknown field; allowed are colour, count, share, "
        "since, symbols, whether. Did you mean 'count'?"
    )


def test_value_outside_a_choice_lists_the_choice(tmp_path):
    message = refusal(tmp_path, "title: x\ninner: {colour: gren}\n")
    assert message == (
        "a.yaml:2: inner.colour: found 'gren'; allowed are 'green' or 'red'. "
        "Did you mean 'green'?"
    )


def test_wrong_type_says_what_was_found(tmp_path):
    message = refusal(tmp_path, "title: x\nmany:\n  one:\n    count: few\n")
    assert message.startswith("a.yaml:4: many.one.count: found 'few', a text")


def test_missing_field_is_named(tmp_path):
    assert refusal(tmp_path, "inner: {}\n") == (
        "a.yaml:1: title: this field is required and is missing."
    )


def test_all_errors_are_reported_together(tmp_path):
    message = refusal(tmp_path, "titel: x\ninner: {colour: blue}\n")
    assert len(message.splitlines()) == 3


def test_a_repeated_field_is_refused(tmp_path):
    message = refusal(tmp_path, "title: x\ninner: {}\ntitle: y\n")
    assert message == "a.yaml:3: title appears twice; it is already on line 1."


@pytest.mark.parametrize("text", ["", "- 1\n", "just text\n"])
def test_a_file_without_fields_is_refused(tmp_path, text):
    assert "a.yaml:1: expected 'field: value' lines" in refusal(tmp_path, text)


def test_broken_yaml_names_the_line(tmp_path):
    assert refusal(tmp_path, "title: [1\n").startswith("a.yaml:2: this is not valid")


def test_a_missing_file_is_a_message_not_a_traceback(tmp_path):
    with pytest.raises(BadInput, match="there is no such file"):
        read_yaml(tmp_path / "nothing.yaml")


def test_bytes_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"title: \xff\xfe")
    with pytest.raises(BadInput, match="cannot be read as UTF-8"):
        read_yaml(path)


def test_a_shortened_name_is_suggested_in_full():
    assert did_you_mean("fast", ["slowperiod", "fastperiod"]) == (
        " Did you mean 'fastperiod'?"
    )
    assert did_you_mean("", ["slowperiod"]) == ""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("count: true", "inner.count: found true; a number is needed."),
        ("count: '5'", "inner.count: found '5', a text; a number is"),
        ("share: yes", "inner.share: found true; a number is needed."),
        ("whether: 1", "inner.whether: found 1; write true or false."),
        ("whether: 'on'", "inner.whether: found 'on', a text; true or false is"),
        ("since: 20180301", "inner.since: found 20180301; write a date as YYYY-MM-DD."),
        ("since: '1519862400'", "write a date as YYYY-MM-DD."),
        ("count: 1.5", "inner.count: found 1.5; a whole number is needed."),
        ("since: 2018-13-01", "a date is needed, written as YYYY-MM-DD."),
        ("symbols: AAA", "inner.symbols: found 'AAA'; a list is needed."),
        ("share: .inf", "inner.share: found .inf; a finite number is needed."),
        ("share: -.inf", "inner.share: found -.inf; a finite number is needed."),
        ("share: .nan", "inner.share: found .nan; a finite number is needed."),
        ("share: 1e999", "inner.share: found 1e999; a finite number is needed."),
        (
            "count: 0x1F",
            "inner.count: found 0x1F, which is not a plain decimal number.",
        ),
        ("count: 010", "inner.count: found 010, which is not a plain decimal number."),
        (
            "count: 1:30",
            "inner.count: found 1:30, which is not a plain decimal number.",
        ),
        ("count: !!int 5", "found the tag 'tag:yaml.org,2002:int'"),
        ("colour: !!timestamp x", "found the tag 'tag:yaml.org,2002:timestamp'"),
        ('colour: "re\\0d"', "with an invalid character"),
        ("on: 1", "'on': the name of a field must be a text; put it in quotes."),
        ("[a]: 1", "the name of a field must be a text"),
    ],
)
def test_a_value_is_refused_not_converted(tmp_path, written, expected):
    message = refusal(tmp_path, f"title: x\ninner: {{{written}}}\n")
    assert message.startswith("a.yaml:2: ")
    assert expected in message


def test_a_number_with_an_exponent_is_a_number(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("title: x\ninner: {share: 1e-2, count: 1_000}\n")
    inner = parse(Outer, read_yaml(path)).inner
    assert (inner.share, inner.count) == (0.01, 1000)


@pytest.mark.parametrize(
    "symbol", ["ON", "NO", "yes", "000001", "1e5", "600519", "1.5"]
)
def test_a_symbol_that_yaml_reads_as_something_else_asks_for_quotes(tmp_path, symbol):
    message = refusal(tmp_path, f"title: x\ninner:\n  symbols: [AAPL, {symbol}]\n")
    assert message.startswith(f"a.yaml:3: inner.symbols.1: {symbol} is read as ")
    assert message.endswith(f'put it in quotes: "{symbol}".')


@pytest.mark.parametrize("symbol", ["ON", "000001", "1e5", "2018-03-01", "NULL"])
def test_a_symbol_in_quotes_is_a_text(tmp_path, symbol):
    path = tmp_path / "a.yaml"
    path.write_text(f'title: x\ninner: {{symbols: ["{symbol}"]}}\n')
    assert parse(Outer, read_yaml(path)).inner.symbols == (symbol,)


def test_aliases_that_expand_to_millions_of_values_are_refused(tmp_path):
    lines = ["title: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "a.yaml:5: the file has more than 50,000 values" in refusal(
        tmp_path, "\n".join(lines)
    )


@pytest.mark.parametrize("nested", ["{a: " * 2000 + "1" + "}" * 2000, "[" * 5000])
def test_a_file_that_is_nested_too_deep_is_refused(tmp_path, nested):
    assert "more than 30 deep" in refusal(tmp_path, f"title: {nested}\n")


def test_a_list_inside_itself_is_refused(tmp_path):
    message = refusal(tmp_path, "title: x\nmany: &a {b: *a}\n")
    assert message == (
        "a.yaml:2: the alias *a is inside its own anchor &a, which has no end; write "
        "the values without the alias."
    )


def test_a_file_that_is_too_large_is_refused(tmp_path):
    message = refusal(tmp_path, "title: x\n" + "# bars\n" * 100_000)
    assert "the file has 700,009 characters" in message


@pytest.mark.parametrize(
    ("text", "is_file"),
    [("a.yaml", True), ("a.yml", True), ("studies/a", True), ("demo", False)],
)
def test_a_study_is_named_by_a_file_or_a_name(text, is_file):
    assert names_file(text) is is_file


@pytest.mark.parametrize("axes", ["search", "sweep", "each"])
def test_the_end_of_a_range_is_no_symbol(tmp_path, axes):
    path = tmp_path / "a.yaml"
    path.write_text(f"{axes}: {{period: {{from: 3, to: 12}}}}")
    assert read_yaml(path).data == {axes: {"period": {"from": 3, "to": 12}}}
    path.write_text("renamed: {from: A, to: 12}")
    with pytest.raises(BadInput, match=r'put it in quotes: "12"\.$'):
        read_yaml(path)
