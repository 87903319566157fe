#!/usr/bin/env python3
"""The dashboard's queries and the alerts' as recording rules, for promtool: queries.py DASHBOARD RULES TELEMETRY >FILE

Variables of Grafana's get a value. Fails where a query asks for a metric that the operator does not have.
"""

import json
import re
import sys


def queries(node):
    """Each expr, wherever it is."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value)


def main():
    dashboard, rules, telemetry = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
    own = telemetry.split("#[cfg(test)]")[0]
    has = set(re.findall(r'"(tuning_operator_[a-z_]+)"', own))
    histograms = {name for name in has if name.endswith("_seconds")}
    exported = has - histograms | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    found = list(queries(json.loads(dashboard)))
    used = set(re.findall(r"\btuning_operator_[a-z_]+", "\n".join(found)))
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in used}
    used |= set(re.findall(r"\b(tuning_operator_[a-z_]+)\{", rules))
    if used - exported or not found:
        sys.exit(f"the operator has no {sorted(used - exported)}; it has {sorted(exported)}")
    # The number of jobs is the sum of the phases.
    forgotten = has - shown - {"tuning_operator_tuningjobs"}
    if forgotten:
        sys.exit(f"the dashboard does not show {sorted(forgotten)}")
    print("groups:\n  - name: dashboard\n    rules:")
    for number, query in enumerate(found):
        plain = re.sub(r"\$__(rate_interval|interval|range)\b", "5m", query)
        plain = re.sub(r"\$\{?\w+\}?", "x", plain)
        print(f"      - {{record: q{number}, expr: {json.dumps(plain)}}}")
    print(f"{len(found)} queries, {len(used)} metrics", file=sys.stderr)


main()
