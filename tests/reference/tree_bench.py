#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What XGBoost and scikit-learn take, on one thread, for tree_bench.c to compare with.

  tree_bench.py FOLDER [DATA]   for each set: NAME.ubj, NAME.x and NAME.n: "rows columns dmatrix_us inplace_us one_row_us forest_us train_ms"
us: microseconds for a row; forest: IsolationForest.score_samples; train: its fit.  Exits with 77 without either."""
import gzip, os, sys, time

os.environ["OMP_NUM_THREADS"] = "1"
try:
    import numpy as np
    import xgboost as xgb
    from sklearn.ensemble import IsolationForest
except ImportError as e:
    print(e)
    sys.exit(77)

folder = sys.argv[1]
rng = np.random.default_rng(5)


def synthetic():
    x = rng.normal(size=(20000, 40)).astype("f")
    y = (x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + x[:, 3:12].sum(axis=1) * 0.3 + rng.normal(size=20000) > 0).astype("f")
    x[rng.random(x.shape) < 0.02] = np.nan
    return x, y


def nsl_kdd(data):
    x, y, words = [], [], [{}, {}, {}]
    for line in gzip.open(f"{data}/nsl-kdd/KDDTrain+.txt.gz", "rt"):
        c = line.strip().split(",")
        names = [w.setdefault(v, len(w)) for w, v in zip(words, c[1:4])]
        x.append(c[:1] + names + c[4:41])
        y.append(c[41] != "normal")
        if len(x) == 20000:
            break
    return np.array(x, "f"), np.array(y, "f")


def best(f, rows, seconds=1.5):
    least, end = 1e9, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.thread_time()
        f()
        least = min(least, time.thread_time() - began)
    return least / rows * 1e6


def measure(name, x, y):
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "tree_method": "hist", "nthread": 1},
                        xgb.DMatrix(x, y, nthread=1), 300)
    booster.set_param({"nthread": 1})
    booster.save_model(f"{folder}/{name}.ubj")
    x.tofile(f"{folder}/{name}.x")

    def with_matrix():  # a new one each time: it keeps predictions
        m = xgb.DMatrix(x, nthread=1)
        began = time.thread_time()
        booster.predict(m)
        return (time.thread_time() - began) / len(x) * 1e6

    dmatrix = min(with_matrix() for _ in range(4))
    inplace = best(lambda: booster.inplace_predict(x), len(x))
    one = best(lambda: booster.inplace_predict(x[:1]), 1, 0.5)
    known = np.nan_to_num(x)
    forest = IsolationForest(n_estimators=200, max_samples=256, random_state=1, n_jobs=1)
    train = best(lambda: forest.fit(known), 1, 0.1) / 1e3
    scores = best(lambda: forest.score_samples(known[:4000]), 4000, 1)
    with open(f"{folder}/{name}.n", "w") as f:
        f.write(f"{len(x)} {x.shape[1]} {dmatrix} {inplace} {one} {scores} {train}\n")


measure("synthetic", *synthetic())
if len(sys.argv) > 2:
    measure("nsl-kdd", *nsl_kdd(sys.argv[2]))
