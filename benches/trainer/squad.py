#!/usr/bin/env python3
"""How well does bert-trainer read, beside Hugging Face transformers on the same checkpoint, questions and settings?

    make bench-squad
    scripts/with-libtorch python3 benches/trainer/squad.py [--train-questions 2000] [--dev-questions 600] [--precision bf16|fp32]

First both fine-tune the checkpoint, one after the other, and answer the dev questions; they draw other random numbers, so
EM and F1 agree only as well as two seeds of one of them do. Then bert-trainer answers with the weights that transformers
has trained: these answers should be the same, question by question, and its own EM and F1 those of SQuAD's formulas.

Data: as scripts/demo-data finds it (DATA=folder). Python with torch 2.11 and transformers: as compare.py finds it. What
transformers has trained is kept (in --keep, or the cache) and not trained twice.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import compare
import reading

HERE = Path(__file__).resolve().parent
SAME = 300  # dev questions that bert-trainer answers with the weights of transformers
SETTINGS = ("epochs", "batch", "lr", "seed", "precision")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-questions", type=int, default=2000)
    parser.add_argument("--dev-questions", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16" if compare.multiplies_bf16() else "fp32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--theirs-only", action="store_true", help="leave bert-trainer out")
    parser.add_argument("--keep", type=Path, default=compare.CACHE / "bench-squad", help="folder for what transformers trains")
    parser.add_argument("--model", default=os.environ.get("TUNING_MODEL", str(compare.CACHE / "minilm-l6-v2")))
    parser.add_argument("--trainer", default=compare.built_trainer())
    parser.add_argument("--python", default=None, help="a Python with torch and transformers")
    wanted = parser.parse_args()
    data, sentence = find_data(wanted.train_questions, wanted.dev_questions)
    train, dev = (len(reading.read(data / name)) for name in ("train-v1.1.json", "dev-v1.1.json"))
    print(f"data: {sentence}\n{train:,} training questions, {dev:,} dev questions; " + ", ".join(
        f"{name} {getattr(wanted, name)}" for name in SETTINGS) + f"; {wanted.threads} threads", flush=True)
    theirs = run_baseline(wanted, data)
    row("", "EM", "F1", "seconds")
    show("transformers", read_json(theirs / "result.json"))
    if wanted.theirs_only:
        return
    with tempfile.TemporaryDirectory() as scratch:
        own = run_trainer(wanted, data, Path(scratch) / "own", wanted.model, wanted.precision, wanted.epochs)
        own["seconds"] = read_json(theirs / "result.json")["windows"] * wanted.epochs / own["samples_per_second"]
        show("bert-trainer", {**own, "exact_match": 100 * own["exact_match"], "f1": 100 * own["f1"]})
        same_weights(wanted, data, theirs, Path(scratch))


def row(*cells):
    print(f"{cells[0]:14}" + "".join(f"{cell:>10}" for cell in cells[1:]), flush=True)


def show(name, result):
    row(name, f"{result['exact_match']:.2f}", f"{result['f1']:.2f}", f"{result['seconds']:.0f}")


def find_data(train, dev):
    env = {**os.environ, "TASK": "squad", "FULL": "", "QUESTIONS": f"{train} {dev}"}
    found = subprocess.run([compare.PROJECT / "scripts/demo-data"], env=env, stdout=subprocess.PIPE, text=True, check=True)
    folder, sentence = found.stdout.splitlines()
    return Path(folder), sentence


def run_baseline(wanted, data):
    """The folder with what transformers made of these settings and these data, whose folder's name tells them apart."""
    name = "-".join([data.name, Path(wanted.model).name, *(str(getattr(wanted, key)) for key in SETTINGS)])
    folder = wanted.keep.absolute() / name
    if (folder / "result.json").is_file():
        print(f"transformers trained this earlier: {folder}", flush=True)
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [compare.find_python(wanted.python), str(HERE / "squad_baseline.py"), "--model", wanted.model, "--data", str(data)]
    command += ["--output", str(folder), "--threads", str(wanted.threads)]
    for key in SETTINGS:
        command += [f"--{key}", str(getattr(wanted, key))]
    # The Python's torch brings its own libraries.
    env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    env.update(OMP_NUM_THREADS=str(wanted.threads), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    subprocess.run(command, env=env, check=True)
    return folder


def run_trainer(wanted, data, output, model, precision, epochs):
    command = [wanted.trainer, "--task", "squad", "--model", str(model), "--data", str(data), "--output-dir", str(output)]
    command += ["--epochs", str(epochs), "--batch-size", str(wanted.batch), "--learning-rate", str(wanted.lr)]
    command += ["--seed", str(wanted.seed), "--precision", precision, "--threads", str(wanted.threads), "--device", "cpu"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("TUNING_")}
    began = time.perf_counter()
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"squad: bert-trainer ended with code {done.returncode}\n{done.stdout[-2000:]}")
    return {**read_json(output / "report.json"), "wall": time.perf_counter() - began}


def same_weights(wanted, data, theirs, scratch):
    few = scratch / "data"
    few.mkdir()
    shutil.copyfile(data / "train-v1.1.json", few / "train-v1.1.json")
    document = first_questions(read_json(data / "dev-v1.1.json"), SAME)
    (few / "dev-v1.1.json").write_text(json.dumps(document), encoding="utf-8")
    report = run_trainer(wanted, few, scratch / "same", theirs / "checkpoint", "fp32", 0)
    rows = reading.questions(document)
    ours, expected = read_json(scratch / "same/predictions.json"), read_json(theirs / "predictions.json")
    differing = [asked for asked in rows if ours.get(asked[0]) != expected[asked[0]]]
    print(f"same weights, fp32: {len(rows) - len(differing)} of {len(rows)} answers are the same ({report['wall']:.0f} s)")
    row("", "EM", "F1")
    percent = lambda pair: [f"{value:.4f}" for value in pair]
    row("report.json", *percent((100 * report["exact_match"], 100 * report["f1"])))
    row("its answers", *percent(reading.totals(rows, ours)))
    row("transformers", *percent(reading.totals(rows, expected)))
    for key, *_ in differing[:20]:
        print(f"  {key}: bert-trainer {ours.get(key)!r}, transformers {expected[key]!r}")


def first_questions(document, wanted):
    articles = []
    for article in document["data"]:
        paragraphs = []
        for paragraph in article["paragraphs"]:
            asked = paragraph["qas"][:wanted]
            wanted -= len(asked)
            paragraphs += [{**paragraph, "qas": asked}] if asked else []
        articles += [{**article, "paragraphs": paragraphs}] if paragraphs else []
    return {**document, "data": articles}


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
