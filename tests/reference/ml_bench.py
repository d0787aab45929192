#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What XGBoost takes for the trees of an ensemble, on one thread, for ml_bench.c to compare with.

  ml_bench.py FOLDER COLUMNS   trees.ubj and rows.x (rows, COLUMNS) to trees.us: microseconds for a row.
Exits with 77 without XGBoost."""
import os, sys, time

os.environ["OMP_NUM_THREADS"] = "1"
try:
    import numpy as np
    import xgboost as xgb
except ImportError as e:
    print(e)
    sys.exit(77)

folder, columns = sys.argv[1], int(sys.argv[2])
booster = xgb.Booster({"nthread": 1}, model_file=f"{folder}/trees.ubj")
x = np.fromfile(f"{folder}/rows.x", "f").reshape(-1, columns)


def with_matrix():  # a new one each time: it keeps predictions; making it is not counted
    m = xgb.DMatrix(x, nthread=1)
    began = time.thread_time()
    booster.predict(m, validate_features=False)
    return time.thread_time() - began


def in_place():
    began = time.thread_time()
    booster.inplace_predict(x, validate_features=False)
    return time.thread_time() - began


least = min(f() for f in (with_matrix, in_place) for _ in range(4))
with open(f"{folder}/trees.us", "w") as f:
    f.write(f"{least / len(x) * 1e6}\n")
