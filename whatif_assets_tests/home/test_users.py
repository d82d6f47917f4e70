"""The name of a user is written down in the ledger, by runs, and in the audit trail."""

from __future__ import annotations

import getpass

import pytest

from whatif_assets.home.users import LONGEST, VARIABLE, user_name


def test_a_service_names_whom_it_works_for(monkeypatch):
    monkeypatch.setenv(VARIABLE, "  ann\n of research " + "x" * 100)
    assert user_name() == ("ann of research " + "x" * 100)[:LONGEST]
    monkeypatch.setenv(VARIABLE, " ")
    monkeypatch.setattr(getpass, "getuser", lambda: "bob")
    assert user_name() == "bob"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_system_without_names_of_users_has_none(error, monkeypatch):
    def unknown():
        raise error

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(getpass, "getuser", unknown)
    assert user_name() == ""
