#!/usr/bin/env python3
"""Does transformers load the models that bert-trainer hands over, and answer the same?

    make bench-trainer                        # its last part
    scripts/with-libtorch python3 benches/trainer/loads.py [--trainer PROGRAM] [--model DIR]

A classifier and a model that finds answers are trained for two epochs on texts made up here, from the checkpoint and from small random
RoBERTa and DistilBERT that transformers makes. transformers then loads each folder with AutoModel classes and AutoTokenizer, as a person
would, and the logits are compared with those of `bert-trainer predict` in fp32.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from compare import CACHE, built_trainer, find_python

ANIMALS = ["cat", "dog", "horse", "bird", "fish", "mouse"]
PLACES = ["house", "garden", "river", "forest", "street", "field"]
TOLERANCE = 1e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainer", default=built_trainer())
    parser.add_argument("--model", default=os.environ.get("TUNING_MODEL", str(CACHE / "minilm-l6-v2")))
    parser.add_argument("--python", default=None, help="a Python with torch and transformers")
    parser.add_argument("--inside", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.inside:
        what, folder = wanted.inside
        return print(json.dumps(theirs(Path(folder)) if what == "answer" else make(what, Path(folder))))
    python = find_python(wanted.python)
    worst = 0.0
    for family in ["bert", "roberta", "distilbert"]:
        for task in ["mrpc", "squad"]:
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                write_data(place, task)
                model = wanted.model
                if family != "bert":
                    model = place / "checkpoint"
                    inside(python, family, place)
                train(wanted, model, place, task)
                ours = predict(wanted, place)
                worst = max(worst, compare(f"{family} {task}", task, ours, inside(python, "answer", place)))
    if worst > TOLERANCE:
        sys.exit(f"transformers answers otherwise: {worst}")


def inside(python, what, place):
    """Runs a part of this program in a Python that has transformers, with its own libraries."""
    env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    env.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1")
    command = [python, __file__, "--inside", what, str(place)]
    answer = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout.decode()
    return json.loads(answer.strip().splitlines()[-1])


def make(family, place):
    """A small random checkpoint of this family, with a tokenizer that has learned the texts."""
    import torch
    import transformers
    from tokenizers import ByteLevelBPETokenizer, BertWordPieceTokenizer

    folder = place / "checkpoint"
    folder.mkdir()
    texts = [text for line in (place / "inputs.jsonl").read_text().splitlines() for text in json.loads(line).values()]
    torch.manual_seed(1)
    if family == "roberta":
        tokenizer = ByteLevelBPETokenizer()
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        tokenizer.train_from_iterator(texts, vocab_size=400, special_tokens=special)
        tokenizer.save_model(str(folder))
        size = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, max_position_embeddings=130)
        config = transformers.RobertaConfig(vocab_size=tokenizer.get_vocab_size(), type_vocab_size=1, **size)
        transformers.RobertaModel(config).save_pretrained(folder)
    else:
        tokenizer = BertWordPieceTokenizer(lowercase=True)
        tokenizer.train_from_iterator(texts, vocab_size=200, min_frequency=1)
        tokenizer.save_model(str(folder))
        size = dict(dim=64, n_layers=2, n_heads=4, hidden_dim=96, max_position_embeddings=128)
        config = transformers.DistilBertConfig(vocab_size=tokenizer.get_vocab_size(), **size)
        transformers.DistilBertModel(config).save_pretrained(folder)
    return tokenizer.get_vocab_size()


def write_data(place, task):
    pairs = [(animal, other, spot) for spot in PLACES for animal, other in zip(ANIMALS, ANIMALS[1:] + ANIMALS[:1])]
    sentence = lambda animal, spot: f"The {animal} sleeps in the {spot}."
    inputs = []
    if task == "mrpc":
        rows = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
        for number, (animal, other, spot) in enumerate(pairs):
            second = sentence(animal if number % 2 else other, spot)
            rows.append(f"{number % 2}\t{number}\t{number}\t{sentence(animal, spot)}\t{second}")
            inputs.append({"text": sentence(animal, spot), "text_pair": second})
        # A word that no example has.
        inputs.append({"text": "A zebra gallops over the savanna.", "text_pair": "Zebras run."})
        for name in ["train.tsv", "dev.tsv"]:
            (place / name).write_text("\n".join(rows) + "\n")
    else:
        paragraphs = []
        for number, (animal, _, spot) in enumerate(pairs):
            context = f"It is late. {sentence(animal, spot)} Nobody sees it."
            answer = {"text": f"in the {spot}", "answer_start": context.index("in the")}
            question = {"id": str(number), "question": f"Where does the {animal} sleep?", "answers": [answer]}
            paragraphs.append({"context": context, "qas": [question]})
            inputs.append({"question": question["question"], "context": context})
        text = json.dumps({"version": "1.1", "data": [{"title": "", "paragraphs": paragraphs}]})
        for name in ["train-v1.1.json", "dev-v1.1.json"]:
            (place / name).write_text(text)
    (place / "inputs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in inputs))


def train(wanted, model, place, task):
    command = [wanted.trainer, f"--task={task}", f"--model={model}", f"--data={place}", f"--output-dir={place}/out"]
    command += ["--epochs=2", "--batch-size=8", "--learning-rate=1e-4", "--precision=fp32", "--threads=2", "--max-length=128"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def predict(wanted, place):
    command = [wanted.trainer, "predict", f"--model={place}/out/model", f"--input={place}/inputs.jsonl", "--precision=fp32"]
    answers = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
    return [json.loads(line) for line in answers.splitlines()]


def theirs(place):
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification, AutoTokenizer

    folder = place / "out" / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = [json.loads(line) for line in (place / "inputs.jsonl").read_text().splitlines()]
    is_squad = "question" in inputs[0]
    kind = AutoModelForQuestionAnswering if is_squad else AutoModelForSequenceClassification
    model, loading = kind.from_pretrained(folder, output_loading_info=True)
    model.eval()
    answers = {"missing": sorted(loading["missing_keys"]), "unexpected": sorted(loading["unexpected_keys"]), "answers": []}
    with torch.no_grad():
        for one in inputs:
            if not is_squad:
                tokens = tokenizer(one["text"], one["text_pair"], return_tensors="pt")
                logits = model(**tokens).logits[0]
                label = model.config.id2label[int(logits.argmax())]
                answers["answers"].append({"logits": logits.tolist(), "label": label})
            else:
                tokens = tokenizer(one["question"], one["context"], return_tensors="pt", return_offsets_mapping=True)
                places = tokens.pop("offset_mapping")[0].tolist()
                found = model(**tokens)
                text = [at for at, part in enumerate(tokens.sequence_ids(0)) if part == 1]
                spans = [(float(found.start_logits[0][a] + found.end_logits[0][b]), a, b) for a in text for b in text if a <= b < a + 30]
                _, first, last = max(spans)
                answers["answers"].append({"answer": one["context"][places[first][0] : places[last][1]]})
    return answers


def compare(name, task, ours, theirs):
    """The largest difference of two logits; of squad, how many answers differ."""
    key = "label" if task == "mrpc" else "answer"
    same = sum(a[key] == b[key] for a, b in zip(ours, theirs["answers"], strict=True))
    logits = [abs(x - y) for a, b in zip(ours, theirs["answers"]) for x, y in zip(a.get("logits", []), b.get("logits", []))]
    worst = max(logits, default=0.0)
    of_logits = f", logits differ by {worst:.1e} at most" if task == "mrpc" else ""
    print(f"{name}: {same} of {len(ours)} answers the same{of_logits}; missing {theirs['missing']}, unexpected {theirs['unexpected']}", flush=True)
    is_whole = not theirs["missing"] and not theirs["unexpected"]
    return worst if is_whole and same == len(ours) else float("inf")


if __name__ == "__main__":
    main()
