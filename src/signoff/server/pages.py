"""Pages: the inbox, the sign-in by a printed link, and the description of the API, from installed files alone."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from signoff.server.access import LocalDesk
from signoff.server.inbox import BUILT, PAGES, read_inbox
from signoff.server.routes.session import set_cookie

_ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon-32x32.png": "image/png"}
# What the inbox asks for first, told with the page so that it travels beside the scripts; web/src/desk/first_page.ts.
_AHEAD = ("/api/v1/me", "/api/v1/queue?limit=50&with_first=true")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 15vh auto; padding: 0 1rem; color: #1c1c1e; }
code { background: #f2f2f4; padding: .1rem .3rem; border-radius: 4px; overflow-wrap: anywhere; }
a { color: #0b57d0; }
@media (prefers-color-scheme: dark) { body { background: #161618; color: #ececf0; } code { background: #2a2a2e; }
a { color: #a8c7fa; } }
"""


def add_pages(api: FastAPI, *, built: Path = BUILT) -> None:
    """
    Add the pages a person opens.

    Args:
        api: Where to.
        built: Where the built inbox is.
    """
    inbox = read_inbox(built)

    async def page(request: Request, token: str | None = None) -> Response:
        if token is not None:
            return await run_in_threadpool(_enter, request, token)
        if not inbox:
            return _page(
                "The inbox is not built",
                "<p>This is a checkout, and the inbox in <code>web/</code> was not built yet. "
                "<code>make run</code> builds it and serves the sample desk; "
                "<code>python hatch_build.py build</code> only builds it. Then start this server again.</p>"
                "<p>Meanwhile people review in a terminal, <code>signoff review</code>, and programs use the "
                "<a href='/api/docs'>HTTP API</a>.</p>",
                status=503,
            )
        response = inbox["index.html"].answer(request)
        ahead = _AHEAD if request.url.path == "/" and not request.url.query else _AHEAD[:1]
        response.headers["Link"] = ", ".join(f"<{url}>; rel=preload; as=fetch; crossorigin" for url in ahead)
        return response

    for path in PAGES:
        api.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)

    @api.api_route("/assets/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    @api.api_route("/{name}.svg", methods=["GET", "HEAD"], include_in_schema=False)
    async def file(request: Request) -> Response:
        found = inbox.get(request.url.path.removeprefix("/"))
        if found is None:
            raise HTTPException(404)
        return found.answer(request)

    @api.get("/api/docs", include_in_schema=False)
    def docs() -> Response:
        page = get_swagger_ui_html(
            openapi_url="/api/openapi.json",
            title="Signoff API",
            swagger_js_url="/api/docs/swagger-ui-bundle.js",
            swagger_css_url="/api/docs/swagger-ui.css",
            swagger_favicon_url="/api/docs/favicon-32x32.png",
        )
        body = bytes(page.body)
        script = body.partition(b"<script>")[2].partition(b"</script>")[0]
        page.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' {_hash(script)}; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return page

    @api.get("/api/docs/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            return _page("There is nothing here", "<p><a href='/api/docs'>The API</a></p>", status=404)
        content = resources.files("fastapi_swagger.resources").joinpath(name).read_bytes()
        return Response(content, media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})


def _enter(request: Request, token: str) -> Response:
    """Let the one in who has the printed link, and on to the page that was asked for."""
    local: LocalDesk | None = request.app.state.local
    if local is None or request.app.state.signoff.accounts.any() or not local.lets_in(token):
        return _page(
            "That link no longer works",
            "<p>Each start of the server prints a new one: open the newest. Once there are accounts, people "
            "sign in with theirs.</p>",
            status=403,
        )
    # Its other parameters go along: what is on the screen is in the address.
    rest = request.url.remove_query_params("token").query
    response = RedirectResponse(f"{quote(request.scope['path'])}{'?' if rest else ''}{rest}", status_code=303)
    set_cookie(request, response, local.cookie)
    return response


def _hash(text: bytes) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text).digest()).decode()}'"


def _page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    policy = f"default-src 'none'; style-src {_hash(_STYLE.encode())}; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(page, status, {"Content-Security-Policy": policy})
