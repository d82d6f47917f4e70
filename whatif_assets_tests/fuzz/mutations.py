"""Good input with a few random errors: studies, keys, and files of bars."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from whatif_assets_tests.conftest import TINY_STUDY

EXAMPLES = Path(__file__).parents[2] / "docs" / "studies"
STUDIES = [
    yaml.safe_load(text)
    for text in (TINY_STUDY, *(p.read_text() for p in sorted(EXAMPLES.glob("*.yaml"))))
]
WORDS = (
    "", " ", "nan", "inf", "-inf", "true", "yes", "~", "=", "a=b", "1e5", "0x10",
    "1_000", "2018-02-30", "9999-12-31", "../../x", "/etc/passwd", "none.py:Rule",
    "%s{}$x", "é\u202e", "x" * 5_000, "a\nb", "SYN01", "ema", "linear", "return",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 0.5, 4.5, 1e-300, 1e308, 2**31, 2**53, 2**63, 10**30, -(10**30),
    float("nan"), float("inf"), 100_000, 1_000_000_000,
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.text(max_size=12),
    st.floats(),
    st.integers(),
    st.just([]),
    st.just({}),
    st.lists(st.sampled_from(NUMBERS + WORDS), max_size=4),
    st.dictionaries(st.sampled_from(WORDS), st.sampled_from(NUMBERS), max_size=2),
)
Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the path of each value inside of nested lists and mappings."""
    inner: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for name, one in inner:
        yield (*at, name)
        yield from places(one, (*at, name))


def at_place(value: Any, place: Place) -> Any:
    """Return the list or mapping at a path."""
    for name in place:
        value = value[name]
    return value


@st.composite
def studies(draw: st.DrawFn) -> str:
    """Draw the text of a study with one to three errors, or errors in its text."""
    study = copy.deepcopy(draw(st.sampled_from(STUDIES)))
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(study))
        if not found:
            break
        *above, name = draw(st.sampled_from(found))
        holder = at_place(study, tuple(above))
        change = draw(st.sampled_from(("value", "value", "remove", "move", "add")))
        if change == "value":
            holder[name] = draw(VALUES)
        elif change == "remove":
            del holder[name]
        elif change == "move":
            holder[name] = copy.deepcopy(at_place(study, draw(st.sampled_from(found))))
        elif isinstance(holder, dict):
            holder[draw(st.sampled_from(WORDS))] = draw(VALUES)
        else:
            holder.append(draw(VALUES))
    text = yaml.safe_dump(study, allow_unicode=True, sort_keys=False)
    if draw(st.integers(0, 4)) == 0:
        text = draw(spoilt(text.encode())).decode(errors="surrogateescape")
    return text


@st.composite
def keys(draw: st.DrawFn, known: Sequence[str]) -> str:
    """Draw a key of a configuration, with overrides that make sense or none."""
    key = draw(st.sampled_from(known))
    fields = ("size", "threshold", "max_depth", "features", "strategy", "each", "x")
    for _ in range(draw(st.integers(0, 3))):
        field = draw(st.sampled_from(fields))
        value = draw(st.sampled_from(WORDS + NUMBERS))
        key += draw(st.sampled_from(("~", "~", "+", "."))) + f"{field}={value}"
    return (
        draw(spoilt(key.encode())).decode(errors="replace")
        if draw(st.booleans())
        else key
    )


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw bytes with one to four errors: cut, repeated, replaced or inserted."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        to = min(len(content), at + draw(st.integers(0, 40)))
        put = draw(
            st.sampled_from(
                (b"", b"\0", b"\xff\xfe", b"\n", b"9" * 400, b"nan", b"-1", b"[", b"{",
                 b",", b";", b":", b"'", b'"', b"&a", b"*a", b"!!int", b"\t", b"\r")
            )
            | st.just(content[at:to] * 3)
            | st.binary(max_size=8)
        )  # fmt: skip
        content = content[:at] + put + content[to:]
        if draw(st.integers(0, 9)) == 0:
            content = content[:at]
    return content
