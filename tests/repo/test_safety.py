"""What must not go wrong between a desk and its remote, on real remotes."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from spiffcli.catalog import Filter
from spiffcli.errors import ConflictError, InputError, ModelError, NotFoundError, RunnerError, StateError
from spiffcli.repo.create import clone, new
from spiffcli.repo.deploy import SyncResult, add_model, find, ref_at, sync
from spiffcli.repo.git import GitError, compare_url, redacted, same_repository, shown
from spiffcli.repo.layout import check_id
from spiffcli.repo.publish import PublishRequest, publish
from spiffcli.repo.pull import look_at_remote
from spiffcli.repo.save import push_all

from ..catalog.models import bpmn, process
from .backends import over_http, over_ssh
from .places import Desk, Place, git

SECRET = "ghp_averysecrettoken1234"


def synced(desk: Desk, **options: bool) -> SyncResult:
    with desk.runner() as runner:
        return sync(runner.workspace, repository=desk.repository(), **options)


def block(place: Place) -> Path:
    """Let the remote refuse every push."""
    hook = place.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'closed for the night' >&2\nexit 1\n")
    hook.chmod(0o755)
    return hook


def test_n01_a_push_that_comes_second_is_put_on_top(place: Place, desk: Desk) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    theirs = other.commit("theirs")
    desk.model("shop/order", calls=("tax",), script="x = 3")
    saved = desk.save(message="ours")
    assert saved.pushed is not None
    assert (saved.pushed.outcome, saved.pushed.rebased) == ("pushed", True)
    assert saved.commit == desk.head == place.tip()
    assert desk.git("rev-parse", "HEAD~1") == theirs
    assert desk.clean
    assert desk.git("worktree", "list").count("\n") == 0


def test_n01_a_push_that_collides_leaves_everything_as_it_was(place: Place, desk: Desk) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    theirs = other.commit("theirs")
    desk.model("shop/tax", script="x = 3")
    saved = desk.save(message="ours")
    assert saved.pushed is not None
    assert saved.pushed.outcome == "failed"
    assert "shop/tax/tax.bpmn" in (saved.pushed.reason or "")
    assert (desk.head, place.tip()) == (saved.commit, theirs)
    assert desk.clean
    assert not desk.repository().under_way()
    status = desk.repository().status()
    assert (status.ahead, status.behind) == (1, 1)


def test_n02_a_commit_that_could_not_be_pushed_is_pushed_next_time(place: Place, desk: Desk) -> None:
    hook = block(place)
    desk.model("shop/tax", script="x = 2")
    saved = desk.save(message="stranded")
    assert saved.pushed is not None
    assert "closed for the night" in (saved.pushed.reason or "")
    assert [each.subject for each in desk.repository().status().stranded] == ["stranded"]
    hook.unlink()
    again = desk.save(message="nothing new")
    assert again.commit is None
    assert again.pushed is not None
    assert again.pushed.outcome == "pushed"
    assert place.tip() == desk.head
    assert desk.repository().status().stranded == ()


def test_n03_a_pull_keeps_what_is_not_committed(place: Place, desk: Desk) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    theirs = other.commit()
    desk.write("shop/order/notes.md", "mine")
    desk.write("shop/order/order.bpmn", "half done")
    synced(desk)
    assert desk.head == theirs
    assert (desk.folder / "shop/order/order.bpmn").read_text() == "half done"
    assert (desk.folder / "shop/order/notes.md").read_text() == "mine"


def test_n03_a_pull_refuses_to_overwrite_what_is_not_committed(place: Place, desk: Desk) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    other.write("shop/tax/extra.md", "theirs")
    other.commit()
    before = desk.head
    for path in ("shop/tax/tax.bpmn", "shop/tax/extra.md"):
        file = desk.write(path, "mine")
        with pytest.raises(StateError, match="not been committed is in the way"):
            synced(desk)
        assert (desk.head, file.read_text()) == (before, "mine")
        desk.git("stash", "-qu")


@pytest.mark.parametrize("url", ["file", "http"])
def test_n05_publishing_what_is_there_says_so_and_gives_no_page(place: Place, desk: Desk, url: str) -> None:
    desk.git("push", "-q", "origin", "main:staging")
    if url == "file":
        done = publish(desk.repository(), PublishRequest(("shop/tax",), to="staging"))
    else:
        with over_http(place.origin) as web:
            done = publish(desk.repository(publish_clone_url=web.url), PublishRequest(("shop/tax",), to="staging"))
    assert (done.outcome, done.branch, done.url) == ("nothing", None, None)
    assert git(place.origin, "branch", "--list", "publish*") == ""


def test_n06_a_published_branch_is_brought_up_to_date(place: Place, desk: Desk) -> None:
    desk.git("push", "-q", "origin", "main:staging")
    desk.model("shop/tax", script="x = 2")
    desk.commit()
    first = publish(desk.repository(), PublishRequest(("shop/tax",), to="staging"))
    other = place.desk("bob")
    other.git("switch", "-q", "staging")
    other.write("README.md", "new in staging")
    other.commit("staging moves")
    desk.model("shop/tax", script="x = 3")
    desk.commit()
    second = publish(desk.repository(), PublishRequest(("shop/tax",), to="staging"))
    assert second.updated
    assert second.files == ("shop/tax/tax.bpmn",)
    assert git(place.origin, "merge-base", "--is-ancestor", "staging", str(second.branch)) == ""
    assert git(place.origin, "merge-base", "--is-ancestor", str(first.commit), str(second.branch)) == ""
    assert "x = 3" in git(place.origin, "show", f"{second.branch}:shop/tax/tax.bpmn")


def test_n07_a_token_is_sent_and_never_shown(place: Place, desk: Desk) -> None:
    with over_http(place.origin, token=SECRET) as web:
        desk.git("remote", "set-url", "origin", web.url.replace("http://", "http://user:pa55word@"))
        desk.model("shop/tax", script="x = 2")
        failed = desk.save(message="without")
        assert failed.pushed is not None
        assert failed.pushed.outcome == "failed"
        assert "pa55word" not in f"{failed} {desk.repository().status()}"
        desk.settings["token"] = SECRET
        assert desk.save(message="with").pushed.outcome == "pushed"  # type: ignore[union-attr]
        assert place.tip() == desk.head
    desk.model("shop/tax", script="x = 3")
    gone = desk.save(message="the server is gone")
    again = push_all(desk.repository())
    with pytest.raises(RunnerError) as caught:
        look_at_remote(desk.repository())
    for told in (str(gone), str(again), f"{caught.value} {caught.value.hint}"):
        assert SECRET not in told
        assert "pa55word" not in told


def test_n07_secrets_are_taken_out_of_every_text() -> None:
    text = f"fatal: https://{SECRET}@example.org/a.git and ssh://git:pw@host/x said {SECRET}"
    clean = redacted(text, [SECRET])
    assert SECRET not in clean
    assert "pw" not in clean
    assert shown(f"https://{SECRET}@example.org/a.git") == "https://example.org/a.git"


@pytest.mark.parametrize(
    "name", ["O'Brien & sons", "a; rm -rf x", "$(id)", "-dash", "große Wörter", "日本", 'a"b', "x`id`"]
)
def test_n08_names_are_names_whatever_is_in_them(place: Place, desk: Desk, name: str) -> None:
    named = Desk(desk.folder, name)
    named.model(f"shop/{name}", "odd")
    saved = named.save(f"shop/{name}", message=name)
    assert saved.pushed is not None
    assert saved.pushed.outcome == "pushed"
    assert f"shop/{name}/odd.bpmn" in git(place.origin, "ls-tree", "-rz", "--name-only", "main").split("\0")
    author = git(place.origin, "log", "-1", "--format=%an")
    assert author in name
    found = find(named.repository(), f"shop/{name}")
    assert found.closure.process == "odd"


@pytest.mark.parametrize(
    "id", ["/etc", "../up", "a/../../b", "a//b", "", ".git", "a/.hidden", "C:/x", "a:b", "a\\b", "a\nb"]
)
def test_n09_ids_that_lead_elsewhere_are_refused(desk: Desk, id: str) -> None:
    with pytest.raises(InputError, match="cannot be the id of a model"):
        check_id(id)
    with pytest.raises(InputError):
        new(desk.repository(), id)


def test_n09_links_are_not_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret.bpmn").write_bytes(bpmn("s.bpmn", process("secret")).content)
    (desk.folder / "shop/tax/link.bpmn").symlink_to(tmp_path / "secret.bpmn")
    with pytest.raises(ModelError, match="is a link"):
        desk.save(message="a link")
    desk.commit()
    with pytest.raises(ModelError, match="is a link"):
        find(desk.repository(), "shop/tax")
    (desk.folder / "shop/away").symlink_to(tmp_path)
    with pytest.raises(InputError, match="is a link"):
        new(desk.repository(), "shop/away/model")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/team/models.git",
        "https://github.com/team/models",
        f"https://{SECRET}@github.com/team/models.git",
        "https://user:pw@GitHub.com:443/team/models/",
        "ssh://git@github.com/team/models.git",
        "ssh://git@github.com:22/team/models",
        "git@github.com:team/models.git",
        "git@github.com:/team/models",
        "git://github.com/Team/Models.git",
    ],
)
def test_n10_one_repository_has_many_addresses(url: str) -> None:
    assert same_repository(url, "https://github.com/team/models.git")
    assert not same_repository(url, "https://github.com/team/other.git")
    assert not same_repository(url, "https://github.example.org/team/models.git")


def test_n10_links_and_file_addresses_mean_one_folder(place: Place, tmp_path: Path) -> None:
    (tmp_path / "link.git").symlink_to(place.origin)
    assert same_repository(f"file://{place.origin}", str(tmp_path / "link.git"))


def test_n12_models_may_lie_in_a_folder_of_the_repository(place: Place) -> None:
    desk = place.desk()
    desk.write("README.md", "not a model")
    desk.write("bpmn/models/shop/tax/tax.bpmn", bpmn("t.bpmn", process("tax")).content)
    desk.write("bpmn/models/shop/tax/process_model.json", '{"primary_process_id": "tax"}')
    desk.commit()
    for settings in ({"subdir": "bpmn/models"}, {"models": desk.folder / "bpmn" / "models"}):
        repository = Desk(desk.folder, "ada", **settings).repository()
        assert list(repository.snapshot().layout.models) == ["shop/tax"]
        found = find(repository, "shop/tax")
        assert found.source.path == "bpmn/models/shop/tax"
        assert found.source.files == ("bpmn/models/shop/tax/tax.bpmn",)
    desk.write("README.md", "changed, and none of the models' business")
    assert Desk(desk.folder, "ada", subdir="bpmn/models").save(message="models").commit is None
    bare = Desk(place.origin, "ada", subdir="bpmn/models", source_branch="main").repository()
    assert list(bare.snapshot().layout.models) == ["shop/tax"]


def test_n13_a_stamp_has_the_whole_commit_and_does_not_depend_on_the_folder(
    place: Place, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = []
    for each in (desk, place.desk("elsewhere")):
        monkeypatch.chdir(each.folder)
        with each.runner() as runner:
            add_model(runner.workspace, "shop/order")
            definition = runner.catalog.find("order")
            with runner.start("order") as session:
                session.advance()
                source = session.instance.source
            stamps.append((definition.hash, definition.file, source.commit, source.branch, source.dirty, source.path))
    assert stamps[0] == stamps[1]
    assert stamps[0][1:] == ("shop/order/order.bpmn", desk.head, "main", False, "shop/order")


def test_n13_files_that_are_not_committed_are_stamped_as_such(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.folder)
    desk.model("shop/tax", script="x = 2")
    with desk.runner() as runner:
        _, left_out = add_model(runner.workspace, "shop/tax")
        assert (left_out.source.dirty, left_out.changed) == (False, ("shop/tax/tax.bpmn",))
        _, taken = add_model(runner.workspace, "shop/tax", work_tree=True)
        assert (taken.source.commit, taken.source.dirty) == (desk.head, True)
        assert [each.version for each in runner.specs("tax")] == [1, 2]


def test_n14_a_broken_file_leaves_what_was_deployed_in_force_and_is_named(place: Place, desk: Desk) -> None:
    synced(desk)
    other = place.desk("bob")
    other.write("shop/tax/process_model.json", "<<<<<<< HEAD\n{}")
    other.write("shop/process_group.json", "not JSON")
    other.model("shop/order", calls=("tax",), script="x = 2")
    other.model("shop/ship")
    other.commit()
    done = synced(desk)
    assert done.following is not None
    assert "marks of a conflict" in done.following.broken["shop/tax"]
    assert [each.model for each in done.following.deployed] == ["shop/order", "shop/ship"]
    assert desk.repository().snapshot().layout.problems.keys() == {
        "shop/process_group.json",
        "shop/tax/process_model.json",
    }
    with desk.runner() as runner:
        assert [each.version for each in runner.specs("tax")] == [1]
        with runner.start("tax") as session:
            session.advance()
            assert session.instance.state == "completed"
    other.model("shop/tax", script="x = 2")
    other.commit("mended")
    again = synced(desk)
    assert again.following is not None
    assert again.following.broken == {}
    assert [each.model for each in again.following.deployed] == ["shop/tax", "shop/order"]


def test_n15_what_is_called_comes_from_the_same_commit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.folder)
    first = desk.head
    desk.model("shop/tax", script="x = 2")
    desk.commit()
    desk.model("shop/tax", script="x = 3")  # not committed
    with desk.runner() as runner:
        for revision, script in ((first, "x = 1"), (None, "x = 2")):
            _, found = add_model(runner.workspace, "shop/order", revision=revision)
            called = {each.name: each.content.decode() for each in found.closure.resources}["shop/tax/tax.bpmn"]
            assert f"<script>{script}</script>" in called
        assert [each.version for each in runner.specs("order")] == [1, 2]
        _, found = add_model(runner.workspace, f"{first}:shop/order")
        assert [each.version for each in runner.specs("order")] == [1, 2, 3]
    with pytest.raises(InputError, match="names a revision already"):
        find(desk.repository(), f"{first}:shop/order", "HEAD")
    with pytest.raises(NotFoundError, match="no revision 'nowhere'"):
        find(desk.repository(), "nowhere:shop/order")


def test_n19_instances_are_moved_to_what_the_repository_had_at_a_revision(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    desk.model("shop/ask", forms=("ask.json",))
    desk.write("shop/ask/ask.json", "{}")
    first = desk.commit()
    synced(desk)
    desk.write("shop/ask/ask.json", '{"title": "new"}')
    desk.commit()
    synced(desk)
    with desk.runner() as runner:
        with runner.start("ask@1") as session:
            session.advance()
            instance = session.instance.id
        assert runner.catalog.find(ref_at(runner.settings, "ask", first)).version == 1
        newer = runner.catalog.find(ref_at(runner.settings, "ask", "HEAD"))
        assert newer.version == 2
        result = runner.migrate(runner.target(newer.id), instance)
        assert (result.outcome, result.to_label) == ("migrated", "ask@2")
        moved = runner.catalog.instance(instance)
        assert moved.source.commit == desk.head
        assert runner.instances(Filter(commit=first)) == []
        desk.write("shop/ask/ask.json", '{"title": "newest"}')
        desk.commit()
        with pytest.raises(NotFoundError, match="has not been added"):
            runner.catalog.find(ref_at(runner.settings, "ask", "HEAD"))


def test_addresses_of_pages_per_forge() -> None:
    pages = {
        "git@github.com:team/models.git": "https://github.com/team/models/compare/main...new/x?expand=1",
        "https://gitlab.example.org/team/sub/models.git": "https://gitlab.example.org/team/sub/models/-/merge_requests/new"
        "?merge_request[source_branch]=new%2Fx&merge_request[target_branch]=main",
        "https://codeberg.org/team/models": "https://codeberg.org/team/models/compare/main...new/x",
        "git@bitbucket.org:team/models.git": "https://bitbucket.org/team/models/pull-requests/new?source=new%2Fx&dest=main",
    }
    for url, page in pages.items():
        assert compare_url(url, "main", "new/x") == page
    assert compare_url("https://git.example.org/team/models", "main", "x") is None
    assert compare_url("ssh://git@git.example.org:2222/team/m.git", "a", "b", "gitea") == (
        "https://git.example.org/team/m/compare/a...b"
    )
    assert compare_url("/srv/models.git", "main", "x") is None


def test_a_key_given_as_text_lies_in_a_private_file_and_is_gone_afterwards(
    place: Place, desk: Desk, tmp_path: Path
) -> None:
    with over_ssh(place.origin, tmp_path / "ssh") as shell:
        desk.git("remote", "set-url", "origin", shell.url)
        key = shell.key.read_text()
        stranger = desk.repository(ssh_private_key=key, known_hosts=tmp_path / "nobody")
        (tmp_path / "nobody").write_text("")
        with pytest.raises(GitError, match="Host key verification failed") as caught:
            look_at_remote(stranger)
        assert "RUNNER_GIT_KNOWN_HOSTS" in (caught.value.hint or "")
        desk.settings |= {"ssh_private_key": key, "known_hosts": shell.known_hosts}
        desk.model("shop/tax", script="x = 2")
        saved = desk.save(message="over ssh")
        assert saved.pushed is not None
        assert saved.pushed.outcome == "pushed", saved.pushed.reason
        assert place.tip() == desk.head
        new_hosts = desk.repository(accept_new_hosts=True, known_hosts=tmp_path / "learned")
        look_at_remote(new_hosts)
        assert "127.0.0.1" in (tmp_path / "learned").read_text()
        wrong = tmp_path / "wrong"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(wrong)], check=True)
        with pytest.raises(GitError, match="Permission denied"):
            look_at_remote(desk.repository(ssh_private_key=wrong.read_text()))
        copy = clone(shell.url, Path("copy"), desk.repository().settings, tmp_path)
        assert (copy / "shop/tax/process_model.json").exists()
    assert list(Path(tempfile.gettempdir()).glob("runner-key-*")) == []


def test_a_remote_that_does_not_answer_is_given_up(place: Place, desk: Desk) -> None:
    with over_http(place.origin, slow=3) as web:
        desk.git("remote", "set-url", "origin", web.url)
        with pytest.raises(GitError, match=r"took longer than 0\.5 seconds"):
            look_at_remote(desk.repository(timeout=0.5))


def test_a_rebase_of_a_person_is_not_touched(place: Place, desk: Desk) -> None:
    (desk.folder / ".git" / "MERGE_HEAD").write_text(desk.head)
    with pytest.raises(StateError, match="A rebase or merge is under way"):
        desk.save(message="x")
    with pytest.raises(StateError, match="A rebase or merge is under way"):
        synced(desk)


def test_a_pull_that_collides_changes_nothing(place: Place, desk: Desk) -> None:
    other = place.desk("bob")
    other.model("shop/tax", script="x = 2")
    other.commit()
    desk.model("shop/tax", script="x = 3")
    desk.git("commit", "-qam", "ours")
    before = desk.head
    with pytest.raises(ConflictError, match=r"shop/tax/tax\.bpmn"):
        synced(desk)
    assert (desk.head, desk.clean) == (before, True)
