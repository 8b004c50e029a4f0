// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The Winograd convolution of every kind of kernels that this processor runs against the sum that
// defines it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/kernels.h"

namespace hepar::cpu {
namespace {

struct Problem {
  std::vector<int> parts;  // Channels of the inputs that lie side by side.
  int out_channels = 0;
  Extent extent;
  int dilation = 1;
  Activation activation = Activation::kNone;
  Residual residual = Residual::kNone;

  int in_channels() const { return std::accumulate(parts.begin(), parts.end(), 0); }
};

// Planar pictures, weights and results.
struct Numbers {
  std::vector<float> input, weights, bias, residual;

  Numbers(const Problem& p, const std::function<float()>& next_input,
          const std::function<float()>& next_weight)
      : input(p.in_channels() * p.extent.pixels()),
        weights(static_cast<std::size_t>(p.in_channels()) * p.out_channels * 9),
        bias(p.out_channels),
        residual(p.out_channels * p.extent.pixels()) {
    std::generate(input.begin(), input.end(), next_input);
    std::generate(weights.begin(), weights.end(), next_weight);
    std::generate(bias.begin(), bias.end(), next_weight);
    std::generate(residual.begin(), residual.end(), next_weight);
  }
};

std::vector<double> Directly(const Problem& p, const Numbers& n) {
  const int height = p.extent.height, width = p.extent.width;
  std::vector<double> result;
  for (int o = 0; o < p.out_channels; ++o) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        double sum = n.bias[o];
        for (int i = 0; i < p.in_channels(); ++i) {
          const float* w = &n.weights[(static_cast<std::size_t>(o) * p.in_channels() + i) * 9];
          for (int k = 0; k < 9; ++k) {
            const int py = y + (k / 3 - 1) * p.dilation, px = x + (k % 3 - 1) * p.dilation;
            if (py < 0 || py >= height || px < 0 || px >= width) continue;
            sum += static_cast<double>(w[k]) *
                   n.input[i * p.extent.pixels() + static_cast<std::size_t>(py) * width + px];
          }
        }
        const double other = n.residual[result.size()];
        if (p.residual == Residual::kBeforeActivation) sum += other;
        if (p.activation == Activation::kRelu) sum = std::max(sum, 0.0);
        if (p.residual == Residual::kAfterActivation) sum += other;
        result.push_back(sum);
      }
    }
  }
  return result;
}

// A blocked map whose parts each begin a block.
struct BlockedMap {
  std::vector<int> used_lanes, slots;
  Floats map;

  BlockedMap(const std::vector<int>& parts, const std::vector<float>& planar, const Extent& extent,
             const Kernels& kernels) {
    const std::size_t pixels = extent.pixels();
    std::vector<std::size_t> begins;
    for (const int channels : parts) {
      const int first = static_cast<int>(used_lanes.size()) * kernels.lanes;
      begins.push_back(first * pixels / kernels.pair);
      for (int c = 0; c < channels; ++c) slots.push_back(first + c);
      for (int left = channels; left > 0; left -= kernels.lanes) {
        used_lanes.push_back(std::min(kernels.lanes, left));
      }
    }
    map = AllocateFloats(used_lanes.size() * kernels.lanes * pixels / kernels.pair);
    const float* from = planar.data();
    for (std::size_t i = 0; i < parts.size(); ++i, from += parts[i - 1] * pixels) {
      kernels.to_blocked(from, parts[i], pixels, map.get() + begins[i]);
    }
  }
};

std::vector<float> ByWinograd(const Problem& p, const Numbers& n, const Kernels& kernels) {
  const BlockedMap in(p.parts, n.input, p.extent, kernels);
  BlockedMap out({p.out_channels}, n.residual, p.extent, kernels);  // Its values do not matter.
  const BlockedMap residual({p.out_channels}, n.residual, p.extent, kernels);
  const int out_blocks = static_cast<int>(out.used_lanes.size());

  const InputPlaces input = InputPlacesOf(in.used_lanes, kernels);
  const Floats weights = AllocateFloats(PackedFloats(kWinogradPlaces, input.depth, out_blocks, kernels));
  PackWinogradWeights(n.weights.data(), input, out.slots, out_blocks, kernels, weights.get());
  std::vector<float> bias(static_cast<std::size_t>(out_blocks) * kernels.lanes, 0.f);
  std::copy(n.bias.begin(), n.bias.end(), bias.begin());

  WinogradArgs args;
  args.source = in.map.get();
  args.destination = out.map.get();
  args.extent = p.extent;
  args.dilation = p.dilation;
  args.in_blocks = static_cast<int>(in.used_lanes.size());
  args.out_blocks = out_blocks;
  args.used_lanes = in.used_lanes.data();
  args.depth = input.depth;
  args.weights = weights.get();
  args.bias = bias.data();
  args.epilogue = {p.activation, p.residual, residual.map.get()};
  args.tiles_at_once = WinogradTilesAtOnce(input.depth, out_blocks, p.extent, p.dilation, kernels);
  // What a pass before left in the workspace must not matter, were it no number.
  const std::size_t floats =
      WinogradWorkspace(input.depth, out_blocks, args.tiles_at_once, kernels);
  const Floats workspace = AllocateFloats(floats);
  std::fill_n(workspace.get(), floats, std::nanf(""));
  args.workspace = workspace.get();
  kernels.winograd(args);

  std::vector<float> planar(p.out_channels * p.extent.pixels());
  kernels.to_planar(out.map.get(), out.slots.data(), p.out_channels, p.extent.pixels(),
                    planar.data());
  return planar;
}

std::vector<const Kernels*> AllKernels() {
  std::vector<const Kernels*> all = {&BestKernels(), &PortableKernels()};
  if (const Kernels* bf16 = Bf16Kernels()) all.push_back(bf16);
  return all;
}

std::vector<Problem> Problems() {
  const auto relu = Activation::kRelu;
  return {
      {{1}, 1, {1, 1}},
      {{8}, 8, {4, 4}},
      {{3}, 5, {5, 7}, 1, relu},
      {{16}, 16, {13, 9}, 1, relu, Residual::kAfterActivation},
      {{8, 8}, 12, {28, 28}, 1, relu, Residual::kBeforeActivation},
      {{5, 16, 3}, 40, {10, 11}},            // Odd parts, and the last block full or not.
      {{3, 16}, 20, {9, 6}, 2},              // Dilation.
      {{20}, 64, {14, 14}, 4, relu},
      {{24, 16}, 33, {37, 41}},              // More tiles than are transformed at once.
  };
}

struct Errors {
  double largest = 0.0, root_mean_square = 0.0;  // Of the root mean square of what is expected.
};

Errors ErrorsOf(const Problem& problem, const Kernels& kernels) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const Numbers numbers(
      problem, [&] { return normal(random); }, [&] { return normal(random); });
  const std::vector<double> expected = Directly(problem, numbers);
  const std::vector<float> got = ByWinograd(problem, numbers, kernels);
  double power = 0.0, sum = 0.0;
  Errors errors;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(got[i] - expected[i]);
    // Not std::max(), which passes over what is no number.
    if (!(error <= errors.largest)) errors.largest = error;
    sum += error * error;
    power += expected[i] * expected[i];
  }
  errors.largest /= std::sqrt(power / expected.size());
  errors.root_mean_square = std::sqrt(sum / power);
  return errors;
}

// Noise is what the transforms serve worst: they multiply the rounding of the numbers that are
// multiplied by 5. A bf16 number is off by 2^-9 of itself at most and 0.1 % as a rule, so the error
// is about 1 %, and in the corner of a tile where it is largest none is off by 15 %. Whatever is in the wrong
// place makes errors as large as the results.
TEST(WinogradTest, GivesTheSumThatDefinesIt) {
  for (const Problem& problem : Problems()) {
    for (const Kernels* kernels : AllKernels()) {
      SCOPED_TRACE(std::string(kernels->name) + ", " + std::to_string(problem.in_channels()) +
                   " to " + std::to_string(problem.out_channels) + " channels");
      const Errors errors = ErrorsOf(problem, *kernels);
      EXPECT_LT(errors.largest, kernels->pair == 1 ? 1e-5 : 0.15);
      EXPECT_LT(errors.root_mean_square, kernels->pair == 1 ? 1e-6 : 0.015);
    }
  }
}

}  // namespace
}  // namespace hepar::cpu
