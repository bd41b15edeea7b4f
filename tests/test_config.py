from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spiffcli.config import DEFAULT_ENGINE, Settings, Surroundings, load_settings, load_surroundings
from spiffcli.errors import ConfigError


def settings(folder: Path, environ: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load_settings(flags, {"USER": "ada", "RUNNER_TRUST": "all", **(environ or {})}, folder)


def test_without_anything_set_the_defaults_hold(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found == Settings(store=f"tinydb:{tmp_path}/.runner", user="ada", folder=tmp_path)
    assert (found.engine, found.tenant, found.scripts, found.tuning) == (DEFAULT_ENGINE, "", "sandbox", True)


def test_a_store_folder_above_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / ".runner").mkdir()
    assert settings(deep).store == f"tinydb:{tmp_path}/.runner"
    (deep / ".runner").write_text("a file that is only called so")
    assert settings(deep).store == f"tinydb:{tmp_path}/.runner"


def test_flags_come_before_the_environment_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text('tenant = "file"\nstore = "memory:"\nuser = "file"')
    environ = {"RUNNER_TENANT": "environment", "RUNNER_USER": "environment"}
    found = settings(tmp_path, environ, tenant="flag", store=None)
    assert (found.tenant, found.user, found.store) == ("flag", "environment", "memory:")
    assert found.origins == {
        "tenant": "the command line",
        "user": "the environment variable RUNNER_USER",
        "store": str(tmp_path / "runner.toml"),
    }


def test_an_empty_variable_is_not_set_but_an_empty_flag_is(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text('tenant = "file"')
    assert settings(tmp_path, {"RUNNER_TENANT": ""}).tenant == "file"
    assert settings(tmp_path, tenant="").tenant == ""


def test_every_setting_has_its_variable(tmp_path: Path) -> None:
    environ = {
        "RUNNER_ENGINE": "my.engine",
        "RUNNER_STORE": "sqlite:x.db",
        "RUNNER_TENANT": "t",
        "RUNNER_SCRIPTS": "off",
        "RUNNER_SERVICES": "a.b, c",
        "RUNNER_USER": "grace",
        "RUNNER_ENGINE_TUNING": "off",
        "RUNNER_FALLBACK_DEFAULT_TENANT": "no",
        "RUNNER_ANSWERS": "a.json",
    }
    found = settings(tmp_path, environ)
    assert (found.engine, found.store, found.tenant, found.scripts) == ("my.engine", "sqlite:x.db", "t", "off")
    assert (found.services, found.user, found.tuning) == (("a.b", "c"), "grace", False)
    assert (found.fallback_default_tenant, found.answers) == (False, "a.json")


def test_the_nearest_file_counts_and_modules_are_looked_up_beside_it(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "runner.toml").write_text('tenant = "far"')
    (tmp_path / "a" / "runner.toml").write_text('tenant = "near"')
    found = settings(deep)
    assert (found.tenant, found.folder, found.file) == ("near", tmp_path / "a", tmp_path / "a" / "runner.toml")


def test_a_project_file_counts_where_it_has_a_table_for_us(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.runner]\ntenant = "project"')
    (inner / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.runners]\n[tool.ruff]\nx = 1')
    found = settings(inner)
    assert (found.tenant, found.file) == ("project", tmp_path / "pyproject.toml")
    (tmp_path / "runner.toml").write_text('tenant = "own"')
    assert settings(inner).tenant == "own"


@pytest.mark.parametrize(
    "table",
    ['[tool]\nrunner = { tenant = "t" }', '[tool."runner"]\ntenant = "t"', '[ tool . runner ]\ntenant = "t"'],
)
def test_the_table_may_be_written_in_any_way(table: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(table)
    assert settings(tmp_path).tenant == "t"


def test_a_broken_project_file_that_is_not_about_us_is_not_our_business(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    assert settings(tmp_path).file is None


def test_places_in_the_file_are_meant_from_its_folder(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "runner.toml").write_text('store = "sqlite:data/x.db"\nanswers = "a.json"')
    found = settings(inner)
    assert (found.store, found.answers) == (f"sqlite:{tmp_path}/data/x.db", str(tmp_path / "a.json"))
    (tmp_path / "runner.toml").write_text('store = "tinydb:/var/x"')
    assert settings(inner).store == "tinydb:/var/x"
    assert settings(inner, store="sqlite:here.db").store == "sqlite:here.db"


CODE = 'engine = "evil"\nservices = ["worse"]\nscripts = "trusted"\ntenant = "t"'


def test_what_a_file_says_about_code_counts_only_for_running(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text(CODE)
    found = settings(tmp_path)
    assert (found.engine, found.services, found.scripts, found.tenant) == (DEFAULT_ENGINE, (), "sandbox", "t")
    running = found.for_running()
    assert (running.engine, running.services, running.scripts) == ("evil", ("worse",), "trusted")
    assert running.origins["engine"] == str(tmp_path / "runner.toml")
    assert running.for_running() == running


def test_a_file_that_nobody_trusts_names_no_code_no_tenant_and_no_secret(tmp_path: Path) -> None:
    git = '[git]\nremote = "evil"\nwebhook_secret = "known"\nsubdir = "models"'
    (tmp_path / "runner.toml").write_text(f'{CODE}\ndefault_tenant = "theirs"\n{git}')
    running = settings(tmp_path, {"RUNNER_TRUST": "/elsewhere", "HOME": str(tmp_path)}).for_running()
    assert (running.engine, running.services, running.scripts) == (DEFAULT_ENGINE, (), "sandbox")
    assert (running.default_tenant, running.tenant, running.git) == ("", "t", {"subdir": "models"})
    assert running.untrusted == ("default_tenant", "engine", "scripts", "services", "git.remote", "git.webhook_secret")


def test_code_named_on_the_command_line_or_in_the_environment_always_counts(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text(CODE)
    found = settings(tmp_path, {"RUNNER_SCRIPTS": "off"}, engine="mine")
    assert (found.engine, found.scripts) == ("mine", "off")
    running = found.for_running()
    assert (running.engine, running.scripts, running.services) == ("mine", "off", ("worse",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('tenat = "x"', r"runner\.toml has a setting nobody knows: tenat"),
        ("zzz = 1", "nobody knows: zzz"),
        ("tenant = 3", r"The setting tenant from .*runner\.toml must be a text, not 3"),
        ('engine = " "', "must be a text that is not empty"),
        ('scripts = "free"', "must be sandbox or trusted or off, not 'free'"),
        ('services = [1]', "must be a list of module names"),
        ('tuning = "maybe"', "must be on or off, not 'maybe'"),
        ("tenant = = 1", r"not valid TOML: .*line 1"),
    ],
)  # fmt: skip
def test_a_faulty_file_is_refused_with_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        settings(tmp_path)
    assert caught.value.file == str(tmp_path / "runner.toml")


def test_an_unknown_key_gets_advice(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_text("fallback-default-tenants = true")
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path)
    assert caught.value.hint == "Did you mean fallback_default_tenant?"


def test_a_fault_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scripts from the environment variable RUNNER_SCRIPTS must be"):
        settings(tmp_path, {"RUNNER_SCRIPTS": "yes"})


def test_a_project_table_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\nrunner = 3")
    with pytest.raises(ConfigError, match=r"\[tool\.runner\] in .* is not a table"):
        settings(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runner.toml").write_bytes(b"tenant = '\xff'")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        settings(tmp_path)


def test_the_user_is_whom_the_system_names(tmp_path: Path) -> None:
    assert load_settings({}, {"LOGNAME": "ada"}, tmp_path).user == "ada"
    assert load_settings({}, {}, tmp_path).user != ""


def output_of(code: str, cwd: Path, root: Path) -> str:
    """What a new process prints, whose current folder is `cwd`."""
    environ = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environ, capture_output=True, text=True, check=True
    )
    return result.stdout


def test_no_parser_is_loaded_where_no_file_is(tmp_path: Path, root: Path) -> None:
    code = "import sys; from spiffcli.config import load_settings; load_settings({}); print('tomllib' in sys.modules)"
    assert output_of(code, tmp_path, root) == "False\n"


def test_a_current_folder_that_is_gone_is_reported(tmp_path: Path, root: Path) -> None:
    code = (
        "import os, spiffcli.errors; from spiffcli.config import load_settings; os.rmdir(os.getcwd())\n"
        "try:\n    load_settings({})\nexcept spiffcli.errors.ConfigError as error:\n    print(error)"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    assert output_of(code, gone, root) == "The current folder does not exist any more.\n"


def test_surroundings_come_from_the_environment() -> None:
    assert load_surroundings({}) == Surroundings(color=True, log_folder=None)
    assert load_surroundings({"NO_COLOR": "1"}).color is False
    assert load_surroundings({"NO_COLOR": ""}).color is True
    assert load_surroundings({"TERM": "dumb", "RUNNER_LOG_DIR": "/x"}) == Surroundings(color=False, log_folder="/x")


def test_the_old_name_of_the_sandbox_is_taken_with_a_note(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    found = settings(tmp_path, scripts="restricted")
    assert found.scripts == "sandbox"
    assert [each.getMessage() for each in caplog.records] == [
        "The script mode 'restricted' is called 'sandbox' now; the old name will go."
    ]
