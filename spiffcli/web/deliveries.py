"""Deliveries of forges, read without a network in sight: is one genuine, and what does it ask for?"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from msgspec import Struct

from spiffcli.forges import FORGES
from spiffcli.repo.git import same_repository

_NOTHING = "0"

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")

_SIGNATURES = tuple(forge.signature for forge in FORGES.values() if forge.signature is not None)
_TOKENS = tuple(forge.token for forge in FORGES.values() if forge.token is not None)


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """A delivery that is refused.

    Attributes:
        status: Status of HTTP.
        type: Stable name of the reason.
    """

    def __init__(self, status: int, type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.type = type


class Delivery(Struct, frozen=True):
    """What a genuine delivery says.

    Attributes:
        event: As the forge names it.
        is_push: Whether it tells of new commits.
        ref: The full name of what was moved, or None.
        after: The commit it is at now, or None.
        urls: Addresses of the repository.
    """

    event: str
    is_push: bool
    ref: str | None
    after: str | None
    urls: tuple[str, ...]


class Answer(NamedTuple):
    """What a delivery comes to.

    Attributes:
        pull: Whether it is to be pulled, or is here already.
        reason: Why, or why not, as a stable name.
        needed: Whether anything is left to do.
    """

    pull: bool
    reason: str
    needed: bool


def signature(secret: str, body: bytes) -> str:
    """The signature of a body: HMAC with SHA-256, in hex digits. An empty secret is as good a key as any to it."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what cannot be genuine, before its body is read.

    Raises:
        Refusal: It carries no signature and no token.
    """
    if not any(headers.get(name) for name in (*_SIGNATURES, *_TOKENS)):
        raise Refusal(403, "not_authorized", "The delivery is not signed.")


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    """Refuse what nobody signed who knows the secret.

    GitHub and Gitea sign the body; GitLab sends the secret itself. Where several are there, each has to be right.

    Raises:
        Refusal: A signature is missing or wrong.
    """
    check_headers(headers)
    expected = signature(secret, body)
    signed = [headers[name].removeprefix("sha256=").strip().lower() for name in _SIGNATURES if headers.get(name)]
    right = [hmac.compare_digest(each.encode(), expected.encode()) for each in signed]
    sent = [headers[name] for name in _TOKENS if headers.get(name)]
    right += [hmac.compare_digest(each.encode(), secret.encode()) for each in sent]
    if not all(right):
        raise Refusal(403, "not_authorized", "The signature of the delivery is wrong.")


def read(headers: Mapping[str, str], body: bytes) -> Delivery:
    """What a genuine delivery says.

    Raises:
        Refusal: It is not what forges send.
    """
    document = _document(headers, body)
    event, is_push = _event(headers, document)
    if not is_push:
        return Delivery(event, False, None, None, ())
    ref, after = document.get("ref"), document.get("after")
    if not isinstance(ref, str) or not isinstance(after, str):
        raise Refusal(400, "invalid_delivery", "The delivery does not say what was moved where.")
    if not _COMMIT.fullmatch(after):
        raise Refusal(400, "invalid_delivery", "What the delivery names as a commit is none.")
    urls = tuple(_urls(document))
    if not urls:
        raise Refusal(400, "invalid_delivery", "The delivery names no repository.")
    return Delivery(event, True, ref, after, urls)


def _document(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    text = body
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    if is_form and not body.startswith(b"{"):  # whoever sends by hand forgets to say that it is JSON
        try:
            text = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"][0].encode()
        except (UnicodeDecodeError, ValueError, KeyError) as fault:
            raise Refusal(400, "invalid_delivery", "The form holds no payload.") from fault
    try:
        document = json.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as fault:
        raise Refusal(400, "invalid_delivery", "The delivery is not JSON.") from fault
    if not isinstance(document, dict):
        raise Refusal(400, "invalid_delivery", "The delivery is no JSON object.")
    return document


def _event(headers: Mapping[str, str], document: Mapping[str, Any]) -> tuple[str, bool]:
    for forge in FORGES.values():
        event = next((headers[name] for name in forge.events if headers.get(name)), None)
        if event is not None:
            pushed = event in forge.pushes and (event != "System Hook" or document.get("object_kind") == "push")
            return event, pushed
    if "zen" in document or "hook_id" in document:
        return "ping", False
    return "push", True  # nobody said; what it holds decides


def _urls(document: Mapping[str, Any]) -> Sequence[str]:
    found = []
    for part in ("repository", "project"):
        about = document.get(part)
        if isinstance(about, dict):
            names = ("clone_url", "git_url", "ssh_url", "html_url", "git_http_url", "git_ssh_url", "http_url", "url")
            found += [about[name] for name in names if isinstance(about.get(name), str) and about[name]]
    return found


def judge(delivery: Delivery, remote: str, branch: str) -> Answer:
    """What a delivery comes to, for whoever follows `branch` of the repository at `remote`.

    Raises:
        Refusal: It is about another repository.
    """
    if not delivery.is_push:
        return Answer(False, "ping" if delivery.event == "ping" else "event", False)
    if not any(same_repository(url, remote) for url in delivery.urls):
        raise Refusal(
            422, "repository_mismatch", "The delivery is about another repository than the one that is followed."
        )
    if delivery.ref != f"refs/heads/{branch}":
        return Answer(False, "branch", False)
    if delivery.after is not None and not delivery.after.strip(_NOTHING):
        return Answer(False, "deleted", False)
    return Answer(True, "queued", True)
