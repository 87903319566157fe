"""Tables of what `trust` printed: compare.py RUN [EARLIER_RUN].

Of one run the means over problems and seeds; of two also the factor by which regrets changed, paired by problem and seed
(geometric mean of regret + 0.001, 90 % interval by bootstrap over seeds; * where it excludes 1).
"""
import collections
import math
import random
import statistics
import sys


def read(path):
    values = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            group, problem, seed, measure, value = line.split()
            values[group, problem, int(seed), measure] = float(value)
    return values


def factor(new, old, keys):
    by_seed = collections.defaultdict(list)
    for key in keys:
        if key in new and key in old:
            change = math.log(max(new[key], 0) + 1e-3) - math.log(max(old[key], 0) + 1e-3)
            by_seed[key[2]].append(change)
    if not by_seed:
        return ""
    seeds = [statistics.mean(changes) for changes in by_seed.values()]
    chance = random.Random(0)
    means = sorted(statistics.mean(chance.choices(seeds, k=len(seeds))) for _ in range(1000))
    low, high = math.exp(means[50]), math.exp(means[949])
    star = "*" if low > 1 or high < 1 else " "
    return f"x{math.exp(statistics.mean(seeds)):.2f}{star}[{low:.2f}-{high:.2f}]"


def main():
    new = read(sys.argv[1])
    old = read(sys.argv[2]) if len(sys.argv) > 2 else {}
    groups = list(dict.fromkeys((g, p) for g, p, _, _ in new))
    known = dict.fromkeys(m for _, _, _, m in new)
    usual = ["best", "rec", "found", "failed", "repeats", "holds@5", "holds@10", "holds@15", "holds@30", "end", "early", "cpu"]
    measures = [m for m in usual if m in known] or list(known)
    print(f"{'problem':12}" + "".join(f"{m:>14}" for m in measures))

    def keys(wanted, measure):
        return [k for k in new if (k[0], k[1]) in wanted and k[3] == measure]

    def mean(values, wanted, measure):
        found = [values[k] for k in keys(wanted, measure) if k in values]
        if not found:
            return float("nan")
        if measure in ("best", "rec", "found"):
            return math.exp(statistics.mean(math.log(max(v, 0) + 1e-3) for v in found))
        return statistics.mean(found)

    rows = [(p, [(g, p)]) for g, p in groups]
    for group in dict.fromkeys(g for g, _ in groups):
        rows.append((f"all {group}", [k for k in groups if k[0] == group]))
    for name, wanted in rows:
        cells = []
        for measure in measures:
            now = mean(new, wanted, measure)
            text = f"{now:.4f}"
            if old:
                text = f"{mean(old, wanted, measure):.3f}>{now:.3f}"
            cells.append(f"{text:>14}")
        print(f"{name:12}" + "".join(cells))
        if old:
            changes = " ".join(f"{m} {factor(new, old, keys(wanted, m))}" for m in ("best", "rec", "rec@5", "rec@10", "rec@15"))
            print(f"{'':12}    {changes}")


main()
