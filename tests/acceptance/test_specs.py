"""Adding, listing, showing, suspending, tagging and deleting specs, as a user does."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ..catalog.models import bpmn, dmn, process
from .commands import Cli

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def write(cli: Cli, name: str, *processes: str) -> Path:
    return cli.write(name, bpmn(name, *processes).content)


def start(cli: Cli, ref: str) -> str:
    """Id of a new instance that waits at its first human task."""
    instance: str = cli.document("run", "-s", ref, "-a")["instance"]
    return instance


def test_the_documented_command_lines_work_literally(cli: Cli) -> None:
    # As a shell expands them, from the root of the project.
    tutorial = "bpmn/tutorial"
    versions = [
        (["task_types"], ["product_prices"]),
        (["gateway_types"], ["product_prices", "shipping_costs"]),
        (["top_level", "call_activity"], ["product_prices", "shipping_costs"]),
    ]
    for models, decisions in versions:
        files = [f"{tutorial}/{name}.bpmn" for name in models]
        tables = [f"{tutorial}/{name}.dmn" for name in decisions]
        words = ["-e", "spiffcli.engines.spiff", "add", "-p", "order_product", "-b", *files, "-d", *tables]
        cli.ok(*words, at=cli.root)
    listed = cli.ok("-e", "spiffcli.engines.spiff", "list_specs").lines()
    cells = [line.split() for line in listed]
    assert all(re.fullmatch(UUID, id) for id, *_ in cells)
    assert [(label, file) for _, label, file, *_ in cells] == [
        ("customize_product@1", "bpmn/tutorial/call_activity.bpmn"),
        ("order_product@1", "bpmn/tutorial/task_types.bpmn"),
        ("order_product@2", "bpmn/tutorial/gateway_types.bpmn"),
        ("order_product@3", "bpmn/tutorial/top_level.bpmn"),
    ]
    assert len({line.index("bpmn/") for line in listed}) == 1, "the columns are aligned"


def test_add_says_what_is_new_and_how_much_it_would_execute(cli: Cli) -> None:
    tables = cli.tutorial / "product_prices.dmn"
    result = cli.ok("add", "-p", "order_product", "-b", cli.tutorial / "task_types.bpmn", "-d", tables)
    assert re.search(rf"^{UUID}  order_product@1 +process +new$", result.stdout, re.MULTILINE)
    assert "The models execute 1 script or condition (--scripts sandbox)." in result.stderr


def test_add_takes_options_and_files_in_any_order(cli: Cli) -> None:
    one, two = write(cli, "one.bpmn", process("one")), write(cli, "two.bpmn", process("two"))
    added = cli.document("add", "-b", one.name, two.name, "-p", "one", "--name", "both", "--tag", "stable")
    assert [(each["key"], each["version"], each["new"]) for each in added["specs"]] == [
        ("one", 1, True),
        ("two", 1, True),
    ]
    assert added["name"] == "both"
    assert [(each["key"], each["tags"]) for each in cli.specs()] == [("one", ["stable"]), ("two", [])]


def test_what_has_not_changed_keeps_its_version(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    again = cli.ok("add", "-b", cli.tutorial / "task_types.bpmn", "-d", cli.tutorial / "product_prices.dmn")
    assert [line.split(maxsplit=3)[1:] for line in again.lines()] == [
        ["order_product@1", "process", "unchanged since version 1"]
    ]
    assert "product_prices" not in again.stderr, "what has not changed is told for processes alone"
    everything = cli.ok("-v", "add", "-b", cli.tutorial / "task_types.bpmn", "-d", cli.tutorial / "product_prices.dmn")
    assert "product_prices@1" in everything.stdout
    assert len(cli.specs()) == 1


def test_force_new_makes_a_version_of_the_same_content(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    result = cli.ok(
        "add", "--force-new", "-b", cli.tutorial / "task_types.bpmn", "-d", cli.tutorial / "product_prices.dmn"
    )
    assert "order_product@2 has the same content as version 1" in result.stderr
    assert [each["version"] for each in cli.specs()] == [1, 2]


def test_moving_shapes_makes_no_version(cli: Cli) -> None:
    write(cli, "one.bpmn", process("one"))
    cli.ok("add", "-b", "one.bpmn")
    write(cli, "one.bpmn", process("one", x=300))
    assert "differs from version 1 only in its drawing" in cli.ok("add", "-b", "one.bpmn").stderr
    assert [each["version"] for each in cli.specs()] == [1]


def test_a_dry_run_tells_everything_and_creates_not_even_a_store(cli: Cli) -> None:
    write(cli, "one.bpmn", process("one"))
    result = cli.ok("add", "--dry-run", "-b", "one.bpmn")
    assert "one@1" in result.stdout
    assert "Nothing was stored; there would be 1 new." in result.stderr
    assert [path.name for path in cli.folder.iterdir()] == ["one.bpmn"]
    assert cli.document("add", "--dry-run", "-b", "one.bpmn")["deployment"] is None


def test_a_collaboration_is_added_with_its_processes(cli: Cli) -> None:
    added = cli.document("add", "-c", "commission", "-b", cli.tutorial / "collaboration.bpmn")
    kinds = {each["kind"] for each in added["specs"]}
    assert {"collaboration", "process"} <= kinds
    assert [each["kind"] for each in cli.specs()][-1] == "collaboration"


def test_calls_are_bound_to_what_was_added_before(cli: Cli) -> None:
    cli.add("customize_product", "call_activity.bpmn", "product_prices.dmn")
    result = cli.ok("add", "-b", cli.tutorial / "top_level.bpmn", "-d", cli.tutorial / "shipping_costs.dmn")
    assert "Process 'order_product' is bound to customize_product@1" in result.stderr
    shown = cli.document("show_spec", "order_product")
    (call,) = [each for each in shown["references"] if each["key"] == "customize_product"]
    assert (call["version"], call["pinned"]) == (1, True)


def test_calls_bound_late_need_not_be_there_yet(cli: Cli) -> None:
    write(cli, "caller.bpmn", process("caller", calls=("later",)))
    result = cli.ok("add", "-b", "caller.bpmn", "--binding", "latest")
    assert "Warning: caller.bpmn:1: Process 'caller' looks for what is not there yet" in result.stderr


def test_the_list_can_be_narrowed_to_a_key_and_to_latest_versions(cli: Cli) -> None:
    for script in ("x = 1", "x = 2"):
        write(cli, "models.bpmn", process("one", script=script), process("two"))
        cli.ok("add", "-b", "models.bpmn")
    assert [(each["key"], each["version"]) for each in cli.specs()] == [("one", 1), ("one", 2), ("two", 1)]
    assert [line.split()[1] for line in cli.ok("list_specs", "one").lines()] == ["one@1", "one@2"]
    assert [line.split()[1] for line in cli.ok("list_specs", "--latest").lines()] == ["one@2", "two@1"]
    assert [line.split()[1] for line in cli.ok("list_specs", "one@1").lines()] == ["one@1"]


def test_an_empty_list_says_how_to_begin(cli: Cli) -> None:
    cli.ok("init")
    result = cli.ok("list_specs")
    assert result.stdout == ""
    assert "runner add -b FILE" in result.stderr
    assert cli.document("list_specs") == {"schema": "runner/specs/1", "specs": []}


def test_a_key_nobody_has_is_refused_with_near_ones(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    error = cli.fails(2, "list_specs", "order_produkt", "--format", "json").error()
    assert (error["type"], error["candidates"]) == ("not-found", ["order_product"])
    assert "Did you mean: order_product" in cli.fails(2, "list_specs", "order_produkt").stderr


def test_marks_stand_behind_the_file(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    cli.ok("tag", "order_product", "stable")
    cli.ok("suspend", "order_product")
    (line,) = cli.ok("list_specs").lines()
    assert line.endswith("#stable suspended")


def test_tags_move_only_when_told(cli: Cli) -> None:
    for script in ("x = 1", "x = 2"):
        write(cli, "one.bpmn", process("one", script=script))
        cli.ok("add", "-b", "one.bpmn")
    cli.ok("tag", "one@1", "stable")
    assert "Tag 'stable' is on one@1.\nMove it with --move." in cli.fails(1, "tag", "one@2", "stable").stderr
    moved = cli.document("tag", "one@2", "stable", "--move")
    assert [(each["version"], each["tag"]) for each in moved["specs"]] == [(2, "stable")]
    assert cli.document("show_spec", "one@stable")["spec"]["version"] == 2
    cli.ok("tag", "one@stable", "stable", "--remove")
    assert "No version of 'one' has the tag 'stable'." in cli.fails(2, "show_spec", "one@stable").stderr


@pytest.mark.parametrize("name", ["7", "latest", "a@b", ""])
def test_what_could_be_taken_for_something_else_is_no_tag(cli: Cli, name: str) -> None:
    write(cli, "one.bpmn", process("one"))
    cli.ok("add", "-b", "one.bpmn")
    assert name in cli.fails(2, "tag", "one", name).stderr
    assert cli.specs()[0]["tags"] == []


def test_a_suspended_version_starts_nothing(cli: Cli) -> None:
    write(cli, "one.bpmn", process("one"))
    cli.ok("add", "-b", "one.bpmn")
    suspended = cli.document("suspend", "one")
    assert (suspended["action"], [each["key"] for each in suspended["specs"]]) == ("suspend", ["one"])
    assert "one is suspended already." in cli.ok("suspend", "one").stderr
    assert "one@1 is suspended, so it cannot be started." in cli.fails(1, "run", "-s", "one").stderr
    assert cli.ok("activate", "one").stdout.split()[1:] == ["one@1", "active"]
    cli.ok("run", "-s", "one")


def test_only_what_can_be_started_can_be_suspended(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    assert "product_prices@1 is a decision" in cli.fails(2, "suspend", "product_prices").stderr


def test_show_spec_tells_everything(cli: Cli) -> None:
    cli.add("order_product", "top_level.bpmn", "call_activity.bpmn", "product_prices.dmn", "shipping_costs.dmn")
    text = cli.ok("show_spec", "order_product").stdout
    for title in ("Versions", "Calls", "Nodes", "Tasks for people", "Scripts"):
        assert f"\n\n{title}\n" in text
    shown = cli.document("show_spec", "order_product@1")
    assert shown["spec"]["file"].endswith("top_level.bpmn")
    assert [each["version"] for each in shown["versions"]] == [1]
    assert {"customize_product", "shipping_costs"} <= {each["key"] for each in shown["references"]}
    assert all(each["target"] for each in shown["references"])
    assert shown["nodes"]["userTask"] == 2
    assert [each["element"] for each in shown["scripts"]] == ["calculate_order_total"]
    assert {"select_shipping_method", "enter_shipping_address", "review_order"} == {
        each["id"] for each in shown["tasks"]
    }
    assert shown["problems"] == []


def test_decisions_and_forms_can_be_shown_too(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    assert cli.document("show_spec", "product_prices")["spec"]["kind"] == "decision"
    assert cli.document("show_spec", "select_product_and_quantity.json")["spec"]["kind"] == "form"


def test_show_spec_tells_what_is_missing(cli: Cli) -> None:
    write(cli, "one.bpmn", process("one", forms=("gone.json",)))
    cli.ok("add", "-b", "one.bpmn")
    assert cli.document("show_spec", "one")["problems"] == [
        "There is no form 'gone.json', which 'one_asks_gone' needs."
    ]


def test_every_form_of_reference_finds_the_same_version(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    cli.ok("tag", "order_product", "stable")
    id = cli.specs()[0]["id"]
    for ref in (id, id[:13], "order_product", "order_product@1", "order_product@stable", "order_product@latest"):
        assert cli.document("show_spec", ref)["spec"]["id"] == id


def test_a_beginning_of_several_ids_lists_them(cli: Cli) -> None:
    names = [f"p{number}" for number in range(17)]  # more than there are hex digits
    write(cli, "many.bpmn", *map(process, names))
    cli.ok("add", "-b", "many.bpmn")
    ids = sorted(each["id"] for each in cli.specs())
    first = next(id[0] for id, after in itertools.pairwise(ids) if id[0] == after[0])
    matching = [id for id in ids if id.startswith(first)]
    error = cli.fails(2, "show_spec", first, "--format", "json").error()
    assert error["type"] == "ambiguous"
    assert sorted(error["candidates"]) == matching
    assert f"'{first}' begins the ids of {len(matching)} definitions." in error["message"]


def test_delete_spec_wants_a_yes_where_nobody_can_be_asked(cli: Cli) -> None:
    write(cli, "one.bpmn", process("one"))
    cli.ok("add", "-b", "one.bpmn")
    refused = cli.fails(2, "delete_spec", "one@1")
    assert "This would delete one@1, and there is nobody to ask.\nSay --yes" in refused.stderr
    deleted = cli.document("delete_spec", "one@1", "--yes")
    assert [(each["key"], each["version"]) for each in deleted["specs"]] == [("one", 1)]
    assert len(deleted["deployments"]) == 1
    assert cli.specs() == []
    cli.check()


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 1, 1), ("", 1, 1)])
def test_delete_spec_asks_at_a_terminal(cli: Cli, answer: str, code: int, left: int) -> None:
    write(cli, "one.bpmn", process("one"))
    cli.ok("add", "-b", "one.bpmn")
    keyboard, terminal = os.openpty()
    with cli.start("delete_spec", "one@1", stdin=terminal) as running:
        os.write(keyboard, f"{answer}\n".encode())
        stdout, stderr = running.communicate(timeout=60)
    os.close(keyboard)
    os.close(terminal)
    assert running.returncode == code
    assert b"Delete one@1? [y/N]" in stderr
    assert (b"Deleted one@1." in stdout, b"Nothing was deleted." in stderr) == (not left, bool(left))
    assert len(cli.specs()) == left


def test_version_numbers_are_not_given_again(cli: Cli) -> None:
    write(cli, "one.bpmn", process("one"))
    cli.ok("add", "-b", "one.bpmn")
    cli.ok("delete_spec", "one", "--yes")
    cli.ok("add", "-b", "one.bpmn")
    assert [each["version"] for each in cli.specs()] == [2]
    assert "Version 1 of 'one' was deleted." in cli.fails(2, "show_spec", "one@1").stderr


def test_delete_spec_is_refused_while_instances_run(cli: Cli) -> None:
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    ids = [start(cli, "order_product") for _ in range(2)]
    error = cli.fails(1, "delete_spec", "order_product", "--yes", "--format", "json").error()
    assert error["count"] == 2
    assert sorted(error["instances"]) == sorted(ids)
    refused = cli.fails(2, "delete_spec", "order_product", "--cascade", "--format", "json").error()
    assert sorted(refused["instances"]) == sorted(ids)
    counts: dict[str, Any] = cli.document("list_specs", "--counts")["specs"][0]["instances"]
    assert counts == {"running": 2, "completed": 0, "error": 0, "cancelled": 0}
    assert "  2 running; 2 at select_product_and_quantity; " in cli.ok("list_specs", "--counts").lines()[0]
    deleted = cli.document("delete_spec", "order_product", "--cascade", "--yes")
    assert sorted(deleted["instances"]) == sorted(ids)
    assert cli.document("list_instances")["instances"] == []
    cli.check()


def test_what_another_spec_calls_stays(cli: Cli) -> None:
    cli.add("order_product", "top_level.bpmn", "call_activity.bpmn", "product_prices.dmn", "shipping_costs.dmn")
    refused = cli.fails(1, "delete_spec", "customize_product", "--yes", "--cascade")
    assert "customize_product@1 cannot be deleted: order_product@1 is bound to it." in refused.stderr
    assert len(cli.specs()) == 2


def test_tenants_do_not_see_each_other(cli: Cli) -> None:
    write(cli, "one.bpmn", process("one"))
    cli.ok("--tenant", "acme", "add", "-b", "one.bpmn")
    assert cli.specs() == []
    assert [each["version"] for each in cli.document("--tenant", "acme", "list_specs")["specs"]] == [1]


def test_latin_1_and_utf_16_files_work(cli: Cli) -> None:
    text = bpmn("x.bpmn", process("one", script="greeting = 'Grüße'")).content.decode()
    for encoding in ("ISO-8859-1", "UTF-16"):
        content = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
        cli.write(f"{encoding}.bpmn", content)
        cli.ok("add", "-b", f"{encoding}.bpmn")
    assert [each["version"] for each in cli.specs()] == [1], "the same content in another encoding is no new version"
    assert cli.document("run", "-s", "one")["data"]["greeting"] == "Grüße"


def test_a_decision_table_in_a_file_of_its_own_is_found_by_its_id(cli: Cli) -> None:
    cli.write("table.dmn", dmn("table.dmn", "prices").content)
    write(cli, "one.bpmn", process("one", decisions=("prices",)))
    cli.ok("add", "-b", "one.bpmn", "-d", "table.dmn")
    assert cli.document("show_spec", "one")["references"][0]["version"] == 1
