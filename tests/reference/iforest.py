#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NSL-KDD's numbers for an isolation forest, and how well scikit-learn's does: what tests compare with.

  iforest.py FOLDER DATA   train.x (normal rows), test.x, test.y (float32), iforest.n ("train test columns auc")
Exits with 77 when there is no scikit-learn."""
import glob, os, sys

os.environ["OMP_NUM_THREADS"] = "1"
try:
    import numpy as np
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import roc_auc_score
except ImportError as e:
    print(e)
    sys.exit(77)
import gzip, lzma

folder, data = sys.argv[1:]
path = sorted(glob.glob(f"{data}/nsl-kdd/*Train*"))[0]
opened = {"gz": gzip.open, "xz": lzma.open}.get(path.rsplit(".", 1)[1], open)
rows, labels = [], []
for line in opened(path, "rt"):
    cells = line.strip().split(",")
    if len(cells) >= 42 and cells[0] != "duration":
        rows.append(cells[:1] + cells[4:41])
        labels.append(cells[41] != "normal")
x, y = np.array(rows, "f"), np.array(labels)
order = np.random.default_rng(1).permutation(len(x))
x, y = x[order], y[order]
half = len(x) // 2
train = x[:half][~y[:half]][:20000]
test, truth = x[half:][:20000], y[half:][:20000]
forest = IsolationForest(n_estimators=200, max_samples=256, random_state=1).fit(train)
auc = roc_auc_score(truth, -forest.score_samples(test))
train.tofile(f"{folder}/train.x")
test.tofile(f"{folder}/test.x")
truth.astype("f").tofile(f"{folder}/test.y")
with open(f"{folder}/iforest.n", "w") as f:
    f.write(f"{len(train)} {len(test)} {x.shape[1]} {auc}\n")
