#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models written by XGBoost, rows, and what XGBoost answers for them: what tests compare with.

  boost.py FOLDER           cases: NAME.json, NAME.ubj, NAME.x, NAME.margin, NAME.score, NAME.shap (float32), NAME.n ("rows columns outputs")
  boost.py FOLDER NAME...   NAME.again: what the model NAME.ours.ubj says of the rows NAME.x
Exits with 77 when there is no XGBoost."""
import os, sys

os.environ["OMP_NUM_THREADS"] = "1"  # many threads on a busy machine wait for each other

try:
    import numpy as np
    import xgboost as xgb
except ImportError as e:
    print(e)
    sys.exit(77)

folder = sys.argv[1]


def matrix(name, x, y=None):
    kinds = ["c" if name in ("categories", "onehot") and i == 1 else "q" for i in range(x.shape[1])]
    return xgb.DMatrix(x, y, feature_types=kinds, enable_categorical=True)


for name in sys.argv[2:]:
    booster = xgb.Booster(model_file=f"{folder}/{name}.ours.ubj")
    n, d, _ = map(int, open(f"{folder}/{name}.n").read().split())
    x = np.fromfile(f"{folder}/{name}.x", "f").reshape(n, d)
    booster.predict(matrix(name, x), output_margin=True).astype("f").tofile(f"{folder}/{name}.again")
if sys.argv[2:]:
    sys.exit(0)

rng = np.random.default_rng(7)


def rows(n, d, missing):
    x = rng.normal(size=(n, d)).astype("f")
    x[:, ::3] = np.round(x[:, ::3] * 2)
    x[rng.random((n, d)) < missing] = np.nan
    return x


def case(name, params, rounds, d=12, missing=0.1, classes=1, categories=None, n=1200):
    x = rows(n, d, missing)
    known = np.nan_to_num(x)
    y = (known[:, 0] * known[:, 1] + known[:, 2] + (known[:, 3] > 1) + rng.normal(size=n) * 0.3).astype("f")
    if categories:
        x[:, 1] = rng.integers(0, categories, n)
        y += (x[:, 1] % 3 == 0) * 2
        x[rng.random(n) < 0.1, 1] = np.nan
    if classes > 1:
        y = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
        params = dict(params, num_class=classes)
    elif params["objective"].split(":")[0] == "binary" or params["objective"] == "reg:logistic":
        y = (y > 0.5).astype("f")
    elif params["objective"] not in ("reg:squarederror", "reg:pseudohubererror"):
        y = np.abs(y) + 0.1
    booster = xgb.train(dict({"nthread": 1, "seed": 3}, **params), matrix(name, x, y), rounds)

    for suffix in ("json", "ubj"):
        booster.save_model(f"{folder}/{name}.{suffix}")
    q = rows(300, d, missing)
    if categories:
        q[:, 1] = rng.integers(0, categories + 4, 300)
    dm = matrix(name, q)
    q.tofile(f"{folder}/{name}.x")
    margin = booster.predict(dm, output_margin=True)
    margin.astype("f").tofile(f"{folder}/{name}.margin")
    score = booster.predict(dm)
    if params["objective"] == "multi:softmax":
        e = np.exp(margin - margin.max(axis=1, keepdims=True))
        score = e / e.sum(axis=1, keepdims=True)
    score.astype("f").tofile(f"{folder}/{name}.score")
    booster.predict(dm, pred_contribs=True).astype("f").tofile(f"{folder}/{name}.shap")
    with open(f"{folder}/{name}.n", "w") as f:
        f.write(f"{len(q)} {d} {classes}\n")


case("logistic", {"objective": "binary:logistic", "max_depth": 6, "tree_method": "hist"}, 60)
case("exact", {"objective": "binary:logistic", "max_depth": 4, "tree_method": "exact", "gamma": 1, "base_score": 0.2}, 40)
case("deep", {"objective": "binary:logistic", "max_depth": 0, "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 200}, 12)
case("eight", {"objective": "binary:logitraw", "max_depth": 8, "tree_method": "hist", "base_score": 0.3}, 20)
case("dart", {"booster": "dart", "objective": "binary:logistic", "max_depth": 5, "rate_drop": 0.3}, 25)
case("square", {"objective": "reg:squarederror", "max_depth": 5, "num_parallel_tree": 2, "subsample": 0.7}, 15)
case("gamma", {"objective": "reg:gamma", "max_depth": 3}, 15)
case("tweedie", {"objective": "reg:tweedie", "max_depth": 3}, 15)
case("poisson", {"objective": "count:poisson", "max_depth": 3}, 15)
case("huber", {"objective": "reg:pseudohubererror", "max_depth": 3}, 15)
case("hinge", {"objective": "binary:hinge", "max_depth": 3}, 15)
case("probability", {"objective": "reg:logistic", "max_depth": 2}, 15)
case("softprob", {"objective": "multi:softprob", "max_depth": 4}, 15, classes=4)
case("softmax", {"objective": "multi:softmax", "max_depth": 4, "tree_method": "hist"}, 9, classes=3)
case("categories", {"objective": "binary:logistic", "max_depth": 5, "tree_method": "hist", "max_cat_to_onehot": 1}, 20, categories=40)
case("onehot", {"objective": "binary:logistic", "max_depth": 5, "tree_method": "hist", "max_cat_to_onehot": 100}, 20, categories=40)
case("stump", {"objective": "binary:logistic", "max_depth": 1}, 3, d=4)
