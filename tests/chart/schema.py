"""The schema of values.yaml, made from the settings and the list of the chart's keys."""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from perijove.settings import Settings
from perijove.settings.known import chart, sections
from perijove.settings.meaning import meanings
from perijove.settings.walk import keys
from tests.chart.helm import CHART

Schema = dict[str, Any]

_TEXTS = ("labels", "annotations", "Labels", "Annotations", "nodeSelector")
"""Ends of keys whose maps Kubernetes takes with texts only."""
_OPEN: Mapping[str, Schema] = {
    "global": {"type": "object"},
    "custom": {"type": "object"},
    "hub.lifecycle": {"type": "object"},
    "hub.config": {
        "type": "object",
        "patternProperties": {"^[A-Z]": {"type": "object"}},
        "additionalProperties": False,
    },
    "hub.services": {"type": "object", "additionalProperties": {"type": "object"}},
    "hub.loadRoles": {"type": "object", "additionalProperties": {"type": "object"}},
    "singleuser.lifecycleHooks": {"type": "object"},
    "singleuser.profileList": {"type": ["array", "object", "null"]},
    "singleuser.extraEnv": {"type": ["object", "array", "null"]},
    "singleuser.cmd": {"type": ["string", "array", "null"]},
}
"""Free inside, or free in how they are written: the hub checks them by itself."""
_NEEDED = (
    "hub.baseUrl", "hub.image.name", "hub.image.tag", "hub.db.type", "hub.db.pvc.storage",
    "hub.db.pvc.accessModes", "hub.service.type", "hub.serviceAccount.create",
    "hub.networkPolicy.interNamespaceAccessLabels", "proxy.service.type",
    "hub.livenessProbe", "hub.readinessProbe", "proxy.chp.livenessProbe",
    "proxy.chp.readinessProbe", "proxy.trustedProxies", "proxy.chp.command",
    "proxy.chp.networkPolicy.interNamespaceAccessLabels", "singleuser.cloudMetadata.ip",
    "singleuser.networkPolicy.interNamespaceAccessLabels", "rbac.create",
    "scheduling.corePods.nodeAffinity.matchNodePurpose",
)  # fmt: skip
"""Keys that templates cannot do without: null takes a default away."""


def schema() -> Schema:
    """Return what values.schema.json is to hold."""
    root: Schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart jupyterhub of Perijove",
        **_section(),
    }
    for key, kinds in chart().items():
        _put(root, key, _OPEN.get(key) or _leaf(key, kinds))
    _ours(root, Settings, "")
    for key, value in _OPEN.items():
        _put(root, key, value)
    _describe(root)
    for key in _NEEDED:
        _need(root, key)
    _need_sections(root, yaml.safe_load((CHART / "values.yaml").read_text()), "")
    return root


def _section() -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _leaf(key: str, kinds: str) -> Schema:
    if kinds in {"any", "-"}:
        return {}
    if kinds.startswith("="):
        words = [word for word in kinds[1:].split("|") if word != "null"]
        return {"enum": [*words, *(("", None) if "null" in kinds else ())]}
    leaf: Schema = {"type": sorted({*kinds.split("/"), "null"})}
    if kinds == "object" and key.endswith(_TEXTS):
        leaf["additionalProperties"] = {"type": "string"}
    return leaf


def _ours(root: Schema, model: type[BaseModel], before: str) -> None:
    """Add the keys that only the settings know."""
    found = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    for key in keys(model):
        path = f"{before}{key}"
        inner = _inner(model, key)
        if path in _OPEN or path in chart():
            continue
        if inner:
            _put(root, path, _section(), keep=True)
            _ours(root, inner, f"{path}.")
        else:
            _put(root, path, _nullable(_plain(found["properties"][key], found.get("$defs", {}))))


class _Generator(GenerateJsonSchema):
    """Leaves defaults out: values.yaml has them."""

    def default_schema(self, schema: Any) -> Schema:
        return self.generate_inner(schema["schema"])


def _inner(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the section that `key` is, if it is one."""
    kind = keys(model)[key]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _plain(value: Any, definitions: Schema) -> Any:
    """Return a schema without titles and references."""
    if isinstance(value, list):
        return [_plain(it, definitions) for it in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _plain(definitions[value["$ref"].rsplit("/", 1)[1]], definitions)
    dropped = {"title", "default", "description", "secret"}
    return {key: _plain(it, definitions) for key, it in value.items() if key not in dropped}


def _nullable(found: Schema) -> Schema:
    """Return a schema that takes null as well: it is the same as leaving the key out."""
    if isinstance(found.get("type"), str) and found["type"] != "null":
        choices = {"enum": [*found["enum"], None]} if "enum" in found else {}
        return {**found, "type": [found["type"], "null"], **choices}
    if "anyOf" in found and {"type": "null"} not in found["anyOf"]:
        return {**found, "anyOf": [*found["anyOf"], {"type": "null"}]}
    return found


def _put(root: Schema, key: str, value: Schema, *, keep: bool = False) -> None:
    """Put a schema where `key` is; `keep`: unless there is one."""
    *above, last = key.split(".")
    for part in above:
        root = root["properties"].setdefault(part, _section())
        if "properties" not in root:
            return  # below something open
    if not (keep and last in root["properties"]):
        root["properties"][last] = value


def _at(root: Schema, key: str) -> Schema | None:
    for part in key.split("."):
        found = root.get("properties", {}).get(part)
        if found is None:
            return None
        root = found
    return root


def _describe(root: Schema) -> None:
    """Let editors say what a key means."""
    for it in meanings():
        found = _at(root, it.key)
        if found is not None and it.words:
            found["description"] = it.words


def _need(root: Schema, key: str) -> None:
    above, _, last = key.rpartition(".")
    section = _at(root, above) if above else root
    assert section is not None
    section["required"] = sorted({*section.get("required", ()), last})


def _need_sections(root: Schema, values: Mapping[str, Any], before: str) -> None:
    """Sections that values.yaml has may not be taken away: templates look into them."""
    for name, value in values.items():
        key = f"{before}{name}"
        if isinstance(value, dict) and (key in sections() or key in chart()):
            if "properties" in (_at(root, key) or {}):
                _need(root, key)
            _need_sections(root, value, f"{key}.")
