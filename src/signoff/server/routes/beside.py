"""Beside: what helps a person judge a case, loaded when it is looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from signoff.server.access import Anybody
from signoff.server.body import StrictRoute
from signoff.server.frame import frame
from signoff.server.routes.cases import CaseId, shown_to

router = APIRouter(route_class=StrictRoute, tags=["look"])


@router.get("/cases/{case_id}/frame", response_class=HTMLResponse)
def framed(
    case_id: CaseId,
    caller: Anybody,
    evidence: Annotated[str, Query(min_length=1, max_length=200, description="Name of the evidence.")],
    images: Annotated[bool, Query(description="Load the pictures that are on https addresses.")] = False,
) -> Response:
    """
    Give the HTML of an e-mail as a page for a sandboxed frame: it runs nothing, and loads nothing unasked.

    So it does with evidence of the type `text/html`. A proposer sees its own cases.
    """
    shown_to(caller, case_id)
    return frame(caller.app.view(case_id).evidence, evidence, case_id=case_id, images=images)
