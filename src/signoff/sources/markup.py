"""Markup: the HTML of strangers, made safe to show beside a decision."""

from __future__ import annotations

import html as entities
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

import nh3

MOST_CHARS = 1_000_000
"""Characters of one HTML text that are shown; the rest is cut off."""

MOST_TAGS = 30_000
MOST_REFERENCES = 50_000
MOST_LEVELS = 300
MOST_TAG_CHARS = 4_000
"""
Tags, character references, levels of tags and the length of one tag, embedded pictures not counted. Beyond them the
text is cut off, since the time that parsing takes grows with the square of each.
"""

MOST_PICTURE_BYTES = 262_144
"""Largest picture out of a mail that is shown inside its HTML."""

MOST_PICTURES_BYTES = 2_097_152
"""What all pictures in one HTML text may have together."""

_TAGS = frozenset(
    re.findall(
        r"\w+",
        "a abbr address b bdi big blockquote br caption center cite code col colgroup dd del dfn div dl dt em font "
        "h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub sup table tbody td "
        "tfoot th thead time tr tt u ul var wbr",
    )
)
_ATTRIBUTES = {
    "*": frozenset({"align", "bgcolor", "dir", "height", "lang", "style", "valign", "width"}),
    "a": frozenset({"href"}),
    "col": frozenset({"span"}),
    "colgroup": frozenset({"span"}),
    "font": frozenset({"color", "face", "size"}),
    "img": frozenset({"alt", "src"}),
    "li": frozenset({"value"}),
    "ol": frozenset({"start", "type"}),
    "table": frozenset({"border", "cellpadding", "cellspacing"}),
    "td": frozenset({"colspan", "rowspan"}),
    "th": frozenset({"colspan", "rowspan"}),
}
_DROPPED_WHOLE = frozenset(
    {"script", "style", "title", "template", "object", "svg", "math", "iframe", "video", "audio"}
)
_SCHEMES = frozenset({"http", "https", "mailto", "tel", "cid"})
_LEADS = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_OWN = frozenset({"local", "localhost", "internal", "lan", "home", "corp", "intranet", "localdomain", "arpa"})
"""Last parts of names that no public address has."""

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

# What hides or moves text is not among them, nor among their values: a preheader that the sender hid is shown.
_PROPERTIES = re.compile(
    r"(?:background|background-color|border(?:-(?:top|right|bottom|left|collapse|spacing|color|style|width|radius))*|"
    r"color|direction|font|font-(?:family|size|style|variant|weight)|letter-spacing|line-height|list-style-type|"
    r"margin(?:-\w+)?|max-width|padding(?:-\w+)?|text-(?:align|decoration|transform)|vertical-align|white-space|"
    r"width)\Z"
)
_VALUE = re.compile(r"(?:[\w\s#%.,'\"!]|-(?!\d|\.)|(?:rgb|hsl)a?\([\d\s.,%/]*\))*\Z")
_NUMBER = re.compile(r"(\d*\.?\d+)(px|pt|rem|em|%|)\Z")
_LEAST_SIZE = {"px": 6, "pt": 5, "rem": 0.5, "em": 1, "%": 100}
"""Sizes of letters below which they are not read; the relative ones, as each level of tags may make them smaller."""

_LEAST_LINE = {"": 1, "px": 12, "pt": 9, "rem": 1, "em": 1, "%": 100}
_SIZES = frozenset({"small", "medium", "large", "x-large", "xx-large", "x-small", "xx-small", "larger", "normal"})
_MOST_ROOM = {"": 400, "px": 400, "pt": 300, "rem": 25, "em": 25, "%": 50}
_MOVES = ("margin", "padding", "letter-spacing", "border-spacing")

_COLOURS = {
    "aqua": 0x00FFFF, "beige": 0xF5F5DC, "black": 0x000000, "blue": 0x0000FF, "brown": 0xA52A2A, "cyan": 0x00FFFF,
    "darkblue": 0x00008B, "darkgreen": 0x006400, "darkred": 0x8B0000, "dimgray": 0x696969, "dimgrey": 0x696969,
    "fuchsia": 0xFF00FF, "gray": 0x808080, "green": 0x008000, "grey": 0x808080, "indigo": 0x4B0082, "ivory": 0xFFFFF0,
    "lavender": 0xE6E6FA, "lightblue": 0xADD8E6, "lightgray": 0xD3D3D3, "lightgreen": 0x90EE90, "lightgrey": 0xD3D3D3,
    "lightyellow": 0xFFFFE0, "lime": 0x00FF00, "magenta": 0xFF00FF, "maroon": 0x800000, "navy": 0x000080,
    "olive": 0x808000, "orange": 0xFFA500, "pink": 0xFFC0CB, "purple": 0x800080, "red": 0xFF0000, "silver": 0xC0C0C0,
    "snow": 0xFFFAFA, "teal": 0x008080, "white": 0xFFFFFF, "whitesmoke": 0xF5F5F5, "yellow": 0xFFFF00,
}  # fmt: skip
_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})\Z")
_RGB = re.compile(r"rgb\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)\Z")
_DARK = 0.22
"""Luminance, 0..1, of letters at the most: red is just dark enough to be read on white."""

_LIGHT = 0.6
"""Luminance of what is behind letters at the least, so that all that are dark enough can be read on all of it."""

_BROKEN_LINE = re.compile(r"<(?:br|hr)>|</(?:p|div|tr|li|h[1-6]|table|blockquote|pre|dt|dd|address|center|caption)>")
_LINES = frozenset(
    re.findall(
        r"\w+",
        "br hr p div tr li h1 h2 h3 h4 h5 h6 table tbody td th blockquote pre dt dd dl ul ol address center caption",
    )
)
_ANY_TAG = re.compile(r"<[^<>]*>")
_COSTS = re.compile(r"&|<(/?)([A-Za-z][A-Za-z0-9]*)")
_TAG = re.compile(
    r"</?[A-Za-z][^\s/>]*+"
    r"(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|(?![\"'])[^\s>]*+)|(?!\s*+=)))*+>"
)
"""A tag as browsers read it; possessive, so that it takes a time that grows with the length alone."""

_ENDS_BY_ITSELF = frozenset(
    re.findall(
        r"\w+",
        "area base basefont br col dd dt embed hr img input li link meta option p param source tbody td tfoot th thead "
        "tr track wbr",
    )
)
_EMBEDDED = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]*)", re.IGNORECASE)
_TOUCHED = re.compile(r'<(img|a)((?: [a-z-]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that came with a mail, for its HTML to show."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Safe:
    """
    HTML that loads and runs nothing, to be put into a page with a policy of its own.

    Args:
        html: The HTML.
        remote_images: Pictures on https addresses that are shown once they are asked for.
        never_shown: Pictures that are never loaded: on unencrypted or private addresses, or too small to be seen.
        cut: Whether some of it is missing.
    """

    html: str
    remote_images: int
    never_shown: int
    cut: bool


def sanitise(html: str, *, pictures: Mapping[str, Picture] | None = None, images: bool = False) -> Safe:
    """
    Make the HTML of a stranger safe to show.

    No script, handler, form, frame or style that loads anything is left. Links open elsewhere, tell nobody where from,
    and carry where they lead as `data-to`. What the sender hid by style is shown: letters are dark and not too small,
    and what is behind them is light.

    Args:
        html: Any text.
        pictures: By content id, what came with the mail; small ones are put in.
        images: Whether pictures on https addresses are to be loaded.
    """
    own = dict(pictures or {})
    text, cut = _bounded(_EMBEDDED.sub(partial(_taken_out, own), html))
    cleaned = nh3.clean(
        text,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WHOLE),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_filtered,
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    finish = _Finish(own, images)
    done = _TOUCHED.sub(finish, cleaned)
    return Safe(html=done, remote_images=finish.remote, never_shown=finish.never, cut=cut)


def text_of(html: str) -> str:
    """
    Give the words of an HTML text, hidden ones too, with a line for each block.

    Examples:
        >>> text_of("<p>Dear team,</p><script>x()</script><div>my <b>kettle</b> &amp; I</div>")
        'Dear team,\\nmy kettle & I'
    """
    text, _ = _bounded(_EMBEDDED.sub("", html))
    cleaned = nh3.clean(text, tags=set(_LINES), attributes={}, clean_content_tags=set(_DROPPED_WHOLE))
    words = entities.unescape(_ANY_TAG.sub(" ", _BROKEN_LINE.sub("\n", re.sub(r"\s+", " ", cleaned))))
    lines = (" ".join(line.split()) for line in words.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _bounded(html: str) -> tuple[str, bool]:
    """Cut what would take too long to parse; tell whether something was cut."""
    end = min(len(html), MOST_CHARS)
    tags = references = level = 0
    for found in _COSTS.finditer(html, 0, end):
        if found[0] == "&":
            references += 1
        else:
            tags += 1
            if found[2].lower() not in _ENDS_BY_ITSELF:
                level += -1 if found[1] else 1
            level = max(level, 0)
            # Looked at from every place: inside of a script, a quote or a comment one cannot tell what begins a tag.
            whole = _TAG.match(html, found.start(), found.start() + MOST_TAG_CHARS)
            if whole is None:
                return html[: found.start()], True
        if tags > MOST_TAGS or references > MOST_REFERENCES or level > MOST_LEVELS:
            return html[: found.start()], True
    return html[:end], end < len(html)


def _taken_out(pictures: dict[str, Picture], found: re.Match[str]) -> str:
    """Put a picture that is written into the HTML with those that came beside it."""
    name = f"embedded-{len(pictures)}"
    try:
        pictures[name] = Picture(media_type=found[1].lower(), content=b64decode(found[2]))
    except ValueError:
        return ""
    return f"cid:{name}"


def _filtered(_: str, name: str, value: str) -> str | None:
    if name in ("color", "bgcolor"):
        return value if _is_seen("background" if name == "bgcolor" else name, value.strip().lower()) else None
    if name == "style":
        return _style(value)
    if name == "href":
        return value if _LEADS.match(value) else None
    if name == "src":
        lowered = value[:8].lower()
        return value if lowered.startswith(("cid:", "https://", "http://", "//")) else None
    return value


def _style(value: str) -> str | None:
    kept = []
    for each in value[:10_000].split(";"):
        name, _, given = each.partition(":")
        name, given = name.strip().lower(), given.partition("!")[0].strip().lower()
        if not _PROPERTIES.match(name) or not given or not _VALUE.match(given):
            continue
        if not _is_seen(name, given):
            continue
        kept.append(f"{name}:{given}")
    return ";".join(kept) or None


def _is_seen(name: str, given: str) -> bool:
    """Tell whether words can still be read, and are where one looks for them, with that property."""
    if name == "color":
        luminance = _luminance(given)
        return luminance is not None and luminance <= _DARK
    if name in ("background", "background-color"):
        luminance = _luminance(given)
        return luminance is not None and luminance >= _LIGHT
    if name == "font-size":
        return given in _SIZES or _at_least(_LEAST_SIZE, given)
    if name == "line-height":
        return given == "normal" or _at_least(_LEAST_LINE, given)
    if name == "font":
        return all(map(_is_seen_in_font, given.split()))
    if name.startswith(_MOVES):
        numbers = (_NUMBER.match(each) for each in given.split())
        return all(found is None or float(found[1]) <= _MOST_ROOM[found[2]] for found in numbers)
    return True


def _is_seen_in_font(part: str) -> bool:
    if part[0] not in "0123456789." or re.fullmatch("[1-9]00", part):
        # A name, or a weight.
        return part != "smaller"
    return _at_least(_LEAST_SIZE, part)


def _at_least(least: Mapping[str, float], given: str) -> bool:
    found = _NUMBER.match(given)
    return found is not None and found[2] in least and float(found[1]) >= least[found[2]]


def _luminance(colour: str) -> float | None:
    """Give the relative luminance (WCAG 2) of a colour; None for one that is not known, or lets others through."""
    parts: Sequence[int]
    if (hexadecimal := _HEX.match(colour)) is not None:
        digits = hexadecimal[1] if len(hexadecimal[1]) == 6 else "".join(2 * each for each in hexadecimal[1])
        parts = bytes.fromhex(digits)
    elif (rgb := _RGB.match(colour)) is not None:
        parts = [min(255, int(each)) for each in rgb.groups()]
    elif colour in _COLOURS:
        parts = _COLOURS[colour].to_bytes(3, "big")
    else:
        return None
    red, green, blue = (each / 255 / 12.92 if each <= 10 else ((each / 255 + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class _Finish:
    """The second pass, over HTML that is well-formed and safe by now: pictures, and where links lead."""

    def __init__(self, pictures: Mapping[str, Picture], images: bool) -> None:
        self._pictures = pictures
        self._images = images
        self._left = MOST_PICTURES_BYTES
        self.remote = 0
        self.never = 0

    def __call__(self, found: re.Match[str]) -> str:
        given = {name: entities.unescape(value) for name, value in _ATTRIBUTE.findall(found[2])}
        return self._link(given) if found[1] == "a" else self._picture(given)

    def _link(self, given: dict[str, str]) -> str:
        href = given.get("href")
        if href is None:
            return "<a>"
        return _tag("a", {**given, "title": href, "data-to": leads_to(href)})

    def _picture(self, given: dict[str, str]) -> str:
        src = self._source(given)
        if src is not None:
            return _tag("img", {**given, "src": src})
        told = given.get("alt", "").strip()
        return f'<span class="picture">{entities.escape(told)}</span>' if told else ""

    def _source(self, given: dict[str, str]) -> str | None:
        src = given.get("src", "").strip()
        lowered = src[:8].lower()
        if lowered.startswith("cid:"):
            picture = self._pictures.get(src[4:].strip("<> "))
            return None if picture is None else self._put_in(picture)
        if not src:
            return None
        if lowered.startswith("http://") or _is_tiny(given) or not _is_public(src):
            # A pixel shows nothing; it tells its sender that, when and where the mail was read. And no stranger has the
            # reader's browser ask what stands in the reader's own network.
            self.never += 1
            return None
        self.remote += 1
        return (f"https:{src}" if src.startswith("//") else src) if self._images else None

    def _put_in(self, picture: Picture) -> str | None:
        if picture.media_type not in _PICTURES or not self._fits(len(picture.content)):
            return None
        return f"data:{picture.media_type};base64,{b64encode(picture.content).decode()}"

    def _fits(self, size: int) -> bool:
        if size > MOST_PICTURE_BYTES or size > self._left:
            return False
        self._left -= size
        return True


def leads_to(href: str) -> str:
    """
    Give where a link leads, short: the host, or the address of a mail or telephone.

    Examples:
        >>> leads_to("https://shop.example.com@evil.example.org:8443/pay?x=1")
        'evil.example.org:8443'
        >>> leads_to("mailto:ada@example.com?subject=x")
        'ada@example.com'
    """
    scheme, _, rest = href.partition(":")
    if scheme.lower() in ("mailto", "tel"):
        return rest.partition("?")[0][:200]
    # A browser takes a backslash for a slash.
    try:
        place = urlsplit(href.replace("\\", "/").strip()).netloc.rpartition("@")[2].lower()
    except ValueError:
        return href[:200]
    with suppress(UnicodeError):
        # Letters of another alphabet that look like ours are told apart only in this form.
        place = place if place.isascii() else place.encode("idna").decode()
    return place[:200] or href[:200]


def _is_public(src: str) -> bool:
    """Tell whether an address is in nobody's own network, as far as it says so itself."""
    try:
        host = (urlsplit(src.replace("\\", "/").strip()).hostname or "").encode("idna").decode().rstrip(".")
    except ValueError:
        return False
    if "%" in host and ":" not in host:
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        # A last part of digits is a number that browsers read as an IPv4 address: 0x7f.1, 2130706433, 127.1.
        *_, last = host.split(".")
        return "." in host and last not in _OWN and not re.fullmatch(r"\d+|0x[0-9a-f]*", last)


def _is_tiny(given: Mapping[str, str]) -> bool:
    sizes = [re.match(r"\s*(\d{1,6})(?:px)?\s*\Z", given.get(name, "")) for name in ("width", "height")]
    styled = re.findall(r"(?:^|;)width:\s*(\d{1,6})px", given.get("style", ""))
    return any(found is not None and int(found[1]) <= 2 for found in sizes) or any(int(each) <= 2 for each in styled)


def _tag(name: str, given: Mapping[str, str]) -> str:
    attributes = "".join(f' {each}="{entities.escape(value)}"' for each, value in given.items())
    return f"<{name}{attributes}>"
