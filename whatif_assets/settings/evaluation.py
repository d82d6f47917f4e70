"""Settings of an evaluation: which sessions models are trained and tested on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.models.windows import (
    MOST_FOLDS,
    Fold,
    cross_validation,
    number_of_paths,
    split,
    walk_forward,
)

_EXAMPLES = {"groups": 6, "tested": 2}


class Evaluation(Settings):
    """Division of the sessions into training and test windows.

    ``split`` trains on the first sessions and tests on the rest; ``walk_forward``
    moves a training and a test window through the sessions; ``k_fold`` tests each of
    several groups of sessions and trains on all others; ``cpcv`` (combinatorial purged
    cross-validation) does so with every choice of some groups, which makes several
    paths; ``whole`` tests on all sessions without training, for studies without models.
    """

    method: Literal["split", "walk_forward", "k_fold", "cpcv", "whole"] = "split"
    train: Annotated[float | int, Field(gt=0)] = Field(
        default=0.7,
        description="Training sessions: a share below 1, or a number of sessions.",
    )
    test: int | None = Field(
        default=None, ge=1, description="Sessions in each test window."
    )
    step: int | None = Field(
        default=None,
        ge=1,
        description="Sessions by which the windows move. Default: test.",
    )
    expanding: bool = Field(
        default=False,
        description="Keep the first session in training: the training window grows.",
    )
    groups: int | None = Field(
        default=None,
        ge=2,
        le=MOST_FOLDS,
        description="Groups of consecutive sessions of equal length; for k_fold and "
        "cpcv.",
    )
    tested: int | None = Field(
        default=None,
        ge=2,
        le=MOST_FOLDS,
        description="Groups that each fold of cpcv tests.",
    )
    embargo: int | None = Field(
        default=None,
        ge=0,
        description="Bars left out between training and test, and between a test and "
        "later training; at least the horizon (default).",
    )
    holdout: int = Field(
        default=0,
        ge=0,
        description="Number of last sessions that are sealed: not used for training or "
        "selection.",
    )

    @field_validator("train")
    @classmethod
    def _share_or_sessions(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError(
                f"found {value}; allowed are a share of the sessions below 1, such as "
                "0.7, or a whole number of sessions."
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Evaluation:
        if self.method == "walk_forward" and self.test is None:
            raise ValueError(
                "walk_forward needs 'test', the number of sessions in each test."
            )
        if self.method == "walk_forward" and self.train < 1:
            raise ValueError("walk_forward needs 'train' as a number of sessions.")
        if self.method != "walk_forward" and (self.test or self.step):
            raise ValueError("'test' and 'step' are only for method: walk_forward.")
        self._check_groups()
        return self

    def _check_groups(self) -> None:
        """Raise ValueError for fields that k_fold and cpcv lack, or others have."""
        needed = {"k_fold": ["groups"], "cpcv": ["groups", "tested"]}
        names = needed.get(self.method, [])
        for name in ("groups", "tested"):
            given = getattr(self, name) is not None
            if given and name not in names:
                methods = " and ".join(m for m, of in needed.items() if name in of)
                raise ValueError(f"'{name}' is only for method: {methods}.")
            if not given and name in names:
                raise ValueError(
                    f"{self.method} needs {' and '.join(map(repr, names))}, such as "
                    f"{', '.join(f'{n}: {_EXAMPLES[n]}' for n in names)}."
                )
        folds = math.comb(self.groups or 1, self.tested or 1)
        if names and folds > MOST_FOLDS:
            raise ValueError(
                f"groups: {self.groups} and tested: {self.tested} make {folds:,} "
                f"folds, each with models of its own; at most {MOST_FOLDS} are "
                "allowed. Choose fewer groups, such as groups: 10 and tested: 2."
            )
        for name in ("train", "expanding") if names else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"'{name}' is not for method: {self.method}, which trains on all "
                    "groups that are not tested."
                )

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out later fields without a value: what is hashed stays as it was."""
        values = write(self)
        later = ("groups", "tested")
        return {k: v for k, v in values.items() if k not in later or v is not None}

    @property
    def is_cross_validation(self) -> bool:
        """Whether models are also trained on sessions after a tested one."""
        return self.groups is not None

    @property
    def paths(self) -> int:
        """Number of paths: how often each session is tested."""
        return number_of_paths(self.groups, self.tested or 1) if self.groups else 1

    def folds(self, sessions: Sequence[date]) -> list[Fold]:
        """Divide the sessions before the holdout into folds.

        See :mod:`whatif_assets.domain.models.windows`.
        """
        if self.method == "whole":
            return [Fold(number=0, train=(), test=tuple(sessions))]
        if self.method == "split":
            return split(sessions, self.train)
        if self.groups is not None:
            return cross_validation(sessions, self.groups, self.tested or 1)
        return walk_forward(
            sessions,
            train=int(self.train),
            test=self.test or 1,
            step=self.step or self.test or 1,
            expanding=self.expanding,
        )

    def holdout_train(self, sessions: Sequence[date]) -> tuple[date, ...]:
        """Return the training sessions for the holdout: those of a next fold."""
        if self.method == "whole":
            return ()
        rolling = self.method == "walk_forward" and not self.expanding
        return tuple(sessions[-int(self.train) :] if rolling else sessions)
