"""Which encoding a text is in, told by the letters of its language."""

from __future__ import annotations

import pytest

from signoff.sources.encodings import guess_encoding

GERMAN = "Mein Paket ist nicht da, können Sie prüfen?\nDie Größe passt nicht."
FRENCH = "Où est mon colis ? Je l'ai commandé il y a déjà dix jours à Genève, reçu erroné."
POLISH = "Zamówiłem paczkę tydzień temu i wciąż nie dotarła. Proszę o odpowiedź."
CZECH = "Kde je můj balíček? Objednal jsem ho před týdnem a ještě nepřišel."
HUNGARIAN = "Két hete rendeltem, még mindig nem érkezett meg; küldjék újra, Gyűrű."
SPANISH = "¿Dónde está mi pedido? Mañana salgo de viaje."


@pytest.mark.parametrize("text", [GERMAN, FRENCH, SPANISH])
@pytest.mark.parametrize("encoding", ["cp1252", "latin_1", "mac_roman"])
def test_western_texts(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    guessed = guess_encoding(data)
    assert guessed is not None
    assert data.decode(guessed) == text


@pytest.mark.parametrize("text", [POLISH, CZECH, HUNGARIAN])
@pytest.mark.parametrize("encoding", ["cp1250", "iso8859_2"])
def test_central_european_texts(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    guessed = guess_encoding(data)
    assert guessed is not None
    assert data.decode(guessed) == text


def test_lines_in_several_languages_are_judged_each_by_its_own() -> None:
    data = "\n".join([GERMAN, FRENCH, SPANISH]).encode("cp1252")
    assert guess_encoding(data) == "cp1252"


def test_the_euro_sign_tells_two_encodings_apart() -> None:
    assert guess_encoding("20 €".encode("cp1252")) == "cp1252"
    assert guess_encoding("20 €".encode("iso8859_15")) == "iso8859_15"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Где моя посылка? Я заказал её неделю назад", "cp1251"),
        ("Где моя посылка? Я заказал её неделю назад", "koi8_r"),
        ("荷物はどこですか。先週注文しました。", "shift_jis"),
        ("荷物はどこですか。先週注文しました。", "euc_jp"),
        ("Πού είναι το δέμα μου;", "cp1253"),
    ],
)
def test_what_makes_no_sense_is_not_guessed(text: str, encoding: str) -> None:
    assert guess_encoding(text.encode(encoding)) is None
