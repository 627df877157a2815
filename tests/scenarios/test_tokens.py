"""Tokens speak for a person or a service, and for nobody else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest

from signoff import Signoff
from signoff.app.accounts import Accounts
from signoff.domain.account import Account, Scope, Token
from signoff.domain.entry import Entry
from signoff.errors import InvalidInput, KeyReused
from signoff.testing import FakeClock

DAY_S = 86_400.0


@pytest.fixture
def accounts(app: Signoff) -> Accounts:
    return app.accounts


@pytest.fixture
def grace(accounts: Accounts) -> Account:
    return accounts.create("grace", roles=["reviewer"], by="ada")


def told(app: Signoff, act: str) -> list[tuple[str, dict[str, object]]]:
    return [(entry.actor, entry.facts) for entry in app.store.read(lambda tx: tx.find(Entry)) if entry.act == act]


def test_a_token_that_proposes_names_who_proposes(accounts: Accounts, clock: FakeClock) -> None:
    secret, token = accounts.issue_token("ci-agent", scopes=["propose"], by="ada")
    assert re.fullmatch(r"signoff_[\w-]{43}", secret)
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert (token.subject, token.scopes, token.created_by) == ("ci-agent", (Scope.PROPOSE,), "ada")
    assert (token.created_at, token.expires_at, token.revoked_at) == (clock.now(), None, None)
    assert accounts.token(secret) == (token, None)
    assert accounts.tokens() == [token]


def test_a_token_that_reviews_speaks_for_an_account_as_it_is_now(accounts: Accounts, grace: Account) -> None:
    secret, token = accounts.issue_token("grace", scopes=["read", Scope.REVIEW, "read"], by="ada")
    assert token.scopes == (Scope.REVIEW, Scope.READ)
    assert accounts.token(secret) == (token, grace)
    changed = accounts.change("grace", roles=["lead"], by="ada")
    assert accounts.token(secret) == (token, changed)


def test_no_two_secrets_are_alike(accounts: Accounts) -> None:
    made = [accounts.issue_token("ci-agent", scopes=["propose"], by="ada") for _ in range(20)]
    assert len({secret for secret, _ in made}) == len({token.id for _, token in made}) == 20
    assert accounts.tokens() == [token for _, token in made]


@pytest.mark.parametrize(
    "secret", ["", "signoff_", "signoff_" + "x" * 43, "ü", "signoff_\ud800", "signoff_" + "x" * 10**6]
)
def test_what_is_no_secret_of_ours_speaks_for_nobody(accounts: Accounts, secret: str) -> None:
    accounts.issue_token("ci-agent", scopes=["propose"], by="ada")
    assert accounts.token(secret) is None


def test_neither_the_digest_nor_the_id_speaks(accounts: Accounts) -> None:
    secret, token = accounts.issue_token("ci-agent", scopes=["propose"], by="ada")
    for other in (token.digest, token.id, f"signoff_{token.digest}", secret.removeprefix("signoff_"), secret.upper()):
        assert accounts.token(other) is None


def test_a_cookie_is_no_token_and_a_token_no_cookie(accounts: Accounts) -> None:
    accounts.create("lee", roles=["reviewer"], password="correct horse battery", by="ada")
    cookie, _ = accounts.sign_in("lee", "correct horse battery")
    secret, _ = accounts.issue_token("lee", scopes=["review"], by="ada")
    assert accounts.token(cookie) is None
    assert accounts.session(secret) is None


# --- what is refused


@pytest.mark.parametrize(
    ("scopes", "problem"),
    [
        ([], "a token needs a scope; scopes are propose, review, read"),
        (["admin"], "there is no scope 'admin'; scopes are propose, review, read"),
        (["propose", "review"], "a token that proposes can do nothing else"),
        (["propose", "read"], "a token that proposes can do nothing else"),
    ],
)
def test_scopes_that_cannot_be_are_refused(accounts: Accounts, grace: Account, scopes: list[str], problem: str) -> None:
    for subject in ("grace", "ci-agent"):
        with pytest.raises(InvalidInput) as refused:
            accounts.issue_token(subject, scopes=scopes, by="ada")
        assert problem in refused.value.message
    assert accounts.tokens() == []


@pytest.mark.parametrize("scope", ["review", "read"])
def test_only_an_account_that_works_gets_a_token_to_review_or_read(
    accounts: Accounts, grace: Account, scope: str
) -> None:
    with pytest.raises(InvalidInput, match="there is no account 'ci-agent'"):
        accounts.issue_token("ci-agent", scopes=[scope], by="ada")
    accounts.disable("grace", "ada")
    with pytest.raises(InvalidInput, match="account 'grace' is disabled; enable it first"):
        accounts.issue_token("grace", scopes=[scope], by="ada")
    assert accounts.tokens() == []


@pytest.mark.parametrize("subject", ["", " bot", "x" * 201, "a\nb", "worker", "stranger", "group:lead"])
def test_a_subject_that_cannot_be_a_name_is_refused(accounts: Accounts, subject: str) -> None:
    with pytest.raises(InvalidInput, match="the subject of a token"):
        accounts.issue_token(subject, scopes=["propose"], by="ada")


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e12])
def test_a_time_that_cannot_be_is_refused(accounts: Accounts, seconds: float) -> None:
    with pytest.raises(InvalidInput, match="expires_s is"):
        accounts.issue_token("ci-agent", scopes=["propose"], by="ada", expires_s=seconds)


def test_nobody_proposes_under_the_name_of_a_person(accounts: Accounts, grace: Account) -> None:
    with pytest.raises(KeyReused, match="'grace' is a person's account, and nobody may rule under a name that prop"):
        accounts.issue_token("grace", scopes=["propose"], by="ada")
    accounts.disable("grace", "ada")
    with pytest.raises(KeyReused):
        accounts.issue_token("grace", scopes=["propose"], by="ada")


def test_no_person_gets_the_name_of_what_proposes(accounts: Accounts, clock: FakeClock) -> None:
    _, revoked = accounts.issue_token("bot", scopes=["propose"], by="ada")
    accounts.issue_token("bot", scopes=["propose"], by="ada", expires_s=60)
    with pytest.raises(KeyReused) as refused:
        accounts.create("bot", roles=["reviewer"], by="ada")
    assert refused.value.message.startswith(f"token {revoked.id} proposes as 'bot'")
    accounts.revoke_token(revoked.id, "ada")
    with pytest.raises(KeyReused, match="proposes as 'bot'"):
        accounts.create("bot", roles=["reviewer"], by="ada")
    assert accounts.list() == []
    clock.advance(60)
    assert accounts.create("bot", roles=["reviewer"], by="ada").id == "bot"


def test_a_token_to_propose_dies_when_a_person_has_its_name_after_all(
    app: Signoff, accounts: Accounts, clock: FakeClock
) -> None:
    """Two processes may make both at one moment; and an expired token comes back when the clock goes back."""
    secret, _ = accounts.issue_token("bot", scopes=["propose"], by="ada", expires_s=60)
    clock.advance(60)
    accounts.create("bot", roles=["reviewer"], by="ada")
    clock.advance(-60)
    assert accounts.token(secret) is None


# --- the end of a token


def test_a_token_expires(accounts: Accounts, grace: Account, clock: FakeClock) -> None:
    secret, token = accounts.issue_token("grace", scopes=["read"], by="ada", expires_s=DAY_S)
    assert token.expires_at is not None
    clock.advance(DAY_S - 1)
    assert accounts.token(secret) == (token, grace)
    clock.advance(1)
    assert accounts.token(secret) is None
    assert accounts.tokens() == [token]


@pytest.mark.parametrize("name", [lambda token: token.id, lambda token: token.id[-6:], lambda token: f" {token.id}\n"])
def test_a_revoked_token_works_no_more(
    app: Signoff, accounts: Accounts, clock: FakeClock, name: Callable[[Token], str]
) -> None:
    secret, token = accounts.issue_token("ci-agent", scopes=["propose"], by="ada")
    other, _ = accounts.issue_token("ci-agent", scopes=["propose"], by="ada")
    clock.advance(10)
    revoked = accounts.revoke_token(name(token), "lee")
    assert (revoked.id, revoked.revoked_at) == (token.id, clock.now())
    assert accounts.token(secret) is None
    assert accounts.token(other) is not None
    clock.advance(10)
    assert accounts.revoke_token(token.id, "lee") == revoked
    assert told(app, "revoke_token") == [("lee", {"token": token.id, "subject": "ci-agent"})]


def test_a_token_is_named_so_that_only_one_can_be_meant(app: Signoff, accounts: Accounts, clock: FakeClock) -> None:
    secret, token = accounts.issue_token("ci-agent", scopes=["propose"], by="ada")
    twin = Token(
        id="another-" + token.id[-12:],
        digest="0" * 64,
        subject="ci-agent",
        scopes=(Scope.PROPOSE,),
        created_at=clock.now(),
        created_by="ada",
    )
    app.store.write(lambda tx: tx.add(twin))
    for wanted, problem in [
        (token.id[-12:], "several tokens have an id that ends with"),
        ("nothing-like-it", "no token has an id that ends with 'nothing-like-it'"),
        (token.id[-5:], "at least 6 characters"),
        ("", "at least 6 characters"),
        (secret, "that is the secret of a token, not its id"),
    ]:
        with pytest.raises(InvalidInput) as refused:
            accounts.revoke_token(wanted, "ada")
        assert problem in refused.value.message
        assert secret not in refused.value.message
    assert accounts.token(secret) is not None
    assert accounts.revoke_token(token.id, "ada").id == token.id


def test_tokens_of_a_disabled_account_rest(accounts: Accounts, grace: Account) -> None:
    secret, token = accounts.issue_token("grace", scopes=["review"], by="ada")
    accounts.disable("grace", "ada")
    assert accounts.token(secret) is None
    accounts.enable("grace", "ada")
    assert accounts.token(secret) == (token, grace)


def test_every_token_has_its_entry(app: Signoff, accounts: Accounts, grace: Account) -> None:
    _, one = accounts.issue_token("grace", scopes=["review", "read"], by="ada", expires_s=DAY_S)
    _, two = accounts.issue_token("bot", scopes=["propose"], by="lee")
    assert told(app, "issue_token") == [
        (
            "ada",
            {
                "token": one.id,
                "subject": "grace",
                "scopes": ["review", "read"],
                "expires_at": "2026-01-02T00:00:00+00:00",
            },
        ),
        ("lee", {"token": two.id, "subject": "bot", "scopes": ["propose"], "expires_at": None}),
    ]
