"""Logistic regression by stochastic gradient descent on invented data, in plain Python: a trial for python.yaml."""
import argparse, math, random

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
rate, chance = parser.parse_args().lr, random.Random(7)
truth = [chance.gauss(0, 1) for _ in range(20)]
points = [[chance.gauss(0, 1) for _ in truth] for _ in range(1500)]
labels = [sum(map(float.__mul__, truth, x)) + chance.gauss(0, 2) > 0 for x in points]
weights, learn, judge = [chance.gauss(0, 1) for _ in truth], range(500), range(500, 1500)
chance.seed(str(rate))  # the order of the samples is the noise of a trial
guess = lambda x: sum(map(float.__mul__, weights, x))

for epoch in range(5):
    for i in chance.sample(learn, 500):
        error = labels[i] - 1 / (1 + math.exp(-max(-30, min(30, guess(points[i])))))
        weights = [w + rate * error * x for w, x in zip(weights, points[i])]
    right = sum(labels[i] and guess(points[i]) > 0 for i in judge)
    f1 = 2 * right / (sum(labels[i] for i in judge) + sum(guess(points[i]) > 0 for i in judge))
    print(f"epoch={epoch + 1} f1={f1:.4f}", flush=True)
