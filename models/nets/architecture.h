// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <string>
#include <vector>

namespace hepar {

// The color planes that the network receives ("color-space transform and selection").
enum class ColorPlanes { kY, kYcbcr, kRgb, kHsvV, kLabL };

// The decouplers before the classifier: both (the paper's system), IC1 or IC2 alone, or none. With
// none the classifier receives the planes alone: the "base" of the paper's tables.
enum class DecouplerSet { kBoth, kSpecific, kCommon, kNone };

// The skip connections of IC2. Reconstruction through all of them can collapse to the identity, so
// they can be removed.
enum class DecouplerSkips { kAll, kNoTop, kNone };

// Shape of one ICFDNet: stage widths C, inner widths M of its ICBlocks, and the stem's stride.
struct DecouplerShape {
  std::array<int, 4> widths = {16, 16, 32, 64};  // E1..E4; multiples of 4.
  std::array<int, 4> inner = {8, 16, 16, 32};    // Multiples of the number of attention heads, 4.
  int stem_stride = 2;                           // 1 or 2.
};

// Everything that determines the structure of the joint network, and so the names and shapes of its
// parameters. Holds no learned values, except those of a TorchScript classifier, which come with
// its code.
struct Architecture {
  std::string size = "live";  // "nano", "live", "paper", or "custom" for other shapes.
  DecouplerShape decoupler;
  DecouplerSet decouplers = DecouplerSet::kBoth;
  ColorPlanes planes = ColorPlanes::kY;
  int feature_channels = 1;  // F: channels of Feat1 and of Feat2, 1..16.
  DecouplerSkips ic2_skips = DecouplerSkips::kAll;
  std::string classifier = "squeezenet1_1";  // One of ClassifierNames().
  // Content of the TorchScript file of the classifier "torchscript", including weights; empty for
  // the others. SetClassifier (models/nets/classifier.h) reads and checks it.
  std::string classifier_script;
  bool final_relu = false;  // SqueezeNet's ReLU after its last convolution.
  int classes = 4;          // 2..64.
  // Normalization of the classifier's input planes, inside the network: (v - mean) / std, with the
  // same values for all planes.
  double mean = 0.5;
  double std = 0.25;
};

// The named sizes: "nano", "live", "paper" (model table a.3 of the specification).
// Throws Error(kInvalid), listing the names, for another one.
std::vector<std::string> DecouplerSizes();
DecouplerShape DecouplerShapeOf(const std::string& size);

// `shape` with the eight widths of "16,16,32,64,8,16,16,32": C of E1..E4, then M. Throws
// Error(kInvalid) unless each is a multiple of 4, 4..1024.
DecouplerShape WithWidths(DecouplerShape shape, const std::string& list);

// Whether a set contains IC1, and IC2.
bool HasSpecific(DecouplerSet set);
bool HasCommon(DecouplerSet set);

// C: the number of selected planes (1 or 3).
int PlaneCount(ColorPlanes planes);

// "y", "ycbcr", "rgb", "hsv_v", "lab_l". Parse throws Error(kInvalid), listing them.
std::string ToString(ColorPlanes planes);
ColorPlanes ParseColorPlanes(const std::string& name);

// "both", "specific", "common", "none". Parse throws Error(kInvalid), listing them.
std::string ToString(DecouplerSet set);
DecouplerSet ParseDecouplerSet(const std::string& name);

// "all", "no_top", "none". Parse throws Error(kInvalid), listing them.
std::string ToString(DecouplerSkips skips);
DecouplerSkips ParseDecouplerSkips(const std::string& name);

}  // namespace hepar
