"""The script engine that the workflow engine calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine

from spiffcli.errors import RunnerError
from spiffcli.sandbox.compiling import syntax_error
from spiffcli.sandbox.environment import ScriptEnvironment
from spiffcli.sandbox.failure import ScriptFailure, failure_of_error
from spiffcli.text import unwrapped

#: Carries out a service task: (operator name, parameters, task data) -> result.
ServiceCaller = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Any]


class RunnerScriptEngine(PythonScriptEngine):
    """Runs scripts, expressions and services for tasks, and says what went wrong in them.

    The engine's own class loses the error on the way (a `KeyError(5)` becomes a `TypeError` about strings, a failing
    service a `NameError`), so every way out is ours.
    """

    def __init__(self, environment: ScriptEnvironment, service: ServiceCaller | None = None) -> None:
        super().__init__(environment)
        self.service = service

    def validate(self, expression: str) -> None:
        """Check that a text is Python. Decision tables ask for every cell, at every decision.

        Raises:
            SyntaxError: It is not; decision tables go on from there, so this is no `ScriptFailure`.
        """
        error = syntax_error(expression)
        if error is not None:
            raise SyntaxError(error)

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> Any:
        """The value of an expression on the data of a task.

        Raises:
            ScriptFailure: It cannot be evaluated.
        """
        try:
            expression, external_context = self._with_business(task, expression, external_context)
            return self.environment.evaluate(expression, task.data, external_context)
        except ScriptFailure as failure:
            failure.happened_in(task)
            raise

    def _with_business(self, task: Any, expression: str, given: Any) -> tuple[str, Any]:
        """The expression without the wrapper of another language, and what business code knows of its names."""
        from spiffcli.engine.places import is_served, place_of  # it needs the workflow, which needs us

        if not isinstance(expression, str) or not is_served(task):
            return expression, given
        expression = unwrapped(expression)
        names = self.environment.names(expression)
        try:
            values = task.workflow.top_workflow.unit.values(place_of(task), names)
        except RunnerError:
            raise
        except Exception as error:
            raise failure_of_error(expression, error) from error
        return expression, {**values, **(given or {})}

    def execute(self, task: Any, script: str, external_context: Any = None) -> bool:
        """Run a script on the data of a task.

        Raises:
            ScriptFailure: It failed.
        """
        try:
            return self.environment.execute(script, task.data, external_context)
        except ScriptFailure as failure:
            failure.happened_in(task)
            raise

    def call_service(self, task: Any, *, operation_name: str, operation_params: Mapping[str, Any], **_: Any) -> str:
        """Carry out a service task.

        Returns:
            The result as JSON text, which is what the engine expects.

        Raises:
            ScriptFailure: There is no service, it failed, or its result is not JSON.
        """
        if not operation_name:
            hint = (
                "Wire one with @workflow_task, and name its module with --services MODULE. "
                "An instance that began without services has no aggregate: start it anew with them."
            )
            raise ScriptFailure("NoService", "no method is wired to it", hint=hint, task=task)
        if self.service is None:
            hint = "Name an engine module that offers services: -e MODULE."
            raise ScriptFailure("NoService", f"no service carries out '{operation_name}'", hint=hint, task=task)
        values = {name: param["value"] for name, param in operation_params.items()}
        try:
            return json.dumps(self.service(operation_name, values, task.data))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failure = failure_of_error("", error)
            failure.happened_in(task)
            raise failure from error

    def create_task_exec_exception(self, task: Any, script: str, err: BaseException) -> ScriptFailure:
        """The failure of a script, for callers that still ask the engine's way."""
        failure = err if isinstance(err, ScriptFailure) else failure_of_error(script, err)
        failure.happened_in(task)
        return failure
