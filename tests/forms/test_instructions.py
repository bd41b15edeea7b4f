from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiffcli.forms import render
from spiffcli.forms.instructions import MOST_OUTPUT

REFUSED = "(The instructions cannot be shown: "


@pytest.mark.parametrize(
    ("template", "data", "text"),
    [
        ("Pay the bill.", {}, "Pay the bill."),
        ("Hello {{ name }}!", {"name": "Ada"}, "Hello Ada!"),
        ("{{ order.items[0].sku }}", {"order": {"items": [{"sku": "m1"}]}}, "m1"),
        ("{{ order['total'] + 1 }}", {"order": {"total": 2}}, "3"),
        ("{% for i in items %}{{ loop.index }}. {{ i }}\n{% endfor %}", {"items": ["a", "b"]}, "1. a\n2. b"),
        ("{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", {"d": {"a": 1, "b": 2}}, "a=1;b=2;"),
        ("{% if n > 1 %}many{% elif n %}one{% else %}none{% endif %}", {"n": 1}, "one"),
        ("{% set x = n * 2 %}{{ x }}", {"n": 2}, "4"),
        ('{{ "%.2f" | format(price) }}', {"price": 3.14159}, "3.14"),
        ('{{ "%.2f" % price }} {{ "%s-%s" % ("a", "b") }}', {"price": 2}, "2.00 a-b"),
        ('{{ "{:>6.2f}".format(price) }}|', {"price": 2}, "  2.00|"),
        ("{{ price | round(1) }}", {"price": 2.345}, "2.3"),
        ("{{ names | join(', ') | upper }}", {"names": ["a", "b"]}, "A, B"),
        ("{{ items | join('/', attribute='n') }}", {"items": [{"n": 1}, {"n": 2}]}, "1/2"),
        ("{{ items | map(attribute='n') | sum }}", {"items": [{"n": 1}, {"n": 2}]}, "3"),
        ("{{ items | sum(attribute='n') }}", {"items": [{"n": 1}, {"n": 2}]}, "3"),
        ("{{ text | replace('a', 'b') | indent(2) }}", {"text": "a\na"}, "b\n  b"),
        ("{{ day.strftime('%d.%m.%Y') }} {{ day.year }}", {"day": datetime.date(2024, 2, 29)}, "29.02.2024 2024"),
        ("{{ d | tojson }}", {"d": {"a": "ü"}}, '{"a": "ü"}'),
        ("{{ text.upper() }} {{ text ~ '!' }}", {"text": "a"}, "A a!"),
        ("{{ long | wordwrap(9) }}", {"long": "one two three"}, "one two\nthree"),
        ("{{ 'x' | center(5) }}|", {}, "  x  |"),
        ("{% for n in range(3) %}{{ n }}{% endfor %}", {}, "012"),
        ("{{ a if a is defined else 'nothing' }}", {}, "nothing"),
        ("{{ (1, 2) | list }} {{ {'a': 1}.a }}", {}, "[1, 2] 1"),
        ("trailing   \n\n\n", {}, "trailing"),
        ("a literal { brace", {}, "a literal { brace"),
    ],
)
def test_ordinary_instructions_are_rendered(template: str, data: dict[str, Any], text: str) -> None:
    assert render(template, data) == text


def test_what_the_data_lack_is_marked_and_can_have_a_default() -> None:
    assert render("{{ price }} for {{ order.name.first }}", {}) == "[no price] for [no order]"
    assert render("{{ order.total }}", {"order": {}}) == "[no total]"
    assert render("{{ price | default('free') }}", {}) == "free"
    assert render("{% for i in things %}x{% else %}empty{% endfor %}", {}) == "empty"


def test_a_field_of_the_data_comes_before_a_method_of_the_same_name() -> None:
    assert render("{{ order.items }} {{ order.values }}", {"order": {"items": 3, "values": "v"}}) == "3 v"


def test_escape_sequences_of_data_and_template_never_reach_the_terminal() -> None:
    data = {"name": "\x1b[31mAda\x1b]0;title\x07", "list": ["\x1b[2J"], "flip": "a\u202eb"}
    text = render("\x1b[1m{{ name }} {{ list }} {{ flip }}\x07", data)
    assert text == "Ada ['\\x1b[2J'] ab"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{{ nothing * 3 }}", f"{REFUSED}'nothing' is undefined, in line 1.)"),
        ("one\ntwo {{ 1 / 0 }}", f"{REFUSED}division by zero, in line 2.)"),
        ('{{ "%.2f" | format(total) }}', f"{REFUSED}'total' is undefined, in line 1.)"),
        ("a\n\n{{ name", f"{REFUSED}unexpected end of template, expected 'end of print statement', in line 3.)"),
        ("{{ 1 | nope }}", f"{REFUSED}No filter named 'nope', in line 1.)"),
        ("{{ nope() }}", f"{REFUSED}'nope' cannot be called in instructions, in line 1.)"),
        ("{% for x in 5 %}{% endfor %}", f"{REFUSED}'int' object is not iterable, in line 1.)"),
        ("{{ 'a' + 1 }}", f'{REFUSED}can only concatenate str (not "int") to str, in line 1.)'),
        ("{# " * 20_000, f"{REFUSED}they are longer than 50000 characters.)"),
    ],
)
def test_a_faulty_template_gives_one_line_that_says_why(template: str, line: str) -> None:
    assert render(template, {}) == line


class Account:
    """A user's own type in task data."""

    balance = 5

    def close(self) -> str:
        raise AssertionError("a template called a method of the data")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ [''] | map(attribute='__class__') | list }}",
        "{{ [account] | map(attribute='close.__globals__') | list }}",
        "{{ [account] | groupby('__class__') }}",
        "{{ [account] | sort(attribute='__dict__') }}",
        "{{ range.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ '{0.__class__}'.format(account) }}",
        "{{ '{x.close.__globals__}'.format(x=account) }}",
        "{{ '{0.__class__}'.format_map({'0': account}) }}",
        "{{ account.close() }}",
        "{{ account.close }}",
        "{{ loop.__class__ }}",
        "{% for x in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
        "{{ list.append(1) }}",
        "{{ data.update({'a': 2}) }}",
        "{{ data.pop('a') }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends 'x' %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace(a=1) %}",
        "{{ lipsum(n=100000) }}",
        "{{ [1] | random }}",
    ],
)
def test_nothing_but_the_data_can_be_reached(template: str) -> None:
    data = {"account": Account(), "list": [], "data": {"a": 1}}
    text = render(template, data)
    assert text.startswith(REFUSED)
    assert "object at 0x" not in text
    assert data["list"] == []
    assert data["data"] == {"a": 1}


def test_plain_attributes_of_a_users_type_can_be_read() -> None:
    assert render("{{ account.balance }}", {"account": Account()}) == "5"


DOUBLINGS = [
    "{% set x = 'aaaaaaaa' %}" + "{% set x = x ~ x %}" * 60 + "{{ x }}",
    "{% set x = 'aaaaaaaa' %}" + "{% set x = x + x %}" * 60 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
    "{% set x = (1,) %}" + "{% set x = (x, x) %}" * 60 + "{{ x }}",
    "{% set x = {} %}" + "{% set x = {1: x, 2: x} %}" * 60 + "{{ x }}",
    "{% set x = 9 %}" + "{% set x = x * x %}" * 60 + "{{ x }}",
    "{% set x = 'a' %}" + "{% set x = '%s%s' % (x, x) %}" * 60 + "{{ x }}",
    "{% set x = 'a' %}" + "{% set x = '{0}{0}'.format(x) %}" * 60 + "{{ x }}",
    "{% set x = ['a'] %}" + "{% set x = [x | string, x | string] %}" * 60 + "{{ x }}",
    "{% set x = 'aa' %}" + "{% set x = x | replace('a', 'aa') %}" * 60 + "{{ x }}",
]
GIANTS = [
    "{{ 'a' * 10000000000 }}",
    "{{ 10000000000 * [1] }}",
    "{{ 10 ** (10 ** 10) }}",
    "{{ ('9' * 4000) | int ** 100 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%.1000000000f' | format(1.0) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, 1000000000) }}",
    "{{ '{0:{width}}'.format(1, width=1000000000) }}",
    "{{ 'a' | center(10000000000) }}",
    "{{ 'a\nb' | indent(10000000000) }}",
    "{{ 'a'.ljust(10000000000) }}",
    "{{ 'a'.zfill(10000000000) }}",
    "{{ '\t'.expandtabs(10000000000) }}",
    "{{ 5 | round(-10000000000) }}",
    "{{ range(10 ** 12) | list }}",
    "{% set s = 'a' * 90000 %}{{ range(90000) | join(s) }}",
    "{% set s = 'a' * 90000 %}{{ s | replace('a', s) }}",
    "{{ range(99999) | map('center', 90000) | list | length }}",
    "{{ range(99999) | map('center', 90000) | sort | length }}",
    "{{ range(99999) | map('list') | sum(start=[]) }}",
    "{{ (" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "[" * 800 + "1" + "]" * 800 + " }}",
    "{% if 1 %}" * 500 + "x" + "{% endif %}" * 500,
]


@pytest.mark.parametrize("template", DOUBLINGS + GIANTS, ids=lambda template: template[:40])
def test_nothing_large_can_be_made(template: str) -> None:
    assert render(template, {}).startswith(REFUSED)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% set x = range(99999) | map('string') | first %}{% endfor %}",
    ],
)
def test_endless_loops_are_stopped(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import spiffcli.sandbox.templates as sandbox

    monkeypatch.setattr(sandbox, "MOST_SECONDS", 0.05)
    assert render(template, {}) == f"{REFUSED}they take longer than 0.05 seconds, in line 1.)"


def test_the_limits_hold_in_any_thread() -> None:
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(render("{{ 'a' * 10000000000 }}", {})))
    thread.start()
    thread.join()
    assert results[0].startswith(REFUSED)


def test_long_output_is_cut() -> None:
    text = render("{% for a in range(99999) %}xxxxxxxxxx{% endfor %}", {})
    assert len(text) == MOST_OUTPUT + 1
    assert text.endswith("x…")
    assert len(render("x" * 80_000, {})) == MOST_OUTPUT + 1


@given(st.text(alphabet="{}%| ax1.()[]\"'~*+#-\n", max_size=60))
def test_no_template_ends_in_an_exception(template: str) -> None:
    assert "\x1b" not in render(template, {"a": [1], "x": {"a": "b"}})
