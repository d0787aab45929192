#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What scikit-learn and scipy make of rows "label score other-score": "name value" lines for eval_test.c.

DeLong's variance is written out here as it is defined, over all pairs, with nothing sorted."""
import sys

import numpy as np
from scipy import stats
from sklearn import metrics
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression


def components(y, s):
    pos, neg = s[y == 1], s[y == 0]
    win = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
    return win.mean(axis=1), win.mean(axis=0)


def variance(v10, v01):
    return v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)


def recall_at(y, s, rate):
    fpr, tpr, _ = metrics.roc_curve(y, s, drop_intermediate=False)
    return tpr[fpr <= rate + 1e-12].max()


def bootstrap(y, s, threshold, rng, repeats=600):
    pos, neg = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    out = []
    for _ in range(repeats):
        pick = np.concatenate([rng.choice(pos, len(pos)), rng.choice(neg, len(neg))])
        yy, ss = y[pick], s[pick]
        out.append((metrics.average_precision_score(yy, ss), metrics.f1_score(yy, ss >= threshold),
                    recall_at(yy, ss, 0.1)))
    return np.percentile(np.array(out), [2.5, 97.5], axis=0)


def say(name, value):
    print(name, "%.17g" % value)


data = np.loadtxt(sys.argv[1])
threshold = float(sys.argv[2])
y, a, b = data[:, 0].astype(int), data[:, 1], data[:, 2]
called = a >= threshold
right_a, right_b = called == y, (b >= threshold) == y
say("roc_auc", metrics.roc_auc_score(y, a))
say("pr_auc", metrics.average_precision_score(y, a))
say("accuracy", metrics.accuracy_score(y, called))
say("precision", metrics.precision_score(y, called))
say("recall", metrics.recall_score(y, called))
say("f1", metrics.f1_score(y, called))
say("brier", metrics.brier_score_loss(y, a))
for name, k, n in (("accuracy", right_a.sum(), len(y)), ("recall", (called & (y == 1)).sum(), y.sum())):
    interval = stats.binomtest(int(k), int(n)).proportion_ci(method="wilson")
    say(name + "_low", interval.low)
    say(name + "_high", interval.high)
(a10, a01), (b10, b01) = components(y, a), components(y, b)
say("roc_auc_low", max(0, a10.mean() - stats.norm.ppf(0.975) * np.sqrt(variance(a10, a01))))
say("delong", 2 * stats.norm.sf(abs(a10.mean() - b10.mean()) / np.sqrt(variance(a10 - b10, a01 - b01))))
only_a, only_b = (right_a & ~right_b).sum(), (right_b & ~right_a).sum()
say("mcnemar", stats.binomtest(int(only_a), int(only_a + only_b)).pvalue)
for i, rate in enumerate((0.001, 0.01, 0.05, 0.1)):
    say("recall_at_%d" % i, recall_at(y, a, rate))
precision, recall, _ = metrics.precision_recall_curve(y, a)
say("best_f1", np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300)))
low, high = bootstrap(y, a, threshold, np.random.default_rng(7))
for i, name in enumerate(("pr_auc", "f1", "recall_at_3")):
    say(name + "_boot_low", low[i])
    say(name + "_boot_high", high[i])
platt = _SigmoidCalibration().fit(a, y)
say("platt_a", platt.a_)
say("platt_b", platt.b_)
say("isotonic_brier", metrics.brier_score_loss(y, IsotonicRegression(out_of_bounds="clip").fit(a, y).predict(a)))
say("kolmogorov_1", stats.kstwobign.sf(1.0))
