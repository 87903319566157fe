"""What the writers of invented data sets have in common: paraphrases.py and questions.py."""

import argparse
import re
from pathlib import Path


def choose(rng, text):
    """The text with one of its words for each [x|y]."""
    return re.sub(r"\[([^]]*)\]", lambda words: rng.choice(words[1].split("|")), text)


def write(description, texts):
    """Writes the files whose texts `texts` gives by name, for a seed, to the folder that the command line names."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts(wanted.seed).items():
        (wanted.folder / name).write_text(text, encoding="utf-8")
