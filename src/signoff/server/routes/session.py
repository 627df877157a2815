"""Signing in and out with a browser, and who one is."""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.requests import Request

from signoff.domain.account import Scope
from signoff.errors import NotSignedIn
from signoff.server.access import COOKIE, Anybody, LocalDesk, require_same_origin
from signoff.server.body import StrictRoute
from signoff.wire import Me, SignInTaken

router = APIRouter(route_class=StrictRoute, tags=["who"])


def set_cookie(request: Request, response: Response, secret: str, *, max_age_s: int | None = None) -> None:
    """Give a browser the secret of its session; no script can read it, and no other site makes the browser send it."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


@router.post("/session")
def sign_in(body: SignInTaken, request: Request, response: Response) -> Me:
    """
    Sign in; the session is in a cookie that scripts cannot read.

    After five wrong passwords in a row the account is locked for a minute, then for longer: 429 says how long.
    """
    require_same_origin(request)
    app = request.app.state.signoff
    secret, session = app.accounts.sign_in(body.account, body.password)
    account = app.accounts.session(secret)
    if account is None:
        raise NotSignedIn("the account was disabled at this moment; ask an admin")
    set_cookie(request, response, secret, max_age_s=int((session.expires_at - session.created_at).total_seconds()))
    return Me(id=account.id, roles=account.roles, groups=account.groups, scopes=(Scope.REVIEW, Scope.READ))


@router.delete("/session", status_code=204)
def sign_out(request: Request, response: Response, caller: Anybody) -> None:
    """Sign out; the session no longer works anywhere."""
    secret = request.cookies.get(COOKIE)
    local: LocalDesk | None = request.app.state.local
    if secret is not None and local is not None and local.knows(secret):
        local.sign_out()
        request.app.state.callers.forget()
    elif secret is not None:
        caller.app.accounts.sign_out(secret)
    request.app.state.callers.forget()
    response.delete_cookie(COOKIE, path="/")


@router.get("/me")
def me(caller: Anybody) -> Me:
    """Tell who asks, and what they may do."""
    roles = sorted(caller.actor.roles) if caller.actor else []
    groups = sorted(caller.actor.groups) if caller.actor else []
    return Me(id=caller.id, roles=roles, groups=groups, scopes=sorted(caller.scopes))
