#!/usr/bin/env python3
"""JSON schemas for kubeconform from a running API server: schemas.py FOLDER (kubectl in PATH, KUBECONFIG set)

Fields that the API server does not know are refused, as it does itself where it is strict.
"""

import json
import os
import re
import subprocess
import sys


def raw(path):
    return json.loads(subprocess.run(["kubectl", "get", "--raw", path], check=True, capture_output=True).stdout)


def close(schema):
    """Refuses unknown fields here and below, and takes null where it is allowed."""
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    if "properties" in schema and "additionalProperties" not in schema and not is_open:
        schema["additionalProperties"] = False
    if schema.pop("nullable", False) and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    lists = (schema.get(name, []) for name in ("allOf", "anyOf", "oneOf"))
    single = (schema.get(name) for name in ("items", "additionalProperties", "not"))
    # Only where schemas are: a field may itself be named properties or nullable.
    for inner in [*schema.get("properties", {}).values(), *(one for some in lists for one in some), *single]:
        if isinstance(inner, dict):
            close(inner)


def gather(node, found, schemas):
    """The schemas that this one refers to, and those that they do."""
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(node)):
        if name not in found:
            found[name] = schemas[name]
            gather(schemas[name], found, schemas)


def write(folder, kind, schema, schemas):
    found = {}
    gather(schema, found, schemas)
    if "kind" in schema.get("properties", {}):
        schema["properties"]["kind"]["enum"] = [kind["kind"]]
    group = os.path.join(folder, kind["group"] or "core")
    os.makedirs(group, exist_ok=True)
    with open(os.path.join(group, f"{kind['kind'].lower()}_{kind['version']}.json"), "w", encoding="utf-8") as file:
        json.dump({**schema, "components": {"schemas": found}}, file)


def main():
    n = 0
    for path, entry in raw("/openapi/v3")["paths"].items():
        if not re.match(r"apis?/.*v\d", path):
            continue
        schemas = raw(entry["serverRelativeURL"])["components"]["schemas"]
        for schema in schemas.values():
            close(schema)
        for schema in schemas.values():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                if path.endswith("/" + "/".join(x for x in (kind["group"], kind["version"]) if x)):
                    write(sys.argv[1], kind, schema, schemas)
                    n += 1
    print(n, "schemas of the API server")


main()
