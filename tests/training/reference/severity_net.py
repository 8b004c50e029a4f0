# SPDX-License-Identifier: LGPL-2.1-or-later
"""The joint graph of the paper in plain eager PyTorch.

A second implementation, written from the specification, that tests hold the C++ one against and
benchmarks time it against. Parameters and buffers have the names of the C++ project, so a state
dict of one loads into the other. One of the three sizes, one luma plane, one feature plane each.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

# Stage widths, inner widths of the blocks, and the stem's stride.
SIZES = {
    "nano": ((8, 16, 24, 32), (8, 8, 12, 16), 2),
    "live": ((16, 16, 32, 64), (8, 16, 16, 32), 2),
    "paper": ((32, 64, 128, 256), (16, 32, 64, 128), 1),
}
DESIGN_SIZE = 224
GRID = 14
HEADS = 4


def luma(picture):
    """BT.601 luma of R'G'B' pictures; gray ones are their own."""
    if picture.size(1) == 1:
        return picture
    weights = picture.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True)


def upsample_to(x, partner):
    if x.shape[-2:] == partner.shape[-2:]:
        return x
    return F.interpolate(x, size=partner.shape[-2:], mode="bilinear", align_corners=False)


def downsample(x, stride):
    return x if stride == 1 else F.max_pool2d(x, stride, ceil_mode=True)


class CBR(nn.Module):
    def __init__(self, inputs, outputs, kernel=3, dilation=1, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation,
                              bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class GridAttention(nn.Module):
    """Self-attention over the pixels of the grid, normalized first; no residual."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, width, height, columns = x.shape
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        query, key, value = (
            part.view(batch, -1, HEADS, width // HEADS).transpose(1, 2)
            for part in self.qkv(tokens).chunk(3, dim=-1)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(width // HEADS)
        mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        return self.proj(mixed).transpose(1, 2).reshape(batch, width, height, columns)


class ICBlock(nn.Module):
    def __init__(self, inputs, inner, outputs, side):
        super().__init__()
        shrink = max(2, side // GRID)
        self.stride1 = 2 ** math.ceil(math.log2(shrink) / 2)
        self.stride2 = shrink // self.stride1
        self.h0 = CBR(inputs, outputs)
        self.e1 = CBR(outputs, inner)
        self.e2 = CBR(inner, inner)
        self.e3 = CBR(inner, inner)
        self.position = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.attention = GridAttention(inner)
        self.dilated2 = CBR(inner, inner, dilation=2)
        self.dilated4 = CBR(inner, inner, dilation=4)
        self.inject2 = CBR(outputs, inner, kernel=1)
        self.inject1 = CBR(outputs, inner, kernel=1)
        self.d2 = CBR(2 * inner, inner)
        self.d1 = CBR(2 * inner, outputs)

    def forward(self, x):
        h0 = self.h0(x)
        e1 = self.e1(h0)
        e2 = self.e2(downsample(e1, self.stride1))
        e3 = self.e3(downsample(e2, self.stride2))
        t = e3 + self.position(e3)
        b = t + self.attention(t)
        b = b + self.dilated4(self.dilated2(b))
        b = b + self.inject2(F.adaptive_avg_pool2d(h0, b.shape[-2:]))
        level1 = e2 + self.inject1(F.adaptive_avg_pool2d(h0, e2.shape[-2:]))
        d2 = self.d2(torch.cat([upsample_to(b, e2), level1], 1))
        d1 = self.d1(torch.cat([upsample_to(d2, e1), e1], 1))
        return d1 + h0


class Trunk(nn.Module):
    def __init__(self, size):
        super().__init__()
        (c1, c2, c3, c4), (m1, m2, m3, m4), stride = SIZES[size]
        side = DESIGN_SIZE // stride
        self.stem = CBR(1, c1, stride=stride)
        self.e1 = ICBlock(c1, m1, c1, side)
        self.e2 = ICBlock(c1, m2, c2, side // 2)
        self.e3 = ICBlock(c2, m3, c3, side // 4)
        self.e4 = ICBlock(c3, m4, c4, side // 8)
        self.d3 = ICBlock(c4 + c3, m3, c3, side // 4)
        self.d2 = ICBlock(c3 + c2, m2, c2, side // 2)
        self.d1 = ICBlock(c2 + c1, m1, c1, side)

    def forward(self, planes):
        e1 = self.e1(self.stem(planes))
        e2 = self.e2(downsample(e1, 2))
        e3 = self.e3(downsample(e2, 2))
        e4 = self.e4(downsample(e3, 2))
        d3 = self.d3(torch.cat([upsample_to(e4, e3), e3], 1))
        d2 = self.d2(torch.cat([upsample_to(d3, e2), e2], 1))
        d1 = self.d1(torch.cat([upsample_to(d2, e1), e1], 1))
        return d1, e4


class SpecificDecoupler(nn.Module):
    """IC1: Feat1, and the logits that the labels supervise."""

    def __init__(self, size, classes):
        super().__init__()
        first, last = SIZES[size][0][0], SIZES[size][0][-1]
        self.trunk = Trunk(size)
        self.feature_head = nn.Conv2d(first, 1, 1)
        self.auxiliary = nn.Linear(first + last, classes)

    def forward(self, planes):
        decoded, bottom = self.trunk(planes)
        pooled = torch.cat([decoded.mean((2, 3)), bottom.mean((2, 3))], 1)
        feature = torch.sigmoid(upsample_to(self.feature_head(decoded), planes))
        return feature, self.auxiliary(pooled)


class CommonDecoupler(nn.Module):
    """IC2: Feat2, and the reconstruction that the picture supervises."""

    def __init__(self, size):
        super().__init__()
        first = SIZES[size][0][0]
        self.trunk = Trunk(size)
        self.feature_head = nn.Conv2d(first, 1, 1)
        self.reconstruction_head = nn.Conv2d(first, 1, 1)

    def forward(self, planes):
        decoded, _ = self.trunk(planes)
        return tuple(
            torch.sigmoid(upsample_to(head(decoded), planes))
            for head in (self.feature_head, self.reconstruction_head)
        )


class Fire(nn.Module):
    def __init__(self, inputs, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


def fires(*shapes):
    return [Fire(*shape) for shape in shapes]


def squeezenet_features(version, planes):
    def pool():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    if version == "1_0":
        return nn.Sequential(
            nn.Conv2d(planes, 96, 7, 2), nn.ReLU(inplace=True), pool(),
            *fires((96, 16, 64), (128, 16, 64), (128, 32, 128)), pool(),
            *fires((256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256)), pool(),
            *fires((512, 64, 256)),
        )
    return nn.Sequential(
        nn.Conv2d(planes, 64, 3, 2), nn.ReLU(inplace=True), pool(),
        *fires((64, 16, 64), (128, 16, 64)), pool(),
        *fires((128, 32, 128), (256, 32, 128)), pool(),
        *fires((256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)),
    )


class SqueezeNet(nn.Module):
    """SqueezeNet "1_0" or "1_1", without the ReLU behind its last convolution."""

    def __init__(self, version, planes, classes, dropout):
        super().__init__()
        self.features = squeezenet_features(version, planes)
        last = nn.Conv2d(512, classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, 0.0, 0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.features(x)).mean((2, 3))


class SeverityNet(nn.Module):
    """Pictures in [0,1] to logits; normalization is inside."""

    def __init__(self, size, squeezenet="1_1", classes=4, dropout=0.5):
        super().__init__()
        self.ic1 = SpecificDecoupler(size, classes)
        self.ic2 = CommonDecoupler(size)
        self.classifier = SqueezeNet(squeezenet, 3, classes, dropout)

    def decouple(self, picture):
        """Feat1, auxiliary logits, Feat2, reconstruction."""
        planes = luma(picture)
        return (*self.ic1(planes), *self.ic2(planes))

    def classify(self, specific, common, picture):
        x_c = torch.cat([specific, common, luma(picture)], 1)
        return self.classifier((x_c - 0.5) / 0.25)

    def forward(self, picture):
        specific, _, common, _ = self.decouple(picture)
        return self.classify(specific, common, picture)
