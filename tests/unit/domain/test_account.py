"""Names, roles and scopes in one form; when tokens, sessions and locks are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.domain.account import (
    CLOCK_SLACK_S,
    LONGEST_LOCK_S,
    Account,
    Scope,
    Session,
    Token,
    lock_s,
    locked_for,
    plain_groups,
    plain_name,
    plain_roles,
    plain_scopes,
)
from signoff.domain.actor import ActorKind, Role
from signoff.errors import InvalidInput

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_an_account_is_a_person_in_the_ledger() -> None:
    account = Account(id="grace", roles=(Role.LEAD,), groups=("billing",), created_at=NOW, created_by="ada")
    assert account.actor.kind is ActorKind.PERSON
    assert account.actor.addresses == {"grace", "group:billing", "group:lead"}


def test_what_is_shown_of_a_record_is_no_secret() -> None:
    account = Account(id="grace", roles=(), password_hash="$argon2id$x", created_at=NOW, created_by="ada")
    token = Token(id="1", digest="d1gest", subject="bot", scopes=(), created_at=NOW, created_by="ada")
    session = Session(digest="d1gest", account="grace", created_at=NOW, expires_at=NOW)
    assert "argon2" not in repr(account)
    assert "d1gest" not in repr((token, session))


@given(st.text())
def test_a_plain_name_stays_what_it_is(text: str) -> None:
    try:
        name = plain_name(text, what="an account")
    except InvalidInput as error:
        assert error.message.startswith("an account ")
        return
    assert plain_name(name, what="an account") == name
    assert name.isprintable()
    assert name == name.strip() != ""


def test_roles_groups_and_scopes_have_one_order() -> None:
    assert plain_roles(["admin", "lead", Role.REVIEWER, "lead"]) == (Role.REVIEWER, Role.LEAD, Role.ADMIN)
    assert plain_groups(["shipping", "billing", "shipping"]) == ("billing", "shipping")
    assert plain_scopes(["read", Scope.REVIEW]) == (Scope.REVIEW, Scope.READ)
    assert all(type(role) is Role for role in plain_roles(["admin"]))
    assert all(type(scope) is Scope for scope in plain_scopes(["read"]))


@pytest.mark.parametrize("role", list(Role))
def test_no_group_is_named_as_a_role(role: Role) -> None:
    with pytest.raises(InvalidInput, match=f"group:{role.value}"):
        plain_groups(["billing", role.value])


@pytest.mark.parametrize(
    ("expires", "revoked", "works"),
    [(None, None, True), (1, None, True), (0, None, False), (None, 0, False), (1, -1, False)],
)
def test_a_token_works_until_it_expires_or_is_revoked(
    expires: float | None, revoked: float | None, works: bool
) -> None:
    token = Token(
        id="1",
        digest="d",
        subject="bot",
        scopes=(Scope.PROPOSE,),
        created_at=NOW,
        created_by="ada",
        expires_at=None if expires is None else after(expires),
        revoked_at=None if revoked is None else after(revoked),
    )
    assert token.works(now=NOW) is works


@pytest.mark.parametrize(
    ("created", "expires", "ended", "works"),
    [
        (0, 1, None, True),
        (0, 0, None, False),
        (0, 1, 0, False),
        (CLOCK_SLACK_S, 1000, None, True),
        (CLOCK_SLACK_S + 1, 1000, None, False),
    ],
)
def test_a_session_works_between_its_beginning_and_its_end(
    created: float, expires: float, ended: float | None, works: bool
) -> None:
    session = Session(
        digest="d",
        account="grace",
        created_at=after(created),
        expires_at=after(expires),
        ended_at=None if ended is None else after(ended),
    )
    assert session.works(now=NOW) is works


@given(st.integers(min_value=0, max_value=10**9))
def test_locks_grow_and_stay_within_a_quarter_of_an_hour(failures: int) -> None:
    assert 0 <= lock_s(failures) <= lock_s(failures + 1) <= LONGEST_LOCK_S == 900


@pytest.mark.parametrize(
    ("until", "left"),
    [(None, 0), (-1, 0), (0, 0), (0.5, 0.5), (900, 900), (900 + CLOCK_SLACK_S + 1, 0), (86_400, 0)],
)
def test_a_lock_lasts_until_it_is_over_or_the_clock_went_back(until: float | None, left: float) -> None:
    assert locked_for(None if until is None else after(until), now=NOW) == left
