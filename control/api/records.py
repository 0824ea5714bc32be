"""Routes of what is on record: the audit log, history, and how the service's parts are."""

import asyncio
from dataclasses import asdict
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, StreamingResponse

from control.api.outcomes import AuditPage, AuditReportShape, CheckpointShape, HistoryShape
from control.api.parts import Service, Who
from control.api.problems import Problem, not_found
from control.api.shapes import ProblemShape, says
from control.audit.export import csv_lines, json_lines
from control.audit.log import Query as AuditQuery
from control.audit.printout import Printed, page
from control.audit.proofs import inclusion_proofs
from control.audit.verify import verify_audit
from domain.ids import PointRef
from domain.words import Words
from wire.canonical import Json

router = APIRouter(tags=["records"])
BUCKETS_MAX = 2_000


_PROBLEM = {"model": ProblemShape, "description": "problem (RFC 9457)"}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/jsonl": {}, "text/csv": {}}, "description": "the records as a file"},
    "4XX": _PROBLEM,
    "503": _PROBLEM,
}


_PAGES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {}}, "description": "the checkpoint for paper"},
    "4XX": _PROBLEM,
    "503": _PROBLEM,
}


class ExportFormat(StrEnum):
    """How exported records are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"


@router.get("/audit", **says(AuditPage))
async def audit(
    service: Service,
    *,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=0)] = None,
    actor: str | None = None,
    object: str | None = None,  # noqa: A002  (the audit's own word)
    kind: str | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    text: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
) -> dict[str, object]:
    """Return audit records, the newest first; `text` stands somewhere in each."""
    query = AuditQuery(
        limit=limit,
        before=before,
        actor=actor,
        object=object,
        kind=kind,
        from_ms=from_ms,
        to_ms=to_ms,
        text=text,
    )
    records = await service.audit.records(query)
    return {"records": records, "size": service.audit.size, "root": service.audit.root}


@router.get("/audit/export", response_class=StreamingResponse, responses=_FILES)
async def export(
    service: Service,
    format: ExportFormat = ExportFormat.JSON_LINES,  # noqa: A002  (the word of an export)
    actor: str | None = None,
    object: str | None = None,  # noqa: A002  (the audit's own word)
    kind: str | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    text: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
) -> StreamingResponse:
    """Return the chosen records as a file, the oldest first; JSON lines carry the proof of each against a new checkpoint."""
    await service.checkpoints.seal()
    size = int(str((service.checkpoints.newest or {}).get("size", 0)))
    query = AuditQuery(actor=actor, object=object, kind=kind, from_ms=from_ms, to_ms=to_ms, text=text)
    kept = await service.audit.kept(query, size=size)
    if format is ExportFormat.CSV:
        lines, media = csv_lines(kept), "text/csv; charset=utf-8"
    else:
        leaves = await service.audit.leaves(size=size)
        proofs = await asyncio.to_thread(inclusion_proofs, leaves, [item.seq for item in kept])
        lines, media = json_lines(kept, proofs, size=size), "application/jsonl"
    name = f'attachment; filename="audit-{size}.{format}"'
    return StreamingResponse(lines, media_type=media, headers={"Content-Disposition": name})


@router.get("/audit/checkpoint", **says(CheckpointShape))
async def checkpoint(service: Service) -> dict[str, Json]:
    """Seal the log now and return the signed checkpoint."""
    await service.checkpoints.seal()
    return dict(service.checkpoints.newest or {})


@router.get("/audit/printout", response_class=HTMLResponse, responses=_PAGES)
async def printout(service: Service) -> HTMLResponse:
    """Seal the log now and return the checkpoint as a page to print, sign and put away."""
    await service.checkpoints.seal()
    sealed = service.checkpoints.newest
    if sealed is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "storage")
    size = int(str(sealed["size"]))
    last = await service.audit.records(AuditQuery(limit=1, before=size))
    words = last[0]["words"] if last else None
    newest = Words(str(words["zh"]), str(words["en"])) if isinstance(words, dict) else Words("", "")
    said = Printed(
        park=service.park.id,
        name=service.park.words,
        size=size,
        root=str(sealed["root"]),
        at_ms=int(str(sealed["at_ms"])),
        token=str(sealed["token"]),
        newest=newest,
    )
    return HTMLResponse(page(said))


@router.get("/audit/verify", **says(AuditReportShape))
async def verify(service: Service) -> dict[str, object]:
    """Verify the whole log against every checkpoint, as anybody can off-line."""
    await service.checkpoints.seal()
    paths = service.checkpoints.paths
    with TemporaryDirectory(prefix="stoplog-audit-") as folder:
        copy = Path(folder) / "audit.sqlite"
        await service.audit.copy(copy)
        report = await asyncio.to_thread(verify_audit, copy, paths.checkpoints, paths.trusted)
    return asdict(report)


@router.get("/history", **says(HistoryShape))
async def history(
    point: str,
    from_ms: int,
    to_ms: int,
    service: Service,
    who: Who,
    buckets: Annotated[int, Query(ge=1, le=BUCKETS_MAX)] = 300,
) -> dict[str, object]:
    """Return one point's past in spans of equal length."""
    found = service.park.points.get(PointRef(point))
    if found is None or not who.reaches(service.park.facilities[found.facility]):
        raise not_found()
    if service.history is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-history")
    if to_ms <= from_ms:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail="from_ms < to_ms")
    rows = await service.history.buckets(found.ref, from_ms=from_ms, to_ms=to_ms, count=buckets)
    points = [
        {
            "t": row.start_ms,
            "min": row.min,
            "max": row.max,
            "mean": row.mean,
            "last": row.last,
            "count": row.count,
            "quality": row.quality.word,
        }
        for row in rows
    ]
    return {"point": point, "points": points}


@router.get("/system", **says(dict[str, object]))
async def system(service: Service) -> dict[str, Json]:
    """Say how the service's parts are."""
    return service.health()
