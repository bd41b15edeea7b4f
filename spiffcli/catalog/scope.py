"""Which tenants a command sees, and in which order."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from spiffcli.values import DEFAULT_TENANT, Definition


class Scope(Struct, frozen=True):
    """A tenant, and where to look last for what it does not have itself.

    Attributes:
        tenant: Everything that is written or listed belongs to it.
        fallback: Whether definitions are looked up in the default tenant too, as the last step.
        default: The default tenant.
        defaults: Default tenants of single keys, where they differ.
    """

    tenant: str = DEFAULT_TENANT
    fallback: bool = True
    default: str = DEFAULT_TENANT
    defaults: Mapping[str, str] = field(default_factory=dict)

    def tenants(self, key: str) -> tuple[str, ...]:
        """Where definitions of `key` are looked up, first place first."""
        last = self.defaults.get(key, self.default)
        return (self.tenant, last) if self.fallback and last != self.tenant else (self.tenant,)

    def all_tenants(self) -> tuple[str, ...]:
        """Every tenant of which something can be seen."""
        if not self.fallback:
            return (self.tenant,)
        return tuple(dict.fromkeys((self.tenant, self.default, *self.defaults.values())))

    def sees(self, definition: Definition) -> bool:
        """Whether `definition` can be looked up here."""
        return definition.tenant in self.tenants(definition.key)

    def with_fallback(self, fallback: bool | None) -> Scope:
        """The same scope with fallback on or off; None leaves it."""
        return self if fallback is None or fallback == self.fallback else replace(self, fallback=fallback)

    def narrowed(self, fallback: bool | None) -> Scope:
        """The same scope, without falling back where `fallback` is False; True cannot switch it on."""
        return self.with_fallback(False) if fallback is False else self

    def for_tenant(self, tenant: str) -> Scope:
        """The same rules as another tenant meets them."""
        return self if tenant == self.tenant else replace(self, tenant=tenant)


def in_tenant(tenant: str) -> str:
    """`tenant` at the end of a sentence; most people have only the default one, and need not read about it."""
    return f" in tenant '{tenant}'" if tenant else ""


def where_sought(tenant: str) -> str:
    """Where something of `tenant` was looked for: "in the store", and in which tenant, if it is not the default."""
    return in_tenant(tenant).strip() or "in the store"


def tenant_name(tenant: str) -> str:
    """`tenant` as messages name it."""
    return f"tenant '{tenant}'" if tenant else "the default tenant"
