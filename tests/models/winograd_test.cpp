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
    const int lanes = kernels.lanes;
    for (const int channels : parts) {
      const int first = static_cast<int>(used_lanes.size()) * lanes;
      for (int c = 0; c < channels; ++c) slots.push_back(first + c);
      const int blocks = (channels + lanes - 1) / lanes;
      for (int b = 0; b < blocks; ++b) {
        used_lanes.push_back(std::min(lanes, channels - b * lanes));
      }
    }
    const std::size_t pixels = extent.pixels(), count = used_lanes.size() * lanes * pixels;
    map = AllocateFloats(count);
    std::fill_n(map.get(), count, 0.f);
    for (std::size_t c = 0; c < slots.size() && !planar.empty(); ++c) {
      for (std::size_t p = 0; p < pixels; ++p) {
        map[(slots[c] / lanes * pixels + p) * lanes + slots[c] % lanes] = planar[c * pixels + p];
      }
    }
  }
};

std::vector<float> ByWinograd(const Problem& p, const Numbers& n, const Kernels& kernels) {
  const BlockedMap in(p.parts, n.input, p.extent, kernels);
  const BlockedMap residual({p.out_channels}, n.residual, p.extent, kernels);
  BlockedMap out({p.out_channels}, {}, p.extent, kernels);
  const int out_blocks = static_cast<int>(out.used_lanes.size());

  const WinogradInput input = WinogradInputOf(in.used_lanes, kernels);
  const Floats weights = AllocateFloats(WinogradWeightFloats(input.depth, out_blocks, kernels));
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

// Pictures of zeros and ones, and weights of 0 and +-576, which G's denominators divide: every
// number on the way is a whole one that 32 bits hold, and those that are multiplied have at most
// 8 significant bits, so that bf16 holds them.
TEST(WinogradTest, WholeNumbersComeOutExactly) {
  std::mt19937 random(1);
  for (const Problem& problem : Problems()) {
    const Numbers numbers(
        problem, [&] { return static_cast<float>(random() % 2); },
        [&] { return 576.f * (static_cast<float>(random() % 3) - 1.f); });
    const std::vector<double> expected = Directly(problem, numbers);
    for (const Kernels* kernels : AllKernels()) {
      SCOPED_TRACE(std::string(kernels->name) + ", " + std::to_string(problem.in_channels()) +
                   " to " + std::to_string(problem.out_channels) + " channels");
      const std::vector<float> got = ByWinograd(problem, numbers, *kernels);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(got[i], static_cast<float>(expected[i])) << "at " << i;
      }
    }
  }
}

double RelativeError(const Problem& problem, const Kernels& kernels) {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> light(0.f, 1.f);
  std::normal_distribution<float> weight(0.f, 0.1f);
  const Numbers numbers(
      problem, [&] { return light(random); }, [&] { return weight(random); });
  const std::vector<double> expected = Directly(problem, numbers);
  const std::vector<float> got = ByWinograd(problem, numbers, kernels);
  double error = 0.0, power = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += (got[i] - expected[i]) * (got[i] - expected[i]);
    power += expected[i] * expected[i];
  }
  return std::sqrt(error / power);
}

TEST(WinogradTest, RoundingIsThatOfTheNumbersThatAreMultiplied) {
  const Problem problem = {{24, 16}, 33, {37, 41}};
  for (const Kernels* kernels : AllKernels()) {
    SCOPED_TRACE(kernels->name);
    const double error = RelativeError(problem, *kernels);
    if (kernels->pair == 1) {
      EXPECT_LT(error, 3e-6);
    } else {
      // A bf16 number is off by 2^-9 of itself at most, 0.1 % as a rule; for noise, the transform
      // back multiplies the error of the two factors of a product, 0.16 %, by 10.8.
      EXPECT_LT(error, 0.02);
      EXPECT_GT(error, 1e-4);
    }
  }
}

}  // namespace
}  // namespace hepar::cpu
