#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Times one adversarial training step written in plain eager PyTorch.

What the C++ trainer is compared with: inner attack, joint loss, gradients and update on random
pictures, as a researcher would write them. Gradients of the parameters are taken once, outside the
attack; the clean probabilities are computed once; nothing else is tuned.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "training" / "reference"))

from adversarial_step import training_step  # noqa: E402
from severity_net import SIZES, SeverityNet  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="live")
    parser.add_argument("--input", type=int, default=224, help="side of the pictures, pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10, help="of the inner attack")
    parser.add_argument("--scope", choices=["image", "end2end"], default="image")
    parser.add_argument("--optimizer", choices=["adamw", "sgd"], default="adamw")
    parser.add_argument("--repeat", type=int, default=5, help="steps timed, after one to warm up")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--profile", action="store_true", help="print the costliest operators too")
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    device = torch.device(options.device)

    net = SeverityNet(options.size).to(device).train()
    if options.optimizer == "adamw":
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9, weight_decay=1e-4)
    picture = torch.rand(options.batch, 1, options.input, options.input, device=device)
    labels = torch.randint(4, (options.batch,), device=device)
    epsilon = torch.tensor([2.4, 4.4, 6.4, 8.4], device=device)[labels] / 255
    beta = torch.tensor([3 / 4, 9 / 11, 6 / 7, 15 / 17], device=device)[labels]

    def step():
        start = picture + 1e-3 * torch.randn_like(picture)
        loss, predictions = training_step(net, optimizer, picture, labels, epsilon, beta, start,
                                          options.steps, options.scope)
        # What a log needs of the step; on an accelerator it also waits for the work to end.
        return loss.item(), (predictions == labels).sum().item()

    step()
    milliseconds, cpu_milliseconds = [], []
    for _ in range(options.repeat):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        step()
        milliseconds.append(1e3 * (time.perf_counter() - begin))
        cpu_milliseconds.append(1e3 * (time.process_time() - cpu_begin))
    print(f"eager step: size={options.size} input={options.input} batch={options.batch} "
          f"steps={options.steps} scope={options.scope} optimizer={options.optimizer} "
          f"device={options.device} threads={options.threads} torch={torch.__version__}: "
          f"median {statistics.median(milliseconds):.1f} ms, "
          f"min {min(milliseconds):.1f}, max {max(milliseconds):.1f}, n={len(milliseconds)}, "
          f"cpu {statistics.median(cpu_milliseconds):.1f} ms")

    if options.profile:
        activities = [torch.profiler.ProfilerActivity.CPU]
        if device.type == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        with torch.profiler.profile(activities=activities) as profile:
            step()
        key = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
        print(profile.key_averages().table(sort_by=key, row_limit=15, max_name_column_width=60))


if __name__ == "__main__":
    main()
