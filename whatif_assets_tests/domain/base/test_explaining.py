"""What is wrong with a field is told in a few words, however long its value is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from whatif_assets.domain.base.explaining import LONGEST, explain


class Fields(BaseModel):
    numbers: dict[str, int] = {}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["a"], "found ['a']; a mapping of names to values is needed."),
        (["a" * 9_000] * 9, f"found ['{'a' * (LONGEST - 2)}...; a mapping of names"),
    ],
)
def test_a_long_value_is_cut_off(value: Any, shown: str) -> None:
    with pytest.raises(ValidationError) as error:
        Fields(numbers=value)
    assert explain(Fields, error.value.errors()[0]).startswith(shown)
