"""Membership files: from which date to which date a symbol belongs to a universe."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.sources.cells import NAMED, read_lines
from whatif_assets.sources.csv_rows import refuse_repeated

SYMBOL, FROM, TO = COLUMNS = ("symbol", "from", "to")
MOST_BYTES = 50_000_000  # largest size of a membership file
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Spell:
    """A time during which a symbol is a member without a break.

    Attributes
    ----------
    symbol
        The symbol.
    first, last
        First and last date, both inclusive; None as the last date if it is still in.
    line
        Line of the file, counted from 1.
    """

    symbol: str
    first: date
    last: date | None
    line: int

    def overlaps(self, first: date | None, last: date | None) -> bool:
        """Whether the spell has a date in a range; None is an open end."""
        begins_later = last is not None and self.first > last
        ends_before = first is not None and self.last is not None and self.last < first
        return not begins_later and not ends_before

    def cut(self, first: date | None, last: date | None) -> Spell:
        """Cut the spell to a range that it overlaps; None is an open end."""
        begin = self.first if first is None else max(self.first, first)
        end = min((day for day in (self.last, last) if day is not None), default=None)
        return replace(self, first=begin, last=end)


@dataclass(frozen=True)
class Membership:
    """Spells of a membership file, sorted by symbol and date."""

    file: Path
    spells: tuple[Spell, ...]

    @functools.cached_property
    def hash(self) -> str:
        """Hash of the spells; it does not depend on the file's name or layout."""
        return combined_hash([s.symbol, str(s.first), str(s.last)] for s in self.spells)

    @functools.cached_property
    def symbols(self) -> dict[str, int]:
        """Symbols that are ever a member, sorted, and the line of their first spell."""
        lines: dict[str, int] = {}
        for spell in self.spells:
            lines.setdefault(spell.symbol, spell.line)
        return lines

    def between(self, first: date | None, last: date | None) -> Membership:
        """Keep what the spells have in common with a range of dates.

        Parameters
        ----------
        first, last
            Both inclusive; None is an open end.
        """
        kept = [spell for spell in self.spells if spell.overlaps(first, last)]
        return Membership(self.file, tuple(spell.cut(first, last) for spell in kept))


def read_membership(
    base: Path, name: str, first: date | None = None, last: date | None = None
) -> Membership:
    """Read a membership file, check every row, and cut the spells to some dates.

    The file has a header with the columns ``symbol``, ``from`` and ``to``, in any
    order; other columns are not read. Dates are those of sessions, written as
    YYYY-MM-DD, both inclusive. An empty ``to`` means that the symbol is still in. A
    symbol may have several spells, which must not overlap.

    Parameters
    ----------
    base
        Folder of the study file.
    name
        Path of the file from there.
    first, last
        The dates, both inclusive; None is an open end.

    Raises
    ------
    BadInput
        The file is missing, outside of the folder, not a text, or has wrong rows; the
        message names the file and the first wrong lines with their fields.
    """
    file = base / name
    if not file.exists():
        raise BadInput(
            f"{file}: there is no such file. Write the path of the membership file "
            "from the folder of the study file."
        )
    if not is_inside(base, name):
        raise BadInput(
            f"{file}: a file in the study's folder or below it is needed, not a folder "
            "or a link to elsewhere. Copy the file there."
        )
    if file.stat().st_size > MOST_BYTES:
        raise BadInput(f"{file}: a file of at most {MOST_BYTES:,} bytes is needed.")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}).") from None
    return _between(file, hashlib.sha256(content).hexdigest(), first, last)


def is_inside(base: Path, name: str) -> bool:
    """Whether a file exists in a folder, or below it, and is no link to elsewhere."""
    file = base / name
    return file.is_file() and file.resolve().is_relative_to(base.resolve())


# Cached by content, because a run asks for the members of each partition again.
@functools.lru_cache(maxsize=16)
def _between(
    file: Path, content: str, first: date | None, last: date | None
) -> Membership:
    return _parsed(file, content).between(first, last)


@functools.lru_cache(maxsize=16)
def _parsed(file: Path, content: str) -> Membership:
    lines = read_lines(file)
    header = [name.strip().lower() for name in next(lines, (1, []))[1]]
    refuse_repeated(file, header)
    for column in COLUMNS:
        if column not in header:
            raise BadInput(
                f"{file}, line 1: the column '{column}' is missing; found "
                f"{', '.join(header) or 'none'}. Needed are {', '.join(COLUMNS)}."
                f"{did_you_mean(column, header)}"
            )
    spells: list[Spell] = []
    faults: list[str] = []
    for number, cells in lines:
        try:
            spells.append(_spell(header, number, cells))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    spells.sort(key=lambda spell: (spell.symbol, spell.first, spell.line))
    faults += _overlaps(spells)
    if faults:
        more = f"; and {len(faults) - NAMED} more" if faults[NAMED:] else ""
        raise BadInput(f"{file}, {'; '.join(faults[:NAMED])}{more}. Correct the file.")
    if not spells:
        raise BadInput(f"{file}: there is no row below the header; list the members.")
    return Membership(file, tuple(spells))


def _spell(header: Sequence[str], line: int, cells: Sequence[str]) -> Spell:
    """Read one row; ValueError says which field is wrong, and what is needed."""
    if len(cells) != len(header):
        raise ValueError(f"found {len(cells)} fields; {len(header)} are needed")
    row = {name: cell.strip() for name, cell in zip(header, cells)}
    if not row[SYMBOL]:
        raise ValueError("symbol: found nothing; a symbol is needed")
    if not row[FROM]:
        raise ValueError("from: found nothing; a date is needed")
    first = _date(FROM, row[FROM])
    last = _date(TO, row[TO]) if row[TO] else None
    if last is not None and last < first:
        raise ValueError(f"to: found {last}, which is before from ({first})")
    return Spell(row[SYMBOL], first, last, line)


def _date(field: str, text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    allowed = "YYYY-MM-DD" + (", or nothing if it is still in" if field == TO else "")
    raise ValueError(f"{field}: found '{text[:40]}'; a date is needed, as {allowed}")


def _overlaps(spells: Sequence[Spell]) -> Iterator[str]:
    """Describe each spell that begins before the one before it has ended."""
    for before, spell in itertools.pairwise(spells):
        if before.symbol == spell.symbol and before.overlaps(spell.first, spell.last):
            until = before.last or "now"
            yield (
                f"line {spell.line}: from: found {spell.first}, but {spell.symbol} is "
                f"already in from {before.first} to {until} (line {before.line}); "
                "spells of a symbol must not share a date, and both dates are inclusive"
            )
