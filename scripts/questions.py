#!/usr/bin/env python3
"""Write a reading test of our own making, in SQuAD 1.1's format, for a machine that cannot reach SQuAD.

    scripts/questions.py FOLDER [--seed 1]   FOLDER/train-v1.1.json (2,000 questions), FOLDER/dev-v1.1.json (300)

A paragraph tells of several invented events of one town, so that it holds several dates, persons, places and amounts;
a question asks for one of them, mostly in other words than the paragraph's. A few paragraphs are longer than a window of
384 tokens. Some names have letters beyond ASCII, and a few paragraphs a character beyond Unicode's first plane.
Questions of the dev set have one to three reference answers; its names do not occur in the training set.

The same seed gives the same bytes.
"""

import json
import random
import re

import invented

QUESTIONS = {"train": 2000, "dev": 300}
PARAGRAPHS = 6  # of one article
ASKED = (3, 6)  # questions about one paragraph
WORDS, LONG_WORDS, LONG_SHARE = (80, 185), (350, 480), 0.05
LOOSE = 0.1  # of the answers: marked a little wider or narrower, as people do

FIRST = """Maria Jonas Elena Zoë Victor Amina Peter Łucja Lucia Henrik Nadia André Oscar Irene Samuel Jörg Judith Marco Hanna
 Chloé Felix Ruth Tomás Astrid Leon Clara Edgar Małgosia Priya Anton Vera Björn Simon Delia Karim Renée Agnes Boris Ingrid Günter""".split()
LAST = """Keller Ortega Lindqvist Marsh Okafor Brandt Silva Novák Hartley Moreau Petrov Tanaka Whitfield Ferrari Dunn Löwe
 Castellan Ibsen Rourke Valdés Huang Sørensen Adeyemi Kovács Blythe Quinlan Farrow Mertens Nakamura Ashdown Birkett Wałek
 Corday Dreyer Eastman Fenwick Gruber Haldane Iverson Jansson Kirby Lockhart Maddox Nyström Oakley Prentice Radley Szabó
 Thorne Ullman Vance Wexford Yardley Zeller Amory Bonnet Crane Duval Ekström Forrest Gale Hobart Irwin Jarrett""".split()
PLACES = """Lisbon Oslo Denver Nairobi Osaka Geneva Montreal Santiago Warsaw Jakarta Dublin Łódź Athens Manila Houston Malmö
 Prague Brisbane Lagos Zürich Vienna Tunis Boston Córdoba Lima Ankara Turin Orléans Leeds Bergen Kyoto Bogotá
 Tampa Rabat Utrecht Kraków Seville Hanoi Perth Göteborg Salerno Aleppo Quito Besançon Basel Varna Porto Tromsø""".split()
STEM = """Norvane Halden Brightwater Castor Meridel Ostrava Pinecrest Quantor Ridgeway Solano Tarrant Umbra Velden Westmark
 Yarrow Zephyr Aldine Borealis Corvid Delphine Elmstead Fairhaven Granite Hollis Isolde Juniper Kestrel Larkspur Morrow Nettle
 Orchard Paragon Quill Rosewood Sable Thistle Ulmer Verity Wren Amberley""".split()
TITLES = """Silent|Orchard Broken|Compass Last|Lantern Paper|Harbour Winter|Ledger Copper|Garden Ninth|Gate Hollow|Crown
 Salt|Road Glass|Meadow Distant|Bell Iron|Swallow Blind|Mapmaker Yellow|Stair Narrow|Sea Burning|Almanac""".split()
TRADE = "Steel Foods Airlines Media Energy Software Motors Pharma Mining Telecom Insurance Shipping".split()
MONTHS = "January February March April May June July August September October November December".split()
COLOURS = "crested spotted dwarf ringed pale striped marsh velvet".split()
ANIMALS = "heron newt beetle lynx warbler otter moth plover vole salamander".split()
FOODS = "water snails|pine seeds|small crabs|fallen plums|reed roots|young eels|wild barley|ants and their eggs".split("|")
CAUSES = """a shortage of coal|a strike of the printers|an outbreak of cholera|a leak in the main boiler|heavy snow in the passes|
a quarrel over the seating|the death of its director|a forged signature|the rising price of timber|a swarm of locusts"""
CAUSES = CAUSES.replace("\n", "").split("|")
CROPS = "saffron|flax|sugar beet|hops|tobacco|black rye|indigo|walnuts|olives|cotton".split("|")

# An event: ways to tell it and, by what is asked for, ways to ask. <person> is a fact of that kind, <person2> another of
# the same kind; [x|y] is either word. Every question names a fact of the event that nothing else in the paragraph has.
EVENTS = [
    (["The <bridge> was [designed|drawn] by <person>, [crosses|spans] the river on the road to <place> and was opened on <date>. "
      "Its <count> metres of steel cost <money>.",
      "On <date>, the town celebrated the opening of the <bridge> on the way to <place>, for which it had paid <money>. "
      "<person> was the engineer of its <count> metres."],
     {"person": ["Who was the architect of the <bridge>?", "After whose plans was the <bridge> built?"],
      "date": ["When could people first use the <bridge>?", "On what day was the <bridge> inaugurated?"],
      "money": ["How much had to be spent on the <bridge>?", "What was the price of the <bridge>?"],
      "count": ["How long is the <bridge> in metres?"], "place": ["Where does the road over the <bridge> lead?"]}),
    (["<company> was [founded|set up] in <year> by <person>, who had [worked|been a clerk] in <place>; it [soon|before long] employed "
      "<count> people.",
      "In <year>, <person>, newly arrived from <place>, [founded|set up] <company>, which grew to <count> workers."],
     {"person": ["Who started <company>?", "What is the name of the founder of <company>?"],
      "year": ["When did <company> come into being?", "In what year did <person>'s business begin?"],
      "company": ["Which firm was created by <person>?"], "count": ["How many employees did <company> come to have?"],
      "place": ["Where had <person> lived before starting a business?"]}),
    (["<company> [bought|acquired] its rival <company2> for <money> on <date>, [against the advice|to the annoyance] of <person>.",
      "On <date>, <company2> was taken over by <company>. The deal, which <person> had opposed, was worth <money>."],
     {"company": ["Who became the owner of <company2>?"], "company2": ["Which business was purchased by <company>?"],
      "money": ["What did <company> pay for <company2>?", "How expensive was <company2>?"],
      "date": ["When did <company2> change hands?"], "person": ["Who did not want <company> to purchase <company2>?"]}),
    (["The <prize> of <year> went to <person> for [a study|a history] of <crop>; <person2> came second. "
      "It was handed over in <place>.",
      "For [a study|a history] of <crop>, <person> received the <prize> in <place> in <year>, ahead of <person2>."],
     {"person": ["Who won the <prize>?", "To whom was the <prize> awarded?"], "person2": ["Who was the runner-up for the <prize>?"],
      "year": ["When was the <prize> given to <person>?"], "place": ["In what city did <person> accept the <prize>?"],
      "crop": ["What had the winner of the <prize> written about?"], "prize": ["Which award did <person> get?"]}),
    (["<person> set out from <place> on <date> with <small> ships and reached <place2> after <count> days at sea.",
      "With <small> ships, <person> arrived in <place2> after <count> days; they had left <place> on <date>."],
     {"person": ["Who led the ships to <place2>?"], "place": ["From which port did <person> sail?", "Where did <person>'s voyage begin?"],
      "place2": ["What was the destination of <person>'s voyage?"], "date": ["When did <person>'s voyage begin?"],
      "count": ["How many days did <person>'s crossing take?"], "small": ["How large was the fleet of <person>?"]}),
    (["<person> was elected mayor on <date> with <percent> of the votes, well ahead of <person2>, for whom <percent2> had voted.",
      "The vote of <date> was lost by <person2>, who got <percent2>; with <percent>, <person> became mayor."],
     {"person": ["Who defeated <person2> at the polls?"], "person2": ["Whom did <person> beat in the race for mayor?"],
      "percent": ["What share of the vote did <person> receive?"], "percent2": ["How well did <person2> do at the polls?"],
      "date": ["When did <person> win the office of mayor?"]}),
    (["The <museum> [owns|holds] <count> paintings, [most|nearly all] of them [left|given] to it by <person> in <year>. Its oldest "
      "picture was bought in <place> for <money>.",
      "In <year>, <person> gave a collection of <count> paintings to the <museum>, which already had an older picture that had cost "
      "<money> in <place>."],
     {"count": ["How many pictures can be seen at the <museum>?"], "person": ["Who was the great benefactor of the <museum>?"],
      "year": ["When did the <museum> receive <person>'s gift?"], "place": ["Where does the oldest work of the <museum> come from?"],
      "money": ["What was paid for the oldest work of the <museum>?"], "museum": ["Which institution did <person> enrich?"]}),
    (["The <animal>, first described by <person> in <year>, lives in the marshes and feeds on <food>. About <count> are left.",
      "Only some <count> specimens remain of the <animal>, which eats <food> and was unknown to science before <person> "
      "[caught|drew] one in <year>."],
     {"person": ["Who discovered the <animal>?"], "year": ["Since when has the <animal> been known to science?"],
      "food": ["What is the diet of the <animal>?"], "count": ["How large is the population of the <animal>?"],
      "animal": ["Which creature did <person> discover?"]}),
    (["A railway [line|track] of <count> kilometres to <place> was [laid|built] by <company> between <year> and <year2>; it had "
      "<small> tunnels. <person> drove the first train.",
      "<company> needed from <year> to <year2> for the <count> kilometres of railway to <place> with their <small> tunnels, and "
      "the first engine was driven by <person>."],
     {"company": ["Who constructed the railway to <place>?"], "count": ["What is the length of the railway to <place>?"],
      "year": ["When did the work on the railway to <place> begin?"], "year2": ["When was the railway to <place> finished?"],
      "small": ["How many tunnels are there on the way to <place>?"], "person": ["Who was the first engine driver on the way to <place>?"],
      "place": ["Which city did <company> connect by rail?"]}),
    (["<person>'s novel <title> [appeared|came out] in <year>, was translated into <small> languages and sold <count> copies. "
      "<person2> made a film of it.",
      "In <year>, <person> published <title>, of which <count> copies were sold in <small> languages before <person2> filmed it."],
     {"person": ["Who is the author of <title>?", "Who wrote <title>?"], "title": ["What is the name of the book by <person>?"],
      "year": ["When was <title> published?"], "small": ["In how many languages can <title> be read?"],
      "count": ["How many people bought <title>?"], "person2": ["Who directed the film based on <title>?"]}),
    (["The <festival> of <year> was called off because of <cause>, and <person> lost <money>. The next one took place in <place>.",
      "Because of <cause>, there was no <festival> in <year>; it cost <person> <money>, and the following one was held in <place>."],
     {"cause": ["Why did the <festival> not take place?", "What prevented the <festival>?"],
      "person": ["Who had to bear the loss from the <festival>?"], "money": ["How great was the loss of <person>?"],
      "place": ["Where was the <festival> held afterwards?"], "year": ["In which year did the <festival> not take place?"]}),
    (["On <date>, a fire that began in the warehouse of <company> destroyed <count> houses. It was put out by the men of <person> "
      "and blamed on <cause>.",
      "<count> houses burned down on <date>; the fire, for which <cause> was blamed, had begun at <company>. <person> and "
      "a few others put it out."],
     {"count": ["How many buildings were lost to the flames that broke out at <company>?"], "date": ["When did it burn at <company>?"],
      "company": ["On whose premises did the blaze of <date> start?"], "cause": ["What was said to have caused the blaze at <company>?"],
      "person": ["Who fought the flames at <company>?"]}),
    (["From <year> on, <person> grew <crop> on <count> acres and sold the harvest to <company> for <money>.",
      "<company> paid <money> for the harvest of <count> acres on which, since <year>, <person> had grown <crop>."],
     {"crop": ["What did <person> farm?", "Which plant was cultivated by <person>?"], "count": ["How much land did <person> farm?"],
      "company": ["Who was the buyer of <person>'s crop?"], "money": ["What did <company> pay <person>?"],
      "year": ["When did <person> take up farming?"]}),
]

# What nobody asks about.
ASIDES = [
    "Little of this was [known|written down] before <year>, when <person> went through the letters in the archive.",
    "[Visitors|Travellers] from <place> have called the town [dull|charming], and <person> once compared it to <place2>.",
    "The older houses are of brick, and their roofs are steep because of the snow.",
    "A plaque with the date <date> hangs at the corner of the market, but nobody remembers what it stands for.",
    "Since then the streets have been widened twice, and the trams run every ten minutes.",
    "[Historians|Scholars] disagree about the details; <person> doubts them altogether.",
    "On the rolls of the guild, a {sign} stands beside each of the <count> members.",
]
SIGNS = "★ ☞ 𐍈 🎻 𝄞 🐟".split()
LEADS = [
    "<town> is a town on the road from <place> to <place2>.", "<town> has had a charter since <year>.",
    "About <count> people live in <town>, most of them near the harbour.",
    "The history of <town> is better documented than that of [other|most] towns of its size.",
]


class Writer:
    """Paragraphs of an article and their questions; the names of one set are kept out of the other."""

    def __init__(self, rng, dev):
        self.rng = rng
        self.first, self.last, self.places, self.stem, self.titles = (
            [word for at, word in enumerate(words) if (at % 4 == 3) == dev] for words in (FIRST, LAST, PLACES, STEM, TITLES))
        self.town = self.used = None

    def article(self):
        self.town = self.rng.choice(self.stem) + self.rng.choice(["ton", "bury", " Falls", " on Sea", "field"])
        return {"title": self.town.replace(" ", "_"), "paragraphs": [self.paragraph() for _ in range(PARAGRAPHS)]}

    def paragraph(self):
        low, high = LONG_WORDS if self.rng.random() < LONG_SHARE else WORDS
        length = self.rng.randint(low, high - 25)
        self.used, facts = set(), []
        context = self.tell(self.rng.choice(LEADS), {})[0] if self.rng.random() < 0.6 else ""
        while len(context.split()) < length:
            event = self.rng.choice(EVENTS) if self.rng.random() < 0.75 else None
            text, values, spans = self.tell(self.rng.choice(event[0] if event else ASIDES), {})
            context += " " * bool(context)
            if event:
                facts.append((event[1], values, {slot: (len(context) + a, len(context) + b) for slot, (a, b) in spans.items()}))
            context += text
        asked = [(event, slot) for event, (questions, *_) in enumerate(facts) for slot in questions]
        chosen = self.rng.sample(asked, min(len(asked), self.rng.randint(*ASKED)))
        return {"context": context, "qas": [self.question(context, *facts[event], slot) for event, slot in chosen]}

    def question(self, context, questions, values, spans, slot):
        text = self.tell(self.rng.choice(questions[slot]), values)[0]
        spans = self.references(context, *spans[slot], slot.rstrip("2"))
        answers = [{"answer_start": a, "text": context[a:b]} for a, b in spans]
        return {"answers": answers, "question": text, "id": f"{self.rng.getrandbits(96):024x}"}

    def references(self, context, start, end, kind):
        """The fact as the paragraph says it and, by chance, wider or narrower; the training set takes the first."""
        before = re.search(r"\b(the|a|an|about|some|in|by|from|to|of) $", context[:start], re.IGNORECASE)
        after = re.match(r" (metres|people|workers|days|paintings|kilometres|copies|houses|acres|ships|tunnels|languages)\b", context[end:])
        others = [(before.start(), end)] if before else []
        others += [(start, end + after.end())] if after else []
        if kind in ("person", "date"):
            cut = context.rindex(" ", start, end)
            others.append((cut + 1, end) if kind == "person" else (start, cut))
        spans = [(start, end)]
        for _ in range(2):
            spans.append(self.rng.choice(others) if others and self.rng.random() < 0.5 else (start, end))
        if others and self.rng.random() < LOOSE:
            spans[0] = self.rng.choice(others)
        return spans[:self.rng.randint(1, 3)]

    def tell(self, template, values):
        """The text, the facts in it and where they stand; a fact that `values` lacks is drawn."""
        template = invented.choose(self.rng, template).replace("{sign}", self.rng.choice(SIGNS))
        text, values, spans = "", dict(values), {}
        for at, piece in enumerate(re.split(r"<(\w+)>", template)):
            if at % 2 == 0:
                text += piece
                continue
            if piece not in values:
                values[piece] = self.fresh(piece.rstrip("2"), values)
            if not text or text.endswith(". "):
                values[piece] = values[piece][0].upper() + values[piece][1:]
            spans[piece] = (len(text), len(text) + len(values[piece]))
            text += values[piece]
        return text, values, spans

    def fresh(self, kind, values):
        """What this paragraph has not said yet, as far as there is any left."""
        for _ in range(100):
            value = self.value(kind)
            if kind == "year" and "year" in values and not 0 < int(value) - int(values["year"]) < 40:
                continue
            if value not in self.used:
                break
        self.used.add(value)
        return value

    def value(self, kind):
        pick, number = self.rng.choice, self.rng.randint
        year = number(1710, 1990)
        return {
            "person": lambda: f"{pick(self.first)} {pick(self.last)}",
            "place": lambda: pick(self.places),
            "town": lambda: self.town,
            "company": lambda: f"{pick(self.stem)} {pick(TRADE)}",
            "title": lambda: "The " + pick(self.titles).replace("|", " "),
            "date": lambda: pick([f"{number(1, 28)} {pick(MONTHS)} {year}", f"{pick(MONTHS)} {number(1, 28)}, {year}"]),
            "year": lambda: str(year),
            "money": lambda: pick([f"${number(11, 990) / 10:.1f} million", f"{number(2, 90)},{number(100, 999)} crowns"]),
            "percent": lambda: f"{number(110, 890) / 10:.1f} percent",
            "count": lambda: pick([str(number(13, 900)), f"{number(1, 9)},{number(100, 999)}"]),
            "small": lambda: pick("two three four five six seven eight nine ten eleven twelve".split()),
            "bridge": lambda: f"{pick(self.stem)} {pick(['Bridge', 'Viaduct'])}",
            "prize": lambda: f"{pick(self.stem)} {pick(['Prize', 'Medal'])}",
            "museum": lambda: f"{pick(self.stem)} {pick(['Museum', 'Gallery'])}",
            "festival": lambda: f"{pick(self.stem)} {pick(['Festival', 'Fair'])}",
            "animal": lambda: f"{pick(COLOURS)} {pick(ANIMALS)}",
            "food": lambda: pick(FOODS), "cause": lambda: pick(CAUSES), "crop": lambda: pick(CROPS),
        }[kind]()


def document(name, seed):
    writer = Writer(random.Random(f"{name} {seed}"), name == "dev")
    articles, left = [], QUESTIONS[name]
    while left:
        article = writer.article()
        for paragraph in article["paragraphs"]:
            paragraph["qas"] = paragraph["qas"][:left]
            left -= len(paragraph["qas"])
            if name == "train":
                for question in paragraph["qas"]:
                    del question["answers"][1:]
        article["paragraphs"] = [paragraph for paragraph in article["paragraphs"] if paragraph["qas"]]
        articles.append(article)
    return {"data": articles, "version": "1.1"}


if __name__ == "__main__":
    invented.write(__doc__, lambda seed: {f"{name}-v1.1.json": json.dumps(document(name, seed)) for name in QUESTIONS})
