"""Says in the OpenAPI document what holds of every route alike: problems, who may ask and how they show it, and the PIN.

It decides nothing: what it says is read off the rules by which the guard decides.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from control.api.rules import HEARS_PIN, RULES, needs_of
from control.people.standing import Needs

PREFIX = "/api/v1"
_PROBLEM = {
    "description": "problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemShape"}}},
}
_SCHEMES = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "stoplog_session",
        "description": "of a person, set by POST /session",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Stoplog-Csrf",
        "description": "beside the session at each write",
    },
    "token": {"type": "http", "scheme": "bearer", "description": "of a system, made by POST /tokens"},
}
_PIN = {
    "name": "X-Stoplog-Pin",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 20},
    "description": "at a locked position: the PIN of who is signed in there",
}
_SAYS = {
    Needs.NOTHING: "",
    Needs.PIN: "At a locked position it takes the PIN.",
    Needs.UNLOCKED: "",
    Needs.FRESH: "It takes a proof (sign-in, password or code) of the last five minutes.",
}


class Documented(FastAPI):
    """An application whose document says what its guard and its problems do."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        if not self.openapi_schema:
            self.openapi_schema = _whole(super().openapi())
        return self.openapi_schema


def _whole(document: dict[str, Any]) -> dict[str, Any]:
    for (method, path), operation in _operations(document):
        said = {code: item for code, item in operation["responses"].items() if code[0] in "123"}
        problem = {"$ref": "#/components/responses/Problem"}
        operation["responses"] = {**said, "4XX": problem, "503": problem}
        rule = RULES.get((method, path))
        if rule is None or rule.roles is None:
            continue
        operation["security"] = _security(is_write=method != "GET", is_for_people=rule.is_for_people)
        if (method, path) in HEARS_PIN:
            operation.setdefault("parameters", []).append(_PIN)
        more = _SAYS[needs_of((method, path))]
        operation["description"] = f"{operation.get('description', '')} {more}".strip()
        operation["x-roles"] = sorted(rule.roles)
    parts = document["components"]
    parts["responses"], parts["securitySchemes"] = {"Problem": _PROBLEM}, _SCHEMES
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield (method.upper(), path.removeprefix(PREFIX)), operation


def _security(*, is_write: bool, is_for_people: bool) -> list[dict[str, list[str]]]:
    person: dict[str, list[str]] = {"session": [], **({"csrf": []} if is_write else {})}
    return [person] if is_for_people else [person, {"token": []}]
