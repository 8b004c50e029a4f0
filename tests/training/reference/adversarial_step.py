# SPDX-License-Identifier: LGPL-2.1-or-later
"""One training step of the paper's algorithm 1 in plain eager PyTorch.

Written from the equations, apart from the C++ code, so that the two can be compared. Pictures are
(B, 1 or 3, H, W) in [0,1], epsilon (B) in their units, beta (B) in [0,1).
"""

import contextlib

import torch
import torch.nn.functional as F

from severity_net import luma


def laplacian(x):
    """Second differences along rows and columns, the border repeated."""
    p = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return p[..., :-2, 1:-1] + p[..., 2:, 1:-1] + p[..., 1:-1, :-2] + p[..., 1:-1, 2:] - 4 * x


def pyramid_residue(x):
    """What one level of a Laplacian pyramid keeps: x less its blurred, halved, enlarged self."""
    taps = x.new_tensor([0.05, 0.25, 0.4, 0.25, 0.05])
    kernel = torch.outer(taps, taps).expand(x.size(1), 1, 5, 5)

    def blur(image):
        return F.conv2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), kernel, groups=x.size(1))

    sparse = torch.zeros_like(x)
    sparse[..., ::2, ::2] = 4 * blur(x)[..., ::2, ::2]
    return x - blur(sparse)


STENCILS = {"lap3": laplacian, "pyramid": pyramid_residue}


def reconstruction_loss(reconstruction, planes, stencil, xi=1e-3):
    """L_c: Charbonnier loss of the edges, and the mean absolute error."""
    high_pass = STENCILS[stencil]
    edges = high_pass(reconstruction) - high_pass(planes)
    return torch.sqrt(edges**2 + xi**2).mean() + (reconstruction - planes).abs().mean()


def auxiliary_loss(logits, labels):
    """L_s."""
    return F.binary_cross_entropy_with_logits(logits, F.one_hot(labels, logits.size(1)).to(logits))


def divergence(clean_log_p, logits):
    """KL(p || p') of each sample, where log p is given and p' = softmax(logits)."""
    return F.kl_div(logits.log_softmax(1), clean_log_p, reduction="none", log_target=True).sum(1)


@contextlib.contextmanager
def evaluation_mode(net):
    training = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(training)


def clip(candidate, picture, budget):
    """Into the box of half-width `budget` about the picture, and into [0,1]."""
    return torch.minimum(torch.maximum(candidate, picture - budget), picture + budget).clamp(0, 1)


def attack(net, picture, epsilon, start, steps, scope, step_size=0.0):
    """Looks for x' of largest KL(p(f(x)) || p(f(x'))) within each sample's epsilon.

    Begins at `start`. With scope "image" the features stay those of the clean picture; with
    "end2end" they are computed from x'. A step size of 0 is a quarter of each sample's budget.
    Returns x', and log p of the clean picture and logits at x', both in evaluation mode: from the
    latter the accuracy of each class is counted.
    """
    budget = epsilon.view(-1, 1, 1, 1)
    step = budget / 4 if step_size == 0 else step_size
    with evaluation_mode(net):
        with torch.no_grad():
            specific, _, common, _ = net.decouple(picture)
            clean = net.classify(specific, common, picture).log_softmax(1)

        def logits_at(x):
            return net.classify(specific, common, x) if scope == "image" else net(x)

        x = clip(start, picture, budget)
        for _ in range(steps):
            x.requires_grad_(True)
            (gradient,) = torch.autograd.grad(divergence(clean, logits_at(x)).sum(), x)
            x = clip(x.detach() + step * gradient.sign(), picture, budget)
        with torch.no_grad():
            return x, clean, logits_at(x)


def outer_loss(net, picture, labels, adversarial, beta, scope, lambdas=(1.0, 1.0, 1.0),
               stencil="lap3", xi=1e-3):
    """L = l1 L_c + l2 L_s + l3 L_at of a batch and its attacked self, with its terms by name.

    `beta` weighs, for each sample, the divergence against the cross-entropy. One clean forward
    pass serves both.
    """
    specific, auxiliary, common, reconstruction = net.decouple(picture)
    logits = net.classify(specific, common, picture)
    if scope == "image":
        attacked = net.classify(specific, common, adversarial)
    else:
        attacked = net(adversarial)

    cross_entropy = F.cross_entropy(logits, labels, reduction="none")
    kl = divergence(logits.log_softmax(1), attacked)
    terms = {
        "reconstruction": reconstruction_loss(reconstruction, luma(picture), stencil, xi),
        "auxiliary": auxiliary_loss(auxiliary, labels),
        "severity": ((1 - beta) * cross_entropy + beta * kl).mean(),
    }
    total = sum(weight * term for weight, term in zip(lambdas, terms.values()))
    return total, terms


def training_step(net, optimizer, picture, labels, epsilon, beta, start, steps, scope, **options):
    """Attack, loss, gradients, update. Returns the loss and the evaluation-mode predictions at x'.

    The net is in training mode and stays there.
    """
    adversarial, _, attacked = attack(net, picture, epsilon, start, steps, scope)
    total, _ = outer_loss(net, picture, labels, adversarial, beta, scope, **options)
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    optimizer.step()
    return total.detach(), attacked.argmax(1)
