"""The baseline of squad.py: Hugging Face transformers fine-tunes the checkpoint on SQuAD 1.1 and answers the dev questions.

Writes OUTPUT/checkpoint (the weights as transformers saves them), OUTPUT/predictions.json and, last, OUTPUT/result.json.
The answers are computed in fp32, whatever the training was in.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import torch
import transformers

import baseline
import reading

SAY_EVERY = 20  # steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--precision", choices=["bf16", "fp32"], required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    torch.manual_seed(wanted.seed)
    transformers.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(wanted.model)
    model = transformers.BertForQuestionAnswering.from_pretrained(wanted.model, dtype=torch.float32)
    made = reading.windows(tokenizer, reading.read(wanted.data / "train-v1.1.json"))
    seconds = train(model, made, wanted)
    save(model, wanted)
    rows = reading.read(wanted.data / "dev-v1.1.json")
    predictions = answer(model, rows, reading.windows(tokenizer, rows))
    exact_match, f1 = reading.totals(rows, predictions)
    result = dict(exact_match=exact_match, f1=f1, seconds=seconds, questions=len(rows), windows=len(made))
    (wanted.output / "predictions.json").write_text(json.dumps(predictions), encoding="utf-8")
    (wanted.output / "result.json").write_text(json.dumps(result) + "\n")


def train(model, made, wanted):
    """The seconds that it took."""
    model.train()
    total = wanted.epochs * -(-len(made) // wanted.batch)
    step = baseline.stepper(torch, transformers, model, wanted.lr, total, wanted.precision)
    began, losses = time.perf_counter(), []
    lengths = [dict(input_ids=window["ids"]) for window in made]
    for epoch in range(wanted.epochs):
        for chosen in baseline.order(lengths, wanted.batch, wanted.seed, epoch):
            losses.append(step(reading.collate(torch, [made[at] for at in chosen])))
            n_steps = len(losses)
            if n_steps % SAY_EVERY == 0 or n_steps == total:
                last = losses[-SAY_EVERY:]
                print(f"step {n_steps}/{total}, loss {sum(last) / len(last):.3f}, {time.perf_counter() - began:.0f} s", flush=True)
    return time.perf_counter() - began


def save(model, wanted):
    folder = wanted.output / "checkpoint"
    model.save_pretrained(folder)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (wanted.model / name).is_file():
            shutil.copyfile(wanted.model / name, folder / name)


def answer(model, rows, made):
    """The first answer to each question; windows of about one length go through the model together."""
    model.eval()
    logits = [None] * len(made)
    order = sorted(range(len(made)), key=lambda at: len(made[at]["ids"]))
    with torch.inference_mode():
        for begin in range(0, len(order), 32):
            chosen = order[begin : begin + 32]
            batch = reading.collate(torch, [made[at] for at in chosen])
            out = model(**{name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask")})
            for at, starts, ends in zip(chosen, out.start_logits.tolist(), out.end_logits.tolist()):
                logits[at] = starts, ends
    return {key: answers[0]["text"] for key, answers in reading.best(rows, made, logits).items()}


if __name__ == "__main__":
    main()
