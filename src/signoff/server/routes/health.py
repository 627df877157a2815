"""Health, for whoever restarts servers, and metrics, for whoever is woken by them."""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.requests import Request

from signoff import __version__
from signoff.errors import SignoffError
from signoff.server.access import LOOK
from signoff.wire import Health

router = APIRouter(tags=["operate"])


@router.get("/health", responses={503: {"model": Health, "description": "The database does not answer."}})
def health(request: Request, response: Response) -> Health:
    """Tell whether the server can do its work; needs no token."""
    try:
        request.app.state.signoff.store.read(lambda tx: tx.checkpoint_names())
    except SignoffError:
        response.status_code = 503
        return Health(ready=False, version=__version__, database="unavailable")
    return Health(ready=True, version=__version__, database="ok")


@router.get(
    "/metrics",
    dependencies=[LOOK],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text."}},
)
def metrics(request: Request) -> Response:
    """Give the metrics in Prometheus' text format; takes a token with the scope `read`."""
    body, media_type = request.app.state.metrics.exposition()
    return Response(body, media_type=media_type)
