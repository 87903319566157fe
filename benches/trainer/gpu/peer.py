"""The peer on the GPU: Hugging Face transformers' BERT-base in bf16 with SDPA and fused AdamW, in the shapes of speed.rs.

Run by scripts/gpu-check. Prints lines of JSON, as the checks do.
"""

import argparse
import json
import random
import statistics
import time

# Name, head, examples, shortest and longest: those of speed.rs.
SHAPES = [
    ("SQuAD, 32 x 384", "squad", 32, 384, 384),
    ("SQuAD, 32 of 64 to 288", "squad", 32, 64, 288),
    ("MRPC, 32 of 30 to 76", "mrpc", 32, 30, 76),
]
BATCHES, ROUNDS = 10, 5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    device = parser.parse_args().device
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    for shape in SHAPES:
        times = sorted(measure(torch, transformers, device, shape))
        of = "a small BERT" if device == "cpu" else "BERT-base"
        found = f"{statistics.median(times):.2f} ms ({times[0]:.2f} to {times[-1]:.2f})"
        check = f"step of {of}, {shape[0]}, transformers {transformers.__version__}"
        print(json.dumps(dict(check=check, found=found, wanted="", holds=None)), flush=True)


def measure(torch, transformers, device, shape):
    _, task, n, least, most = shape
    is_rehearsal = device == "cpu"
    small = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2) if is_rehearsal else {}
    config = transformers.BertConfig(attn_implementation="sdpa", **small)
    kind = transformers.BertForQuestionAnswering if task == "squad" else transformers.BertForSequenceClassification
    model = kind(config).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    draw = random.Random(1)
    batches = [batch(torch, draw, device, task, n, least, most) for _ in range(1 if is_rehearsal else BATCHES)]
    wait = (lambda: None) if is_rehearsal else torch.cuda.synchronize

    def once():
        wait()
        begun = time.perf_counter()
        for each in batches:
            with torch.autocast(device.split(":")[0], dtype=torch.bfloat16):
                loss = model(**each).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        wait()
        return 1e3 * (time.perf_counter() - begun) / len(batches)

    once()
    return [once() for _ in range(1 if is_rehearsal else ROUNDS)]


def batch(torch, draw, device, task, n, least, most):
    lengths = [draw.randint(least, most) for _ in range(n)]
    longest = max(lengths)
    ids = torch.tensor([[draw.randint(1000, 20999) if i < length else 0 for i in range(longest)] for length in lengths])
    mask = torch.tensor([[int(i < length) for i in range(longest)] for length in lengths])
    made = dict(input_ids=ids, attention_mask=mask)
    if task == "squad":
        made.update(start_positions=torch.tensor([length // 3 for length in lengths]))
        made.update(end_positions=torch.tensor([length // 2 for length in lengths]))
    else:
        made.update(labels=torch.tensor([i % 2 for i in range(n)]))
    return {name: tensor.to(device) for name, tensor in made.items()}


if __name__ == "__main__":
    main()
