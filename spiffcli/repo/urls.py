"""Addresses of repositories: whether two mean the same one, where its pages are, and how to show one without secrets.

Git takes one address in many forms: `https://host/team/models.git`, `ssh://git@host:22/team/models`,
`git@host:team/models.git`, `file:///srv/models.git`, `/srv/models.git`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

#: User, password or token in front of a host.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s@]*(?:@[^/?#\s@]*)*@")
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>\[[^\]]+\]|[^/:\s@]+):(?!//)(?P<path>.+)", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

HIDDEN = "***"


class Address(NamedTuple):
    """A repository, however its address was written.

    Attributes:
        host: In lower case without port; empty for one on this machine.
        path: Without `.git`, and without slashes at its ends.
    """

    host: str
    path: str

    @property
    def same(self) -> tuple[str, str]:
        """What two addresses of one repository have in common; forges do not tell capitals apart."""
        return self.host, self.path.casefold() if self.host else self.path


def address(url: str) -> Address:
    """What `url` addresses."""
    url = url.strip()
    if "://" in url:
        parts = urlsplit(url)
        host = "" if parts.scheme == "file" else (parts.hostname or "").lower()
        return Address(host, _path(unquote(parts.path), host))
    scp = None if _DRIVE.match(url) else _SCP_LIKE.fullmatch(url)
    if scp is not None:
        host = scp["host"].strip("[]").lower()
        return Address(host, _path(scp["path"], host))
    return Address("", _path(url, ""))


def _path(path: str, host: str) -> str:
    if not host:  # links on this machine lead to one place
        path = str(Path(path).resolve()) if path else ""
    path = path.strip("/").removeprefix("~/")
    return path.removesuffix(".git").rstrip("/")


def same_repository(one: str, other: str) -> bool:
    """Whether two addresses mean one repository."""
    a, b = address(one), address(other)
    return bool(a.path) and a.same == b.same


def shown(url: str) -> str:
    """`url` without user, password or token."""
    return _CREDENTIALS.sub(lambda _found: "", url)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without what stands in front of hosts, and without any of the secrets."""
    text = _CREDENTIALS.sub(f"{HIDDEN}@", text)
    for secret in secrets:
        for piece in filter(None, (secret, *secret.splitlines(), quote(secret, safe=""))):
            if len(piece) >= 4:  # shorter ones stand in every text
                text = text.replace(piece, HIDDEN)
    return text


def kind_of_forge(url: str) -> str | None:
    """`github`, `gitlab`, `gitea` or `bitbucket`, as far as the name of the host tells; else None."""
    host = address(url).host
    names = {
        "github": ("github",),
        "gitlab": ("gitlab",),
        "gitea": ("gitea", "forgejo", "codeberg"),
        "bitbucket": ("bitbucket",),
    }
    labels = set(re.split(r"[.-]", host))
    return next((forge for forge, words in names.items() if labels & set(words)), None)


def compare_url(url: str, base: str, branch: str, forge: str | None = None) -> str | None:
    """The page of a forge on which `branch` can be looked at and merged into `base`.

    Args:
        url: Address of the repository.
        forge: Kind of the forge, where the host does not tell.

    Returns:
        None for a repository on this machine, and for a forge whose pages are not known.
    """
    forge = forge or kind_of_forge(url)
    host, path = address(url)
    if not host or forge is None:
        return None
    place = f"https://{_web_host(url, host)}/{quote(path)}"
    old, new = quote(base, safe="/"), quote(branch, safe="/")
    if forge == "github":
        return f"{place}/compare/{old}...{new}?expand=1"
    if forge == "gitea":
        return f"{place}/compare/{old}...{new}"
    old, new = quote(base, safe=""), quote(branch, safe="")
    if forge == "gitlab":
        return f"{place}/-/merge_requests/new?merge_request[source_branch]={new}&merge_request[target_branch]={old}"
    return f"{place}/pull-requests/new?source={new}&dest={old}"


def _web_host(url: str, host: str) -> str:
    """The host with its port, where that belongs to the pages: the port of ssh does not."""
    parts = urlsplit(url) if "://" in url else None
    port = parts.port if parts is not None and parts.scheme in ("http", "https") else None
    return f"{host}:{port}" if port is not None else host
