"""The JSON Schema of manifests, for editors, and the YAML of a resolved one."""

from __future__ import annotations

import re
from typing import Any

import yaml

from curation.credentials import AsWritten
from curation.manifests.checks import KnownNames
from curation.manifests.models import MANIFEST
from curation.manifests.reading import ScalarResolver
from curation.manifests.settings import SourceSettings
from curation.manifests.shapes import JsonSchema, RecordShape

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(known: KnownNames | None = None) -> JsonSchema:
    """Return the JSON Schema (draft 2020-12) of a manifest; with `known`, the names there are complete in editors.

    A manifest that extends another may leave out any key, so keys are required only without `extends`.
    """
    source = RecordShape(SourceSettings).schema()
    source_required = source.pop("required")
    made = MANIFEST.schema()
    required = made.pop("required")
    properties = made["properties"]
    properties["sources"]["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/source"}, {"type": "null"}]}
    path: JsonSchema = {"type": "string", "minLength": 1}
    properties["extends"] = {
        "description": "A manifest, or a list of them, that this one is laid over.",
        "anyOf": [path, {"type": "array", "items": path}, {"type": "null"}],
    }
    if known is not None:
        _name_known(properties, source["properties"], known)
    whole = {"sources": {"additionalProperties": {"type": "object", "required": source_required}}}
    return {
        "$schema": DIALECT,
        "title": "curation manifest",
        **made,
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": required, "properties": whole},
        "$defs": {"source": source, "weights": _weights()},
    }


def _weights() -> JsonSchema:
    number: JsonSchema = {"type": "number", "minimum": 0}
    weight: JsonSchema = {"anyOf": [number, {"const": "natural"}]}
    group: JsonSchema = {
        "type": "object",
        "properties": {"weight": weight, "of": {"$ref": "#/$defs/weights"}},
        "required": ["weight", "of"],
        "additionalProperties": False,
    }
    branch: JsonSchema = {"anyOf": [number, {"const": "natural"}, group, {"type": "null"}]}
    return {"type": ["object", "null"], "minProperties": 1, "additionalProperties": branch}


def _name_known(manifest: JsonSchema, source: JsonSchema, known: KnownNames) -> None:
    source["adapter"] |= _named(known.adapters)
    manifest["profile"]["anyOf"][0] = {"enum": sorted(known.profiles)}
    name, entry = manifest["filters"]["items"]["anyOf"]
    name |= _named(known.filters)
    entry["propertyNames"] = _named(known.filters)


def _named(names: Any) -> JsonSchema:
    return {"anyOf": [{"enum": sorted(names)}, {"type": "string", "pattern": ":"}]}


class _Dumper(yaml.SafeDumper):
    """Quotes text that the reader would take for a number, and escapes what YAML takes for a line break."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if re.search("[\r\x85\u2028\u2029\ufeff]", data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


for _letter, _rules in ScalarResolver.yaml_implicit_resolvers.items():
    for _tag, _regexp in _rules:
        _Dumper.add_implicit_resolver(_tag, _regexp, [_letter])


def dump(resolved: dict[str, Any]) -> str:
    """Write `Manifest.resolved()` as YAML that loads as the same settings again; always the same text."""
    return str(
        yaml.dump(_escape(resolved), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, line_break="\n")
    )


def _escape(value: Any) -> Any:
    """Keep `${` in text from being read as a variable."""
    if isinstance(value, dict):
        return {key: _escape(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_escape(child) for child in value]
    if isinstance(value, AsWritten):
        return str(value)
    return value.replace("${", "$${") if isinstance(value, str) else value
