#!/usr/bin/env python3
"""The bill of materials of an image, as CycloneDX 1.5: sbom.py operator|trainer|trainer-cuda FOLDER ORIGINS TRIPLE

FOLDER is what goes into the image, ORIGINS has a line for each file in it that was copied and not built: its path in the image (none,
if it was linked into the program), a tab, the path that it was copied from. Those belong to packages: of Debian, or of the package index that scripts/setup fetches from. The
program is made of crates: Cargo.lock's for its features. What takes part in the build alone (macros, build scripts and all that only
they need) has the scope "excluded". The same folder gives the same bytes; SOURCE_DATE_EPOCH is the time that it bears.
"""

import hashlib
import json
import os
import re
import runpy
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

DESCRIPTIONS = {
    "operator": "The operator that tunes hyperparameters on Kubernetes",
    "trainer": "One trial: BERT fine-tuning on libtorch, on CPUs",
    "trainer-cuda": "One trial: BERT fine-tuning on libtorch, on NVIDIA GPUs",
}
PROGRAMS = {"operator": "tuning-operator", "trainer": "bin/bert-trainer", "trainer-cuda": "bin/bert-trainer"}


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return [{"alg": "SHA-256", "content": digest.hexdigest()}]


def tree(features, triple, edges):
    """What `cargo tree` says of a program's crates: each with its features -> those that it needs, and the licences."""
    command = ["cargo", "tree", "--locked", "--offline", "--no-default-features", "--features", features, "--target", triple,
               "--edges", edges, "--charset", "ascii", "--prefix", "depth", "--format", "|{p}|{f}|{l}"]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    needs, licences, above = {}, {}, []
    for line in said.splitlines():
        # The folder of this project's own crate is not part of its name; (*) is where it has been said already.
        depth, package, enabled, licence = line.removesuffix(" (*)").split("|")
        name, version, *rest = package.split(" ")
        node = (name, version.removeprefix("v"), "(proc-macro)" in rest, enabled)
        licences[node[:2]] = licence.replace(" / ", " OR ").replace("/", " OR ")
        needs.setdefault(node, set())
        del above[int(depth):]
        if above:
            needs[above[-1]].add(node)
        above.append(node)
    return next(iter(needs)), needs, licences


def linked(root, needs):
    """What ends up in the program: all that can be reached from it without passing through a macro."""
    reached, ahead = set(), [root]
    while ahead:
        node = ahead.pop()
        if node not in reached and not node[2]:
            reached.add(node)
            ahead += needs[node]
    return {node[:2] for node in reached}


def crates(features, triple):
    """The crates as components, and what each needs."""
    root, needs, _ = tree(features, triple, "normal")
    inside = linked(root, needs)
    root, needs, licences = tree(features, triple, "normal,build")
    locked = re.findall(r'^name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"', Path("Cargo.lock").read_text(), re.M)
    sums = {(name, version): checksum for name, version, checksum in locked}
    reference = {node[:2]: f"pkg:cargo/{node[0]}@{node[1]}" for node in needs}
    reference[root[:2]] = "program"
    components, edges = [], {}
    for name, version in sorted({node[:2] for node in needs} - {root[:2]}):
        each = {"type": "library", "bom-ref": reference[name, version], "name": name, "version": version,
                "scope": "required" if (name, version) in inside else "excluded"}
        if (name, version) in sums:
            each["hashes"] = [{"alg": "SHA-256", "content": sums[name, version]}]
        if licences[name, version]:
            each["licenses"] = [{"expression": licences[name, version]}]
        each["purl"] = reference[name, version]
        components.append(each)
    for node, below in needs.items():
        edges.setdefault(reference[node[:2]], set()).update(reference[each[:2]] for each in below)
    return components, edges


def standard_library():
    said = output("rustc", "-vV")
    version = re.search(r"^release: (.*)$", said, re.M)[1]
    return {"type": "library", "bom-ref": "rust-std", "name": "std", "version": version, "scope": "required",
            "description": "Rust's standard library", "licenses": [{"expression": "MIT OR Apache-2.0"}]}


def debian(path):
    """The Debian package that a file belongs to, as a component."""
    real = os.path.realpath(path)
    for each in (str(path), real, real.removeprefix("/usr"), "/usr" + str(path)):
        owner = output("dpkg-query", "--search", each).split(":")[0].split(",")[0].strip()
        if owner:
            break
    else:
        return None
    form = "${source:Package}|${source:Version}|${Version}|${Architecture}\n"
    source, source_version, version, machine = output("dpkg-query", "--show", "--showformat", form, owner).splitlines()[0].split("|")
    release = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.M))
    distribution, number = release.get("ID", "debian"), release.get("VERSION_ID", "")
    purl = f"pkg:deb/{distribution}/{owner}@{version}?arch={machine}&distro={distribution}-{number}".replace("+", "%2B")
    made_from = [{"name": "source", "value": f"{source} {source_version}"}]
    return {"type": "library", "bom-ref": purl, "name": owner, "version": version, "scope": "required", "purl": purl,
            "properties": made_from}


# Whose library is it? By the beginnings of the names, of which the first that fits counts.
WHEELS = {
    "libcudart": "nvidia-cuda-runtime", "libcupti": "nvidia-cuda-cupti", "libcublas": "nvidia-cublas", "libcudnn": "nvidia-cudnn-cu13",
    "libcufft": "nvidia-cufft", "libcufile": "nvidia-cufile", "libcurand": "nvidia-curand", "libcusolver": "nvidia-cusolver",
    "libcusparseLt": "nvidia-cusparselt-cu13", "libcusparse": "nvidia-cusparse", "libnccl": "nvidia-nccl-cu13",
    "libnvJitLink": "nvidia-nvjitlink", "libnvshmem": "nvidia-nvshmem-cu13", "libnvrtc": "nvidia-cuda-nvrtc",
    # libcaffe2, libc10, libshm, libgomp, libtorch and what they hold
    "lib": "torch",
}


def wheel(name, machine):
    """The archive of the package index that a library comes out of, as a component: see scripts/setup."""
    tables = runpy.run_path("scripts/setup")
    every = [tables[table][machine] for table in ("TORCH", "CUPTI", "CUDART")] + tables["CUDA"]
    project = next(project for beginning, project in WHEELS.items() if name.startswith(beginning))
    version, file, digest = next((each[1], each[2], each[4]) for each in every if each[0] == project)
    purl = f"pkg:pypi/{project}@{version}?file_name={file}"
    return {"type": "library", "bom-ref": purl, "name": project, "version": version, "scope": "required", "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": digest}]}


def packages(folder, origins, triple):
    """Those packages of which the image holds files, and in each its files."""
    found = {}
    system = "linux-" + triple.split("-")[0]
    for line in sorted(set(Path(origins).read_text().splitlines())):
        inside, source = line.split("\t")
        if not inside:
            package = debian(source)
            if package:
                found[package["bom-ref"]] = {**package, "description": "linked statically"}
            continue
        file = {"type": "file", "name": "/" + inside, "hashes": sha256(folder / inside)}
        if "/libtorch-" in source:
            package = wheel(Path(source).name, system)
        else:
            package = debian(source)
        if package is None:
            # Of no package: it stands for itself.
            found[inside] = {**file, "bom-ref": inside, "scope": "required"}
        else:
            found.setdefault(package["bom-ref"], {**package, "components": []})["components"].append(file)
    return [found[reference] for reference in sorted(found)]


def bill(which, folder, origins, triple):
    manifest = Path("Cargo.toml").read_text()
    version = re.search(r'^version = "(.*)"', manifest, re.M)[1]
    repository = os.environ.get("SOURCE_URL") or next(iter(re.findall(r'^repository = "(.*)"', manifest, re.M)), None)
    features = which.split("-")[0]
    inside, needs = crates(features, triple)
    inside.append(standard_library())
    needs["program"].add("rust-std")
    copied = packages(folder, origins, triple)
    program = {"type": "application", "bom-ref": "program", "name": Path(PROGRAMS[which]).name, "version": version, "scope": "required",
               "hashes": sha256(folder / PROGRAMS[which]), "licenses": [{"expression": "Apache-2.0"}]}
    image = {"type": "container", "bom-ref": "image", "name": f"tuning-operator/{which}", "version": version,
             "description": DESCRIPTIONS[which], "licenses": [{"expression": "Apache-2.0"}]}
    if repository:
        image["externalReferences"] = [{"type": "vcs", "url": repository}]
    needs["image"] = {"program"} | {each["bom-ref"] for each in copied}
    about = {"component": image, "tools": {"components": [{"type": "application", "name": "scripts/sbom.py", "version": version}]}}
    if os.environ.get("SOURCE_DATE_EPOCH"):
        moment = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
        about = {"timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), **about}
    return {"metadata": about, "components": [program, *inside, *copied],
            "dependencies": [{"ref": each, "dependsOn": sorted(needs[each])} for each in sorted(needs)]}


def main():
    which, folder, origins, triple = sys.argv[1:]
    found = bill(which, Path(folder), origins, triple)
    # A number of its own for each content, and the same for the same.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(found, sort_keys=True))
    print(json.dumps({"$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5",
                      "serialNumber": f"urn:uuid:{serial}", "version": 1, **found}, indent=1))


main()
