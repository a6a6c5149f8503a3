"""Accounts: only the right password opens one, the file tells nobody, and guessing is slow."""

from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

from memory import accounts as module
from memory.accounts import Accounts
from memory.errors import DocgraftError, NotConfigured

RIGHT = "correct horse 電池"


@pytest.fixture
def accounts(tmp_path):
    made = Accounts(tmp_path / "home" / "accounts.toml", cost=2**4)
    made.add("ann", RIGHT)
    return made


def test_only_the_right_password_of_the_right_account_is_accepted(accounts):
    accounts.add("王小明", "another one 2")
    assert accounts.check("ann", RIGHT)
    assert not accounts.check("ann", RIGHT + " ")
    assert not accounts.check("ann", "")
    assert not accounts.check("ann", "another one 2")
    assert not accounts.check("nobody", RIGHT)
    assert accounts.check("王小明", "another one 2")
    assert accounts.names() == ["ann", "王小明"]


def test_the_real_cost_works_too(tmp_path):
    slow = Accounts(tmp_path / "accounts.toml")
    slow.add("ann", RIGHT)
    assert slow.check("ann", RIGHT)
    assert not slow.check("ann", "wrong password")


def test_the_file_is_private_and_holds_no_password(accounts):
    accounts.add("bob", RIGHT)
    text = accounts.path.read_text("utf-8")
    assert RIGHT not in text
    stored = tomllib.loads(text)
    assert stored["ann"]["password"] != stored["bob"]["password"]
    assert stored["ann"]["password"].startswith("scrypt$")
    assert accounts.path.stat().st_mode & 0o077 == 0


def test_accounts_survive_a_restart_and_a_composed_name_or_password_is_the_same(accounts):
    accounts.add("Zoe\u0301", "cafe\u0301 au lait")
    again = Accounts(accounts.path)
    assert again.check("Zoé", "café au lait")


def test_a_new_password_replaces_the_old_and_a_removed_account_is_gone(accounts):
    accounts.set_password("ann", "brand new one")
    assert not accounts.check("ann", RIGHT)
    assert accounts.check("ann", "brand new one")
    accounts.remove("ann")
    assert not accounts.check("ann", "brand new one")
    assert accounts.names() == []
    for call in (accounts.remove, lambda name: accounts.set_password(name, RIGHT)):
        with pytest.raises(DocgraftError, match="no account 'ann'"):
            call("ann")


@pytest.mark.parametrize("name", ["../evil", "", "a/b", "CON", "x" * 100, "a\nb"])
def test_names_that_cannot_be_a_folder_are_refused(accounts, name):
    with pytest.raises(DocgraftError, match="cannot be a account name"):
        accounts.add(name, RIGHT)


def test_taken_names_and_short_passwords_are_refused(accounts):
    with pytest.raises(DocgraftError, match="already"):
        accounts.add("ANN", RIGHT)
    with pytest.raises(DocgraftError, match="too short"):
        accounts.add("bob", "1234567")
    assert accounts.names() == ["ann"]


@pytest.mark.parametrize("name", ["local", "LOCAL"])
def test_nobody_can_take_the_name_of_the_installation_without_login(accounts, name):
    with pytest.raises(DocgraftError, match="stands for everybody"):
        accounts.add(name, RIGHT)


def test_guessing_has_to_wait_and_says_nothing_about_which_names_exist(accounts, monkeypatch):
    for name in ("ann", "nobody"):
        for _ in range(module.TRIES):
            assert not accounts.check(name, "wrong guess")
        with pytest.raises(DocgraftError, match="Too many wrong passwords"):
            accounts.check(name, RIGHT)
    accounts.add("bob", RIGHT)
    assert accounts.check("bob", RIGHT)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)
    assert accounts.check("ann", RIGHT)


def test_an_unknown_name_costs_as_much_work_as_a_known_one(accounts, monkeypatch):
    work = []
    real = module._scrypt
    monkeypatch.setattr(module, "_scrypt", lambda *a: work.append(a[2]) or real(*a))
    accounts.check("ann", "wrong guess")
    known = sum(work)
    work.clear()
    accounts.check("nobody", "wrong guess")
    assert sum(work) == known > 0


def test_accounts_added_at_once_are_all_kept(accounts):
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: accounts.add(f"user{n}", RIGHT), range(20)))
    assert len(accounts.names()) == 21


def test_a_broken_file_is_named_and_lets_nobody_in(accounts):
    accounts.path.write_text("ann = [", "utf-8")
    with pytest.raises(NotConfigured, match=r"accounts\.toml cannot be read"):
        accounts.check("ann", RIGHT)
    accounts.path.write_text('[ann]\npassword = "plain"\n', "utf-8")
    assert not accounts.check("ann", "plain")
