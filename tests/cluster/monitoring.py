#!/usr/bin/env python3
"""The cluster's monitoring for make e2e, and what the chart has for it: tests/cluster/monitoring.py COMMAND

targets FILE               keeps a file of targets for Prometheus: every pod with a port named metrics, until it is ended
receiver ADDRESS FILE      writes each alert that Alertmanager sends to a file, a line of JSON each, until it is ended
quick                      the rules that come on the standard input, with alerts that fire after a second and have the label quick
dashboard URL FILE SINCE   whether each query of a Grafana dashboard has data from that time (seconds since 1970) to now
rules URL                  whether Prometheus evaluates every rule of the chart's without an error
alert FILE NAME SINCE      waits until an alert of that time or later was received; fails if one was that is not quick
"""

import datetime
import http.server
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

# As a ServiceMonitor of the chart names the operator's series.
OPERATOR = "tuning-operator-metrics"
NAMESPACE = "tuning-system"


def labels(pod):
    """What Prometheus' discovery of pods says; and the Service, for the operator's own."""
    found = {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"]}
    own = {"app.kubernetes.io/name": "tuning-operator", "app.kubernetes.io/instance": "tuning-operator"}
    if own.items() <= pod["metadata"].get("labels", {}).items():
        found["job"] = OPERATOR
    return found


def targets(path):
    """Debian's Prometheus is built without the discovery of Kubernetes."""
    while True:
        found = subprocess.run(["kubectl", "get", "pods", "-A", "-o", "json"], capture_output=True, text=True)
        groups = []
        for pod in json.loads(found.stdout or '{"items": []}')["items"]:
            ports = [p for c in pod["spec"]["containers"] for p in c.get("ports", []) if p.get("name") == "metrics"]
            if pod["status"].get("phase") == "Running" and pod["status"].get("podIP") and ports:
                address = f"{pod['status']['podIP']}:{ports[0]['containerPort']}"
                groups.append({"targets": [address], "labels": labels(pod)})
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(groups, file)
        os.rename(f"{path}.new", path)
        time.sleep(1.5)


def receiver(address, path):
    """A webhook of Alertmanager's."""

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802 (the name is the library's)
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with open(path, "a", encoding="utf-8") as file:
                for alert in sent["alerts"]:
                    file.write(json.dumps(alert) + "\n")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    host, port = address.rsplit(":", 1)
    http.server.ThreadingHTTPServer((host, int(port)), Hook).serve_forever()


def quick():
    """The same alerts, sooner."""
    text = sys.stdin.read()
    text = re.sub(r"(?m)^(\s*- name: )", r"\1quick-", text)
    text = re.sub(r"(?m)^(\s*)for: .*$", r"\1for: 1s", text)
    print(re.sub(r"(?m)^(\s*)severity: ", r'\1quick: "yes"\n\1severity: ', text))


def ask(url, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/api/v1/{path}?{query}", timeout=30) as answer:
        return json.load(answer)["data"]


def panels(node):
    """Title and query of each panel, wherever it is."""
    for panel in node.get("panels", []):
        yield from panels(panel)
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def dashboard(url, path, since):
    with open(path, encoding="utf-8") as file:
        found = list(panels(json.load(file)))
    now, empty = time.time(), []
    step = max(1, int((now - float(since)) / 500))
    for title, query in found:
        query = re.sub(r"\$__(rate_interval|interval|range)\b", "1m", query)
        query = query.replace("$namespace", NAMESPACE).replace("$job", OPERATOR)
        series = ask(url, "query_range", query=query, start=since, end=now, step=step)["result"]
        values = [float(value) for one in series for _, value in one["values"]]
        finite = [value for value in values if value == value]
        print(f"{len(series):3} series, {len(finite):5} points, at most {max(finite, default=float('nan')):10.4g}  {title}")
        if not finite:
            empty.append(f"{title}: {query}")
    if empty or not found:
        sys.exit("no data for " + "; ".join(empty))
    print(f"{len(found)} queries, each with data")


def rules(url):
    groups = ask(url, "rules")["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    # A rule is evaluated a while after Prometheus has read it.
    broken = [f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}" for rule in found if rule["health"] != "ok"]
    if broken or not found:
        sys.exit("; ".join(broken) or "Prometheus has no rules")
    print(f"{len(found)} rules in {len(groups)} groups, each evaluated without an error")


def alert(path, name, since):
    def is_it(one):
        began = datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", one["startsAt"]).replace("Z", "+00:00")).timestamp()
        return one["labels"]["alertname"] == name and one["status"] == "firing" and began >= float(since)

    end = time.time() + 60
    while True:
        received = []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                received = [json.loads(line) for line in file]
        late = [one["labels"]["alertname"] for one in received if "quick" not in one["labels"]]
        if late:
            sys.exit(f"alerts that nobody has provoked: {late}")
        found = [one for one in received if is_it(one)]
        if found:
            kinds = sorted({one["labels"]["alertname"] for one in received})
            print(f"{len(received)} alerts were received, of {', '.join(kinds)}")
            print(f"{name}: {found[-1]['annotations']['summary']}")
            return
        if time.time() > end:
            sys.exit(f"waited in vain for {name}; received: {received}")
        time.sleep(0.5)


commands = {"targets": targets, "receiver": receiver, "quick": quick, "dashboard": dashboard, "rules": rules, "alert": alert}
if len(sys.argv) < 2 or sys.argv[1] not in commands:
    sys.exit(__doc__)
commands[sys.argv[1]](*sys.argv[2:])
