"""The front page of a home."""

from __future__ import annotations

import re

from whatif_assets.home.home import Home
from whatif_assets.report.front_page import NO_PAGE, front_page, write_front_page


def test_studies_are_listed_with_their_verdicts(copied_home):
    home = Home.open(copied_home)
    (copied_home / "studies" / "later.yaml").write_text(
        "configurations: {hold: {strategy: buy_and_hold}}", encoding="utf-8"
    )
    (copied_home / "studies" / "wrong.yaml").write_text("title: <b>", encoding="utf-8")
    written = front_page(home).read_text(encoding="utf-8")
    assert re.search(r'<a href="tiny.html">.*?</td></tr>', written)
    page = write_front_page(Home.open(copied_home)).read_text(encoding="utf-8")
    assert f'<td>later</td><td colspan="5">{NO_PAGE}' in page.replace("&#x27;", "'")
    assert "wrong.yaml is wrong" in page
    assert '"study":"tiny"' in page
    assert not re.search(r"@import|url\(|https?://(?!www.w3.org)", page)
