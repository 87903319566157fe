"""The baseline: Hugging Face transformers fine-tunes the same checkpoint on the same batches, and says how fast.

Run by compare.py, which has a Python with torch and transformers. Prints one line of JSON.
"""

import argparse
import json
import time

MASK = (1 << 64) - 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--precision", choices=["bf16", "fp32"], required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--skip", type=int, required=True, help="first steps, which are not counted")
    parser.add_argument("--rate", type=float, default=1e-4)
    print(json.dumps(train(parser.parse_args())), flush=True)


def train(wanted):
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(1)
    transformers.logging.set_verbosity_error()
    rows = [line.split("\t") for line in open(f"{wanted.data}/train.tsv", encoding="utf-8").read().split("\n")[1:]]
    rows = [row for row in rows if len(row) == 5]
    tokenizer = transformers.AutoTokenizer.from_pretrained(wanted.model)
    tokens = tokenizer([row[3] for row in rows], [row[4] for row in rows], truncation=True, max_length=128)
    pairs = [
        dict(input_ids=ids, token_type_ids=types, labels=int(row[0]))
        for ids, types, row in zip(tokens["input_ids"], tokens["token_type_ids"], rows)
    ]
    model = transformers.BertForSequenceClassification.from_pretrained(wanted.model, num_labels=2, dtype=torch.float32)
    model.train()
    step = stepper(torch, transformers, model, wanted.rate, 3 * -(-len(pairs) // 32), wanted.precision)
    n_pairs, began, began_cpu, losses = 0, time.perf_counter(), time.process_time(), []
    for number, places in enumerate(order(pairs, 32, seed=1, epoch=0)[: wanted.steps]):
        if number == wanted.skip:
            n_pairs, began, began_cpu = 0, time.perf_counter(), time.process_time()
        losses.append(step(collate(torch, [pairs[place] for place in places])))
        n_pairs += len(places)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return dict(samples_per_second=n_pairs / wall, samples_per_cpu_second=n_pairs / cpu, losses=losses)


def stepper(torch, transformers, model, rate, total, precision):
    """A step of Hugging Face's recipe of so many, as a function of its batch; it gives the loss."""
    optimizer = fused_adamw(torch, model, rate)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(0.1 * total), total)

    def step(batch):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def fused_adamw(torch, model, rate):
    exempt = ("bias", "LayerNorm.weight")
    split = lambda decays: [p for n, p in model.named_parameters() if n.endswith(exempt) != decays]
    groups = [dict(params=split(True), weight_decay=0.01), dict(params=split(False), weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8, fused=True)


def collate(torch, pairs):
    length = max(len(pair["input_ids"]) for pair in pairs)
    padded = lambda key: torch.tensor([pair[key] + [0] * (length - len(pair[key])) for pair in pairs])
    mask = torch.tensor([[1] * len(pair["input_ids"]) + [0] * (length - len(pair["input_ids"])) for pair in pairs])
    labels = torch.tensor([pair["labels"] for pair in pairs])
    return dict(input_ids=padded("input_ids"), token_type_ids=padded("token_type_ids"), attention_mask=mask, labels=labels)


# --- the batches of src/trainer/batches.rs, in the same order ---------------------------------------------------------


def order(pairs, size, seed, epoch):
    draw = stream(seed, 2, epoch)
    places = list(range(len(pairs)))
    shuffle(places, draw)
    batches = []
    for start in range(0, len(places), 8 * size):
        bucket = sorted(places[start : start + 8 * size], key=lambda place: len(pairs[place]["input_ids"]))
        batches += [bucket[at : at + size] for at in range(0, len(bucket), size)]
    shuffle(batches, draw)
    return batches


def stream(*key):
    state = 0
    for part in key:
        state = (mix(state ^ part) + part) & MASK
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        yield mix(state)


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def shuffle(items, draw):
    for last in range(len(items) - 1, 0, -1):
        other = (next(draw) * (last + 1)) >> 64
        items[last], items[other] = items[other], items[last]


if __name__ == "__main__":
    main()
