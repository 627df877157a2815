"""The tree of errors: one class per thing a catcher does."""

from __future__ import annotations

import re

import pytest

from signoff import errors
from signoff.errors import EffectFailed, SignoffError

CLASSES = [getattr(errors, name) for name in errors.__all__]
LEAVES = [found for found in CLASSES if not found.__subclasses__()]


def test_every_error_of_the_module_is_exported_and_in_the_tree() -> None:
    defined = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, Exception) and found.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)
    assert all(issubclass(found, SignoffError) for found in CLASSES)


def test_the_tree_at_the_head_of_the_file_is_the_tree_of_the_classes() -> None:
    drawn: dict[str, str] = {}
    branch = "SignoffError"
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│ ]*)[├└]── (\w+)", line)
        if found:
            deep = bool(found[1])
            drawn[found[2]] = branch if deep else "SignoffError"
            branch = branch if deep else found[2]
    assert drawn == {found.__name__: found.__base__.__name__ for found in CLASSES if found is not SignoffError}


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [vars(found).get("code") for found in CLASSES]
    assert None not in codes
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_leaf_is_caught_by_its_branch_and_carries_facts(leaf: type[SignoffError]) -> None:
    with pytest.raises(leaf.__bases__[0]) as caught:
        raise leaf("what happened", case_id="c1")
    assert str(caught.value) == caught.value.message == "what happened"
    assert caught.value.facts == {"case_id": "c1"}
    assert re.fullmatch(r"[a-z_]+", caught.value.code)


def test_naming_a_wait_means_that_another_try_may_help() -> None:
    assert not EffectFailed("no").retry
    assert EffectFailed("no", retry=True).retry
    assert EffectFailed("no", retry_after_s=0).retry
    assert EffectFailed("no", retry_after_s=3).retry_after_s == 3
