"""Routes for machines that watch the service: alive, ready, metrics; they tell nothing of the park."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from control.api.parts import Service

router = APIRouter(include_in_schema=False)


@router.get("/health/live")
async def is_live() -> dict[str, bool]:
    """Say that the process answers."""
    return {"live": True}


@router.get("/health/ready")
async def is_ready(service: Service, response: Response) -> dict[str, object]:
    """Say whether the service does its work, and why not."""
    ready, reasons = service.readiness()
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return {"ready": ready, "reasons": list(reasons)}


@router.get("/health/leading")
async def is_leading(service: Service, response: Response) -> dict[str, bool]:
    """Say whether this is the control to go to: what a proxy before two of them asks."""
    leading = service.rank.leads and service.rank.is_certain()
    if not leading:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return {"leading": leading}


@router.get("/metrics")
async def metrics(service: Service) -> Response:
    """Return the measurements for Prometheus."""
    return Response(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)
