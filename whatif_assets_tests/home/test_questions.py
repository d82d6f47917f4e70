"""Questions are counted by author, whatever else is in their file."""

from __future__ import annotations

from whatif_assets.home.home import Home
from whatif_assets.home.questions import FILE, count_by_author, write_question


def test_questions_are_counted_by_the_author_who_asked_first(copied_home):
    home = Home.open(copied_home)
    assert count_by_author(home, "tiny") == {}
    for key, author in [
        ("tiny.linear~size=1", "ann"),
        ("tiny.linear~size=2", "ann"),
        ("tiny.linear~size=1", "bob"),
        ("tiny.linear~size=3", ""),
        ("tiny.linear~size=4", "an\nagent" + "s" * 100),
        ("other.linear~size=5", "ann"),
    ]:
        write_question(home, key, "", author)
    with (copied_home / FILE).open("a") as file:
        file.write("damaged\n")
    counted = count_by_author(home, "tiny")
    assert counted == {"ann": 2, "": 1, "an agent" + "s" * 52: 1}
    assert next(iter(counted)) == "ann"
