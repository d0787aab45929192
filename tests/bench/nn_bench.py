#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The autoencoder against scikit-learn's MLPRegressor: the same rows, shape, batches, epochs and cores.

  nn_bench.py [--epochs N] [--batch N]

NSL-KDD from $BGUARD_DATA: trained on 70 % of the normal rows, judged on the other rows.  Wants scikit-learn
(python3-sklearn, of the system's own Python); says so and does nothing where it or the data are not there."""
import argparse, csv, gzip, os, re, subprocess, sys, tempfile, time, warnings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEED = 1


def rows(folder):
    """The encoded rows, and which are attacks: amounts as logarithms, categories one column each."""
    with gzip.open(folder + "/nsl-kdd/KDDTrain+.txt.gz", "rt") as f:
        table = numpy.array([line for line in csv.reader(f)])
    amounts = numpy.log1p(numpy.delete(table, (1, 2, 3, 41, 42), 1).astype(float))
    kinds = [(table[:, [i]] == numpy.unique(table[:, i])).astype(float) for i in (1, 2, 3)]
    return numpy.hstack([amounts, *kinds]), table[:, 41] != "normal"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=20)
    p.add_argument("--batch", type=int, default=256)
    p.add_argument("--bench", default=ROOT + "/build/release/bench/nn_bench")
    a = p.parse_args()
    x, attack = rows(os.environ["BGUARD_DATA"])
    kept = numpy.random.default_rng(SEED).random(len(x)) < 0.3
    learn = x[~kept & ~attack]
    mean, deviation = learn.mean(0), learn.std(0)
    scaled = lambda z: numpy.clip((z - mean) / numpy.where(deviation > 0, deviation, 1), -10, 10).astype("f4")
    learn, judge, truth = scaled(learn), scaled(x[kept]), attack[kept]
    print(f"seed {SEED}: {len(learn)} normal rows of {x.shape[1]} columns to learn, {len(judge)} to judge")

    with tempfile.TemporaryDirectory() as folder:
        learn.tofile(folder + "/learn")
        judge.tofile(folder + "/judge")
        out = subprocess.run([a.bench, folder + "/learn", folder + "/judge", str(x.shape[1]), str(a.epochs),
                              str(a.batch), folder + "/scores"], check=True, capture_output=True, text=True).stdout
        print(out, end="")
        score = numpy.fromfile(folder + "/scores", "f4")
    ours = [float(re.search(w + r" ([\d.]+) s", out)[1]) for w in ("train", "score")]

    net = sklearn.neural_network.MLPRegressor((64, 16, 64), batch_size=a.batch, max_iter=a.epochs, random_state=SEED,
                                              early_stopping=True, n_iter_no_change=a.epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it might go on learning
        began = time.monotonic()
        net.fit(learn, learn)
    theirs = [time.monotonic() - began]
    best = 1e9
    for _ in range(5):
        began = time.monotonic()
        gap = ((net.predict(judge) - judge) ** 2).mean(1)
        best = min(best, time.monotonic() - began)
    theirs.append(best)
    auc = sklearn.metrics.roc_auc_score
    print(f"train  ours {ours[0]:.2f} s  scikit-learn {theirs[0]:.2f} s  {theirs[0] / ours[0]:.1f} times as fast")
    print(f"score  ours {ours[1]:.3f} s  scikit-learn {theirs[1]:.3f} s  {theirs[1] / ours[1]:.1f} times as fast "
          "(one core against all)")
    print(f"AUC    ours {auc(truth, score):.4f}  scikit-learn {auc(truth, gap):.4f}")
    print(f"error  ours {score[~truth].mean():.4f}  scikit-learn {gap[~truth].mean():.4f} of normal rows")


try:
    import numpy, sklearn.metrics, sklearn.neural_network
except ImportError as e:
    print(f"not compared with scikit-learn: {e}")
    sys.exit(0)
if "BGUARD_DATA" not in os.environ:
    print("not compared with scikit-learn: BGUARD_DATA is not set")
    sys.exit(0)
main()
