"""Beside: what helps a person judge a case, loaded when it is looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import HTMLResponse, Response

from signoff.app.views import SimilarCase
from signoff.server.access import Anybody, Looking
from signoff.server.body import StrictRoute
from signoff.server.frame import frame
from signoff.server.routes.cases import CaseId, shown_to
from signoff.wire import Few, LabelGiven

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


@router.get("/cases/{case_id}/similar")
def similar(
    case_id: CaseId,
    caller: Looking,
    limit: Annotated[int, Query(ge=1, le=50, description="How many at most.")] = 5,
) -> Few[SimilarCase]:
    """
    List the cases most like this one that people have ruled on lately, and what they made of them.

    While they are withheld, as on a blind checkpoint until you have ruled, there are none.
    """
    # Nor are there any in the first seconds, while a thread reads them for whoever asks next.
    view = caller.app._view(case_id, seen_by=caller.id)
    return Few(items=[] if view.withheld else caller.app.similar(view.case, limit=limit, wait=False))


@router.get("/checkpoints/{name}/labels")
def labels(
    name: Annotated[str, Path(min_length=1, max_length=200, description="Name of a checkpoint.")],
    caller: Looking,
) -> Few[LabelGiven]:
    """
    List the categories of a label checkpoint, most used first: those of its schema, its drafter and its history.

    A long history is read in parts, newest first, so right after a start the numbers may still grow.
    """
    counted = caller.app.label_counts(name)
    return Few(items=[LabelGiven(label=label, cases=cases) for label, cases in counted.items()])
