"""Forges: how each is recognised, what its deliveries carry, and where its pages are. A new one is one value here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct


class Forge(Struct, frozen=True, kw_only=True):
    """A kind of server for repositories.

    Attributes:
        name: As settings have it.
        words: One of them stands in the names of its hosts.
        events: Headers that name the event of a delivery, in small letters; the first one that is there counts.
        pushes: Names of the events that tell of new commits.
        signature: The header with the HMAC of a body, or None.
        token: The header with the secret itself, or None.
        compare: Path of the page on which a branch can be merged, below that of the repository.
        slashes: Whether slashes in names of branches stay as they are there.
    """

    name: str
    words: tuple[str, ...]
    events: tuple[str, ...] = ()
    pushes: tuple[str, ...] = ()
    signature: str | None = None
    token: str | None = None
    compare: str
    slashes: bool = False

    def compare_page(self, place: str, base: str, branch: str) -> str:
        """Return the page on which `branch` can be looked at and merged into `base`.

        Args:
            place: The page of the repository.
        """
        safe = "/" if self.slashes else ""
        return f"{place}/{self.compare.format(old=quote(base, safe=safe), new=quote(branch, safe=safe))}"


#: Forges by name.
FORGES: Mapping[str, Forge] = {
    each.name: each
    for each in (
        Forge(
            name="github",
            words=("github",),
            events=("x-github-event",),
            pushes=("push",),
            signature="x-hub-signature-256",
            compare="compare/{old}...{new}?expand=1",
            slashes=True,
        ),
        Forge(
            name="gitlab",
            words=("gitlab",),
            events=("x-gitlab-event",),
            pushes=("Push Hook", "System Hook"),
            token="x-gitlab-token",
            compare="-/merge_requests/new?merge_request[source_branch]={new}&merge_request[target_branch]={old}",
        ),
        Forge(
            name="gitea",
            words=("gitea", "forgejo", "codeberg"),
            events=("x-gitea-event", "x-gogs-event"),
            pushes=("push",),
            signature="x-gitea-signature",
            compare="compare/{old}...{new}",
            slashes=True,
        ),
        Forge(name="bitbucket", words=("bitbucket",), compare="pull-requests/new?source={new}&dest={old}"),
    )
}


def forge_at(host: str) -> Forge | None:
    """Return the forge at a host, as far as its name tells."""
    labels = set(re.split(r"[.-]", host))
    return next((forge for forge in FORGES.values() if labels & set(forge.words)), None)
