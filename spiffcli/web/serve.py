"""Running the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from spiffcli.config import Settings, load_git_settings
from spiffcli.errors import ConfigError, InputError

if TYPE_CHECKING:
    import socket


def serve_webhook(
    settings: Settings,
    host: str,
    port: int,
    *,
    remote_wins: bool,
    most_bytes: int | None,
    say: Callable[[str], object],
    report: Callable[[Exception], str],
) -> None:
    """Answer deliveries until the process is interrupted.

    Args:
        port: 0 takes one that is free.
        say: Is told what happens, in sentences without secrets.
        report: Is given what must not happen, and puts it in a sentence.

    Raises:
        ConfigError: The secret is not set, what serving needs is not installed, or there is no remote.
        InputError: There is no repository, or the address cannot be listened at.
    """
    secret = load_git_settings(settings).webhook_secret
    if not secret:
        raise ConfigError(
            "The secret of the webhook is not set, and unsigned deliveries are not taken.",
            hint="Set RUNNER_GIT_WEBHOOK_SECRET to what the forge has as its secret.",
        )
    try:
        import uvicorn

        from spiffcli.web.webhook import MOST_BYTES, PATH, application
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("uvicorn", "starlette", "anyio", "h11"):
            raise
        raise ConfigError(
            f"Serving needs the module '{error.name}', which is not installed.",
            hint="Install it with the extra 'web': pip install 'spiffcli[web]'",
        ) from error
    from spiffcli.web.follower import Follower

    follower = Follower(settings, remote_wins=remote_wins, say=say, report=report)
    app = application(follower, secret, most_bytes=MOST_BYTES if most_bytes is None else most_bytes)
    with listening(host, port) as bound:
        place = bound.getsockname()
        name = f"[{place[0]}]" if ":" in place[0] else place[0]
        say(f"Listening at http://{name}:{place[1]}{PATH} for pushes to {follower.branch}. Ctrl-C ends it.")
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="on", timeout_keep_alive=5)
        uvicorn.Server(config).run(sockets=[bound])


def listening(host: str, port: int) -> socket.socket:
    """A socket at an address; port 0 takes one that is free.

    Raises:
        InputError: The address cannot be listened at.
    """
    import socket

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # The protocol is named, since asyncio sends small answers at once only for sockets that say TCP.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as fault:
        raise InputError(f"{host}:{port} cannot be listened at: {fault.strerror}.") from fault
    return bound
