"""Engine modules: which BPMN dialect is spoken, what scripts may call, which types task data may hold.

`-e MODULE` names a module that exports `engine`, an `EngineConfig`. `spiffcli.engines` holds ready ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from spiffcli.engine.registry import FromDict, Registry, ToDict

#: A type that task data may hold, with the functions that turn it into a dict and back.
CustomType = tuple[type, ToDict, FromDict]

#: What carries out a service task: (operator name, parameters, task data) -> result.
ServiceCaller = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Any]


class EngineConfig(Struct, frozen=True):
    """What an engine module exports as `engine`.

    Attributes:
        name: Shown in error messages and recorded with deployments.
        parser: The engine's parser class for the dialect.
        spec_config: The engine's converters for the dialect's spec classes.
        functions: What scripts and expressions of models may call, by name.
        types: Types that task data may hold beyond the built-in ones.
        service: Carries out service tasks, or None where there are none.
        forms: Folder in which forms are looked up that are not part of a deployment.
        services: Business code that serves processes: a `spiffcli.services.Registry`, or several services.
    """

    name: str
    parser: type
    spec_config: Mapping[type, type]
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    types: tuple[CustomType, ...] = ()
    service: ServiceCaller | None = None
    forms: Path | None = None
    services: Any = None

    @classmethod
    def spiff(cls) -> EngineConfig:
        """The dialect of SpiffWorkflow's own extensions; the default."""
        from SpiffWorkflow.spiff.parser import SpiffBpmnParser
        from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG

        return cls("spiff", SpiffBpmnParser, SPIFF_CONFIG)

    @classmethod
    def camunda(cls) -> EngineConfig:
        """The dialect of Camunda 7 extensions."""
        from SpiffWorkflow.camunda.parser import CamundaParser
        from SpiffWorkflow.camunda.serializer.config import CAMUNDA_CONFIG

        return cls("camunda", CamundaParser, CAMUNDA_CONFIG)

    @classmethod
    def bpmn(cls) -> EngineConfig:
        """Plain BPMN 2.0 without extensions."""
        from SpiffWorkflow.bpmn.parser import BpmnParser
        from SpiffWorkflow.bpmn.serializer import DEFAULT_CONFIG

        return cls("bpmn", BpmnParser, DEFAULT_CONFIG)

    def extended(
        self,
        *,
        name: str | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        types: Iterable[CustomType] = (),
        service: ServiceCaller | None = None,
        forms: Path | None = None,
        services: Any = None,
    ) -> EngineConfig:
        """This engine with more functions for scripts, more types for task data, or services.

        Example:
            ```python
            engine = EngineConfig.spiff().extended(
                name="shop",
                functions={"lookup_product_info": lookup_product_info},
                types=[(ProductInfo, product_info_to_dict, product_info_from_dict)],
            )
            ```
        """
        return replace(
            self,
            name=name or self.name,
            functions={**self.functions, **(functions or {})},
            types=(*self.types, *types),
            service=service or self.service,
            forms=forms or self.forms,
            services=services if services is not None else self.services,
        )

    def registry(self) -> Registry:
        """A new serializer registry that knows this engine's specs and types.

        Raises:
            ConfigError: A type is registered twice.
        """
        registry = Registry(self.spec_config)
        for custom, to_dict, from_dict in self.types:
            registry.register(custom, to_dict, from_dict)
        return registry
