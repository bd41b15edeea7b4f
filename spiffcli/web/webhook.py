"""The address that forges deliver to, and one that says how it stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spiffcli.web.deliveries import Refusal, check_headers, read, verify
from spiffcli.web.follower import Follower, Worker

PATH = "/v1.0/github-webhook-receive"
STATUS_PATH = "/v1.0/status"

#: Bytes of a delivery that are read: forges send less, whatever a push holds.
MOST_BYTES = 25_000_000

#: Seconds that the end of a sync is waited for when the server is stopped.
_PATIENCE = 30.0


def application(follower: Follower, secret: str, *, most_bytes: int = MOST_BYTES) -> Starlette:
    """The server.

    Args:
        secret: What deliveries are signed with; not empty.
        most_bytes: Longest body of a delivery.
    """
    worker = Worker(follower.sync)

    async def receive(request: Request) -> Response:
        try:
            return await _received(request, follower, worker, secret, most_bytes)
        except Refusal as refusal:
            document = {"git_pull": False, "status": refusal.status, "type": refusal.type, "detail": str(refusal)}
            return JSONResponse(document, refusal.status, media_type="application/problem+json")
        except ClientDisconnect:
            return Response(status_code=400)

    async def status(_request: Request) -> Response:
        commit = await run_in_threadpool(lambda: follower.commit)
        last = worker.last
        told = None if last is None else {"number": last.number, "at": last.at, "outcome": last.outcome}
        return JSONResponse({"commit": commit, "branch": follower.branch, "waiting": worker.waiting, "last": told})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        worker.start()
        try:
            yield
        finally:
            await run_in_threadpool(worker.stop, _PATIENCE)

    routes = [Route(PATH, receive, methods=["POST"]), Route(STATUS_PATH, status, methods=["GET"])]
    return Starlette(routes=routes, lifespan=lifespan)


async def _received(request: Request, follower: Follower, worker: Worker, secret: str, most_bytes: int) -> Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    check_headers(headers)
    body = await _body(request, most_bytes)
    verify(secret, headers, body)
    answer = await run_in_threadpool(follower.answer, read(headers, body))
    run = worker.ask() if answer.needed else None
    return JSONResponse({"git_pull": answer.pull, "reason": answer.reason, "sync": run})


async def _body(request: Request, most_bytes: int) -> bytes:
    """The body of a request, as far as it is not too long.

    Raises:
        Refusal: It is.
    """
    announced = request.headers.get("content-length", "0")
    body = bytearray()
    if not announced.isdigit() or int(announced) <= most_bytes:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                break
        else:
            return bytes(body)
    raise Refusal(413, "too_large", f"A delivery may have {most_bytes} bytes.")
