"""A home: one market, its studies, its lake and its report, in one folder."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput, did_you_mean, one_of
from whatif_assets.domain.features import GROUP, Feature
from whatif_assets.domain.models.parts import ALL
from whatif_assets.domain.quality.losses import LeftOut, in_words, symbols_lost
from whatif_assets.home.code_of_study import code_base
from whatif_assets.home.files import Files, LocalFiles
from whatif_assets.home.lake import Lake
from whatif_assets.home.lake_names import FOLDER
from whatif_assets.home.quality_findings import left_out_of
from whatif_assets.home.remote_files import files_at
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.entries import find_configuration
from whatif_assets.settings.market import (
    Market,
    read_market,
)
from whatif_assets.settings.resolving import (
    Resolved,
    check_members,
    find_market_errors,
    resolve_configurations,
)
from whatif_assets.settings.spec import read_text
from whatif_assets.settings.study import (
    LONGEST_NAME,
    STUDIES,
    Study,
    is_name,
    read_study,
)

DATABASE = "whatif.duckdb"
REPORTS = "reports"


@dataclass(frozen=True)
class Home:
    """An opened home.

    Attributes
    ----------
    path
        The folder of the home.
    market
        The market's settings, from ``market.yaml``.
    """

    path: Path
    market: Market

    @classmethod
    def open(cls, path: Path) -> Home:
        """Open a home that was set up; otherwise BadInput says how to set it up."""
        refuse_url(path)
        return cls(path, read_market(path))

    @property
    def files(self) -> Files:
        """The files of the lake: in the folder of the home, or at the market's URL."""
        url = self.market.lake
        return files_at(url) if url else LocalFiles(self.path / FOLDER)

    @property
    def lake(self) -> Lake:
        """The lake of the home: its Parquet files."""
        return Lake(self.path, self.files)

    @property
    def database(self) -> Path:
        """Path of the DuckDB file for users' queries."""
        return self.path / DATABASE

    def page(self, study: str) -> Path:
        """Return the path of the HTML page of a study's report."""
        return self.path / REPORTS / f"{study}.html"

    def within(self, text: str) -> str:
        """Make the absolute paths of the home's files in a text relative to it."""
        return text.replace(f"{self.path.absolute()}{os.sep}", "")

    @property
    def studies_folder(self) -> Path:
        """Path of the folder with the study files."""
        return self.path / STUDIES

    @functools.cached_property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the market, from ``market.yaml`` or else from its source."""
        if self.market.symbols:
            return self.market.symbols
        return tuple(self.market.open_source(self.path).symbols())

    def study_files(self) -> list[Path]:
        """List the study files, sorted by name."""
        return sorted(self.studies_folder.glob("*.yaml"))

    def studies(self) -> dict[str, Study]:
        """Read the valid studies of the home, by name.

        See :meth:`faults` for invalid study files, and :meth:`resolve` for invalid
        configurations.
        """
        return self._read()[0]

    def faults(self) -> dict[Path, str]:
        """Return what is wrong with each invalid study file, by path."""
        return self._read()[1]

    def _read(self) -> tuple[dict[str, Study], dict[Path, str]]:
        studies: dict[str, Study] = {}
        faults: dict[Path, str] = {}
        for path in self.study_files():
            try:
                study = self.study_in(path)
            except BadInput as error:
                faults[path] = str(error)
                continue
            if study.name in studies:
                faults[path] = f"{path}:1: a study named '{study.name}' exists already."
            studies.setdefault(study.name, study)
        return studies, faults

    def study_in(self, path: Path) -> Study:
        """Read one study file and check it against the market.

        A wrong configuration does not make the study invalid; see :meth:`resolve`.
        """
        content = path, read_text(path)
        if content not in self._checked:
            study, document = read_study(path)
            if findings := find_market_errors(study, document, self.market):
                raise BadInput("\n".join(findings))
            self._checked[content] = study
        return self._checked[content]

    @functools.cached_property
    def _checked(self) -> dict[tuple[Path, str], Study]:
        """Valid studies by path and text, since a run reads them for each partition."""
        return {}

    def study(self, name: str) -> Study:
        """Read one study by name, if possible without reading the other studies."""
        path = self.studies_folder / f"{name}.yaml"
        if is_name(name) and path.exists():
            study = self.study_in(path)
            if study.name == name:
                return study
        studies = self.studies()
        if name not in studies:
            unread = "".join(f"\n{fault}" for fault in self.faults().values())
            raise BadInput(
                f"There is no study '{name[:LONGEST_NAME]}' in "
                f"{self.studies_folder}; the studies are "
                f"{one_of(studies) or 'none'}.{did_you_mean(name, studies)}{unread}"
            )
        return studies[name]

    def file_of(self, study: Study) -> Path:
        """Return the file that a study of the home was read from."""
        for (path, _), known in self._checked.items():
            if known is study:
                return path
        return self.studies_folder / f"{study.name}.yaml"

    def resolve(self, study: Study) -> Resolved:
        """Resolve every configuration of a study, with its axes expanded.

        A wrong configuration, such as one whose strategy cannot be imported, does not
        affect the other configurations.
        """
        if study.hash not in self._resolved:
            path = self.file_of(study)
            found = resolve_configurations(
                study, path, self.code_base(study.name), self.market
            )
            self._resolved[study.hash] = found
        return self._resolved[study.hash]

    @functools.cached_property
    def _resolved(self) -> dict[str, Resolved]:
        """Resolved studies, by the hash of the study."""
        return {}

    def configurations(self, study: Study) -> list[Configuration]:
        """Return the valid configurations of a study; see :meth:`resolve`."""
        return list(self.resolve(study).configurations)

    def code_base(self, study: str) -> Path:
        """Return the folder in which a study's strategies are looked up."""
        return code_base(self.studies_folder / f"{study}.yaml")

    def find(self, key: str) -> tuple[Configuration, Study]:
        """Return the configuration of a partition key, and its study."""
        name = key.split("~")[0].split(".")[0]
        studies = {name: self.study(name)} if name else self.studies()
        found = find_configuration(
            studies, key, self.code_base(name), self.market.bar_size
        )
        return found, studies[name]

    def bar_size(self, configuration: Configuration) -> BarSize:
        """Return the size of a configuration's bars."""
        return configuration.bar or self.market.bar_size

    def with_groups(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add to rows with ``symbol`` a column ``group``, the group of the symbol."""
        groups = self.market.groups_of(rows["symbol"].unique())
        return rows.assign(**{GROUP: rows["symbol"].map(groups)})

    def left_out(self, study: Study) -> list[LeftOut]:
        """List the refused bars of a study's sessions, oldest first."""
        return left_out_of(self.lake, set(study.sessions(self.market)))

    def symbols_lost(self, study: Study) -> list[str]:
        """List the symbols that a study excludes because of refused bars, sorted."""
        return sorted(symbols_lost(self.left_out(study), self.market.may_lose))

    def _check_costs(self, configuration: Configuration) -> None:
        """Raise where costs name a symbol that the market lacks."""
        for symbol in configuration.costs.symbols:
            if symbol not in self.symbols:
                raise BadInput(
                    f"Configuration {configuration.key}: costs: the market has no "
                    f"'{symbol}'.{did_you_mean(symbol, self.symbols)}"
                )

    def symbols_of(self, configuration: Configuration) -> list[str]:
        """List the symbols that a configuration trades, without those that are lost.

        Raises
        ------
        BadInput
            The market lacks one of the symbols, or all of them are lost.
        """
        membership = configuration.membership
        if membership is None:
            return self.symbols_learned(configuration)
        check_members(configuration, self.symbols)
        members = set(membership.symbols)
        found = [s for s in self.symbols_learned(configuration) if s in members]
        if not found:
            raise BadInput(
                f"Configuration {configuration.key}: universe: no symbol of the market "
                f"is in {membership.file} on a date of the study, so nothing can be "
                "traded. Correct the file, or the dates of the study.",
                field=("universe",),
            )
        return found

    def parts_of(self, configuration: Configuration) -> dict[str, str]:
        """Name the part of the symbols that each symbol has a model with.

        Returns
        -------
        dict
            Name of a symbol or group, by symbol; empty if one model is for all symbols.

        Raises
        ------
        BadInput
            As :meth:`symbols_learned`.
        """
        if configuration.model_per == ALL:
            return {}
        symbols = self.symbols_learned(configuration)
        if configuration.model_per == "group":
            return self.market.groups_of(symbols)
        return {symbol: symbol for symbol in symbols}

    def symbols_learned(self, configuration: Configuration) -> list[str]:
        """List the symbols that a model learns from, without those that are lost.

        They include symbols that belong to the universe at no time, so that a model
        does not learn from the knowledge of who will be a member.

        Raises
        ------
        BadInput
            As :meth:`symbols_of`.
        """
        wanted = configuration.symbols or self.symbols
        for symbol in wanted:
            if symbol not in self.symbols:
                raise BadInput(
                    f"Configuration {configuration.key}: symbols: the market has no "
                    f"'{symbol}'.{did_you_mean(symbol, self.symbols)}",
                    field=("symbols",),
                )
        self._check_costs(configuration)
        study = self.study(configuration.study)
        lost = set(self.symbols_lost(study))
        left = [name for name in wanted if name not in lost]
        if not left:
            raise BadInput(
                f"Configuration {configuration.key}: bars of each of its symbols "
                "were refused, so no symbol is left to trade. "
                + " ".join(in_words(self.left_out(study), self.market.may_lose))
            )
        return left

    def features(self) -> dict[BarSize, tuple[Feature, ...]]:
        """Collect the features that the home's studies use, by bar size.

        Returns
        -------
        dict
            Each column once, sorted by name. The market's own bar size comes first,
            even without a feature; the larger sizes follow.
        """
        columns: dict[BarSize, dict[str, Feature]] = {self.market.bar_size: {}}
        for study in self.studies().values():
            for configuration in self.configurations(study):
                if configuration.algorithm is not None:
                    of_size = columns.setdefault(self.bar_size(configuration), {})
                    of_size |= {f.column: f for f in configuration.features_read}
        own, *larger = columns
        larger.sort(key=lambda size: size.length)
        return {
            size: tuple(columns[size][name] for name in sorted(columns[size]))
            for size in (own, *larger)
        }


__all__ = ["DATABASE", "Home", "Resolved", "code_base"]


def refuse_url(path: Path) -> None:
    """Raise BadInput for a URL, which would become a local folder named ``s3:``."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", str(path))
    if scheme:
        raise BadInput(
            f"--home: found a URL of {scheme[1]}://; a home must be a folder of this "
            "machine, such as data or /srv/whatif. Its lake may be at a URL: write "
            f"'lake: {scheme[1]}://...' in its market.yaml."
        )
