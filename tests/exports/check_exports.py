#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exports every shipped model, and a model of every classifier, and runs the files elsewhere.

check_exports.py --hepar PROGRAM --random-bundles PROGRAM --node-modules FOLDER --models FOLDER
                 [--out FILE.md]

ONNX runs in OpenCV (by `hepar export` itself) and in ONNX Runtime, TorchScript in LibTorch (by
`hepar export`) and in Python's torch. Prints a table of the largest difference of any result from
the bundle's, relative to the result's largest magnitude, or to 1 where that is less. Ends with 1
when one is above 1e-4, or a file does not run.
"""
import argparse
import datetime
import json
import math
import pathlib
import platform
import struct
import subprocess
import sys
import tempfile

import torch

TOLERANCE = 1e-4
HERE = pathlib.Path(__file__).resolve().parent


def read_samples(path):
    """The tensors of a safetensors file of 32-bit floating point numbers."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        numbers = bytearray(content[8 + length + begin:8 + length + end])
        tensors[name] = torch.frombuffer(numbers, dtype=torch.float32).reshape(entry["shape"])
    return tensors


def run_torch(script, samples):
    """The largest relative difference of TorchScript in Python's torch."""
    samples = dict(samples)
    picture = samples.pop("picture")
    module = torch.jit.load(str(script), map_location="cpu")
    order = ("logits", "specific", "common", "reconstruction", "auxiliary_logits")
    expected = [samples[name] for name in order if name in samples]
    with torch.no_grad():
        got = module(picture)
    if len(got) != len(expected):
        return math.nan
    return largest((a - b).abs().max().item() / max(1.0, b.abs().max().item())
                   for a, b in zip(got, expected))


def largest(values):
    """The largest of the values; NaN where one is."""
    values = [float(value) for value in values]
    return math.nan if any(map(math.isnan, values)) else max(values)


def output_of(*command):
    return subprocess.run([str(part) for part in command], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


class Checker:
    def __init__(self, options, work):
        self.options = options
        self.work = work

    def export(self, model, kind, *more):
        """Exports `model`; returns the file and the program's own largest difference."""
        out = self.work / ("model.onnx" if kind == "onnx" else "model.pt")
        report = output_of(self.options.hepar, "export", "--model", model, "--format", kind, "--out",
                           out, "--json", "-", *more)
        return out, largest(json.loads(report)["relative_difference"].values())

    def row(self, model):
        """The four differences of a model. None: it has no export, as its verb says."""
        samples_file = self.work / "samples.safetensors"
        try:
            onnx, in_opencv = self.export(model, "onnx", "--samples", samples_file)
        except subprocess.CalledProcessError as error:
            if "lowering" in error.stderr:
                return None
            raise
        in_runtime = largest(json.loads(
            output_of("node", HERE / "onnxruntime.mjs", self.options.node_modules, onnx,
                      samples_file)).values())
        script, in_libtorch = self.export(model, "torchscript")
        return in_opencv, in_runtime, in_libtorch, run_torch(script, read_samples(samples_file))


def versions(options):
    runtime = json.loads(
        (options.node_modules / "onnxruntime-node" / "package.json").read_text())["version"]
    opencv = output_of("pkg-config", "--modversion", "opencv4").strip()
    hepar = output_of(options.hepar, "--version").splitlines()[0]
    date = datetime.datetime.now(datetime.timezone.utc).date()
    return (f"{date}, {hepar}, OpenCV {opencv}, ONNX Runtime {runtime} (onnxruntime-node), "
            f"Python {platform.python_version()} with torch {torch.__version__}, {platform.machine()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hepar", required=True)
    parser.add_argument("--random-bundles", required=True)
    parser.add_argument("--node-modules", required=True, type=pathlib.Path)
    parser.add_argument("--models", required=True, type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)

    lines = ["| model | ONNX in OpenCV | in ONNX Runtime | TorchScript in LibTorch | in python3-torch |",
             "|---|---|---|---|---|"]
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="hepar-exports-") as folder:
        work = pathlib.Path(folder)
        (work / "random").mkdir()
        output_of(options.random_bundles, work / "random")
        models = sorted(options.models.glob("*.hepar")) + sorted((work / "random").glob("*.hepar"))
        checker = Checker(options, work)
        for model in models:
            row = checker.row(model)
            if row is None:
                lines.append(f"| `{model.stem}` | no export | | | |")
            else:
                worst = largest([worst, *row])
                lines.append(f"| `{model.stem}` | " + " | ".join(f"{d:.1e}" for d in row) + " |")
            print(lines[-1], flush=True)
    text = "\n".join(lines) + f"\n\n{versions(options)}.\n"
    print("\n" + text)
    if options.out:
        page = options.out.read_text()
        begin, end = "<!-- table of ./run check-exports -->\n", "<!-- end of the table -->\n"
        head, rest = page.split(begin)
        options.out.write_text(head + begin + text + end + rest.split(end)[1])
    if not worst <= TOLERANCE:
        print(f"check_exports: a difference of {worst:.1e} is above {TOLERANCE}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
