"""The engine-free, typed snapshot of BPMN, DMN and form resources.

`load` reads resources; everything else works on the values it returns.
"""

from __future__ import annotations

from spiffcli.model.details import (
    Call,
    Correlation,
    DecisionCall,
    EventDefinition,
    FormUse,
    Interface,
    Listener,
    Loop,
    Parameter,
    Port,
    Script,
    Service,
    VariableMapping,
)
from spiffcli.model.elements import (
    Artifact,
    CalledReference,
    Collaboration,
    DataAssociation,
    DataItem,
    Flow,
    Lane,
    Layout,
    MessageFlow,
    Node,
    Participant,
    Process,
    Shape,
)
from spiffcli.model.forms import form_key
from spiffcli.model.hashing import layout_hash, semantic_hash
from spiffcli.model.loading import load
from spiffcli.model.order import order_notes
from spiffcli.model.snapshot import Model, Problem, RootElement
from spiffcli.model.tables import Clause, Decision, Form, FormField, Rule
from spiffcli.model.xml import read_xml

__all__ = [
    "Artifact",
    "Call",
    "CalledReference",
    "Clause",
    "Collaboration",
    "Correlation",
    "DataAssociation",
    "DataItem",
    "Decision",
    "DecisionCall",
    "EventDefinition",
    "Flow",
    "Form",
    "FormField",
    "FormUse",
    "Interface",
    "Lane",
    "Layout",
    "Listener",
    "Loop",
    "MessageFlow",
    "Model",
    "Node",
    "Parameter",
    "Participant",
    "Port",
    "Problem",
    "Process",
    "RootElement",
    "Rule",
    "Script",
    "Service",
    "Shape",
    "VariableMapping",
    "form_key",
    "layout_hash",
    "load",
    "order_notes",
    "read_xml",
    "semantic_hash",
]
