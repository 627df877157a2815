"""
Mail: what an e-mail says, read from its raw text.

Whatever is broken in it, it is read as far as it goes, and what was wrong is told in plain words. The parser of the
standard library takes minutes for what was made to be slow (many levels, quotes or commas), so the structure is read
here, in a time that grows with the length alone; character sets, parameters and dates are the standard library's.
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.message import Message
from email.utils import collapse_rfc2231_value, parsedate_to_datetime
from html import escape

from signoff.sources.markup import Picture, text_of

MOST_HEADER_LINES = 10_000
MOST_PARTS = 2_000
MOST_LEVELS = 20
MOST_TEXT = 200_000
"""Characters of the text that are read."""

MOST_PEOPLE = 200
"""Recipients told of one header; the rest is counted."""

_MOST_FIELD = 64_000
_MOST_PARAMETERS = 4_000
_MOST_PROBLEMS = 20

_WANTED = frozenset({"from", "to", "cc", "reply-to", "subject", "date"})
_OF_PART = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "content-id"})
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)\Z", re.DOTALL)
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]{0,2000})\?=")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNPRINTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_AS_THEY_ARE = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "8bits", "plain"})
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})
"""Codecs of Python that no mail uses; some take time that grows with the square of the length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a mail: its name, what it says it is, and its size in bytes."""

    name: str
    media_type: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """
    An e-mail as a person reads it.

    Args:
        sender: Who says they sent it; several are joined by commas.
        to: To whom, one by one.
        cc: Who got a copy, one by one.
        subject: Its subject.
        date: When it says it was sent, ISO 8601; None if it says nothing that can be read.
        text: Its words; where it holds HTML alone, the words of that.
        html: Its HTML, as it came; None if it has none.
        attachments: Files that came with it.
        pictures: By content id, pictures that its HTML may show.
        problems: What was broken or looks like a trick, in plain words.
    """

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    date: str | None
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    pictures: Mapping[str, Picture]
    problems: tuple[str, ...]


def read(raw: object) -> Mail:
    """
    Read an e-mail; it never fails, and takes a time that grows with the length alone.

    Args:
        raw: The raw mail, headers first. If its bytes were read as Latin-1 or UTF-8, both is understood.

    Examples:
        >>> mail = read("From: Ada <ada@example.com>\\nTo: a@example.com, b@example.com\\nSubject: Hi\\n\\nHello.")
        >>> mail.sender, mail.to, mail.text
        ('Ada <ada@example.com>', ('a@example.com', 'b@example.com'), 'Hello.')
    """
    return _Reader().read(raw)


@dataclass(slots=True)
class _Body:
    """What a part, and all parts in it, have to show."""

    text: str | None = None
    html: str | None = None


@dataclass(slots=True)
class _Part:
    """The headers of one part, with what follows them."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    content: str = ""

    def first(self, name: str) -> str:
        return self.fields.get(name, [""])[0]

    def encoding(self) -> str:
        """Give the name of its transfer encoding, as RFC 2045 spells it."""
        return "-".join(self.first("content-transfer-encoding").partition(";")[0].lower().split())

    def described(self) -> Message:
        """Give the headers of the part to the standard library, which knows how parameters are written."""
        message = Message()
        for name in ("content-type", "content-disposition"):
            value = " ".join(self.first(name)[:_MOST_PARAMETERS].split())
            if value:
                message[name] = value
        return message


class _Reader:
    def __init__(self) -> None:
        self._problems: dict[str, None] = {}
        self._attachments: list[Attachment] = []
        self._pictures: dict[str, Picture] = {}
        self._parts = 0
        self._lines = 0

    def read(self, raw: object) -> Mail:
        if not isinstance(raw, str):
            self._tell("It is not a text, so it cannot be read as an e-mail.")
            raw = ""
        try:
            part = self._split(raw.removeprefix("\ufeff").lstrip("\r\n"))
            body = self._body(part, 0)
        except Exception as error:
            # A reviewer still has the raw text, and is told that this reading lacks something.
            self._tell(f"It could not be read in full ({type(error).__name__}); look at the raw text.")
            part, body = _Part(), _Body(text=raw[:MOST_TEXT])
        return self._mail(part, body)

    def _mail(self, part: _Part, body: _Body) -> Mail:
        senders = self._people(part, "from")
        answers = self._people(part, "reply-to")
        subject = self._told("subject", _decoded(" ".join(part.first("subject").split())))
        for name in ("from", "subject", "date"):
            if len(part.fields.get(name, ())) > 1:
                shown = "all are" if name == "from" else "the first is"
                self._tell(f"It has several {name.capitalize()} lines; {shown} shown.")
        if not senders:
            self._tell("It does not say who sent it.")
        if answers and {_address(each) for each in answers} != {_address(each) for each in senders}:
            self._tell(f"An answer would go to {', '.join(answers)[:300]} (Reply-To), not to the sender.")
        for each in senders:
            name, _, address = each.rpartition(" <")
            if "@" in name and _address(name.strip('"')) != address.rstrip(">").lower():
                self._tell("The sender's name looks like another address than the one it was sent from.")
        text = body.text
        if text is None:
            text = text_of(body.html) if body.html is not None else ""
        if len(text) > MOST_TEXT:
            self._tell(f"Its text is longer than {MOST_TEXT:,} characters; the beginning is shown.")
        if not text.strip() and not self._attachments:
            self._tell("There is no text in it.")
        return Mail(
            sender=", ".join(senders),
            to=tuple(self._people(part, "to")),
            cc=tuple(self._people(part, "cc")),
            subject=subject,
            date=self._date(part.first("date")),
            text=self._told("text", _breaks(text[:MOST_TEXT]).strip("\n")),
            html=body.html if body.html and not body.html.isspace() else None,
            attachments=tuple(self._attachments),
            pictures=self._pictures,
            problems=tuple(self._problems),
        )

    def _tell(self, problem: str) -> None:
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems[problem] = None

    def _told(self, what: str, text: str) -> str:
        """Give a text that JSON and a screen can carry; tell of characters that turn the order of reading round."""
        if _TURNS.search(text):
            self._tell(f"The {what} holds hidden characters that change the order in which it is read.")
        return clean(text)

    # --- headers

    def _split(self, raw: str) -> _Part:
        """Tell the headers of a part from what follows them."""
        part = _Part()
        current: list[str] = []
        room = 0
        at = 0
        first = True
        for found in _LINE.finditer(raw):
            line = found[1]
            self._lines += 1
            if self._lines > MOST_HEADER_LINES:
                self._tell(f"It has more than {MOST_HEADER_LINES:,} lines of headers; the rest is not read.")
                end = re.compile(r"(?:\r\n|\r|\n)(?:\r\n|\r|\n)").search(raw, found.start())
                at = end.end() if end else len(raw)
                break
            if not line:
                at = found.end()
                break
            if line[0] in " \t" and not first:
                if current and room > 0:
                    current.append(line[:room])
                    room -= len(line)
            else:
                named = _FIELD.match(line)
                if named is None and not (first and line.startswith("From ")):
                    self._tell("Its headers end without an empty line.")
                    at = found.start()
                    break
                self._keep(part, current)
                current, room = [], 0
                if named is not None and named[1].lower() in _WANTED | _OF_PART:
                    current, room = [named[1].lower(), named[2][:_MOST_FIELD]], _MOST_FIELD - len(named[2])
                    if room < 0:
                        self._tell(f"Its {named[1]} line is very long; the beginning is shown.")
            first = False
            at = found.end()
            if not found[2]:
                break
        self._keep(part, current)
        part.content = raw[at:]
        return part

    @staticmethod
    def _keep(part: _Part, lines: list[str]) -> None:
        if lines:
            kept = part.fields.setdefault(lines[0], [])
            if len(kept) < 100:
                kept.append("".join(lines[1:]).strip())

    def _people(self, part: _Part, name: str) -> list[str]:
        found: list[str] = []
        more = 0
        for value in part.fields.get(name, ()):
            for text in _separated(value):
                if len(found) >= MOST_PEOPLE:
                    # Counted, but not decoded, which takes longer than all the rest.
                    more += _is_somebody(text)
                elif _is_somebody(text):
                    found.append(self._told(f"{name.capitalize()} line", _as_person(text)))
        if more:
            self._tell(f"{more:,} more in its {name.capitalize()} line are not shown.")
        return found

    def _date(self, value: str) -> str | None:
        if not value:
            return None
        try:
            at = parsedate_to_datetime(value[:200])
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat()
        except (ValueError, TypeError, OverflowError, IndexError):
            self._tell(f"Its date cannot be read: {clean(value[:100])}")
            return None

    # --- parts

    def _body(self, part: _Part, level: int, *, default: str = "text/plain") -> _Body:
        self._parts += 1
        if self._parts > MOST_PARTS:
            self._tell(f"It has more than {MOST_PARTS:,} parts; the rest is not read.")
            return _Body()
        described = part.described()
        described.set_default_type(default)
        kind = _media_type(described)
        if not kind.startswith("multipart/"):
            return self._leaf(part, described, kind)
        if level >= MOST_LEVELS:
            self._tell(f"Its parts are nested deeper than {MOST_LEVELS} levels; the innermost are not read.")
            return _Body()
        boundary = described.get_boundary()
        pieces = self._pieces(part.content, boundary) if boundary else None
        if pieces is None:
            self._tell("It says that it has several parts, but not where they begin; it is shown as one text.")
            return _Body(text=_repaired(part.content, ""))
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        bodies = []
        for piece in pieces:
            if self._parts > MOST_PARTS:
                break
            bodies.append(self._body(self._split(piece), level + 1, default=inner))
        return _alternative(bodies) if kind == "multipart/alternative" else _together(bodies)

    def _pieces(self, content: str, boundary: str) -> list[str] | None:
        line = re.compile(rf"(?:\A|(?<=[\r\n]))--{re.escape(boundary[:200])}(--)?[ \t]*(?:\r\n|\r|\n|\Z)")
        pieces: list[str] = []
        start: int | None = None
        for found in line.finditer(content):
            if start is not None:
                pieces.append(_without_last_break(content[start : found.start()]))
            start = None if found[1] else found.end()
            if found[1] or len(pieces) > MOST_PARTS:
                break
        if start is not None and len(pieces) <= MOST_PARTS:
            self._tell("It ends in the middle of a part; something may be missing.")
            pieces.append(content[start:])
        return pieces or None

    def _leaf(self, part: _Part, described: Message, kind: str) -> _Body:
        name = self._name(described)
        attached = described.get_content_disposition() == "attachment"
        if kind in ("text/plain", "text/html") and not attached and (name is None or kind == "text/html"):
            text = self._text(part, described)
            return _Body(html=text) if kind == "text/html" else _Body(text=text)
        content = self._bytes(part, told=name or "an attachment")
        self._attachments.append(
            Attachment(name=name or "unnamed", media_type=clean(kind)[:100], bytes=len(content)),
        )
        content_id = part.first("content-id").strip("<> \t")
        if content_id and kind.startswith("image/"):
            self._pictures.setdefault(content_id[:500], Picture(media_type=kind, content=content))
        return _Body()

    def _name(self, described: Message) -> str | None:
        try:
            found = described.get_filename()
        except Exception:
            # The standard library stumbles over some continued parameters.
            found = None
        if not found:
            return None
        return self._told("name of an attachment", " ".join(_decoded(str(found)).split()))[:200] or None

    def _text(self, part: _Part, described: Message) -> str:
        try:
            charset = collapse_rfc2231_value(described.get_param("charset", "") or "")
        except Exception:
            charset = ""
        charset = charset.strip(" \"'").lower()[:60]
        encoding = part.encoding()
        if encoding in ("base64", "quoted-printable"):
            return self._in_charset(self._bytes(part, told="its text"), charset)
        if encoding not in _AS_THEY_ARE:
            self._tell(f"It is encoded in a way that is not known ({clean(encoding[:40])}), and shown as it is.")
        return clean(_repaired(part.content, charset))

    def _bytes(self, part: _Part, *, told: str) -> bytes:
        encoding = part.encoding()
        if encoding == "base64":
            found, whole = _from_base64(part.content)
            if not whole:
                self._tell(f"The encoding of {told} is broken; it is read as far as it goes.")
            return found
        if encoding == "quoted-printable":
            return quopri.decodestring(_as_bytes(_breaks(part.content)))
        return _as_bytes(part.content)

    def _in_charset(self, content: bytes, charset: str) -> str:
        known = _known(charset or "us-ascii")
        if known is None:
            self._tell(f"Its character set is not known ({clean(charset)}), so some characters may be wrong.")
        for each in (known, "utf-8"):
            if each is not None:
                try:
                    return clean(content.decode(each))
                except (UnicodeError, ValueError):
                    continue
        if known not in (None, "ascii"):
            self._tell(f"It says that its characters are {clean(charset)}, but some are not.")
            return clean(content.decode(str(known), "replace"))
        return clean(content.decode("cp1252", "replace"))


def clean(text: str) -> str:
    """
    Give a text that JSON and a screen can carry.

    Examples:
        >>> clean("a\\0b\\ud800")
        'a\ufffdb?'
    """
    return _UNPRINTED.sub("\ufffd", text).encode("utf-8", "replace").decode("utf-8")


# --- parts put together


def _alternative(bodies: list[_Body]) -> _Body:
    """Choose the text and the HTML that say the same."""
    texts = [body.text for body in bodies if body.text is not None]
    htmls = [body.html for body in bodies if body.html is not None]
    text = next((text for text in texts if text.strip()), texts[0] if texts else None)
    return _Body(text=text, html=htmls[-1] if htmls else None)


def _together(bodies: list[_Body]) -> _Body:
    """Put parts one after another, so that neither the text nor the HTML lacks what only the other has."""
    shown = [body for body in bodies if body.text is not None or body.html is not None]
    if len(shown) < 2:
        return shown[0] if shown else _Body()
    texts = [text_of(body.html or "") if body.text is None else body.text.strip("\r\n") for body in shown]
    if all(body.html is None for body in shown):
        return _Body(text="\n\n".join(texts))
    htmls = [
        f"<pre>{escape(text)}</pre>" if body.html is None else body.html
        for body, text in zip(shown, texts, strict=True)
    ]
    return _Body(text="\n\n".join(texts), html="<hr>".join(htmls))


def _breaks(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_last_break(text: str) -> str:
    # The line break before a boundary belongs to the boundary.
    return text.removesuffix("\n").removesuffix("\r")


def _media_type(described: Message) -> str:
    try:
        return described.get_content_type().lower()
    except Exception:
        return "text/plain"


# --- characters


def _from_base64(text: str) -> tuple[bytes, bool]:
    """Decode as much as there is; tell whether it was whole."""
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text)
    strange = re.sub(r"[A-Za-z0-9+/\s=]", "", text)
    end = len(letters) - (len(letters) % 4 == 1)
    try:
        return binascii.a2b_base64(letters[:end] + "=" * (-end % 4)), not strange and end == len(letters)
    except binascii.Error:
        return b"", False


def _as_bytes(text: str) -> bytes:
    """Give the bytes that a raw mail was read from, as far as one can tell."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _known(charset: str) -> str | None:
    try:
        found = codecs.lookup(charset)
    except (LookupError, ValueError, UnicodeError):
        return None
    # Codecs that are no character sets, such as rot13 or zip, have no such mark.
    return found.name if getattr(found, "_is_text_encoding", False) and found.name not in _NO_CHARSETS else None


def _repaired(text: str, charset: str) -> str:
    """Give the characters of a text whose bytes may have been read as Latin-1."""
    # Some character sets need no eighth bit.
    if text.isascii() and not charset.startswith(("iso-2022", "utf-7", "hz")):
        return text
    try:
        content = text.encode("latin-1")
    except UnicodeEncodeError:
        return text
    known = _known(charset or "us-ascii")
    for each in (known if known not in ("ascii", "latin-1", "iso8859-1") else None, "utf-8", known):
        if each is not None:
            try:
                return content.decode(each)
            except (UnicodeError, ValueError):
                continue
    return text


def _decoded(text: str) -> str:
    """Give a header's words as they are meant, RFC 2047."""
    if "=?" not in text:
        return _repaired(text, "")
    found: list[tuple[bytes, str] | str] = []
    at = 0
    for word in _WORD.finditer(text):
        between = text[at : word.start()]
        if between and not (between.isspace() and found and not isinstance(found[-1], str)):
            found.append(_repaired(between, ""))
        content = _from_base64(word[3])[0] if word[2] in "bB" else quopri.decodestring(_as_bytes(word[3]), header=True)
        last = found[-1] if found else None
        if isinstance(last, tuple) and last[1] == word[1].lower():
            # A character may be split between two words.
            found[-1] = (last[0] + content, last[1])
        else:
            found.append((content, word[1].lower()))
        at = word.end()
    found.append(_repaired(text[at:], ""))
    return "".join(
        part if isinstance(part, str) else part[0].decode(_known(part[1]) or "utf-8", "replace") for part in found
    )


# --- addresses


def _is_somebody(text: str) -> bool:
    """Tell whether something between two commas is more than space or a comment."""
    text = text.strip()
    return bool(text) and not (text[0] == "(" and text[-1] == ")")


def _as_person(text: str) -> str:
    """
    Give somebody in a header as `Name <address>`.

    Split first and decoded then, so that a comma in somebody's encoded name adds nobody.
    """
    text = " ".join(text.split())
    start, end = text.rfind("<"), text.rfind(">")
    if 0 <= start < end:
        name, address = text[:start].strip(), text[start + 1 : end].strip()
        rest = text[end + 1 :].strip()
        name = f"{name} {rest}".strip() if rest else name
    else:
        name, address = "", text
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    name, address = " ".join(_decoded(name).split()), _decoded(address)
    if any(letter in name for letter in '",<>@;'):
        name = '"' + name.replace('"', "'") + '"'
    return (f"{name} <{address}>" if name else address)[:500]


def _separated(value: str) -> Iterator[str]:
    """Split at the commas that stand between people, and at the names and ends of groups."""
    depth = 0
    quoted = angle = False
    start = 0
    skip = False
    end_of_groups = value.rfind(";")
    for at, letter in enumerate(value):
        if skip:
            skip = False
        elif letter == "\\":
            skip = True
        elif quoted:
            quoted = letter != '"'
        elif letter == '"' and not depth:
            quoted = True
        elif letter == "(":
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif depth:
            continue
        elif letter in "<>":
            angle = letter == "<"
        elif letter in ",;" and not angle:
            yield value[start:at]
            start = at + 1
        elif letter == ":" and not angle and at < end_of_groups:
            start = at + 1
    rest = value[start:]
    if quoted or depth or angle:
        # Never closed: split at every comma rather than hide somebody.
        yield from rest.split(",")
    else:
        yield rest


def _address(person: str) -> str:
    """Give the bare address of a person, to compare."""
    return person.rpartition("<")[2].rstrip(">").strip().lower()
