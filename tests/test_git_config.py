from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from spiffcli.config import GitSettings, load_git_settings, load_settings
from spiffcli.errors import ConfigError

SECRET = "do not show me"


def settings(folder: Path, environ: dict[str, str] | None = None, **flags: Any) -> GitSettings:
    return load_git_settings(load_settings({}, {"USER": "ada"}, folder), flags, environ or {})


def test_without_anything_set_the_defaults_hold(tmp_path: Path) -> None:
    assert settings(tmp_path) == GitSettings()


def test_flags_come_before_our_variables_before_theirs_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text('[git]\nsource_branch = "file"\nremote = "file"\nusername = "file"\n')
    environ = {
        "RUNNER_GIT_SOURCE_BRANCH": "ours",
        "RUNNER_GIT_REMOTE": "ours",
        "SPIFFWORKFLOW_BACKEND_GIT_SOURCE_BRANCH": "theirs",
        "SPIFFWORKFLOW_BACKEND_GIT_USERNAME": "theirs",
    }
    found = settings(tmp_path, environ, source_branch="flag")
    assert (found.source_branch, found.remote, found.username) == ("flag", "ours", "theirs")


def test_every_name_of_the_other_system_is_taken(tmp_path: Path) -> None:
    theirs = {
        "BPMN_SPEC_ABSOLUTE_DIR": "/models",
        "BPMN_SPEC_SUBDIR_WITHIN_REPO": "bpmn/models",
        "GIT_SOURCE_BRANCH": "sandbox",
        "GIT_PUBLISH_TARGET_BRANCH": "main",
        "GIT_PUBLISH_CLONE_URL": "git@example.org:a/b.git",
        "GIT_COMMIT_ON_SAVE": "True",
        "GIT_USERNAME": "bot",
        "GIT_USER_EMAIL": "bot@example.org",
        "GIT_SSH_PRIVATE_KEY_PATH": "/key",
        "GIT_SSH_PRIVATE_KEY": "a\nb",
        "GITHUB_WEBHOOK_SECRET": SECRET,
        "GIT_CURRENT_REVISION_CACHE_TTL_SECONDS": "0",
        "ENV_IDENTIFIER": "dev",
    }
    found = settings(tmp_path, {f"SPIFFWORKFLOW_BACKEND_{name}": value for name, value in theirs.items()})
    assert replace(found, origins={}) == GitSettings(
        models=Path("/models"),
        subdir="bpmn/models",
        source_branch="sandbox",
        publish_target_branch="main",
        publish_clone_url="git@example.org:a/b.git",
        commit_on_save=True,
        username="bot",
        user_email="bot@example.org",
        ssh_private_key_path=Path("/key"),
        ssh_private_key="a\nb",
        webhook_secret=SECRET,
        revision_ttl=0,
        environment="dev",
    )
    assert SECRET not in repr(found)


def test_paths_in_the_file_count_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text('[git]\nmodels = "models"\n')
    below = tmp_path / "below"
    below.mkdir()
    assert settings(below).models == tmp_path / "models"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("COMMIT_ON_SAVE", "perhaps", "must be on or off, not 'perhaps'"),
        ("TIMEOUT", "0", "a number of seconds above 0"),
        ("REVISION_TTL", "-1", "a number of seconds"),
        ("SUBDIR", "../x", "a path below the root of the repository"),
        ("SUBDIR", "/x", "a path below the root of the repository"),
        ("FORGE", "sourceforge", "github, gitlab, gitea or bitbucket"),
        ("TOKEN", " ", "must be a text that is not empty, not what is given"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_origin(tmp_path: Path, name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, {f"RUNNER_GIT_{name}": value})
    assert says in caught.value.message
    assert f"RUNNER_GIT_{name}" in caught.value.message


def test_a_setting_nobody_knows_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text('[git]\nsource-branch = "x"\n')
    with pytest.raises(ConfigError, match="nobody knows: source-branch") as caught:
        settings(tmp_path)
    assert caught.value.hint == "Did you mean source_branch?"
    (tmp_path / "runner.toml").write_text("git = 3\n")
    with pytest.raises(ConfigError, match=r"git from .* must be a table"):
        settings(tmp_path)


def test_what_set_a_setting_is_told(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text('[git]\nsubdir = "models"\n')
    found = settings(tmp_path, {"SPIFFWORKFLOW_BACKEND_BPMN_SPEC_ABSOLUTE_DIR": "/models"}, remote="here")
    assert found.set_by("models") == "the environment variable SPIFFWORKFLOW_BACKEND_BPMN_SPEC_ABSOLUTE_DIR"
    assert found.set_by("subdir") == str(tmp_path / "runner.toml")
    assert found.set_by("remote") == "the command line"
    assert found.set_by("timeout") == "RUNNER_GIT_TIMEOUT or [git] timeout in runner.toml"


def test_a_fault_names_the_variable_of_the_other_system_where_that_was_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the environment variable SPIFFWORKFLOW_BACKEND_GIT_COMMIT_ON_SAVE must be"):
        settings(tmp_path, {"SPIFFWORKFLOW_BACKEND_GIT_COMMIT_ON_SAVE": "perhaps"})
