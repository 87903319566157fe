#!/usr/bin/env python3
"""Whether the schema of the chart's values leaves anything untyped: closed.py SCHEMA VALUES"""

import json
import re
import sys


def untyped(schema, path):
    """Where anything at all would be taken."""
    if "$ref" in schema or "enum" in schema:
        return
    for option in schema.get("anyOf", []):
        yield from untyped(option, path)
    kind = schema.get("type")
    if kind is None and "anyOf" not in schema:
        yield path
    if kind == "array":
        if "items" not in schema:
            yield path
        yield from untyped(schema.get("items", {"type": "null"}), f"{path}[]")
    if kind == "object":
        rest = schema.get("additionalProperties")
        if rest is None or rest is True:
            yield path
        elif rest:
            yield from untyped(rest, f"{path}.*")
        for name, inner in {**schema.get("properties", {}), **schema.get("patternProperties", {})}.items():
            yield from untyped(inner, f"{path}.{name}")


def main():
    schema = json.load(open(sys.argv[1], encoding="utf-8"))
    values = set(re.findall(r"^([A-Za-z]+):", open(sys.argv[2], encoding="utf-8").read(), re.M))
    # Helm itself gives this one to every chart.
    has = set(schema["properties"]) - {"global"}
    complaints = [path for path in untyped(schema, "") if path != ".global"]
    for name, inner in schema["definitions"].items():
        complaints += untyped(inner, name)
    complaints += sorted(values ^ has)
    if complaints:
        sys.exit(f"untyped, or in one of values and schema alone: {complaints}")
    print(f"{len(values)} values, nothing untyped")


main()
