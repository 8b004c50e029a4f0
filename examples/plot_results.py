#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plots what `hepar` writes: plot_results.py OUT.png --evaluation FILE.json [--grades FILE.csv]

  hepar evaluate --model M --data scans/ --json evaluation.json
  hepar grade --model M scans/ --csv grades.csv
  plot_results.py results.png --evaluation evaluation.json --grades grades.csv

Of an evaluation: confusion matrix, ROC curves and reliability, by patient. Of grades: how many files
have which answer. Needs Matplotlib (python3-matplotlib). For research use only.
"""

import argparse
import collections
import csv
import json
import sys

import matplotlib

matplotlib.use("Agg")  # No display is needed.
import matplotlib.pyplot as plt  # noqa: E402

LINES = ("-", "--", ":", "-.")  # Curves can be told apart in print too.


def plot_confusion(axes, patient):
    matrix = patient["confusion_matrix"]
    names = list(patient["per_class"])
    axes.imshow(matrix, cmap="Blues")
    most = max(max(row) for row in matrix)
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            color = "white" if count > most / 2 else "black"
            axes.text(j, i, count, ha="center", va="center", color=color)
    axes.set(
        title=f"{patient['cases']} patients, accuracy {patient['accuracy']:.1%}",
        xlabel="graded",
        ylabel="label",
        xticks=range(len(names)),
        yticks=range(len(names)),
        xticklabels=names,
        yticklabels=names,
    )


def plot_roc(axes, patient):
    for line, (name, points) in zip(LINES, patient["roc"].items()):
        false_positive, true_positive = zip(*points)
        label = f"at least {name}, AUC {patient['auc_' + name]:.3f}"
        axes.plot(false_positive, true_positive, line, label=label)
    axes.plot([0, 1], [0, 1], color="gray", linewidth=0.5)
    axes.set(title="ROC by patient", xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
    axes.legend(loc="lower right", fontsize="small")


def plot_reliability(axes, patient):
    bins = [b for b in patient["calibration"]["before"]["reliability"] if b["cases"]]
    axes.plot([0, 1], [0, 1], color="gray", linewidth=0.5)
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o-")
    for b in bins:
        axes.annotate(
            f"n={b['cases']}",
            (b["confidence"], b["accuracy"]),
            textcoords="offset points",
            xytext=(-6, -12),
            ha="right",
            fontsize="small",
        )
    axes.set(
        title=f"Reliability, calibration error {patient['ece']:.3f}",
        xlabel="confidence",
        ylabel="accuracy",
        xlim=(0, 1.05),
        ylim=(-0.05, 1.05),
    )


def plot_grades(axes, path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counts = collections.Counter(
        ", ".join(filter(None, (row["state"], row["severity"]))) for row in rows
    )
    kinds = sorted(counts)
    bars = axes.barh(kinds, [counts[kind] for kind in kinds])
    axes.bar_label(bars, padding=3)
    axes.margins(x=0.1)
    axes.set(title=f"{len(rows)} files", xlabel="files")


def main():
    parser = argparse.ArgumentParser(description="Plot what hepar writes. For research use only.")
    parser.add_argument("out", help="picture to write: .png, .svg or .pdf")
    parser.add_argument("--evaluation", help="JSON of hepar evaluate")
    parser.add_argument("--grades", help="CSV of hepar grade")
    options = parser.parse_args()
    plots = []
    if options.evaluation:
        with open(options.evaluation, encoding="utf-8") as file:
            patient = json.load(file)["patient"]
        plots += [(plot, patient) for plot in (plot_confusion, plot_roc, plot_reliability)]
    if options.grades:
        plots.append((plot_grades, options.grades))
    if not plots:
        parser.error("give --evaluation, --grades or both")
    figure, all_axes = plt.subplots(
        1, len(plots), figsize=(4.6 * len(plots), 4.2), squeeze=False, constrained_layout=True
    )
    for axes, (plot, content) in zip(all_axes[0], plots):
        plot(axes, content)
    figure.savefig(options.out, dpi=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
