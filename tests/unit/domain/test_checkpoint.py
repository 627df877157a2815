"""Declaring a checkpoint: every range, and who may loosen what, as on design page 1."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from signoff.domain.checkpoint import REASONS, Checkpoint, Criterion, Oversight, allowed_oversight, declare
from signoff.errors import InvalidCheckpoint

NAN, INF = float("nan"), float("inf")
FITS = Checkpoint(name="send", arguments_schema={"properties": {"category": {"type": "string"}}})
CRITERIA = tuple(criteria for size in range(5) for criteria in combinations(Criterion, size))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("undo_s", [-1, -0.001, NAN, INF]),
        ("opinions", [0, -1]),
        ("deadline_s", [0, 0.0, -1, NAN, INF]),
        ("timeout_s", [0, -1, NAN, INF]),
        ("max_tries", [0, -3]),
        ("backoff_s", [-1, NAN, INF]),
        ("audit_share", [-0.01, 1.01, NAN, INF]),
    ],
)
def test_a_value_out_of_range_is_named(field: str, values: list[float]) -> None:
    for value in values:
        with pytest.raises(InvalidCheckpoint, match=f"'send': {field} is {value}"):
            declare(replace(FITS, **{field: value}))


@pytest.mark.parametrize(
    "fitting",
    [
        {"undo_s": 0},
        {"opinions": 3},
        {"deadline_s": None},
        {"deadline_s": 0.001},
        {"max_tries": 1},
        {"backoff_s": 0},
        {"audit_share": 0},
        {"audit_share": 1},
        {"label": "category"},
    ],
)
def test_the_ends_of_the_ranges_fit(fitting: dict[str, Any]) -> None:
    assert declare(replace(FITS, **fitting)).digest


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a?b", "a#b", "a\\b", "a\n", "x" * 201])
def test_a_name_that_would_not_survive_a_url_is_refused(name: str) -> None:
    with pytest.raises(InvalidCheckpoint, match="name"):
        declare(replace(FITS, name=name))


@pytest.mark.parametrize("name", ["send", "x" * 200, "versenden-für.kunden", "reply:de"])
def test_other_names_are_taken(name: str) -> None:
    assert declare(replace(FITS, name=name)).name == name


@pytest.mark.parametrize("criteria", CRITERIA, ids=lambda found: "+".join(found) or "none")
@pytest.mark.parametrize("oversight", Oversight)
def test_criteria_decide_which_oversight_there_may_be(criteria: tuple[Criterion, ...], oversight: Oversight) -> None:
    if not criteria:
        allowed = {"automate", "when_uncertain", "always"}
    elif criteria == (Criterion.IRREVERSIBLE,):
        allowed = {"when_uncertain", "always"}
    else:
        allowed = {"always"}
    assert {found.value for found in allowed_oversight(criteria)} == allowed
    declaration = replace(FITS, criteria=criteria, oversight=oversight, chosen_by="lea")
    if oversight.value in allowed:
        assert declare(declaration).oversight is oversight
        return
    with pytest.raises(InvalidCheckpoint) as caught:
        declare(declaration)
    for criterion in criteria:
        assert criterion.value in str(caught.value)
    assert all(found in str(caught.value) for found in allowed)


@pytest.mark.parametrize("chosen_by", [None, ""])
def test_automation_without_a_name_behind_it_is_refused(chosen_by: str | None) -> None:
    with pytest.raises(InvalidCheckpoint, match="chosen_by"):
        declare(replace(FITS, oversight=Oversight.AUTOMATE, chosen_by=chosen_by))


def test_a_label_that_is_no_argument_is_refused() -> None:
    with pytest.raises(InvalidCheckpoint, match="label='colour'"):
        declare(replace(FITS, label="colour"))


def test_the_digest_changes_with_every_declared_field_and_with_nothing_else() -> None:
    digest = declare(FITS).digest
    assert declare(replace(FITS, version=7, digest="old")).digest == digest
    others: dict[str, Any] = {
        "name": "other",
        "description": "x",
        "arguments_schema": {},
        "label": "category",
        "oversight": Oversight.WHEN_UNCERTAIN,
        "criteria": (Criterion.REGULATED,),
        "delivery": "idempotent",
        "undo_s": 1.0,
        "opinions": 2,
        "deadline_s": 1.0,
        "timeout_s": 1.0,
        "max_tries": 1,
        "backoff_s": 2.0,
        "audit_share": 0.5,
        "chosen_by": "lea",
        "reverses": "x",
        "reasons": ("Not true",),
        "blind": True,
    }
    uncertain = replace(FITS, oversight=Oversight.WHEN_UNCERTAIN)
    assert declare(replace(uncertain, alpha=0.1)).digest != declare(uncertain).digest
    assert set(others) == set(Checkpoint.__dataclass_fields__) - {"version", "registered_at", "digest", "alpha"}
    digests = {declare(replace(FITS, **{name: value})).digest for name, value in others.items()}
    assert len(digests | {digest}) == len(others) + 1


def test_reasons_and_blindness_left_as_they_are_by_themselves_make_no_new_version() -> None:
    """The digests are those of the version before there were any: an upgrade registers nothing anew."""
    before = "f20e4046"
    assert declare(FITS).digest.startswith(before)
    assert declare(replace(FITS, reasons=REASONS, blind=False)).digest.startswith(before)
    assert not declare(replace(FITS, reasons=())).digest.startswith(before)


@pytest.mark.parametrize("alpha", [0.0, -0.1, 0.51, 1.0, float("nan"), float("inf")])
def test_an_alpha_that_is_no_share_is_refused(alpha: float) -> None:
    with pytest.raises(InvalidCheckpoint, match=r"alpha is .* above 0 and at most 0\.5"):
        declare(replace(FITS, oversight=Oversight.WHEN_UNCERTAIN, alpha=alpha))


@pytest.mark.parametrize("oversight", [Oversight.ALWAYS, Oversight.AUTOMATE])
def test_an_alpha_where_nothing_asks_for_it_is_refused(oversight: Oversight) -> None:
    with pytest.raises(InvalidCheckpoint, match="oversight='when_uncertain'"):
        declare(replace(FITS, oversight=oversight, chosen_by="lea", alpha=0.02))


def test_what_is_aimed_for_depends_on_whether_it_can_be_undone() -> None:
    assert declare(replace(FITS, criteria=())).target == 0.02
    assert declare(replace(FITS, criteria=(Criterion.IRREVERSIBLE,), oversight=Oversight.ALWAYS)).target == 0.01
    assert declare(replace(FITS, oversight=Oversight.WHEN_UNCERTAIN, alpha=0.05)).target == 0.05


@pytest.mark.parametrize("reasons", [(), ("x",), ("x" * 80,), tuple("123456789"), ("Größe falsch",)])
def test_reasons_that_fit_are_taken(reasons: tuple[str, ...]) -> None:
    assert declare(replace(FITS, reasons=reasons)).reasons == reasons


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (tuple("1234567890"), "10 reasons, but there are keys for 9"),
        (("",), "1 to 80 printable"),
        (("  ",), "1 to 80 printable"),
        (("x" * 81,), "1 to 80 printable"),
        (("two\nlines",), "1 to 80 printable"),
        (("turned \u202e round",), "1 to 80 printable"),
        ((3,), "1 to 80 printable"),
        (("x", "y", "x"), "a reason twice"),
    ],
)
def test_reasons_that_no_key_or_line_could_show_are_refused(reasons: tuple[Any, ...], told: str) -> None:
    with pytest.raises(InvalidCheckpoint, match=told):
        declare(replace(FITS, reasons=reasons))
