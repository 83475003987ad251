# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads and edits the XML of a cluster information base; knows nothing of tasks or commands."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import model
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    ConflictError,
    PacemakerError,
)

# Section, tag of its sets, id of the set that we make when there is none.
OPTION_SETS = {
    "properties": ("crm_config", "cluster_property_set", "cib-bootstrap-options"),
    "resource_defaults": ("rsc_defaults", "meta_attributes", "rsc-options"),
    "operation_defaults": ("op_defaults", "meta_attributes", "op-options"),
}
EMPTY = (
    '<cib validate-with="pacemaker-3.0"><configuration>'
    "<crm_config/><nodes/><resources/><constraints/>"
    "</configuration><status/></cib>"
)


class Cib:
    """One parsed cluster information base."""

    def __init__(self, xml: str = EMPTY) -> None:
        try:
            self.root = ET.fromstring(xml)
        except ET.ParseError as error:
            raise PacemakerError(f"cibadmin gave something that is not XML: {error}") from error
        configuration = self.root.find("configuration")
        if configuration is None:
            raise PacemakerError("cibadmin gave XML without a configuration section")
        self.configuration = configuration

    def text(self) -> str:
        return self.element_text(self.root)

    @staticmethod
    def element_text(element: ET.Element) -> str:
        return ET.tostring(element, encoding="unicode")

    def copy(self) -> Cib:
        return Cib(self.text())

    def text_without_status(self) -> str:
        """The configuration alone: the checker must not judge what happened in the past."""
        copy = self.copy()
        for section in copy.root.findall("status"):
            copy.root.remove(section)
        ET.SubElement(copy.root, "status")
        return copy.text()

    # Reading

    def read(self) -> model.Configuration:
        """Everything in here that the model can describe."""
        result = model.Configuration()
        for name, (section, tag, _unused) in OPTION_SETS.items():
            values = getattr(result, name)
            for pairs in self._sets(self.configuration.find(section), tag):
                for pair in pairs.findall("nvpair"):
                    values.setdefault(pair.get("name", ""), pair.get("value", ""))
        for primitive, parent in self._primitives():
            resource = self._read_primitive(primitive)
            if parent.tag == "clone":
                resource.clone_id = parent.get("id")
                resource.clone_meta = self._read_set(parent, "meta_attributes")
            result.resources[resource.id] = resource
        for element in self.configuration.findall("constraints/*"):
            if element.tag in model.CONSTRAINT_KINDS:
                constraint = self._read_constraint(element)
                result.constraints[constraint.id] = constraint
        return result

    def version(self) -> tuple[int, ...]:
        """The version of Pacemaker on the coordinator; empty as long as there is none."""
        for pair in self.configuration.findall("crm_config/*/nvpair[@name='dc-version']"):
            numbers = pair.get("value", "").split("-")[0].split(".")
            if all(number.isdigit() for number in numbers):
                return tuple(int(number) for number in numbers)
        return ()

    def private_params(self) -> dict[str, set[str]]:
        """Parameters that an agent calls private, by resource, as its history has them."""
        found: dict[str, set[str]] = {}
        for history in self.root.iterfind("status//lrm_resource"):
            for operation in history.iterfind("lrm_rsc_op"):
                names = found.setdefault(history.get("id", "").split(":")[0], set())
                names.update(operation.get("op-secure-params", "").split())
        return found

    def grouped(self) -> set[str]:
        """The primitives that are neither alone nor alone in a clone."""
        top = list(self._section("resources"))
        return {
            primitive.get("id", "")
            for primitive, parent in self._primitives()
            if primitive not in top and (parent.tag != "clone" or parent not in top)
        }

    def foreign_constraints(self) -> list[str]:
        """Constraints of kinds that the model does not have."""
        return [
            f"{element.tag.replace('rsc_', '')} {element.get('id')}"
            for element in self._section("constraints")
            if element.tag not in model.CONSTRAINT_KINDS
        ]

    def _read_primitive(self, element: ET.Element) -> model.Resource:
        agent = [element.get(key) for key in ("class", "provider", "type")]
        return model.Resource(
            id=element.get("id", ""),
            agent=":".join(word for word in agent if word),
            params=self._read_set(element, "instance_attributes"),
            meta=self._read_set(element, "meta_attributes"),
            operations=[model.operation(op.attrib) for op in element.findall("operations/op")],
        )

    @staticmethod
    def _read_constraint(element: ET.Element) -> model.Constraint:
        attributes = model.constraint_attributes(element.attrib)
        rule: dict[str, str] = {}
        expressions = element.findall("rule/expression")
        if len(list(element.iter())) == 3 and len(expressions) == 1:
            rule = model.constraint_attributes({**element[0].attrib, **expressions[0].attrib})
        elif len(element):
            # Somebody else's, of a shape that we do not write.
            attributes["rules"] = str(len(element))
        return model.Constraint(element.get("id", ""), element.tag, attributes, rule)

    def _read_set(self, parent: ET.Element, tag: str) -> dict[str, str]:
        values: dict[str, str] = {}
        for pairs in self._sets(parent, tag):
            for pair in pairs.findall("nvpair"):
                values.setdefault(pair.get("name", ""), pair.get("value", ""))
        return values

    @staticmethod
    def _sets(parent: ET.Element | None, tag: str) -> list[ET.Element]:
        """The sets that always hold; those with a rule or a reference are left alone."""
        found = [] if parent is None else parent.findall(tag)
        return [s for s in found if s.find("rule") is None and s.get("id-ref") is None]

    def _primitives(self) -> t.Iterator[tuple[ET.Element, ET.Element]]:
        """Each primitive with its parent, wherever it lives."""
        resources = self.configuration.find("resources")
        for parent in [] if resources is None else resources.iter():
            for child in parent.findall("primitive"):
                yield child, parent

    # Editing

    def put_option(self, kind: str, name: str, value: str) -> None:
        """Set a cluster property or a default."""
        section_name, tag, set_id = OPTION_SETS[kind]
        section = self._section(section_name)
        for pair in [p for s in self._sets(section, tag) for p in s.findall("nvpair")]:
            if pair.get("name") == name:
                pair.set("value", value)
                return
        sets = self._sets(section, tag)
        home = sets[0] if sets else ET.SubElement(section, tag, id=self._free_id(set_id))
        self._add_pair(home, name, value)

    def put_resource(self, wanted: model.Resource) -> None:
        """Make the primitive, and its clone, look like the model."""
        place = self._find(wanted.id)
        if place is None:
            parent = self._section("resources")
            if wanted.clone_id:
                parent = ET.SubElement(parent, "clone", id=self._new_id(wanted.clone_id))
            place = ET.SubElement(parent, "primitive", id=self._new_id(wanted.id)), parent
        element, parent = place
        clone_id = parent.get("id") if parent.tag == "clone" else None
        if wanted.clone_id != clone_id:
            raise ConflictError(
                f"The resource {wanted.id} already lives in <{parent.tag} id={parent.get('id')}>, "
                f"not in the clone {wanted.clone_id}. Remove it there first, then run again."
            )
        self._write_agent(element, wanted.agent)
        self._write_set(element, "meta_attributes", wanted.meta)
        if wanted.params is not None:
            self._write_set(element, "instance_attributes", wanted.params)
        if wanted.operations is not None:
            self._write_operations(element, wanted.operations)
        if clone_id:
            self._write_set(parent, "meta_attributes", wanted.clone_meta)

    def remove_resource(self, identity: str) -> None:
        """Remove a primitive; its clone goes with it."""
        place = self._find(identity)
        if place is None:
            return
        element, parent = place
        resources = self._section("resources")
        if parent is resources:
            resources.remove(element)
        elif parent.tag == "clone" and parent in list(resources):
            resources.remove(parent)
        else:
            raise ConflictError(
                f"The resource {identity} is to go but lives in <{parent.tag} "
                f"id={parent.get('id')}>. Take it out of there first, then run again."
            )

    def put_constraint(self, wanted: model.Constraint) -> None:
        """Write a constraint anew in its place."""
        section = self._section("constraints")
        for index, element in enumerate(section):
            if element.get("id") == wanted.id:
                section.remove(element)
                section.insert(index, self._constraint(wanted))
                return
        self._new_id(wanted.id)
        section.append(self._constraint(wanted))

    def _constraint(self, wanted: model.Constraint) -> ET.Element:
        element = ET.Element(wanted.kind, {"id": wanted.id, **wanted.attributes})
        if wanted.rule:
            score = {"score": wanted.rule["score"]}
            rest = {key: value for key, value in wanted.rule.items() if key not in score}
            rule = ET.SubElement(
                element, "rule", {"id": self._free_id(f"{wanted.id}-rule"), **score}
            )
            identity = self._free_id(f"{wanted.id}-rule-expression")
            ET.SubElement(rule, "expression", {"id": identity, **rest})
        return element

    def remove_constraint(self, identity: str) -> None:
        section = self._section("constraints")
        for element in list(section):
            if element.get("id") == identity:
                section.remove(element)

    def _section(self, name: str) -> ET.Element:
        section = self.configuration.find(name)
        return ET.SubElement(self.configuration, name) if section is None else section

    def _find(self, identity: str) -> tuple[ET.Element, ET.Element] | None:
        for element, parent in self._primitives():
            if element.get("id") == identity:
                return element, parent
        return None

    def _ids(self) -> set[str]:
        return {element.get("id", "") for element in self.root.iter()}

    def _new_id(self, identity: str) -> str:
        """An id that others refer to and that must therefore be exactly this one."""
        if identity in self._ids():
            raise ConflictError(
                f"The id {identity} is already that of something else in this cluster. "
                "Rename or remove that first, then run again."
            )
        return identity

    def _free_id(self, desired: str) -> str:
        """An id that nobody refers to."""
        taken, identity, number = self._ids(), desired, 0
        while identity in taken:
            number += 1
            identity = f"{desired}-{number}"
        return identity

    def _add_pair(self, home: ET.Element, name: str, value: str) -> None:
        identity = self._free_id(f"{home.get('id')}-{name}")
        ET.SubElement(home, "nvpair", id=identity, name=name, value=value)

    @staticmethod
    def _write_agent(element: ET.Element, agent: str) -> None:
        words = agent.split(":")
        names = ("class", "type") if len(words) == 2 else ("class", "provider", "type")
        element.attrib.pop("provider", None)
        element.attrib.update(zip(names, words))

    def _write_set(self, parent: ET.Element, tag: str, values: t.Mapping[str, str]) -> None:
        """Make the sets that always hold say exactly these values; ids that exist stay."""
        missing = dict(values)
        for pairs in self._sets(parent, tag):
            for pair in pairs.findall("nvpair"):
                name = pair.get("name", "")
                if name in missing:
                    pair.set("value", missing.pop(name))
                else:
                    pairs.remove(pair)
        if not missing:
            return
        sets = self._sets(parent, tag)
        if sets:
            home = sets[0]
        else:
            home = ET.Element(tag, id=self._free_id(f"{parent.get('id')}-{tag}"))
            # The schema wants the sets of a clone before its primitive.
            parent.insert(0, home)
        for name, value in missing.items():
            self._add_pair(home, name, value)

    def _write_operations(self, element: ET.Element, wanted: list[dict[str, str]]) -> None:
        home = element.find("operations")
        if home is None:
            home = ET.SubElement(element, "operations")
        missing = [dict(op) for op in wanted]
        for op in list(home):
            attributes = model.operation(op.attrib)
            if attributes in missing:
                missing.remove(attributes)
            else:
                home.remove(op)
        for attributes in missing:
            name, interval = attributes["name"], attributes.get("interval", "0s")
            identity = self._free_id(f"{element.get('id')}-{name}-{interval}")
            ET.SubElement(home, "op", {"id": identity, **attributes})
