"""Running instances: under their lock, saved as they go, with the events they send to each other."""

from __future__ import annotations

from spiffcli.instances.dispatcher import Dispatcher, dispatcher_of
from spiffcli.instances.session import Session
from spiffcli.instances.spec_source import CatalogSpecs, specs_of

__all__ = ["CatalogSpecs", "Dispatcher", "Session", "dispatcher_of", "specs_of"]
