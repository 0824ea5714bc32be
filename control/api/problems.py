"""Every error as an RFC 9457 problem with its code and its reasons; the one module that maps errors to HTTP."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain.errors import ConfigurationError, LinkError, StorageError
from domain.refusal import WORDS, Cause, Code
from wire.canonical import Json

MEDIA_TYPE = "application/problem+json"

_TITLES: Mapping[str, tuple[str, str]] = {
    "confirm-warnings": ("请先确认警告", "confirm the warnings first"),
    "content-changed": ("方案内容已变,请重新预览", "the plan has changed: look at it again"),
    "csrf": ("请求缺少会话令牌", "the session's token is missing"),
    "not-found": ("没有此对象", "there is no such thing"),
    "not-signed-in": ("请先登录", "sign in first"),
    "not-seen": ("告警已变化,请重新查看", "the alarm is not what you saw"),
    "sign-in-failed": ("用户名或口令错误", "user name or password wrong"),
    "second-factor": ("请输入动态码", "the second factor's code is missing or wrong"),
    "own-account": ("不能改自己的角色或停用自己", "nobody changes their own roles or shuts themselves out"),
    "scope": ("接口令牌不能有此角色", "an API token cannot have this role"),
    "locked": ("尝试次数过多,稍后再试", "too many attempts, try later"),
    "taken": ("用户名已被使用", "the user name is taken"),
    "token": ("令牌无效或已使用", "the token is not valid or was used"),
    "malformed": ("请求格式错误", "the request is malformed"),
    "storage": ("数据库不可用", "the database is not available"),
    "no-history": ("未配置历史库", "no history store is configured"),
    "beyond-authority": ("不能授予自己没有的权限", "nobody gives more authority than they have"),
    "nothing-to-prove-with": ("此用户没有口令,不能锁定", "this user has nothing to unlock with"),
    "weak-password": ("口令不符合要求", "the password is not taken"),
    "standby": (
        "本副本为备用:这里只接受关闭与停止",
        "this control stands by: it takes closures and stops only",
    ),
    "origin": ("来源不被允许", "the origin is not allowed"),
}


class Problem(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, status: HTTPStatus, code: str, *, detail: str = "", reasons: Sequence[Json] = ()
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.reasons = tuple(reasons)


def not_found() -> Problem:
    """Return the answer for what does not exist, or does not for this person: both look the same."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found")


def no_authority() -> Problem:
    """Return the answer for what this person may not do."""
    words = Cause(code=Code.NO_AUTHORITY).as_dict()
    return Problem(HTTPStatus.FORBIDDEN, Code.NO_AUTHORITY.value, reasons=[_reason(words)])


def too_large() -> JSONResponse:
    """Return the answer to a request that is longer than any of ours."""
    return answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "malformed", detail="too long")


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StorageError, _storage)
    app.add_exception_handler(LinkError, _link)
    app.add_exception_handler(ConfigurationError, _storage)


def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(error.status, error.code, detail=error.detail, reasons=error.reasons)


def _malformed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5])
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed", detail=said)


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = "not-found" if status is HTTPStatus.NOT_FOUND else f"http-{status.value}"
    return answer(status, code, detail=status.phrase)


def _storage(request: Request, error: Exception) -> JSONResponse:
    """What was to be read is not there; what was to be done and cannot be recorded is refused."""
    code = "storage" if request.method in {"GET", "HEAD"} else Code.AUDIT.value
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, code, detail=str(error))


def _link(_request: Request, error: Exception) -> JSONResponse:
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, Code.LINK.value, detail=str(error))


def answer(status: HTTPStatus, code: str, *, detail: str = "", reasons: Sequence[Json] = ()) -> JSONResponse:
    """Return the problem as a response."""
    zh, en = _title(code, status)
    body = {
        "type": f"urn:stoplog:problem:{code}",
        "title": en,
        "title_zh": zh,
        "status": status.value,
        "detail": detail or zh,
        "code": code,
        "reasons": list(reasons) or [{"code": code, "zh": detail or zh, "en": detail or en, "values": {}}],
    }
    return JSONResponse(body, status_code=status.value, media_type=MEDIA_TYPE)


def _title(code: str, status: HTTPStatus) -> tuple[str, str]:
    if code in _TITLES:
        return _TITLES[code]
    found = next((words for known, words in WORDS.items() if known.value == code), None)
    return (found.zh, found.en) if found is not None else (status.phrase, status.phrase)


def _reason(form: Mapping[str, object]) -> Json:
    return {"code": str(form["code"]), "zh": str(form["zh"]), "en": str(form["en"]), "values": {}}
