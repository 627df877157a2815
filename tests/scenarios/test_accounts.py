"""People sign in with a password that is kept nowhere, and guessing does not pay."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from signoff import Role, Signoff
from signoff.app import accounts as module
from signoff.app.accounts import Accounts
from signoff.domain.account import Account, Session
from signoff.domain.actor import ActorKind
from signoff.domain.entry import Entry, EntryKind
from signoff.errors import InvalidInput, KeyReused, NotSignedIn, Overloaded, SignoffError
from signoff.testing import FakeClock, MemoryStore

PASSWORD = "correct horse battery"
WRONG = "wrong horse battery"
DAY_S = 86_400.0
HOUR_S = 3_600.0

CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


@pytest.fixture
def accounts(app: Signoff, clock: FakeClock) -> Accounts:
    return Accounts(app.store, clock, passwords=CHEAP)


@pytest.fixture
def grace(accounts: Accounts) -> Account:
    return accounts.create("grace", roles=["reviewer"], password=PASSWORD, by="ada")


def told(app: Signoff) -> list[tuple[str, str, dict[str, Any]]]:
    """Who did what, in the order of the ledger, with the facts."""
    entries = app.store.read(lambda tx: tx.ledger(after_seq=0, limit=1000))
    assert all(entry.kind is EntryKind.ACCOUNT and entry.case_id is None for entry in entries)
    return [(entry.actor, entry.act, entry.facts) for entry in entries]


def outcome(try_it: Callable[[], object]) -> str:
    try:
        try_it()
    except SignoffError as error:
        return type(error).__name__
    return "signed in"


def fail(accounts: Accounts, id: str, times: int = 1) -> list[str]:
    return [outcome(lambda: accounts.sign_in(id, WRONG)) for _ in range(times)]


# --- people


def test_an_account_is_what_was_said_of_it(accounts: Accounts, clock: FakeClock) -> None:
    made = accounts.create("grace", roles=["lead", Role.REVIEWER, "lead"], groups=["shipping", "billing"], by="ada")
    assert (made.id, made.roles, made.groups) == ("grace", (Role.REVIEWER, Role.LEAD), ("billing", "shipping"))
    assert (made.password_hash, made.created_at, made.created_by) == (None, clock.now(), "ada")
    assert made.disabled_at is None
    assert accounts.list() == [made]
    assert made.actor.addresses >= {"grace", "group:billing", "group:lead"}


def test_there_is_somebody_once_somebody_was_made(accounts: Accounts, app: Signoff) -> None:
    assert accounts.any() is False
    accounts.create("grace", roles=["admin"], by="ada")
    assert accounts.any() is True
    assert app.accounts.any() is True


def test_accounts_are_listed_by_name_with_those_that_are_disabled(accounts: Accounts) -> None:
    for name in ("lee", "ada", "grace"):
        accounts.create(name, roles=["reviewer"], by="ada")
    accounts.disable("lee", "ada")
    assert [(account.id, account.disabled_at is None) for account in accounts.list()] == [
        ("ada", True),
        ("grace", True),
        ("lee", False),
    ]


def test_a_name_is_given_once(accounts: Accounts, grace: Account) -> None:
    with pytest.raises(KeyReused, match="there is an account 'grace' already"):
        accounts.create("grace", roles=["admin"], by="ada")
    assert accounts.list() == [grace]


def test_a_name_is_one_whichever_way_its_letters_are_written(accounts: Accounts) -> None:
    accounts.create("Ame\u0301lie", roles=["reviewer"], password=PASSWORD, by="ada")
    with pytest.raises(KeyReused):
        accounts.create("Am\u00e9lie", roles=["reviewer"], by="ada")
    for name in ("Ame\u0301lie", "Am\u00e9lie"):
        assert accounts.sign_in(name, PASSWORD)[1].account == "Am\u00e9lie"


@pytest.mark.parametrize("name", ["", " grace", "grace ", "a\nb", "a\x00b", "pay\u202epal", "\ud800", "x" * 201])
def test_what_cannot_be_a_name_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidInput, match="needs a name of 1 to 200 printable characters"):
        accounts.create(name, roles=["reviewer"], by="ada")
    with pytest.raises(InvalidInput, match="needs a name"):
        accounts.disable(name, "ada")
    assert fail(accounts, name) == ["NotSignedIn"]


@pytest.mark.parametrize("name", ["policy", "timer", "worker", "stranger", "group:lead"])
def test_names_the_ledger_uses_itself_are_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidInput, match="the ledger uses that for something else"):
        accounts.create(name, roles=["reviewer"], by="ada")


@pytest.mark.parametrize(
    ("roles", "groups", "problem"),
    [
        ([], [], "an account needs a role; roles are reviewer, lead, officer, legal, auditor, admin"),
        (["boss"], [], "there is no role 'boss'; roles are reviewer, lead"),
        (["reviewer"], [""], "a group needs a name"),
        (["reviewer"], ["lead"], "group:lead means everybody with that role"),
    ],
)
def test_roles_and_groups_that_cannot_be_are_refused(
    accounts: Accounts, roles: list[str], groups: list[str], problem: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        accounts.create("grace", roles=roles, groups=groups, by="ada")
    assert problem in refused.value.message
    assert accounts.list() == []


def test_roles_and_groups_change_one_without_the_other(accounts: Accounts, grace: Account) -> None:
    cookie, _ = accounts.sign_in("grace", PASSWORD)
    assert accounts.change("grace", roles=["lead"], by="ada").roles == (Role.LEAD,)
    assert accounts.change("grace", groups=["billing"], by="ada").groups == ("billing",)
    assert accounts.change("grace", by="ada").groups == ("billing",)
    now = accounts.session(cookie)
    assert now is not None
    assert (now.roles, now.groups) == ((Role.LEAD,), ("billing",))
    assert accounts.change("grace", groups=[], by="ada").groups == ()


@pytest.mark.parametrize(
    "act",
    [
        lambda accounts: accounts.change("nobody", roles=["lead"], by="ada"),
        lambda accounts: accounts.change("nobody", by="ada"),
        lambda accounts: accounts.set_password("nobody", PASSWORD, "ada"),
        lambda accounts: accounts.disable("nobody", "ada"),
        lambda accounts: accounts.enable("nobody", "ada"),
    ],
)
def test_an_account_that_is_not_there_is_named(accounts: Accounts, act: Callable[[Accounts], object]) -> None:
    with pytest.raises(InvalidInput, match="there is no account 'nobody'; signoff user list"):
        act(accounts)


# --- passwords


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 1025, "e\u0301" * 11])
def test_a_password_has_12_to_1024_characters(accounts: Accounts, grace: Account, password: str) -> None:
    with pytest.raises(InvalidInput, match="12 to 1024 characters"):
        accounts.create("lee", roles=["reviewer"], password=password, by="ada")
    with pytest.raises(InvalidInput, match="12 to 1024 characters"):
        accounts.set_password("grace", password, "ada")
    assert accounts.list() == [grace]


@pytest.mark.parametrize(
    "password", ["x" * 12, "x" * 1024, "пароль из слов", "  blanks around  ", "nul\x00nul\x00nul\x00"]
)
def test_every_other_password_opens_its_account(accounts: Accounts, password: str) -> None:
    accounts.create("grace", roles=["reviewer"], password=password, by="ada")
    assert accounts.sign_in("grace", password)[1].account == "grace"
    assert outcome(lambda: accounts.sign_in("grace", password[:-1])) == "NotSignedIn"


def test_a_password_is_one_whichever_way_its_letters_are_written(accounts: Accounts) -> None:
    accounts.create("grace", roles=["reviewer"], password="cafe\u0301 au lait noir", by="ada")
    assert accounts.sign_in("grace", "caf\u00e9 au lait noir")[1].account == "grace"


def test_a_password_is_not_the_name_nor_half_a_character(accounts: Accounts) -> None:
    with pytest.raises(InvalidInput, match="must not be the name of the account"):
        accounts.create("Grace Brewster", roles=["reviewer"], password="grace brewster", by="ada")
    with pytest.raises(InvalidInput, match="half a character"):
        accounts.create("grace", roles=["reviewer"], password="\ud800 horse battery", by="ada")


def test_another_password_ends_every_session_and_opens_the_account(accounts: Accounts, grace: Account) -> None:
    cookies = [accounts.sign_in("grace", PASSWORD)[0] for _ in range(3)]
    fail(accounts, "grace", 5)
    accounts.set_password("grace", "another horse battery", "ada")
    assert [accounts.session(cookie) for cookie in cookies] == [None] * 3
    assert accounts.sign_in("grace", "another horse battery")[1].account == "grace"
    assert outcome(lambda: accounts.sign_in("grace", PASSWORD)) == "NotSignedIn"


def test_a_hash_with_older_parameters_is_renewed_at_the_next_right_password(
    app: Signoff, accounts: Accounts, clock: FakeClock, grace: Account
) -> None:
    stronger = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1),))
    newer = Accounts(app.store, clock, passwords=stronger)
    assert fail(newer, "grace") == ["NotSignedIn"]
    [unchanged] = newer.list()
    assert unchanged.password_hash == grace.password_hash
    newer.sign_in("grace", PASSWORD)
    [renewed] = newer.list()
    assert renewed.password_hash is not None
    assert "m=16,t=2,p=1" in renewed.password_hash
    newer.sign_in("grace", PASSWORD)
    assert newer.list() == [renewed]
    assert accounts.sign_in("grace", PASSWORD)[1].account == "grace"


def test_passwords_are_hashed_as_rfc_9106_asks(app: Signoff) -> None:
    app.accounts.create("grace", roles=["reviewer"], password=PASSWORD, by="ada")
    [made] = app.accounts.list()
    assert made.password_hash is not None
    assert made.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert app.accounts.sign_in("grace", PASSWORD)[1].account == "grace"


def test_a_hash_that_cannot_be_read_fits_nothing(
    app: Signoff, accounts: Accounts, grace: Account, caplog: pytest.LogCaptureFixture
) -> None:
    app.store.write(lambda tx: tx.change(Account, ("grace",), expect={}, to={"password_hash": "garbled"}))
    assert outcome(lambda: accounts.sign_in("grace", PASSWORD)) == "NotSignedIn"
    assert "cannot be read" in caplog.text
    assert "garbled" not in caplog.text


class Counting(Argon2Hasher):
    """Argon2 that notes how many compute at the same moment, and lets each wait until told."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.guard = threading.Lock()
        self.inside = self.most = 0
        self.full, self.go = threading.Event(), threading.Event()

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        with self.guard:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.inside == 4:
                self.full.set()
        assert self.go.wait(30)
        with self.guard:
            self.inside -= 1
        return super().verify(password, hash)


def test_no_more_than_four_passwords_are_compared_at_once(
    app: Signoff, clock: FakeClock, grace: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    slow = Accounts(app.store, clock, passwords=PasswordHash((counting,)))
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(slow.sign_in, "grace", PASSWORD) for _ in range(4)]
        assert counting.full.wait(30)
        # Whoever comes now and has no patience is told when to come back.
        monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
        others: list[Callable[[], object]] = [
            lambda: slow.sign_in("lee", WRONG),
            lambda: slow.sign_in("grace", PASSWORD),
            lambda: slow.set_password("grace", PASSWORD, "ada"),
        ]
        for one in others:
            with pytest.raises(Overloaded) as refused:
                one()
            assert refused.value.facts["retry_after_s"] > 0
        counting.go.set()
        assert [one.result(30)[1].account for one in tries] == ["grace"] * 4
    assert slow.sign_in("grace", PASSWORD)[1].account == "grace"
    assert counting.most == 4


# --- signing in


def test_a_session_stands_for_its_account_until_it_ends(accounts: Accounts, clock: FakeClock, grace: Account) -> None:
    cookie, session = accounts.sign_in("grace", PASSWORD)
    assert session.account == "grace"
    assert (session.expires_at - clock.now()).total_seconds() == 12 * HOUR_S
    assert accounts.session(cookie) == grace
    accounts.sign_out(cookie)
    assert accounts.session(cookie) is None
    accounts.sign_out(cookie)


def test_each_browser_has_its_own_session(accounts: Accounts, grace: Account) -> None:
    one, other = (accounts.sign_in("grace", PASSWORD)[0] for _ in range(2))
    assert one != other
    accounts.sign_out(one)
    assert (accounts.session(one), accounts.session(other)) == (None, grace)


def test_a_session_expires(accounts: Accounts, app: Signoff, clock: FakeClock, grace: Account) -> None:
    cookie, _ = accounts.sign_in("grace", PASSWORD)
    clock.advance(12 * HOUR_S - 1)
    assert accounts.session(cookie) == grace
    clock.advance(1)
    assert accounts.session(cookie) is None
    short = Accounts(app.store, clock, passwords=CHEAP, session_s=60)
    cookie, _ = short.sign_in("grace", PASSWORD)
    clock.advance(60)
    assert accounts.session(cookie) is None


def test_a_clock_that_jumps_prolongs_no_session(accounts: Accounts, clock: FakeClock, grace: Account) -> None:
    cookie, _ = accounts.sign_in("grace", PASSWORD)
    clock.advance(-200)
    assert accounts.session(cookie) == grace, "a clock is set right by some minutes now and then"
    clock.advance(200 - DAY_S)
    assert accounts.session(cookie) is None, "else it would last a day longer"
    clock.advance(DAY_S)
    assert accounts.session(cookie) == grace
    clock.advance(DAY_S)
    assert accounts.session(cookie) is None
    accounts.sign_out(cookie)
    clock.advance(-DAY_S)
    assert accounts.session(cookie) is None, "signed out is signed out, on whatever day"


@pytest.mark.parametrize("cookie", ["", "nobody's", "x" * 43, "ü", "\ud800", "x" * 100_000])
def test_what_is_no_cookie_of_ours_stands_for_nobody(accounts: Accounts, grace: Account, cookie: str) -> None:
    fail(accounts, "nobody")
    assert accounts.session(cookie) is None
    accounts.sign_out(cookie)
    assert accounts.session(hashlib.sha256(b"x").hexdigest()) is None


def test_the_stored_digest_opens_nothing(accounts: Accounts, grace: Account) -> None:
    cookie, session = accounts.sign_in("grace", PASSWORD)
    assert session.digest == hashlib.sha256(cookie.encode()).hexdigest()
    assert accounts.session(session.digest) is None


def test_a_disabled_account_is_shut_and_its_sessions_stay_ended(accounts: Accounts, grace: Account) -> None:
    cookie, _ = accounts.sign_in("grace", PASSWORD)
    assert accounts.disable("grace", "ada").disabled_at is not None
    assert accounts.session(cookie) is None
    assert outcome(lambda: accounts.sign_in("grace", PASSWORD)) == "NotSignedIn"
    assert accounts.enable("grace", "ada").disabled_at is None
    assert accounts.session(cookie) is None
    assert accounts.sign_in("grace", PASSWORD)[1].account == "grace"


def test_every_failure_has_one_and_the_same_message(accounts: Accounts, grace: Account) -> None:
    accounts.create("tokens-only", roles=["auditor"], by="ada")
    accounts.create("gone", roles=["reviewer"], password=PASSWORD, by="ada")
    accounts.disable("gone", "ada")
    told = set()
    for id, password in [
        ("nobody", PASSWORD),
        ("grace", WRONG),
        ("grace", ""),
        ("grace", "x" * 100_000),
        ("grace", "\ud800"),
        ("gone", PASSWORD),
        ("tokens-only", PASSWORD),
        ("tokens-only", ""),
    ]:
        with pytest.raises(NotSignedIn) as refused:
            accounts.sign_in(id, password)
        told.add((refused.value.message, str(dict(refused.value.facts))))
    assert told == {("that name and password do not go together; check both and try again", "{}")}


class Verified(Argon2Hasher):
    """Argon2 that notes which parameters it was made to compute with."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.costs: list[str] = []

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        self.costs.append(str(hash).rpartition("$")[0].rpartition("$")[0])
        return super().verify(password, hash)


@pytest.mark.parametrize("id", ["nobody", "grace", "gone", "tokens-only", "\x00"])
def test_every_failure_costs_one_comparison_and_one_write(
    app: Signoff,
    place: MemoryStore | Path,
    accounts: Accounts,
    clock: FakeClock,
    grace: Account,
    id: str,
) -> None:
    accounts.create("tokens-only", roles=["auditor"], by="ada")
    accounts.create("gone", roles=["reviewer"], password=PASSWORD, by="ada")
    accounts.disable("gone", "ada")
    noting = Verified()
    watched = Accounts(app.store, clock, passwords=PasswordHash((noting,)))
    fail(watched, "somebody")
    # The number of another process tells of each write that reached the disk.
    with Signoff(place, clock=clock, workers=0) if isinstance(place, Path) else nullcontext(app) as other:
        before, noting.costs[:] = other.store.version(), []
        clock.advance(1)
        fail(watched, id)
        assert noting.costs == ["$argon2id$v=19$m=8,t=1,p=1"]
        assert other.store.version() != before


@pytest.mark.parametrize("id", ["grace", "nobody", "gone", "tokens-only"])
def test_five_failures_lock_a_name_whether_it_exists_or_not(
    accounts: Accounts, clock: FakeClock, grace: Account, id: str
) -> None:
    accounts.create("tokens-only", roles=["auditor"], by="ada")
    accounts.create("gone", roles=["reviewer"], password=PASSWORD, by="ada")
    accounts.disable("gone", "ada")
    assert fail(accounts, id, 5) == ["NotSignedIn"] * 5
    for lasts in (60, 120, 240, 480, 900, 900):
        with pytest.raises(Overloaded) as refused:
            accounts.sign_in(id, PASSWORD)
        assert refused.value.message == f"too many wrong passwords for that name; try again in {lasts} s"
        assert refused.value.facts == {"retry_after_s": lasts}
        clock.advance(lasts - 0.5)
        with pytest.raises(Overloaded) as refused:
            accounts.sign_in(id, PASSWORD)
        assert refused.value.facts == {"retry_after_s": 1}
        clock.advance(0.5)
        assert fail(accounts, id) == ["NotSignedIn"]


def test_a_right_password_of_a_disabled_account_counts_as_a_wrong_one(accounts: Accounts, grace: Account) -> None:
    """Else whoever is never locked out would know that it is the right one."""
    accounts.disable("grace", "ada")
    tries = [outcome(lambda: accounts.sign_in("grace", PASSWORD)) for _ in range(6)]
    assert tries == ["NotSignedIn"] * 5 + ["Overloaded"]


def test_a_right_password_after_the_lock_forgets_the_failures(
    accounts: Accounts, clock: FakeClock, grace: Account
) -> None:
    fail(accounts, "grace", 5)
    assert outcome(lambda: accounts.sign_in("grace", PASSWORD)) == "Overloaded"
    clock.advance(60)
    accounts.sign_in("grace", PASSWORD)
    [account] = accounts.list()
    assert (account.failures, account.locked_until) == (0, None)
    assert fail(accounts, "grace", 5) == ["NotSignedIn"] * 5


def test_failures_of_one_name_lock_no_other(accounts: Accounts, grace: Account) -> None:
    fail(accounts, "nobody", 6)
    fail(accounts, "lee", 4)
    assert accounts.sign_in("grace", PASSWORD)[1].account == "grace"
    assert fail(accounts, "lee", 2) == ["NotSignedIn", "Overloaded"]


def test_enabling_an_account_unlocks_it(accounts: Accounts, grace: Account) -> None:
    fail(accounts, "grace", 5)
    assert accounts.enable("grace", "ada").failures == 0
    assert accounts.sign_in("grace", PASSWORD)[1].account == "grace"


@pytest.mark.parametrize("id", ["grace", "nobody"])
def test_a_clock_that_jumps_back_locks_nobody_for_a_day(
    accounts: Accounts, clock: FakeClock, grace: Account, id: str
) -> None:
    fail(accounts, id, 5)
    clock.advance(-60)
    assert fail(accounts, id) == ["Overloaded"]
    clock.advance(-DAY_S)
    assert fail(accounts, id) == ["NotSignedIn"]


def test_a_name_that_was_locked_before_it_existed_is_open_once_it_does(accounts: Accounts) -> None:
    fail(accounts, "grace", 6)
    accounts.create("grace", roles=["reviewer"], password=PASSWORD, by="ada")
    assert accounts.sign_in("grace", PASSWORD)[1].account == "grace"


def test_names_that_do_not_exist_fill_no_memory(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_STRANGERS", 3)
    fail(accounts, "first", 5)
    for name in ("a", "b", "c"):
        fail(accounts, name)
    assert len(accounts._strangers._known) == 3
    assert fail(accounts, "first") == ["NotSignedIn"]


def test_strangers_leave_one_row_in_the_store_and_none_in_the_ledger(app: Signoff, accounts: Accounts) -> None:
    for name in ("a", "b", PASSWORD):
        fail(accounts, name, 2)
    assert told(app) == []
    assert len(app.store.read(lambda tx: tx.find(Session))) == 1


@pytest.mark.parametrize("id", ["grace", "nobody"])
def test_failures_at_the_same_moment_are_all_counted_and_no_more_are_looked_at(
    app: Signoff, accounts: Accounts, grace: Account, id: str
) -> None:
    start = threading.Barrier(12)

    def guess() -> str:
        start.wait(30)
        return outcome(lambda: accounts.sign_in(id, WRONG))

    with ThreadPoolExecutor(12) as pool:
        seen = sorted(one.result(60) for one in [pool.submit(guess) for _ in range(12)])
    assert seen == ["NotSignedIn"] * 5 + ["Overloaded"] * 7
    counted = [facts["failures"] for _, act, facts in told(app) if act == "sign_in_failed"]
    assert counted == ([1, 2, 3, 4, 5] if id == "grace" else [])
    assert accounts.list()[0].failures == len(counted)


class Meanwhile(Argon2Hasher):
    """Argon2 during which something else happens, once."""

    def __init__(self, what: Callable[[], object]) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.what: Callable[[], object] | None = what

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        what, self.what = self.what, None
        if what is not None:
            what()
        return super().verify(password, hash)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (lambda accounts: fail(accounts, "grace", 5), "Overloaded"),
        (lambda accounts: accounts.disable("grace", "ada"), "NotSignedIn"),
        (lambda accounts: accounts.set_password("grace", "another horse battery", "ada"), "NotSignedIn"),
        (lambda accounts: accounts.set_password("grace", PASSWORD, "ada"), "signed in"),
        (lambda accounts: accounts.sign_in("grace", PASSWORD), "signed in"),
    ],
)
def test_what_happens_while_a_right_password_is_compared_counts(
    app: Signoff,
    accounts: Accounts,
    clock: FakeClock,
    grace: Account,
    what: Callable[[Accounts], object],
    expected: str,
) -> None:
    slow = Accounts(app.store, clock, passwords=PasswordHash((Meanwhile(lambda: what(accounts)),)))
    assert outcome(lambda: slow.sign_in("grace", PASSWORD)) == expected


def test_a_session_that_begins_while_the_password_changes_does_not_outlive_it(
    app: Signoff, accounts: Accounts, clock: FakeClock, grace: Account
) -> None:
    """The change comes after the comparison and before the session is kept."""
    account, renewed = accounts._prove("grace", PASSWORD.encode())
    accounts.set_password("grace", "another horse battery", "ada")
    assert accounts._begin(account, "cookie", renewed) is None
    assert accounts.session("cookie") is None


# --- the record


def test_every_act_has_its_entry(app: Signoff, accounts: Accounts, clock: FakeClock) -> None:
    accounts.create("grace", roles=["lead", "reviewer"], groups=["billing"], by="ada")
    accounts.set_password("grace", PASSWORD, "ada")
    fail(accounts, "grace", 5)
    clock.advance(60)
    cookie, session = accounts.sign_in("grace", PASSWORD)
    accounts.sign_out(cookie)
    accounts.sign_out(cookie)
    accounts.sign_in("grace", PASSWORD)
    accounts.change("grace", roles=["auditor"], groups=[], by="lee")
    accounts.disable("grace", "lee")
    accounts.disable("grace", "lee")
    accounts.enable("grace", "lee")
    accounts.enable("grace", "lee")
    short = session.digest[:12]
    again = app.store.read(lambda tx: tx.find(Session, account="grace"))
    other = next(one.digest[:12] for one in again if one.digest != session.digest)
    assert told(app) == [
        (
            "ada",
            "create",
            {"account": "grace", "roles": ["reviewer", "lead"], "groups": ["billing"], "password": False},
        ),
        ("ada", "set_password", {"account": "grace", "sessions_ended": 0}),
        *[
            ("stranger", "sign_in_failed", {"account": "grace", "failures": n, "locked_s": 60.0 if n == 5 else 0.0})
            for n in range(1, 6)
        ],
        ("grace", "sign_in", {"account": "grace", "session": short, "failures": 5}),
        ("grace", "sign_out", {"account": "grace", "session": short}),
        ("grace", "sign_in", {"account": "grace", "session": other}),
        ("lee", "change", {"account": "grace", "roles": ["auditor"], "groups": []}),
        ("lee", "disable", {"account": "grace", "sessions_ended": 1}),
        ("lee", "enable", {"account": "grace"}),
    ]
    kinds = {entry.actor: entry.actor_kind for entry in app.store.read(lambda tx: tx.find(Entry))}
    assert kinds == {
        "ada": ActorKind.PERSON,
        "lee": ActorKind.PERSON,
        "grace": ActorKind.PERSON,
        "stranger": ActorKind.SERVICE,
    }


def test_no_secret_is_in_the_files_the_ledger_the_errors_or_the_logs(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "signoff.db"
    said: list[str] = []

    def hear(try_it: Callable[[], object]) -> None:
        with pytest.raises(SignoffError) as refused:
            try_it()
        said.append(f"{refused.value!r} {refused.value.facts}")

    with Signoff(path, clock=clock, workers=0) as app:
        accounts = Accounts(app.store, clock, passwords=CHEAP)
        account = accounts.create("grace", roles=["reviewer"], password=PASSWORD, by="ada")
        accounts.set_password("grace", PASSWORD + "!", "ada")
        cookie, session = accounts.sign_in("grace", PASSWORD + "!")
        secret, token = accounts.issue_token("grace", scopes=["review"], by="ada")
        hear(lambda: accounts.sign_in("grace", WRONG))
        hear(lambda: accounts.sign_in(WRONG, PASSWORD))
        hear(lambda: accounts.create("lee", roles=["reviewer"], password="short1234", by="ada"))
        hear(lambda: accounts.create("wrong horse battery", roles=["reviewer"], password=WRONG, by="ada"))
        hear(lambda: accounts.revoke_token(secret, "ada"))
        accounts.session(cookie)
        accounts.token(secret)
        ledger = str(app.store.read(lambda tx: tx.ledger(after_seq=0, limit=100)))
        raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        shown = repr((account, session, token, app.accounts.list(), accounts.tokens()))
    raw += b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"sign_in_failed" in raw
    for hidden in (PASSWORD, WRONG, cookie, secret, secret.removeprefix("signoff_"), "short1234"):
        assert hidden.encode() not in raw
        places = [ledger, caplog.text, shown, *said]
        assert [place for place in places if hidden in place] == []
    hashed = "$argon2id$"
    assert hashed.encode() in raw
    assert hashed not in ledger + caplog.text + shown + "".join(said)
    for digest in (session.digest, token.digest):
        assert digest not in ledger + caplog.text + shown + "".join(said)
