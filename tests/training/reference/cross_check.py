# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python side of cross_check_test.cpp: what the reference makes of a net and a batch.

Both files are dictionaries of tensors. In: "net.NAME" for every parameter and buffer, "pictures",
"labels", "start" of the attack, "epsilon" and "beta" of each sample, "lambdas". Out: "attacked_N"
after N = 1 and N = --steps steps, and of the latter "clean_log_p", "divergence" and, summed over
the samples of each class, "attacked_softmax", all in evaluation mode; the "total" and "terms" of
the loss, "gradient.NAME", and "buffer.NAME" after the step.
"""

import argparse

import torch
from adversarial_step import attack, divergence, outer_loss
from severity_net import SeverityNet

torch.set_num_threads(1)

parser = argparse.ArgumentParser()
parser.add_argument("given")
parser.add_argument("answer")
parser.add_argument("--size", required=True)
parser.add_argument("--squeezenet", required=True)
parser.add_argument("--scope", required=True)
parser.add_argument("--stencil", required=True)
parser.add_argument("--steps", type=int, required=True)
options = parser.parse_args()

# A file of the test that runs this; PyTorch 2.6 does not take its type tags by default.
given = torch.load(options.given, weights_only=False)
pictures, labels = given["pictures"], given["labels"]
# Without dropout, whose random numbers the two sides would have to share.
net = SeverityNet(options.size, options.squeezenet, dropout=0.0).to(pictures.dtype)
net.load_state_dict({name[4:]: value for name, value in given.items() if name[:4] == "net."})
net.train()

answer = {}
for steps in sorted({1, options.steps}):
    attacked, clean, logits = attack(net, pictures, given["epsilon"], given["start"], steps,
                                     options.scope)
    answer[f"attacked_{steps}"] = attacked
answer["clean_log_p"] = clean
sums = torch.zeros(logits.size(1), logits.size(1), dtype=torch.float64)
answer["attacked_softmax"] = sums.index_add(0, labels, logits.double().softmax(1))
answer["divergence"] = divergence(clean, logits)

total, terms = outer_loss(net, pictures, labels, attacked, given["beta"], options.scope,
                          given["lambdas"].tolist(), options.stencil)
total.backward()
answer["total"] = total.detach()
answer["terms"] = torch.stack(list(terms.values())).detach()
for name, parameter in net.named_parameters():
    answer["gradient." + name] = parameter.grad
for name, buffer in net.named_buffers():
    answer["buffer." + name] = buffer
torch.save(answer, options.answer)
