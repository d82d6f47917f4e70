"""The command ``whatif check``: whether a study is valid, and what it would run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from whatif_assets.command_line.tables import print_table
from whatif_assets.command_line.terminal import console
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.creation import check_study
from whatif_assets.home.home import Home, code_base
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import expand
from whatif_assets.settings.market import MARKET_FILE
from whatif_assets.settings.resolving import check_members
from whatif_assets.settings.study import names_file, read_study, study_market
from whatif_assets.steps.data_check import check_data, size_of
from whatif_assets.steps.rehearsal import rehearse

MARKET = ("market",)  # path of the market in a study file, to find its line


@dataclass(frozen=True, eq=False)
class Checked:
    """A study without an error, and what it would run.

    Attributes
    ----------
    study
        Name of the study.
    configurations
        A row for each: ``configuration``, its key, ``strategy``, ``algorithm`` (``-``
        for a rule without a model), and the number of its ``variants``.
    size
        How much would be computed, in words.
    """

    study: str
    configurations: pd.DataFrame
    size: str


def check(home_path: Path, study: str) -> Checked:
    """Check a study with its market, its code and its data, and run nothing.

    Parameters
    ----------
    study
        A study file, or the name of a study of the home.

    Raises
    ------
    BadInput
        The study, its market, its code or its data has an error.
    """
    path = Path(study)
    if names_file(study):
        document = read_study(path)[1]
        market, of_market, where = study_market(document), path, document.where(MARKET)
        if market is None:
            market, of_market = Home.open(home_path).market, home_path / MARKET_FILE
            where = str(of_market)
        checked = check_study(path, market)
        base = code_base(path)
    else:
        home = Home.open(home_path)
        market, of_market = home.market, home.path / MARKET_FILE
        where = str(of_market)
        checked = check_study(home.file_of(home.study(study)), home.market)
        base = home.code_base(study)
    configurations = expand(checked, base, market.bar_size)
    if findings := rehearse(configurations):
        raise BadInput("\n".join(findings))
    try:
        symbols = check_data(checked, market, of_market.parent)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    for configuration in configurations:
        check_members(configuration, symbols)
    size = size_of(checked, market, symbols, configurations)
    return Checked(checked.name, _rows(configurations), str(size))


def _rows(configurations: Iterable[Configuration]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "configuration": configuration.key,
                "strategy": configuration.strategy,
                "algorithm": configuration.algorithm or "-",
                "variants": len(configuration.variants()),
            }
            for configuration in configurations
        ]
    )


def print_check(home_path: Path, study: str, *, as_json: bool = False) -> bool:
    """Check a study and print its configurations.

    Parameters
    ----------
    study
        As for :func:`check`.
    as_json
        Whether to print the configurations as JSON.

    Raises
    ------
    BadInput
        As :func:`check`.
    """
    found = check(home_path, study)
    title = f"Study {found.study} is valid"
    print_table(found.configurations, title, as_json=as_json)
    if not as_json:
        console.print(found.size)
    return True
