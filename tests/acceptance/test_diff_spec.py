"""`diff_spec` as a command: what can be named, what it writes, how it ends."""

from __future__ import annotations

import json

import pytest

from .commands import Cli

one_store = pytest.mark.one_store


def versions(cli: Cli) -> None:
    """The four versions of the order, as the documents add them."""
    prices, costs = "product_prices.dmn", "shipping_costs.dmn"
    cli.add("order_product", "task_types.bpmn", prices)
    cli.add("order_product", "gateway_types.bpmn", prices, costs)
    cli.add("order_product", "top_level.bpmn", "call_activity.bpmn", costs, prices)
    cli.add("order_product", "top_level_script.bpmn", "call_activity_script.bpmn", costs)


def test_stored_versions_are_compared_by_id_key_version_and_prefix(cli: Cli) -> None:
    versions(cli)
    ids = {spec["version"]: spec["id"] for spec in cli.specs() if spec["key"] == "order_product"}
    whole = cli.document("diff_spec", "-o", ids[1], "-n", ids[2])
    assert (whole["old"], whole["new"]) == ("order_product@1", "order_product@2")
    assert {"rule": "node-added", "id": "offers_colours"} in [
        {"rule": change["rule"], "id": change["element"]["id"]} for change in whole["changes"]
    ]
    for old, new in (("order_product@1", "order_product@2"), (ids[1][:13], ids[2][:13])):
        assert cli.document("diff_spec", "-o", old, "-n", new) == whole
    assert cli.document("diff_spec", "-o", ids[4], "-n", "order_product")["changes"] == []


def test_dependencies_are_compared_when_asked_for(cli: Cli) -> None:
    versions(cli)
    document = cli.document("diff_spec", "-d", "-o", "order_product@3", "-n", "order_product@4")
    called = document["dependencies"]["process:customize_product"]
    assert called["status"] == "changed"
    assert "look_up_product_price" in {change["element"]["id"] for change in called["changes"]}
    assert document["dependencies"]["decision:shipping_costs"]["status"] == "removed"
    assert cli.document("diff_spec", "-o", "order_product@3", "-n", "order_product@4")["dependencies"] == {}


def test_a_spec_and_itself_have_no_changes(cli: Cli) -> None:
    versions(cli)
    result = cli.ok("diff_spec", "-o", "order_product@2", "-n", "order_product@2")
    assert result.stdout == "order_product@2 -> order_product@2\n\nNo changes.\n"


def test_a_stored_spec_is_compared_with_a_file(cli: Cli) -> None:
    versions(cli)
    file = cli.tutorial / "gateway_types.bpmn"
    assert "No changes." in cli.ok("diff_spec", "-o", "order_product@2", "-n", file).stdout
    assert "offers_colours" in cli.ok("diff_spec", "-o", "order_product@1", "-n", file, "--name-only").stdout


@one_store
def test_files_are_compared_without_a_store(cli: Cli) -> None:
    tasks, gateways = cli.tutorial / "task_types.bpmn", cli.tutorial / "gateway_types.bpmn"
    assert "+ offers_colours" in cli.ok("diff_spec", "-o", tasks, "-n", gateways).stdout
    assert "+ offers_colours" in cli.ok("diff-spec", "-o", tasks, "-n", f"{gateways}#order_product").stdout
    assert list(cli.folder.iterdir()) == []


@one_store
def test_folders_are_compared_file_by_file(cli: Cli) -> None:
    for name, version in (("top_level.bpmn", "v1"), ("call_activity.bpmn", "v1"), ("product_prices.dmn", "v1")):
        cli.write(f"{version}/models/{name}", (cli.tutorial / name).read_bytes())
    for name in ("top_level_script.bpmn", "call_activity_script.bpmn"):
        cli.write(f"v2/{name}", (cli.tutorial / name).read_bytes())
    names = cli.ok("diff_spec", "-o", "v1/", "-n", "v2/", "--name-only").lines()
    assert {"customize_product/look_up_product_price", "order_product/look_up_shipping_cost", "product_prices"} <= set(
        names
    )


@one_store
def test_a_folder_needs_no_slash_where_no_spec_has_its_name(cli: Cli) -> None:
    for folder, model in (("v1", "task_types.bpmn"), ("order_product", "gateway_types.bpmn")):
        cli.write(f"{folder}/{model}", (cli.tutorial / model).read_bytes())
    expected = cli.ok("diff_spec", "-o", "v1/", "-n", "order_product/", "--name-only").stdout
    assert cli.ok("diff_spec", "-o", "v1", "-n", "order_product", "--name-only").stdout == expected
    assert (
        cli.ok("diff_spec", "-o", "v1", "v1/task_types.bpmn", "-n", "order_product", "--name-only").stdout == expected
    )
    cli.add("order_product", "task_types.bpmn", "product_prices.dmn")
    assert cli.ok("diff_spec", "-o", "v1", "-n", "order_product/", "--name-only").stdout == expected
    assert cli.ok("diff_spec", "-o", "v1", "-n", "order_product").stdout.startswith("v1 -> order_product@1\n")
    assert "'v3'" in cli.fails(2, "diff_spec", "-o", "v3", "-n", "v1").stderr


@one_store
def test_standard_input_is_one_side(cli: Cli) -> None:
    tasks = cli.tutorial / "task_types.bpmn"
    result = cli.ok("diff_spec", "-o", "-", "-n", tasks, input=tasks.read_bytes())
    assert "No changes." in result.stdout
    assert "can be read once" in cli.fails(2, "diff_spec", "-o", "-", "-n", "-", input=tasks.read_bytes()).stderr


@one_store
@pytest.mark.parametrize("format", ["text", "json", "markdown", "sarif", "junit", "github"])
def test_the_exit_code_does_not_depend_on_the_format(cli: Cli, format: str) -> None:
    refs = ("diff_spec", "-o", cli.tutorial / "task_types.bpmn", "-n", cli.tutorial / "gateway_types.bpmn")
    cli.fails(0, *refs, "--format", format)
    cli.fails(0, *refs, "--format", format, "--fail-on", "error")
    hit = cli.fails(1, *refs, "--format", format, "--fail-on", "warn")
    assert "2 changes are at or above --fail-on warn: flow-removed, script-changed." in hit.stderr
    broken = cli.fails(2, *refs[:4], cli.write("broken.bpmn", "<definitions"), "--format", format)
    assert broken.stdout == ""


@one_store
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.bpmn", None, "There is no file"),
        ("empty.bpmn", b"", "empty"),
        ("text.bpmn", b"hello", "not well-formed XML"),
        ("doctype.bpmn", b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', "DOCTYPE"),
        ("other.bpmn", b"<html/>", "other.bpmn"),
        ("nothing/", None, "There is no file"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_never_no_changes(
    cli: Cli, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        cli.write(name, content)
    for sides in (("-o", name, "-n", name), ("-o", cli.tutorial / "task_types.bpmn", "-n", name)):
        result = cli.fails(2, "diff_spec", *sides)
        assert (result.stdout, says in result.stderr) == ("", True), str(result)


@one_store
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-o", "order@1", "-n", "order@2"), "there is no store here"),
        (("-o", "TASKS#nope", "-n", "TASKS"), "It has: order_product."),
        (("-o", "TASKS", "-n", "TASKS", "--stat", "--name-only"), "not both"),
        (("-o", "TASKS", "-n", "TASKS", "--stat", "--format", "json"), "--format text"),
        (("-o", "TASKS", "-n", "TASKS", "--fail-on", "fatal"), "'fatal' is not one of"),
        (("-o", "TASKS"), "Missing option '-n'"),
        (("-o", "TASKS", "order@1", "-n", "TASKS"), "only files can be taken together"),
        (("-o", "TASKS", "-n", "TASKS", "--ignore-file", "none"), "There is no file: none"),
    ],
)
def test_wrong_usage_says_what_is_wrong(cli: Cli, arguments: tuple[str, ...], says: str) -> None:
    file = str(cli.tutorial / "task_types.bpmn")
    result = cli.fails(2, "diff_spec", *(word.replace("TASKS", file) for word in arguments))
    assert says in result.stderr, str(result)


@one_store
def test_only_a_drawing_that_changed_is_said_so(cli: Cli) -> None:
    content = (cli.tutorial / "task_types.bpmn").read_text()
    old, new = (
        cli.write("old.bpmn", content),
        cli.write("new.bpmn", content.replace('Bounds x="250"', 'Bounds x="260"')),
    )
    result = cli.ok("diff_spec", "-o", old, "-n", new, "--fail-on", "info")
    assert "Only the drawing changed: 1 element (--layout lists them)." in " ".join(result.stdout.split())
    assert "= select_product_and_quantity" not in result.stdout
    assert "= select_product_and_quantity" in cli.ok("diff_spec", "-o", old, "-n", new, "--layout").stdout
    document = cli.document("diff_spec", "-o", old, "-n", new)
    assert (document["changes"], document["summary"]["layout"]) == ([], 1)
    assert len(cli.document("diff_spec", "-o", old, "-n", new, "--layout")["changes"]) == 1


@one_store
def test_extensions_of_other_tools_are_counted_and_listed_when_asked_for(cli: Cli) -> None:
    content = (cli.tutorial / "task_types.bpmn").read_text()
    new = content.replace("<bpmn:process ", '<bpmn:process xmlns:o="urn:other" o:note="x" ')
    sides = ("-o", cli.write("old.bpmn", content), "-n", cli.write("new.bpmn", new))
    plain = cli.ok("diff_spec", *sides).stdout
    assert "--extensions lists them" in plain
    assert "extension-changed" not in plain
    assert "extension-changed" in cli.ok("diff_spec", *sides, "--extensions").stdout
    assert "extension-changed" in cli.fails(1, "diff_spec", *sides, "--fail-on", "info").stdout


@one_store
def test_findings_are_ignored_by_a_file_above(cli: Cli) -> None:
    cli.write(".runner-ignore", "flow-removed * * replaced\nscript-changed * 2999-01-01 agreed with the shop\n")
    below = cli.folder / "models"
    below.mkdir()
    sides = ("-o", cli.tutorial / "task_types.bpmn", "-n", cli.tutorial / "gateway_types.bpmn", "--fail-on", "warn")
    result = cli.ok("diff_spec", *sides, at=below)
    assert "Ignored, as .runner-ignore says: 2 changes (replaced; agreed with the shop)." in " ".join(
        result.stdout.split()
    )
    assert {each["reason"] for each in cli.document("diff_spec", *sides)["ignored"]} == {
        "replaced",
        "agreed with the shop",
    }
    cli.fails(1, "diff_spec", *sides, "--no-ignore")
    cli.fails(1, "diff_spec", *sides, "--ignore-file", cli.write("none", "# nothing\n"))
    cli.write(".runner-ignore", "node-removed * * never\n")
    unused = "Line 1 of .runner-ignore is about nothing here: node-removed *."
    assert unused not in cli.fails(1, "diff_spec", *sides).stderr
    assert unused in cli.fails(1, "-v", "diff_spec", *sides).stderr
    broken = cli.write(".runner-ignore", "flow-removed\n")
    assert f"{broken}:1" in cli.fails(2, "diff_spec", *sides).stderr


@one_store
def test_a_project_has_severities_of_its_own(cli: Cli) -> None:
    cli.write("runner.toml", '[severity]\nscript-changed = "error"\n')
    sides = ("-o", cli.tutorial / "task_types.bpmn", "-n", cli.tutorial / "gateway_types.bpmn", "--fail-on", "error")
    document = cli.document("diff_spec", *sides, code=1)
    assert len(document["gate"]["failing"]) == 1
    cli.write("runner.toml", '[severity]\nscript-chnged = "error"\n')
    assert "Did you mean script-changed?" in cli.fails(2, "diff_spec", *sides).stderr
    cli.write("runner.toml", '[severity]\nscript-changed = "fatal"\n')
    assert "a table of rules with none, info, warn or error" in cli.fails(2, "diff_spec", *sides).stderr


@one_store
def test_no_code_of_the_project_is_imported(cli: Cli) -> None:
    cli.write("runner.toml", 'engine = "evil"\nservices = ["evil"]\n')
    cli.write("evil.py", "raise SystemExit('imported')")
    file = cli.tutorial / "task_types.bpmn"
    assert "No changes." in cli.ok("diff_spec", "-o", file, "-n", file).stdout


@one_store
def test_sarif_is_json_of_its_own_schema(cli: Cli) -> None:
    refs = ("-o", cli.tutorial / "task_types.bpmn", "-n", cli.tutorial / "gateway_types.bpmn")
    log = json.loads(cli.ok("diff_spec", *refs, "--format", "sarif").stdout)
    assert (log["version"], len(log["runs"][0]["results"])) == ("2.1.0", 23)


@one_store
def test_rules_are_listed_and_explained(cli: Cli) -> None:
    listed = cli.document("rules")["rules"]
    assert len(listed) > 100
    assert len(cli.ok("rules").lines()) >= len(listed)
    assert cli.document("rules", "node-removed")["rules"][0]["instances"]["active"] == "error"
    assert "Undone, it is node-added." in cli.ok("rules", "node-removed").stdout
    error = cli.fails(2, "rules", "node-remove", "--format", "json").error()
    assert (error["type"], error["candidates"][0]) == ("not-found", "node-removed")


@one_store
def test_what_was_read_past_is_told_and_does_not_fail(cli: Cli) -> None:
    content = (cli.tutorial / "task_types.bpmn").read_text()
    dangling = content.replace('targetRef="review_order"', 'targetRef="nowhere"')
    sides = ("-o", cli.tutorial / "task_types.bpmn", "-n", cli.write("dangling.bpmn", dangling))
    result = cli.ok("diff_spec", *sides)
    assert "Warning: " in result.stderr
    assert "[reference-dangling]" in result.stderr
    assert "flow-retargeted" in result.stdout
    assert cli.ok("diff_spec", "-o", sides[1], "-n", sides[1]).stderr == ""


@one_store
def test_two_forms_are_compared_whatever_they_are_called(cli: Cli) -> None:
    content = (cli.tutorial / "forms" / "choose_clay.json").read_text()
    old, new = cli.write("old.json", content), cli.write("new.json", content.replace("Kilograms", "Kilos"))
    document = cli.document("diff_spec", "-o", old, "-n", new)
    assert {(change["rule"], change["new"]) for change in document["changes"]} == {
        ("definition-id-changed", "new.json"),
        ("name-changed", "Kilos"),
    }
