"""Reading questions the way transformers' users do it: windows, places of answers, the best answers, EM and F1.

Used by squad.py here and by tests/fixtures/trainer/squad.py. No model is in it; a window is a dict of lists.
"""

import collections
import json
import math
import re
import string

LENGTH, OVERLAP, QUESTION = 384, 128, 64  # word pieces: of a window, common to two windows, of a question
N_BEST, LONGEST = 20, 30  # answers per question, word pieces of an answer


def questions(document):
    """(id, question, context, answers) of a SQuAD 1.1 document, in its order."""
    return [
        (asked["id"], asked["question"], paragraph["context"], asked["answers"])
        for article in document["data"] for paragraph in article["paragraphs"] for asked in paragraph["qas"]
    ]


def read(path):
    return questions(json.loads(path.read_text(encoding="utf-8")))


# --- windows --------------------------------------------------------------------------------------------------------


def windows(tokenizer, rows):
    """Every window of every question, cut as the fast tokenizer cuts: only the context, from the left, with an overlap."""
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    pieces = lambda text: tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    known, made = {}, []
    for number, (key, question, context, answers) in enumerate(rows):
        if context not in known:
            known[context] = pieces(context)
        ids, offsets = known[context]["input_ids"], known[context]["offset_mapping"]
        asked = pieces(question)["input_ids"][:QUESTION]
        room = LENGTH - len(asked) - 3
        head, start = [cls, *asked, sep], 0
        while True:
            part = slice(start, start + room)
            window = dict(
                row=number, question=key, ids=head + ids[part] + [sep], types=[0] * len(head) + [1] * (len(ids[part]) + 1),
                offsets=[None] * len(head) + [list(pair) for pair in offsets[part]] + [None],
            )
            window["start"], window["end"] = place(window["offsets"], answers[0])
            made.append(window)
            if start + room >= len(ids):
                break
            start += room - OVERLAP
    return made


def place(offsets, answer):
    """The first and last word piece of the answer; 0 and 0, which is [CLS], where the window does not hold all of it."""
    start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    context = [at for at, pair in enumerate(offsets) if pair]
    if not context or offsets[context[0]][0] > start or offsets[context[-1]][1] < end:
        return 0, 0
    return max(at for at in context if offsets[at][0] <= start), min(at for at in context if offsets[at][1] >= end)


def collate(torch, batch):
    length = max(len(window["ids"]) for window in batch)
    padded = lambda rows: torch.tensor([row + [0] * (length - len(row)) for row in rows])
    return dict(
        input_ids=padded([window["ids"] for window in batch]), token_type_ids=padded([window["types"] for window in batch]),
        attention_mask=padded([[1] * len(window["ids"]) for window in batch]),
        start_positions=torch.tensor([window["start"] for window in batch]),
        end_positions=torch.tensor([window["end"] for window in batch]),
    )


# --- answers --------------------------------------------------------------------------------------------------------


def best(rows, made, logits):
    """For each question its best answers, best first; `logits` holds the start and end logits of every window."""
    found = collections.defaultdict(list)
    for number, (window, (starts, ends)) in enumerate(zip(made, logits)):
        context = [at for at, pair in enumerate(window["offsets"]) if pair]
        top = lambda scores: sorted(context, key=lambda at: (-scores[at], at))[:N_BEST]
        found[window["row"]] += [
            (starts[start] + ends[end], number, start, end)
            for start in top(starts) for end in top(ends) if start <= end < start + LONGEST
        ]
    answers = {}
    for number, (key, _, context, _) in enumerate(rows):
        first = sorted(found[number], key=lambda each: (-each[0], *each[1:]))[:N_BEST]
        weights = [math.exp(score - first[0][0]) for score, *_ in first]
        answers[key] = [
            dict(text=context[made[window]["offsets"][start][0]:made[window]["offsets"][end][1]], probability=weight / sum(weights),
                 score=score, window=window, start=start, end=end)
            for weight, (score, window, start, end) in zip(weights, first)
        ]
    return answers


# --- SQuAD 1.1's measures -------------------------------------------------------------------------------------------


def normal(text):
    """Lower case, without punctuation, articles and more than one blank."""
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact(answer, references):
    return max(float(normal(answer) == normal(each)) for each in references)


def f1(answer, references):
    return max(overlap(normal(answer).split(), normal(each).split()) for each in references)


def overlap(answer, reference):
    common = sum((collections.Counter(answer) & collections.Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference)) if common else 0.0


def totals(rows, predictions):
    """EM and F1 in percent."""
    texts = lambda answers: [each["text"] for each in answers]
    mean = lambda measure: 100 * sum(measure(predictions.get(key, ""), texts(answers)) for key, _, _, answers in rows) / len(rows)
    return mean(exact), mean(f1)
