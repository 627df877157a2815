"""The acceptance model: what it predicts, and that it is in doubt whenever something is wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from signoff.learning.acceptance import AcceptanceModel, AcceptanceSettings


def taught(
    count: int, *, features: int = 3, seed: int = 1, chosen: AcceptanceSettings | None = None
) -> AcceptanceModel:
    model = AcceptanceModel(features, chosen)
    for number, (x, loss, share) in enumerate(verdicts(count, features=features, seed=seed)):
        model.settle(x, loss=loss, share=share, number=number)
    return model


def verdicts(count: int, *, features: int = 3, seed: int = 1) -> list[tuple[list[float], float, float]]:
    dice = np.random.default_rng(seed)
    # As many for any count, so that a shorter stream is the beginning of a longer one.
    x, drawn = dice.normal(size=(1_000, features))[:count], dice.random(1_000)[:count]
    loss = drawn < 1 / (1 + np.exp(2 - 1.5 * x[:, 0]))
    share = np.where(np.arange(count) % 3, 1.0, 0.1)
    return [(row, float(y), float(pi)) for row, y, pi in zip(x.tolist(), loss, share.tolist(), strict=True)]


def test_it_is_in_doubt_until_there_are_verdicts_enough() -> None:
    assert taught(49).p_err([0.0, 0.0, 0.0]) == 1.0
    assert taught(50).p_err([0.0, 0.0, 0.0]) < 1.0


def test_it_finds_the_minimum_of_what_it_minimises() -> None:
    from scipy.optimize import minimize

    rows = verdicts(450)
    x = np.array([[1.0, *features] for features, _, _ in rows])
    loss, share = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])

    def badness(b: np.ndarray) -> float:
        score = x @ b
        return float((np.logaddexp(0, score) - loss * score) @ (1 / share) + 0.05 * (b @ b) / 2)

    best = minimize(badness, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    assert taught(450).coefficients == pytest.approx(best, abs=1e-4)


def test_it_is_fitted_anew_after_each_two_hundred_verdicts() -> None:
    model = AcceptanceModel(3)
    versions = []
    for number, (x, loss, share) in enumerate(verdicts(700)):
        model.settle(x, loss=loss, share=share, number=number)
        model.p_err(x)
        versions.append(model.fitted_at)
    assert sorted(set(versions)) == [0, 50, 250, 450, 650]


def test_rebuilt_without_a_look_in_between_it_predicts_the_same() -> None:
    chosen = AcceptanceSettings(keep=300, every=70)
    looked_at = AcceptanceModel(3, chosen)
    for number, (x, loss, share) in enumerate(verdicts(1_000)):
        looked_at.p_err(x)
        looked_at.settle(x, loss=loss, share=share, number=number)
    assert taught(1_000, chosen=chosen).coefficients == looked_at.coefficients


def test_restored_it_goes_on_the_same() -> None:
    whole, half = taught(800), taught(420)
    restored = AcceptanceModel.from_state(json.loads(json.dumps(half.state(), allow_nan=False)))
    for number, (x, loss, share) in list(enumerate(verdicts(800)))[420:]:
        restored.settle(x, loss=loss, share=share, number=number)
    assert restored.coefficients == whole.coefficients
    assert restored.fitted_at == whole.fitted_at == 650


def test_it_uses_the_newest_verdicts_only() -> None:
    chosen = AcceptanceSettings(keep=100, every=100, first=100)
    model = AcceptanceModel(1, chosen)
    for number in range(200):
        model.settle([1.0], loss=float(number < 100), share=1.0, number=number)
    assert model.p_err([1.0]) < 0.05
    assert len(model.state()["rows"]) == 100


def test_old_verdicts_fade_if_it_forgets() -> None:
    def late(forgetting: float | None) -> float:
        model = AcceptanceModel(1, AcceptanceSettings(first=200, forgetting=forgetting))
        for number in range(200):
            model.settle([1.0], loss=float(number < 150), share=1.0, number=number)
        return model.p_err([1.0])

    assert late(None) == pytest.approx(0.75, abs=0.01)
    assert late(20.0) < 0.2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_features_that_are_no_finite_numbers_are_doubt_and_teach_nothing(bad: float) -> None:
    model = taught(100)
    before = model.state()
    assert model.p_err([0.0, bad, 0.0]) == 1.0
    assert not model.settle([0.0, bad, 0.0], loss=0.0, share=1.0, number=100)
    assert model.state() == before


def test_another_number_of_features_is_doubt_and_cannot_be_learned() -> None:
    model = taught(100)
    assert model.p_err([0.0]) == 1.0
    with pytest.raises(ValueError, match=r"case 100 has 1 features, the model 3; make a new model"):
        model.settle([0.0], loss=0.0, share=1.0, number=100)


@pytest.mark.parametrize(("loss", "share"), [(math.nan, 1.0), (-1, 1.0), (2, 1.0), (0, 0.0), (0, math.nan), (0, 1.1)])
def test_a_verdict_outside_its_range_is_refused(loss: float, share: float) -> None:
    with pytest.raises(ValueError, match="case 3 has loss"):
        AcceptanceModel(1).settle([0.0], loss=loss, share=share, number=3)


@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_one_class_alone_gives_a_cautious_prediction(loss: float) -> None:
    model = AcceptanceModel(2)
    for number in range(60):
        model.settle([number / 60, 1.0], loss=loss, share=1.0, number=number)
    p_err = model.p_err([0.5, 1.0])
    assert 0.0005 < abs(p_err - loss) < 0.1


def test_constant_features_and_separable_classes_do_no_harm() -> None:
    model = AcceptanceModel(2)
    for number in range(1_000):
        model.settle([1.0, float(number % 2)], loss=float(number % 2), share=0.1, number=number)
    assert model.p_err([1.0, 1.0]) > 0.99
    assert model.p_err([1.0, 0.0]) < 0.01


def test_huge_features_end_in_doubt_or_a_number_and_never_in_a_warning() -> None:
    model = AcceptanceModel(2)
    for number in range(60):
        model.settle([1e300 * (-1) ** number, 1e-300], loss=float(number % 2), share=1.0, number=number)
    assert 0 <= model.p_err([1e300, 1e300]) <= 1
    assert model.p_err([1.7e308, 1.7e308]) <= 1


@pytest.mark.parametrize(
    "wrong", [{"ridge": 0}, {"ridge_intercept": math.nan}, {"first": 0}, {"every": 0}, {"keep": 0}, {"forgetting": 0}]
)
def test_settings_outside_their_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AcceptanceSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        AcceptanceModel(0)
