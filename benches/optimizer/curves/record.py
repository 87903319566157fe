#!/usr/bin/env python3
"""Records real learning curves, on which strategies that ration epochs can be tried without training anything again.

    scripts/with-libtorch python3 benches/optimizer/curves/record.py mrpc --trainer PROGRAM --data FOLDER   # half an hour
    python3 benches/optimizer/curves/record.py digits              # three minutes; needs scikit-learn

A learning rate that stays where its warm-up left it, and a seed that sets the order of the data: so a trial of three epochs is the
beginning of one of nine, and one curve tells what trials of every length would have measured. Written beside this program: the values
of each parameter, and for each combination of them (the last parameter fastest) what was measured after each epoch.
"""

import argparse
import itertools
import json
import os
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("TUNING_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tuning-operator")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["mrpc", "digits"])
    parser.add_argument("--trainer", help="the program bert-trainer")
    parser.add_argument("--data", type=Path, help="folder with MRPC's train.tsv and dev.tsv")
    parser.add_argument("--model", type=Path, default=CACHE / "minilm-l6-v2")
    parser.add_argument("--threads", default="1")
    wanted = parser.parse_args()
    recorded = mrpc(wanted) if wanted.what == "mrpc" else digits()
    write(HERE / f"{wanted.what}.json", recorded)


def write(path, recorded):
    """A line for each parameter and each curve."""
    part = lambda ends, lines: ends[0] + "\n  " + ",\n  ".join(lines) + f"\n {ends[1]}"
    parameters = part("{}", [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in recorded["parameters"].items()])
    curves = part("[]", map(json.dumps, recorded["curves"]))
    path.write_text(f'{{\n "what": {json.dumps(recorded["what"])},\n "parameters": {parameters},\n "curves": {curves}\n}}\n')


def grid(parameters):
    return list(itertools.product(*parameters.values()))


def spread(low, high, n):
    """`n` numbers from `low` to `high`, of which each is as many times its neighbour, in three digits."""
    return [float(f"{low * (high / low) ** (i / (n - 1)):.3g}") for i in range(n)]


def mrpc(wanted, epochs=9, n_train=400, n_dev=200):
    """The fine-tuner on a part of MRPC."""
    parameters = {"learning_rate": spread(1e-5, 1e-3, 12)}
    with tempfile.TemporaryDirectory() as folder:
        for name, n in [("train.tsv", n_train), ("dev.tsv", n_dev)]:
            lines = (wanted.data / name).read_text(encoding="utf-8").splitlines(keepends=True)
            Path(folder, name).write_text("".join(lines[: n + 1]), encoding="utf-8")
        curves = []
        for (rate,) in grid(parameters):
            command = [wanted.trainer, "--task=mrpc", f"--model={wanted.model}", f"--data={folder}", f"--output-dir={folder}/out"]
            command += [f"--learning-rate={rate}", f"--epochs={epochs}", "--batch-size=8", "--max-length=96", "--seed=1"]
            command += ["--scheduler=constant", "--warmup-steps=10", f"--threads={wanted.threads}", "--log-every=0"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            report = json.loads(Path(folder, "out", "report.json").read_text())
            curves.append([round(point["accuracy"], 4) for point in report["curve"]])
            print(rate, *curves[-1], flush=True)
    what = f"accuracy of MiniLM-L6 on {n_dev} pairs of MRPC after each epoch over {n_train} pairs"
    return {"what": what, "parameters": parameters, "curves": curves}


def digits(epochs=27):
    """Networks of one hidden layer on pictures of digits, by stochastic gradient descent."""
    import numpy
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    parameters = {"learning_rate": spread(1e-3, 3.0, 16), "batch_size": [8, 32, 128], "hidden": [16, 64]}
    pictures, classes = load_digits(return_X_y=True)
    order = numpy.random.default_rng(1).permutation(len(classes))
    pictures, classes = pictures[order] / 16, classes[order]
    curves = []
    for rate, size, hidden in grid(parameters):
        network = MLPClassifier([hidden], solver="sgd", learning_rate_init=rate, batch_size=size, momentum=0.9, random_state=1)
        curve = []
        with numpy.errstate(all="ignore"):
            for _ in range(epochs):
                # What diverged is as good as a guess.
                try:
                    network.partial_fit(pictures[:600], classes[:600], classes=range(10))
                    curve.append(round(float(network.score(pictures[600:1200], classes[600:1200])), 4))
                except ValueError:
                    curve += [0.1] * (epochs - len(curve))
                    break
        curves.append(curve)
        print(rate, size, hidden, *curve, flush=True)
    return {"what": "accuracy of a network on 600 pictures of digits after each epoch over 600", "parameters": parameters, "curves": curves}


if __name__ == "__main__":
    main()
