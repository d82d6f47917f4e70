"""Fits run at the same time, in the order of their items, with few items at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.fitting import fits_ahead


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_results_are_in_order_and_few_items_wait(at_once: int) -> None:
    taken, most = [], []

    def items() -> Iterator[int]:
        for item in range(7):
            taken.append(item)
            yield item

    found = []
    for result in fits_ahead(lambda item: item * 10, items(), at_once):
        found.append(result)
        most.append(len(taken) - len(found))
    assert found == [0, 10, 20, 30, 40, 50, 60]
    assert max(most) == at_once - 1


def test_two_fits_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=60)
    assert len([*fits_ahead(lambda item: both.wait() >= 0, range(4), 2)]) == 4


def test_the_first_error_in_order_is_raised() -> None:
    def fit(item: int) -> int:
        if item in (2, 3):
            raise BadInput(f"fold {item}")
        return item

    fitted = fits_ahead(fit, range(9), 2)
    assert [next(fitted), next(fitted)] == [0, 1]
    with pytest.raises(BadInput, match="fold 2"):
        next(fitted)
