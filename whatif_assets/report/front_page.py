"""The front page of a home: its studies with their verdicts, and two of them compared.

It needs no network, and reads the pages of other homes and of earlier versions of a
study in the browser, so that these are compared as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whatif_assets.home.atomic import write_text
from whatif_assets.home.home import REPORTS, Home
from whatif_assets.report.page.charts import data_script
from whatif_assets.report.page.frame import framed
from whatif_assets.report.page.markup import escaped, paragraph, scrolled
from whatif_assets.report.page.summary import read_summary

FILE = "_studies.html"  # no study has this name, since names begin with a letter
SCRIPTS = ("theme.js", "compare.js")
NO_PAGE = "no result yet; use 'whatif run'"
_COMPARE = """
<section id="compare" aria-label="Compare"><h2>Compare</h2>
<p>Two studies of this home, or any report's page from a file, such as an earlier
version of a study. Figures are out of sample, of the first in rank.</p>
<p class="controls"><label>A <select id="compare-a"></select></label>
<label>B <select id="compare-b"></select></label>
<label>Add pages <input type="file" id="compare-file" accept=".html" multiple></label>
<span id="compare-said" role="status"></span></p>
<div id="compare-chart"></div>
<div class="scroll" tabindex="0" role="region" aria-label="Compared figures">
<table><caption class="spoken">Compared figures</caption><thead><tr>
<th scope="col">Figure</th><th scope="col" class="n" id="compare-name-a">A</th>
<th scope="col" class="n" id="compare-name-b">B</th></tr></thead>
<tbody id="compare-rows"></tbody></table></div></section>
"""


def front_page(home: Home) -> Path:
    """Return the path of the front page of a home."""
    return home.path / REPORTS / FILE


def write_front_page(home: Home) -> Path:
    """Write the front page of a home from the pages of its studies."""
    found: dict[str, Mapping[str, Any] | None] = {
        name: read_summary(home.page(name)) if home.page(name).is_file() else None
        for name in home.studies()
    }
    known = [summary for summary in found.values() if summary]
    studies = _studies(found, home.faults())
    path = front_page(home)
    write_text(
        path,
        framed(
            "Studies",
            f"Market {home.market.calendar}, {home.market.base_bar} bars",
            '<a href="#studies">Studies</a> <a href="#compare">Compare</a>',
            studies + (_COMPARE + data_script(known, "summaries") if known else ""),
            SCRIPTS,
        ),
    )
    return path


def _studies(
    found: Mapping[str, Mapping[str, Any] | None], faults: Mapping[Path, str]
) -> str:
    """List the studies, each with a link to its page, and the files that are wrong."""
    head = "".join(
        f'<th scope="col"{kind}>{name}</th>'
        for name, kind in (
            ("Study", ""),
            ("First in rank", ""),
            ("Ranked by", ""),
            ("Value", ' class="n"'),
            ("Variants", ' class="n"'),
            ("Verdict", ""),
        )
    )
    rows = "".join(_row(name, summary) for name, summary in found.items())
    wrong = "".join(
        paragraph(f"{path.name} is wrong: {fault}", "warning")
        for path, fault in faults.items()
    )
    return (
        '<section id="studies" aria-label="Studies"><h2>Studies</h2>'
        + scrolled("Studies")
        + f'<table><caption class="spoken">Studies</caption><thead><tr>{head}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{wrong}</section>"
    )


def _row(name: str, summary: Mapping[str, Any] | None) -> str:
    if summary is None:
        return f'<tr><td>{escaped(name)}</td><td colspan="5">{NO_PAGE}</td></tr>'
    link = f'<a href="{quote(name)}.html">{escaped(summary["title"])}</a>'
    texts = [escaped(summary[key]) for key in ("configuration", "ranked_by")]
    figures = [escaped(summary["value"]), f"{summary['variants']:,}"]
    return (
        f"<tr><td>{link}</td>"
        + "".join(f"<td>{text}</td>" for text in texts)
        + "".join(f'<td class="n">{figure}</td>' for figure in figures)
        + f"<td>{escaped(summary['verdict'])}</td></tr>"
    )
