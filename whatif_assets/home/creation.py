"""Setting up homes: a study checked, a market described, both written."""

from __future__ import annotations

from pathlib import Path

from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.home.atomic import write_text
from whatif_assets.home.code_of_study import code_base, copy_files
from whatif_assets.home.home import Home, refuse_url
from whatif_assets.settings.market import (
    MARKET_FILE,
    Market,
    list_differences,
    market_yaml,
    read_market,
)
from whatif_assets.settings.resolving import (
    find_market_errors,
    resolve_configurations,
)
from whatif_assets.settings.spec import YamlDocument
from whatif_assets.settings.study import STUDIES, Study, read_study, study_market
from whatif_assets.sources.files import path_exists

DEFINITIONS = '''"""Dagster code location of this home; name it in workspace.yaml."""

from pathlib import Path

from whatif_assets.orchestration.code_location import build_definitions

defs = build_definitions(Path(__file__).parent)
'''


def check_study(path: Path, market: Market | None = None) -> Study:
    """Read a study and check all of it: fields, configurations, dates, windows.

    Parameters
    ----------
    path
        The study file.
    market
        The market to check against; by default the study's own ``market:`` block.

    Returns
    -------
    Study
        The checked study.

    Raises
    ------
    BadInput
        The study is wrong: one line per finding, with file and line.
    """
    study, document = read_study(path)
    market = market or study_market(document)
    findings = list(
        resolve_configurations(study, path, code_base(path), market).faults.values()
    )
    if market is not None and not findings:
        findings = find_market_errors(study, document, market)
    if findings:
        raise BadInput("\n".join(findings))
    return study


def set_up(home: Path, study_file: Path) -> tuple[Home, Study]:
    """Add a study to a home, and set up the home first if it is empty.

    A study's ``market:`` block becomes the home's ``market.yaml``, with its path
    made absolute, and the study is copied into ``studies/``.

    Raises
    ------
    BadInput
        The home is a URL, the study is wrong, neither the study nor the home has a
        market, or their markets differ; the message lists each difference.
    """
    refuse_url(home)
    study, document = read_study(study_file)
    stated = study_market(document)
    if stated is not None:
        stated = _anchored(stated, study_file.parent, document.where(("market",)))
    if (home / MARKET_FILE).exists():
        market = _anchored(read_market(home), home, str(home / MARKET_FILE))
        if stated is not None and (differences := list_differences(market, stated)):
            raise BadInput(
                f"{document.where(('market',))}: {home} is the home of another "
                "market. Choose another --home, or remove the market block.\n  "
                + "\n  ".join(differences)
            )
    elif stated is None:
        raise BadInput(
            f"{document.where(())}: {home} has no market yet and the study has no "
            "'market:' block; add one, or choose the --home of an existing market."
        )
    else:
        market = stated
    check_symbols(market, study_file)
    _check_some(study, document, market)
    _write_home(home, market, study, study_file)
    return Home.open(home), study


def _check_some(study: Study, document: YamlDocument, market: Market) -> None:
    """Raise BadInput if nothing of a study can be computed."""
    path = document.path
    found = resolve_configurations(study, path, code_base(path), market)
    findings = find_market_errors(study, document, market)
    if not found.configurations:
        findings = [*found.faults.values(), *findings]
    if findings:
        raise BadInput("\n".join(findings))


def check_symbols(market: Market, where: Path) -> None:
    """Raise BadInput if a market names a symbol that its source does not have.

    Parameters
    ----------
    market
        The market; its relative paths start at the folder of ``where``.
    where
        The file that describes the market, for the message.
    """
    named = market.symbols_named
    known = market.open_source(where.parent).symbols() if named else []
    for field, symbol in named:
        if symbol not in known:
            raise BadInput(
                f"{where}: market.{field[0]}: the source '{market.source}' has no "
                f"'{symbol}'; it has {len(known)} symbols, such as "
                f"{', '.join(known[:5])}.{did_you_mean(symbol, known)}"
            )


def _anchored(market: Market, base: Path, where: str) -> Market:
    """Make a market's paths absolute, if they exist below ``base`` or the cwd.

    Raises
    ------
    BadInput
        A path or glob is not valid; ``where`` says where the market is described.
    """
    try:
        facts = {
            name: entry.model_copy(update={"path": _absolute(entry.path, base)})
            for name, entry in market.facts.items()
        }
        paths = {
            name: _absolute(getattr(market, name), base) for name in ("path", "actions")
        }
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    return market.model_copy(update={**paths, "facts": facts})


def _absolute(path: str | None, base: Path) -> str | None:
    if path is None or Path(path).is_absolute():
        return path
    return str(((base if path_exists(base / path) else Path()) / path).resolve())


def _write_home(home: Path, market: Market, study: Study, study_file: Path) -> None:
    if not (home / MARKET_FILE).exists():
        write_text(home / MARKET_FILE, market_yaml(market))
        write_text(home / "definitions.py", DEFINITIONS)
    target = home / STUDIES / f"{study.name}.yaml"
    if target.resolve() == study_file.resolve():
        return
    copy_files(study, study_file, target)
    write_text(target, study_file.read_text(encoding="utf-8"))
