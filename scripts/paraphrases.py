#!/usr/bin/env python3
"""Write a paraphrase set of our own making, in MRPC's format, for a machine that cannot reach MRPC.

    scripts/paraphrases.py FOLDER [--seed 1]      FOLDER/train.tsv (3,668 rows) and FOLDER/dev.tsv (408 rows)

Each row is a pair of invented news sentences and whether they say the same thing. A paraphrase is told in other words,
in another order, in the passive, with a number spelled out or a detail left out. The other pairs keep almost all of
the words and change one fact: who did it to whom, a number, a date, a place, whether it happened at all. So counting
common words does not solve it. Two thirds are paraphrases, as in MRPC; a share of the labels is wrong on purpose, as
annotators are; and the names in the dev set do not occur in the training set.

The same seed gives the same bytes.
"""

import random
import re

import invented

HEADER = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
ROWS = {"train": 3668, "dev": 408}
PARAPHRASES = 0.70  # before the noise, which draws the share to about 0.67
WRONG_LABELS = 0.07
NEAR_COPIES = 0.55  # of the pairs that differ: told with the same sentence, one fact changed

FIRST = "Maria Jonas Elena Victor Amina Peter Lucia Henrik Nadia Oscar Irene Samuel Judith Marco Hanna Felix".split()
LAST = ("Keller Ortega Lindqvist Marsh Okafor Brandt Silva Novak Hartley Moreau Petrov Tanaka Whitfield Ferrari Dunn "
        "Castellan Ibsen Rourke Valdez Huang Sorensen Adeyemi Kovacs Blythe Quinlan Farrow Mertens Nakamura").split()
STEM = ("Norvane Halden Brightwater Castor Meridel Ostrava Pinecrest Quantor Ridgeway Solano Tarrant Umbra Velden "
        "Westmark Yarrow Zephyr Aldine Borealis Corvid Delphine Elmstead Fairhaven Granite Hollis").split()
TRADE = "Steel Foods Airlines Media Energy Software Motors Pharma Mining Telecom Insurance Shipping".split()
PLACES = ("Lisbon Oslo Denver Nairobi Osaka Geneva Montreal Santiago Warsaw Jakarta Dublin Atlanta Athens Manila "
          "Houston Prague Brisbane Lagos Seattle Vienna Tunis Boston Lima Ankara").split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday".split()
SMALL = "zero one two three four five six seven eight nine ten eleven twelve".split()

# An event: who and what it is about, ways to tell it, and ways to tell its contrary.
# <a> and <b> are of one kind, <n> is a number, <d> a date, <w> a weekday, <p> a place; [x|y] is either word.
# `either` marks events that stay true when <a> and <b> change places.
EVENTS = [
    {"kinds": {"a": "company", "b": "company", "n": "money", "d": "date"},
     "told": ["<a> [bought|acquired] <b> for <n> on <d>", "<b> was [bought|acquired|taken over] by <a> on <d> for <n>",
              "On <d>, <a> paid <n> to [acquire|take over] <b>", "<b> passed into the hands of <a> in a <n> deal on <d>"],
     "contrary": ["<a> [dropped|gave up] its plan to buy <b> for <n> on <d>",
                  "On <d>, <b> [turned down|rejected] an offer of <n> from <a>"]},
    {"kinds": {"a": "company", "b": "company", "n": "money", "w": "day"},
     "told": ["<a> [sued|took to court] <b> on <w>, [seeking|asking for] <n> in damages",
              "<b> was sued by <a> for <n> on <w>", "On <w>, <a> filed a <n> [lawsuit|suit] against <b>",
              "A [lawsuit|suit] filed on <w> by <a> [seeks|demands] <n> from <b>"],
     "contrary": ["<a> [withdrew|dropped] its <n> [lawsuit|suit] against <b> on <w>",
                  "On <w>, <a> and <b> settled a [lawsuit|suit] worth <n>"]},
    {"kinds": {"a": "company", "b": "company", "n": "money", "p": "place"}, "either": True,
     "told": ["<a> and <b> [agreed|decided] to merge in a deal [valued at|worth] <n>, signed in <p>",
              "A <n> merger of <a> with <b> was [agreed|signed] in <p>",
              "In <p>, <a> and <b> [signed|sealed] a merger [valued at|worth] <n>"],
     "contrary": ["<a> and <b> [called off|abandoned] a merger [valued at|worth] <n> at a meeting in <p>",
                  "Talks in <p> over a <n> merger of <a> with <b> [failed|collapsed]"]},
    {"kinds": {"a": "company", "n": "percent", "n2": "price", "w": "day"},
     "told": ["Shares of <a> [rose|climbed|gained] <n> to <n2> on <w>", "On <w>, <a> stock [was up|advanced] <n>, at <n2>",
              "<a> shares closed <w> at <n2>, a [gain|rise] of <n>"],
     "contrary": ["Shares of <a> [fell|slid|lost] <n> to <n2> on <w>", "<a> shares closed <w> at <n2>, a [loss|drop] of <n>"]},
    {"kinds": {"a": "company", "n": "count", "p": "place", "d": "date"},
     "told": ["<a> will [cut|shed|eliminate] <n> hundred jobs at its plant in <p> from <d>",
              "<n> hundred [workers|employees] at the <p> plant of <a> will lose their jobs from <d>",
              "From <d>, <a> is to lay off <n> hundred [workers|employees] in <p>"],
     "contrary": ["<a> will [hire|take on] <n> hundred [workers|employees] at its plant in <p> from <d>",
                  "From <d>, <a> is to create <n> hundred jobs in <p>"]},
    {"kinds": {"a": "person", "b": "person", "n": "count", "w": "day"},
     "told": ["<a> beat <b> in <n> sets in the [final|title match] on <w>",
              "<b> lost the [final|title match] to <a> in <n> sets on <w>",
              "In <w>'s [final|title match], <b> was [defeated|beaten] by <a> in <n> sets",
              "It took <a> <n> sets on <w> to [defeat|get past] <b> in the [final|title match]"],
     "contrary": []},
    {"kinds": {"a": "person", "b": "person", "p": "place", "d": "date"},
     "told": ["<a> [accused|blamed] <b> [for|over] the fire in <p> on <d>",
              "<b> was [accused|blamed] by <a> over the <d> fire in <p>",
              "For the fire in <p> on <d>, <a> [put the blame on|pointed the finger at] <b>"],
     "contrary": ["<a> [cleared|absolved] <b> of any part in the fire in <p> on <d>",
                  "<b> had nothing to do with the <d> fire in <p>, <a> said"]},
    {"kinds": {"a": "person", "b": "person", "p": "place", "w": "day"},
     "told": ["<a> will [succeed|replace] <b> as mayor of <p> on <w>", "<b> hands the office of <p>'s mayor to <a> on <w>",
              "On <w>, <b> is to be [succeeded|followed] by <a> as mayor of <p>"],
     "contrary": ["<a> will not [succeed|replace] <b> as mayor of <p> on <w>",
                  "<b> [stays|remains] mayor of <p> after a vote against <a> on <w>"]},
    {"kinds": {"a": "person", "b": "person", "n": "count", "p": "place"}, "either": True,
     "told": ["<a> and <b> [met|held talks] for <n> hours in <p>", "<a> met <b> in <p> for talks that [took|lasted] <n> hours",
              "Talks between <a> and <b> in <p> went on for <n> hours"],
     "contrary": ["<a> and <b> [called off|cancelled] talks planned in <p> after <n> hours of [waiting|delay]"]},
    {"kinds": {"n": "count", "n2": "count", "p": "place", "w": "day"},
     "told": ["A bus [crash|accident] near <p> on <w> killed <n> people and [hurt|injured] <n2>",
              "<n> people died and <n2> were [hurt|injured] when a bus crashed near <p> on <w>",
              "On <w>, a bus [crash|accident] outside <p> left <n> dead and <n2> [hurt|injured]"],
     "swap": ("n", "n2"), "contrary": ["A bus [crash|accident] near <p> on <w> killed none of the <n> people on board but "
                                       "[hurt|injured] <n2>"]},
    {"kinds": {"a": "person", "n": "count", "p": "place", "d": "date"},
     "told": ["A court in <p> [sentenced|sent] <a> to <n> years in prison on <d>",
              "<a> was given a prison term of <n> years by a court in <p> on <d>",
              "On <d>, a judge in <p> [jailed|imprisoned] <a> for <n> years"],
     "contrary": ["A court in <p> [acquitted|freed] <a> on <d> after <n> years in prison",
                  "On <d>, a judge in <p> [freed|released] <a>, who had served <n> years"]},
    {"kinds": {"a": "company", "n": "percent", "n2": "percent", "d": "date"},
     "told": ["<a> [changed|moved] its forecast of growth from <n> to <n2> on <d>",
              "On <d>, <a> said that it [expects|foresees] growth of <n2>, no longer <n>",
              "Growth at <a> is now [expected|forecast] to be <n2> instead of <n>, the firm said on <d>"],
     "swap": ("n", "n2"), "contrary": ["<a> left its forecast of growth [unchanged|as it was] at <n> on <d>, short of the "
                                       "<n2> that had been [expected|hoped for]"]},
]

# What follows the event: an aside in several wordings, and its contrary.
ASIDES = [
    (["after [long|lengthy] talks", "at the end of [long|lengthy] negotiations"],
     ["without any talks", "although no talks had taken place"]),
    (["and the [authorities|officials] [confirmed|verified] it", "which [officials|the authorities] [confirmed|verified]"],
     ["but the [authorities|officials] denied it", "which [officials|the authorities] [denied|disputed]"]),
    (["as [analysts|observers] had [expected|predicted]", "which came as no surprise to [analysts|observers]"],
     ["to the surprise of [analysts|observers]", "which no [analyst|observer] had [expected|predicted]"]),
    (["according to two people [close to|familiar with] the matter", "two people with knowledge of the matter said"],
     ["according to a single [unnamed|anonymous] letter", "a single [unnamed|anonymous] letter said"]),
    (["the [first|only] such case this year", "something that had not been seen before this year"],
     ["the second such case this year", "something that had been seen once before this year"]),
]


class Writer:
    """Sentences about invented events; `half` keeps the names of one set out of the other."""

    def __init__(self, rng, half):
        self.rng = rng
        self.last, self.stem, self.places = (words[half::4] if half == 3 else
                                             [word for at, word in enumerate(words) if at % 4 != 3]
                                             for words in (LAST, STEM, PLACES))

    def value(self, kind):
        pick = self.rng.choice
        return {
            "company": lambda: (pick(self.stem), pick(TRADE)),
            "person": lambda: (pick(FIRST), pick(self.last)),
            "place": lambda: pick(self.places),
            "day": lambda: pick(DAYS),
            "date": lambda: (pick(MONTHS), self.rng.randint(1, 28)),
            "money": lambda: round(self.rng.uniform(1.1, 99.0), 1),
            "price": lambda: round(self.rng.uniform(1.1, 99.0), 2),
            "percent": lambda: round(self.rng.uniform(1.1, 19.9), 1),
            "count": lambda: self.rng.randint(2, 12),
        }[kind]()

    def other(self, kind, value):
        """Near enough that most of the letters stay."""
        while True:
            new = self.value(kind)
            if kind == "date" and self.rng.random() < 0.5:
                new = (value[0], new[1])
            elif kind == "person":
                new = (value[0], new[1])
            elif kind == "company":
                new = (new[0], value[1])
            elif kind in ("money", "percent", "price"):
                new = round(value + self.rng.choice([-1, -0.3, 0.2, 0.4, 1, 3]), 2)
            if new != value and (not isinstance(new, float) or new > 1):
                return new

    def say(self, kind, value):
        pick = self.rng.choice
        if kind == "company":
            return pick([" ".join(value), " ".join(value), value[0], " ".join(value) + " Inc."])
        if kind == "person":
            return pick([" ".join(value), " ".join(value), value[1]])
        if kind == "date":
            return pick([f"{value[0]} {value[1]}", f"{value[0]} {value[1]}", f"{value[1]} {value[0]}"])
        if kind == "money":
            return pick([f"${value:.1f} million", f"{value:.1f} million dollars"])
        if kind == "price":
            return f"${value:.2f}"
        if kind == "percent":
            return pick([f"{value:.1f} percent", f"{value:.1f}%"])
        return pick([SMALL[value], str(value)]) if kind == "count" else value

    def tell(self, event, facts, template, aside):
        """One sentence: the facts in the template's words, then the aside."""
        text = re.sub(r"<(\w+)>", lambda slot: self.say(event["kinds"][slot[1]], facts[slot[1]]), self.choose(template))
        tail = f", {self.choose(self.rng.choice(aside))}" if aside else ""
        return text[0].upper() + (text[1:] + tail + ".").replace("..", ".")

    def choose(self, text):
        return invented.choose(self.rng, text)

    def facts(self, event):
        facts = {slot: self.value(kind) for slot, kind in event["kinds"].items()}
        while "b" in facts and set(facts["a"]) & set(facts["b"]):
            facts["b"] = self.value(event["kinds"]["b"])
        while facts.get("n2") == facts.get("n", 0):
            facts["n2"] = self.value(event["kinds"]["n2"])
        return facts

    def same(self):
        """Two sentences that say one thing."""
        event = self.rng.choice(EVENTS)
        facts = self.facts(event)
        aside = self.rng.choice(ASIDES)[0] if self.rng.random() < 0.7 else None
        first = self.rng.choice(event["told"])
        second = self.rng.choice(event["told"])
        again = dict(facts)
        if event.get("either") and self.rng.random() < 0.5:
            again["a"], again["b"] = facts["b"], facts["a"]
        dropped = aside if self.rng.random() < 0.8 else None
        return self.tell(event, facts, first, aside), self.tell(event, again, second, dropped)

    def different(self):
        """Two sentences that share most of their words and not what they say."""
        event = self.rng.choice(EVENTS)
        facts = self.facts(event)
        aside, contrary_aside = self.rng.choice(ASIDES) if self.rng.random() < 0.7 else (None, None)
        first = self.rng.choice(event["told"])
        second = first if self.rng.random() < NEAR_COPIES else self.rng.choice(event["told"])
        other, other_aside = dict(facts), aside
        swap = event.get("swap") or (("a", "b") if "b" in facts and not event.get("either") else None)
        changes = ["fact", "fact"] + ["swap"] * (2 if swap else 0)
        changes += ["contrary"] * bool(event["contrary"]) + ["aside"] * bool(aside)
        change = self.rng.choice(changes)
        if change == "swap":
            other[swap[0]], other[swap[1]] = facts[swap[1]], facts[swap[0]]
        elif change == "contrary":
            second = self.rng.choice(event["contrary"])
        elif change == "aside":
            other_aside = contrary_aside
        else:
            slot = self.rng.choice(sorted(facts))
            other[slot] = self.other(event["kinds"][slot], facts[slot])
        if change != "aside" and self.rng.random() < 0.2:
            other_aside = None
        return self.tell(event, facts, first, aside), self.tell(event, other, second, other_aside)


def rows(name, seed):
    rng = random.Random(f"{name} {seed}")
    writer = Writer(rng, 3 if name == "dev" else 0)
    seen = set()
    while len(seen) < ROWS[name]:
        paraphrase = rng.random() < PARAPHRASES
        pair = writer.same() if paraphrase else writer.different()
        if pair[0] == pair[1] or pair in seen:
            continue
        seen.add(pair)
        label = paraphrase != (rng.random() < WRONG_LABELS)
        number = 2 * len(seen)
        yield f"{int(label)}\t{number}\t{number + 1}\t{pair[0]}\t{pair[1]}\n"


if __name__ == "__main__":
    invented.write(__doc__, lambda seed: {f"{name}.tsv": HEADER + "".join(rows(name, seed)) for name in ROWS})
