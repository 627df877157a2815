"""The people at the desk, and the desk as a whole."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from signoff.app.views import DeskView, Person
from signoff.server.access import Callers, Looking, Reviewing
from signoff.server.body import StrictRoute
from signoff.wire import People, PresenceTaken

router = APIRouter(route_class=StrictRoute)


@router.post("/me/presence", tags=["who"])
def show_presence(body: PresenceTaken, caller: Reviewing) -> Person:
    """
    Give a sign that you are at the desk, each minute while the page is visible, and say whether you are away.

    Who goes away gives back every claim, and every waiting case assigned to them passes to nobody in particular.
    """
    return caller.desk.presence(body.away)


@router.get("/people", tags=["look"])
def people(request: Request, caller: Looking) -> People:
    """
    List who may be at the desk: accounts that work, and whoever has a case in hand or was seen without one.

    `here` is who was seen in the last 150 seconds and is not away.
    """
    callers: Callers = request.app.state.callers
    return People(items=caller.app.people(also=callers.without_account()))


@router.get("/desk", tags=["look"])
def desk(caller: Looking) -> DeskView:
    """
    Count what waits at each checkpoint, and list what is stuck and what nobody can be sure of.

    Stuck is a waiting case that somebody has held for more than 15 minutes, that is assigned to somebody who is away,
    or whose deadline is near: three quarters of its time are over. Of both lists it gives 200 cases at most.
    """
    return caller.app.desk()
