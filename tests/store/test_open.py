from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spiffcli.errors import ConfigError, StoreError, StoreFormatError
from spiffcli.store import open_store


def test_memory_is_new_each_time() -> None:
    one, other = open_store("memory:"), open_store("memory:")
    with one.transaction() as transaction:
        transaction.put("meta", "m", {}, expected=0)
    assert other.get("meta", "m") is None
    assert other.url == "memory:"


@pytest.mark.parametrize("url", ["mongo:x", "/just/a/path", "", "memory", "tinydb", "C"])
def test_what_is_not_a_store_url_lists_the_schemes(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert caught.value.hint is not None
    for scheme in ("tinydb:DIR", "sqlite:FILE", "memory:"):
        assert scheme in caught.value.hint


@pytest.mark.parametrize("url", ["tinydb:", "sqlite:"])
def test_a_url_without_a_place_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="names no place"):
        open_store(url)


@pytest.mark.parametrize("url", ["postgresql://u:secret@host/db", "mysql://u:secret@host/db"])
def test_a_password_in_a_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert "secret" not in f"{caught.value} {caught.value.hint} {caught.value.data}"


def test_postgresql_says_that_it_is_not_there_yet() -> None:
    with pytest.raises(ConfigError, match="PostgreSQL back-end yet"):
        open_store("postgresql://host/db")


@pytest.mark.parametrize("url", ["tinydb:{}/none", "sqlite:{}/none.db", "sqlite:{}/deep/none.db"])
def test_a_store_that_must_exist_and_does_not_is_an_error_with_a_way_out(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at") as caught:
        open_store(url.format(tmp_path), create=False)
    assert "runner init" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["tinydb:{}/deep/er/store", "sqlite:{}/deep/er/store.db"])
def test_folders_above_a_new_store_are_made(url: str, tmp_path: Path) -> None:
    open_store(url.format(tmp_path)).close()
    open_store(url.format(tmp_path), create=False).close()


@pytest.mark.parametrize("url", ["tinydb:store", "sqlite:store.db"])
def test_the_url_of_an_open_store_is_absolute(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(url)
    monkeypatch.chdir("/")
    open_store(store.url, create=False).close()
    store.close()


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_store("tinydb:~/store").url == f"tinydb:{tmp_path}/store"


@pytest.mark.parametrize("url", ["tinydb:{}/file", "sqlite:{}/file"])
def test_a_file_that_is_something_else_is_not_touched(url: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text('{"_default": {"1": {"a": "TinyDB file of somebody else"}}}' * 30)
    before = file.read_bytes()
    with pytest.raises(StoreFormatError):
        open_store(url.format(tmp_path))
    assert file.read_bytes() == before


@pytest.mark.parametrize("url", ["tinydb:{}/file/store", "sqlite:{}/file/store.db"])
def test_a_file_where_a_folder_must_be_is_named(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=f"{tmp_path}/file"):
        open_store(url.format(tmp_path))


def loaded_after(code: str, root: Path) -> set[str]:
    program = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    return set(done.stdout.split())


HEAVY = {"tinydb", "sqlite3", "filelock", "SpiffWorkflow", "lxml", "click"}


def test_naming_the_store_package_loads_no_back_end(root: Path) -> None:
    assert not loaded_after("from spiffcli.store import open_store", root) & HEAVY


@pytest.mark.parametrize(("url", "other"), [("tinydb:{}/store", "sqlite3"), ("sqlite:{}/store.db", "tinydb")])
def test_one_back_end_loads_no_other(root: Path, tmp_path: Path, url: str, other: str) -> None:
    url = url.format(tmp_path)
    store = open_store(url)
    with store.transaction() as transaction:
        transaction.put("instance", "i", {"key": "k"}, b"body", expected=0)
    store.close()
    read = f"s = open_store({url!r}); assert s.get('instance', 'i').body and list(s.find('instance'))"
    loaded = loaded_after(f"from spiffcli.store import open_store\n{read}", root)
    assert other not in loaded
    assert not loaded & {"SpiffWorkflow", "lxml", "click"}
