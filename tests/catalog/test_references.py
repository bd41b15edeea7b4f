from __future__ import annotations

import pytest

from spiffcli.catalog.refs import (
    ByName,
    ByTag,
    ByVersion,
    check_tag,
    looks_like_path,
    looks_like_revision,
    parse_ref,
    split_path,
)
from spiffcli.errors import InputError


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("order", ByName("order")),
        ("order@3", ByVersion("order", 3)),
        ("order@003", ByVersion("order", 3)),
        ("order@stable", ByTag("order", "stable")),
        ("order@v3", ByTag("order", "v3")),
        ("order@latest", ByTag("order", "latest")),
        ("4af0c1d2", ByName("4af0c1d2")),
        (" order ", ByName("order")),
        ("mail@home.json@2", ByVersion("mail@home.json", 2)),
        ("order@٣", ByTag("order", "٣")),
    ],
)
def test_a_reference_is_read_as_key_version_tag_or_name(text: str, ref: object) -> None:
    assert parse_ref(text) == ref


@pytest.mark.parametrize("text", ["", "  ", "@3", "order@", "@"])
def test_half_a_reference_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_ref(text)


@pytest.mark.parametrize(
    "text",
    ["order.bpmn", "order.bpmn#order", "models/order.bpmn", "./order", "a\\b.bpmn", "C:\\models\\order.bpmn", "x.DMN"],
)
def test_files_look_like_paths(text: str) -> None:
    assert looks_like_path(text)
    assert not looks_like_revision(text)


@pytest.mark.parametrize("text", ["HEAD:order.bpmn", "v1.2:models/order.bpmn#order", "a1b2c3:x.dmn", "HEAD~2:a/b"])
def test_files_at_a_revision_look_like_revisions(text: str) -> None:
    assert looks_like_revision(text)
    assert not looks_like_path(text)


@pytest.mark.parametrize("text", ["order", "order@3", "order@stable", "4af0c1d2", "product.json", "order@a/b"])
def test_what_is_stored_looks_like_neither(text: str) -> None:
    assert not looks_like_path(text)
    assert not looks_like_revision(text)


def test_a_path_may_name_a_process() -> None:
    assert split_path("a/b.bpmn#order") == ("a/b.bpmn", "order")
    assert split_path("a/b.bpmn") == ("a/b.bpmn", None)
    assert split_path("a/b.bpmn#") == ("a/b.bpmn", None)


@pytest.mark.parametrize("tag", ["stable", "v2.1", "_x", "rc-1+b"])
def test_names_can_be_tags(tag: str) -> None:
    assert check_tag(tag) == tag


@pytest.mark.parametrize("tag", ["3", "2024", "latest", "", "a b", "a@b", "a/b", "-x", "v1\n"])
def test_what_a_reference_would_read_otherwise_cannot_be_a_tag(tag: str) -> None:
    with pytest.raises(InputError):
        check_tag(tag)
