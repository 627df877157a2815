"""Frame: an e-mail's HTML as a page of its own, which runs nothing and loads nothing that was not asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from typing import Any

from starlette.responses import HTMLResponse

from signoff.errors import UnknownEvidence
from signoff.sources.mail import Mail, read
from signoff.sources.markup import Picture, sanitise
from signoff.wire import MailGiven

_STYLE = """
html { color-scheme: light; background: #fff; }
body { font: 15px/1.6 system-ui, sans-serif; margin: 12px; color: #1a1a18; overflow-wrap: anywhere; }
img, table { max-width: 100%; }
img { height: auto; }
pre { white-space: pre-wrap; }
small, sub, sup, h5, h6 { font-size: 12px; }
a[data-to]::after { content: " (" attr(data-to) ")"; color: #5b5b56; font-size: 12px; unicode-bidi: isolate; }
.picture { border: 1px dashed #8a8a84; padding: 0 4px; color: #5b5b56; }
.picture::before { content: "picture: "; }
.told { border-left: 3px solid #7d4f00; padding-left: 8px; color: #5b5b56; }
"""

_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:{images}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


MOST_MAILS = 50
"""E-mails of one case that are read; a thousand of them would keep a processor busy for seconds at each look."""


def with_mails(evidence: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Give evidence with what its first 50 e-mails say, as `mail` beside the raw `value`; the others stay raw."""
    mails = [name for name, item in evidence.items() if _kind(item) == "message/rfc822"][:MOST_MAILS]
    return {**evidence, **{name: {**evidence[name], "mail": _given(read(evidence[name]["value"]))} for name in mails}}


def frame(evidence: Mapping[str, Mapping[str, Any]], name: str, *, case_id: str, images: bool) -> HTMLResponse:
    """
    Give the HTML of an e-mail, or evidence that is HTML, as a page for a sandboxed frame.

    Args:
        evidence: The evidence of the case.
        name: Which of it.
        case_id: The case.
        images: Whether its pictures on https addresses are loaded.

    Raises:
        UnknownEvidence: If there is none of that name, or no HTML in it.
    """
    html, pictures = _html(evidence, name, case_id)
    safe = sanitise(html, pictures=pictures, images=images)
    told = "<p class='told'>It is longer than is shown here; the rest was cut off.</p>" if safe.cut else ""
    page = (
        "<!doctype html><html><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body dir='auto'>{told}{safe.html}</body></html>"
    )
    return HTMLResponse(
        page,
        headers={
            "Content-Security-Policy": _POLICY.format(images=" https:" if images else ""),
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "SAMEORIGIN",
        },
    )


def _html(evidence: Mapping[str, Mapping[str, Any]], name: str, case_id: str) -> tuple[str, Mapping[str, Picture]]:
    item = evidence.get(name)
    if item is None:
        known = ", ".join(sorted(evidence))[:500] or "none"
        raise UnknownEvidence(
            f"case {case_id} has no evidence {name[:200]!r}; it has: {known}", case_id=case_id, evidence=name[:200]
        )
    kind, value = _kind(item), item["value"]
    if kind == "text/html" and isinstance(value, str):
        return value, {}
    if kind == "message/rfc822":
        mail = read(value)
        if mail.html is not None:
            return mail.html, mail.pictures
    raise UnknownEvidence(
        f"evidence {name[:200]!r} of case {case_id} has no HTML ({kind[:100]}); its text is in the case itself",
        case_id=case_id,
        evidence=name[:200],
    )


def _given(mail: Mail) -> dict[str, Any]:
    html = None if mail.html is None else sanitise(mail.html, pictures=mail.pictures)
    told = MailGiven.model_validate(
        {
            "from": mail.sender,
            "to": mail.to,
            "cc": mail.cc,
            "subject": mail.subject,
            "date": mail.date,
            "text": mail.text,
            "html": html is not None,
            "attachments": [asdict(each) for each in mail.attachments],
            "remote_images": 0 if html is None else html.remote_images,
            "problems": mail.problems,
        }
    )
    return told.model_dump(mode="json", by_alias=True)


def _kind(item: Mapping[str, Any]) -> str:
    return str(item["media_type"]).partition(";")[0].strip().lower()
