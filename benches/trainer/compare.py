#!/usr/bin/env python3
"""How fast does bert-trainer train, beside Hugging Face transformers on the same checkpoint, batches and core?

    make bench-trainer
    scripts/with-libtorch python3 benches/trainer/compare.py [--rounds 3] [--steps 40] [--precision bf16|fp32]

Both run one after the other, round by round, one thread each and pinned to one core, with dropout, clipping and fused
AdamW. What counts is pairs per second of processor time, which a busy neighbour disturbs least; the first steps are left
out on both sides. Precision is bf16 where the processor multiplies it, otherwise fp32: a processor without bf16 emulates it a
hundred times slower, and bert-trainer then computes in fp32.

Data: DATA=folder, or data/mrpc in the project, or ../shared/data/mrpc beside it. Python with torch 2.11 and transformers:
--python, or this one, or one that is set up in the cache (2.5 GB, once).
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("TUNING_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tuning-operator")
NEEDED = ["torch==2.11.0", "transformers==5.23.0"]
IMPORTS = "import torch, transformers"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--skip", type=int, default=5, help="first steps, which are not counted")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default=None)
    parser.add_argument("--model", default=os.environ.get("TUNING_MODEL", str(CACHE / "minilm-l6-v2")))
    parser.add_argument("--trainer", default=built_trainer())
    parser.add_argument("--python", default=None, help="a Python with torch and transformers")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    wanted = parser.parse_args()
    wanted.data = str(find_data())
    wanted.precision = wanted.precision or ("bf16" if multiplies_bf16() else "fp32")
    python = find_python(wanted.python)
    print(f"{wanted.precision}, {wanted.steps} steps, one thread on core {wanted.core}, data {wanted.data}", flush=True)
    rounds = []
    for number in range(wanted.rounds):
        theirs, ours = run_baseline(python, wanted), run_trainer(wanted)
        rounds.append((theirs, ours))
        print(
            f"round {number + 1}: transformers {describe(theirs)}; bert-trainer {describe(ours)}; "
            f"ratio {ours['samples_per_cpu_second'] / theirs['samples_per_cpu_second']:.2f}",
            flush=True,
        )
    middle = lambda side: statistics.median(pair[side]["samples_per_cpu_second"] for pair in rounds)
    ratios = [ours["samples_per_cpu_second"] / theirs["samples_per_cpu_second"] for theirs, ours in rounds]
    print(
        f"median: transformers {middle(0):.1f}, bert-trainer {middle(1):.1f} pairs per processor second; "
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def built_trainer():
    """Where `make build` leaves it."""
    folder = subprocess.run([PROJECT / "scripts/target-dir"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return f"{folder}/release/bert-trainer"


def describe(result):
    return f"{result['samples_per_cpu_second']:.1f}/cpu-s ({result['samples_per_second']:.1f}/s)"


def run_baseline(python, wanted):
    command = [python, str(Path(__file__).with_name("baseline.py")), "--model", wanted.model, "--data", wanted.data]
    command += ["--precision", wanted.precision, "--steps", str(wanted.steps), "--skip", str(wanted.skip)]
    # The Python's torch brings its own libraries.
    env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    env.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    answer = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, preexec_fn=lambda: pin(wanted.core))
    return json.loads(answer.stdout.decode().strip().splitlines()[-1])


def run_trainer(wanted):
    """Runs until the log says that enough steps are done, and reads the processor time at both ends."""
    command = [wanted.trainer, "--model", wanted.model, "--data", wanted.data, "--precision", wanted.precision]
    command += ["--learning-rate", "1e-4", "--log-every", "1", "--device", "cpu", "--threads", "1"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("TUNING_")}
    env.update(OMP_NUM_THREADS="1")
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=lambda: pin(wanted.core)
    )
    marks = {}
    for line in process.stdout:
        if line.startswith("step="):
            fields = dict(field.split("=") for field in line.split())
            step = int(fields["step"].split("/")[0])
            seconds = step * 32 / float(fields["samples_per_second"])
            marks[step] = (seconds, processor_seconds(process.pid))
            if step == wanted.steps:
                process.send_signal(signal.SIGTERM)
                break
    process.stdout.close()
    process.wait()
    if wanted.steps not in marks:
        sys.exit(f"compare: bert-trainer ended with code {process.returncode} before step {wanted.steps}")
    wall, cpu = (after - before for before, after in zip(marks[wanted.skip], marks[wanted.steps]))
    n_pairs = (wanted.steps - wanted.skip) * 32
    return dict(samples_per_second=n_pairs / wall, samples_per_cpu_second=n_pairs / cpu)


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin(core):
    os.sched_setaffinity(0, {core})


def multiplies_bf16():
    return "avx512bw" in Path("/proc/cpuinfo").read_text()


def find_data():
    places = [os.environ.get("DATA"), PROJECT / "data/mrpc", PROJECT / "../shared/data/mrpc"]
    for place in filter(None, places):
        if (Path(place) / "train.tsv").is_file():
            return Path(place).resolve()
    sys.exit("compare: MRPC is not here; put train.tsv and dev.tsv into data/mrpc, or set DATA to their folder")


def find_python(chosen):
    venv = CACHE / "bench-venv"
    for python in filter(None, [chosen, sys.executable, str(venv / "bin/python")]):
        env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        if Path(python).exists() and subprocess.run([python, "-c", IMPORTS], env=env, stderr=subprocess.DEVNULL).returncode == 0:
            return python
    print(f"setting up {' and '.join(NEEDED)} in {venv}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([venv / "bin/pip", "install", "--quiet", *NEEDED], check=True)
    return str(venv / "bin/python")


if __name__ == "__main__":
    main()
