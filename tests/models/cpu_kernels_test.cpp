// SPDX-License-Identifier: LGPL-2.1-or-later
//
// All kernels that this processor supports: convolutions against their definition, and bf16 kernels
// against fp32 kernels.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/packing.h"

namespace hepar::cpu {
namespace {

std::vector<const Kernels*> AllKernels() {
  std::vector<const Kernels*> all = {&BestKernels(), &PortableKernels()};
  if (const Kernels* bf16 = Bf16Kernels()) all.push_back(bf16);
  return all;
}

struct Problem {
  std::vector<int> parts;  // Channels of the inputs that lie side by side.
  int out_channels = 0;
  Extent extent;
  Convolution op;  // Without weights. Groups: 1, or as many as channels.

  int in_channels() const { return std::accumulate(parts.begin(), parts.end(), 0); }
  int in_group() const { return in_channels() / op.groups; }
  std::size_t taps() const { return static_cast<std::size_t>(op.kernel_height) * op.kernel_width; }
  Extent out() const {
    const auto side = [this](int pixels, int kernel) {
      return (pixels + 2 * op.padding - op.dilation * (kernel - 1) - 1) / op.stride + 1;
    };
    return {side(extent.height, op.kernel_height), side(extent.width, op.kernel_width)};
  }
};

Convolution Square(int kernel, int padding, int dilation = 1,
                   Activation activation = Activation::kNone, Residual residual = Residual::kNone) {
  Convolution op;
  op.kernel_height = op.kernel_width = kernel;
  op.padding = padding;
  op.dilation = dilation;
  op.activation = activation;
  op.residual = residual;
  return op;
}

std::vector<float> Noise(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

// Planar.
struct Operands {
  std::vector<float> input, weights, bias, residual;

  explicit Operands(const Problem& p)
      : input(Noise(p.in_channels() * p.extent.pixels(), 1)),
        weights(Noise(p.out_channels * p.in_group() * p.taps(), 2)),
        bias(Noise(p.out_channels, 3)),
        residual(Noise(p.out_channels * p.out().pixels(), 4)) {}
};

std::vector<double> Directly(const Problem& p, const Operands& n) {
  const Extent out = p.out();
  std::vector<double> result;
  for (int o = 0; o < p.out_channels; ++o) {
    const int first = p.op.groups == 1 ? 0 : o;
    for (int at = 0; at < static_cast<int>(out.pixels()); ++at) {
      double sum = n.bias[o];
      for (int i = 0; i < p.in_group(); ++i) {
        const float* w = &n.weights[(o * p.in_group() + i) * p.taps()];
        for (int k = 0; k < static_cast<int>(p.taps()); ++k) {
          const int y =
              at / out.width * p.op.stride - p.op.padding + k / p.op.kernel_width * p.op.dilation;
          const int x =
              at % out.width * p.op.stride - p.op.padding + k % p.op.kernel_width * p.op.dilation;
          if (y < 0 || y >= p.extent.height || x < 0 || x >= p.extent.width) continue;
          sum += static_cast<double>(w[k]) *
                 n.input[(first + i) * p.extent.pixels() + y * p.extent.width + x];
        }
      }
      const double other = n.residual[result.size()];
      if (p.op.residual == Residual::kBeforeActivation) sum += other;
      if (p.op.activation == Activation::kRelu) sum = std::max(sum, 0.0);
      if (p.op.residual == Residual::kAfterActivation) sum += other;
      result.push_back(sum);
    }
  }
  return result;
}

// A blocked map. Each part begins a new block.
struct BlockedMap {
  std::vector<int> used_lanes, lane_of;
  Floats map;

  BlockedMap(const std::vector<int>& parts, const std::vector<float>& planar, const Extent& extent,
             const Kernels& kernels) {
    const std::size_t pixels = extent.pixels();
    std::vector<std::size_t> begins;
    for (const int channels : parts) {
      const int first = static_cast<int>(used_lanes.size()) * kernels.lanes;
      begins.push_back(first * pixels / kernels.pair);
      for (int c = 0; c < channels; ++c) lane_of.push_back(first + c);
      for (int left = channels; left > 0; left -= kernels.lanes) {
        used_lanes.push_back(std::min(kernels.lanes, left));
      }
    }
    map = AllocateFloats(used_lanes.size() * kernels.lanes * pixels / kernels.pair);
    const float* from = planar.data();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      kernels.to_blocked(from, parts[i], pixels, map.get() + begins[i]);
      from += parts[i] * pixels;
    }
  }

  int blocks() const { return static_cast<int>(used_lanes.size()); }
  std::vector<float> Planar(const Extent& extent, const Kernels& kernels) const {
    std::vector<float> planar(lane_of.size() * extent.pixels());
    kernels.to_planar(map.get(), lane_of.data(), static_cast<int>(lane_of.size()), extent.pixels(),
                      planar.data());
    return planar;
  }
};

// Filled with NaN, since results must not depend on previous content.
Floats Workspace(std::size_t floats) {
  Floats workspace = AllocateFloats(floats);
  std::fill_n(workspace.get(), floats, std::nanf(""));
  return workspace;
}

// Runs convolve(in, out, bias, epilogue) on blocked maps. Returns the planar result.
template <typename Convolve>
std::vector<float> OnBlockedMaps(const Problem& p, const Operands& n, const Kernels& kernels,
                                 const Convolve& convolve) {
  const BlockedMap in(p.parts, n.input, p.extent, kernels);
  const BlockedMap residual({p.out_channels}, n.residual, p.out(), kernels);
  BlockedMap out({p.out_channels}, n.residual, p.out(), kernels);  // Its values do not matter.
  std::vector<float> bias(static_cast<std::size_t>(out.blocks()) * kernels.lanes, 0.f);
  std::copy(n.bias.begin(), n.bias.end(), bias.begin());
  convolve(in, out, bias.data(), Epilogue{p.op.activation, p.op.residual, residual.map.get()});
  return out.Planar(p.out(), kernels);
}

std::vector<float> ByWinograd(const Problem& p, const Operands& n, const Kernels& kernels) {
  return OnBlockedMaps(
      p, n, kernels,
      [&](const BlockedMap& in, BlockedMap& out, const float* bias, const Epilogue& epilogue) {
        const PackedInputs input = PackedInputsOf(in.used_lanes, kernels);
        const Floats weights =
            AllocateFloats(PackedFloats(kWinogradPoints, input.depth, out.blocks(), kernels));
        PackWinogradWeights(n.weights.data(), input, out.lane_of, out.blocks(), kernels,
                            weights.get());
        WinogradArgs args;
        args.source = in.map.get();
        args.destination = out.map.get();
        args.extent = p.extent;
        args.dilation = p.op.dilation;
        args.in_blocks = in.blocks();
        args.out_blocks = out.blocks();
        args.used_lanes = in.used_lanes.data();
        args.depth = input.depth;
        args.weights = weights.get();
        args.bias = bias;
        args.epilogue = epilogue;
        args.tiles_at_once =
            WinogradTilesAtOnce(input.depth, out.blocks(), p.extent, p.op.dilation, kernels);
        const Floats workspace =
            Workspace(WinogradWorkspace(input.depth, out.blocks(), args.tiles_at_once, kernels));
        args.workspace = workspace.get();
        kernels.winograd(args);
      });
}

std::vector<float> ByPointwise(const Problem& p, const Operands& n, const Kernels& kernels) {
  return OnBlockedMaps(
      p, n, kernels,
      [&](const BlockedMap& in, BlockedMap& out, const float* bias, const Epilogue& epilogue) {
        const PackedInputs input = PackedInputsOf(in.used_lanes, kernels);
        const Floats weights = AllocateFloats(PackedFloats(1, input.depth, out.blocks(), kernels));
        PackDirectWeights(n.weights.data(), input, out.lane_of, out.blocks(), kernels,
                          weights.get());
        PointwiseArgs args;
        args.source = in.map.get();
        args.destination = out.map.get();
        args.pixels = p.extent.pixels();
        args.in_blocks = in.blocks();
        args.out_blocks = out.blocks();
        args.used_lanes = in.used_lanes.data();
        args.weights = weights.get();
        args.bias = bias;
        args.epilogue = epilogue;
        kernels.pointwise(args);
      });
}

std::vector<float> ByPlanar(const Problem& p, const Operands& n, const Kernels& kernels) {
  return OnBlockedMaps(
      p, n, kernels,
      [&](const BlockedMap&, BlockedMap& out, const float* bias, const Epilogue& epilogue) {
        const PackedInputs taps = PackedTapsOf(p.in_channels(), p.op.kernel_height,
                                               p.op.kernel_width, p.op.dilation, kernels);
        std::vector<float> weights(PackedFloats(1, taps.depth, out.blocks(), kernels));
        PackDirectWeights(n.weights.data(), taps, out.lane_of, out.blocks(), kernels,
                          weights.data());
        PlanarConvolutionArgs args;
        args.source = n.input.data();
        args.destination = out.map.get();
        args.in = p.extent;
        args.out = p.out();
        args.channels = p.in_channels();
        args.kernel_height = p.op.kernel_height;
        args.kernel_width = p.op.kernel_width;
        args.stride = p.op.stride;
        args.padding = p.op.padding;
        args.dilation = p.op.dilation;
        args.out_blocks = out.blocks();
        args.weights = weights.data();
        args.bias = bias;
        args.activation = epilogue.activation;
        const Floats workspace =
            Workspace(PlanarWorkspace(args.channels, p.extent, p.op.padding, kernels));
        args.workspace = workspace.get();
        kernels.planar_convolution(args);
      });
}

std::vector<float> ByDepthwise(const Problem& p, const Operands& n, const Kernels& kernels) {
  return OnBlockedMaps(
      p, n, kernels,
      [&](const BlockedMap& in, BlockedMap& out, const float* bias, const Epilogue& epilogue) {
        const int lanes = kernels.lanes;
        std::vector<float> weights(static_cast<std::size_t>(in.blocks()) * 9 * lanes, 0.f);
        for (int c = 0; c < p.out_channels; ++c) {
          for (int k = 0; k < 9; ++k) {
            weights[(c / lanes * 9 + k) * lanes + c % lanes] = n.weights[c * 9 + k];
          }
        }
        DepthwiseArgs args;
        args.source = in.map.get();
        args.destination = out.map.get();
        args.extent = p.extent;
        args.blocks = in.blocks();
        args.weights = weights.data();
        args.bias = bias;
        args.epilogue = epilogue;
        kernels.depthwise(args);
      });
}

// Relative to the root mean square of the expected values.
struct Limits {
  double largest, root_mean_square;
};

// A misplaced value causes an error as large as the results.
template <typename Convolve>
void ExpectTheSums(const std::vector<Problem>& problems, const Limits& fp32, const Limits& bf16,
                   const Convolve& convolve) {
  for (const Problem& problem : problems) {
    const Operands operands(problem);
    const std::vector<double> expected = Directly(problem, operands);
    for (const Kernels* kernels : AllKernels()) {
      SCOPED_TRACE(std::string(kernels->name) + ", " + std::to_string(problem.in_channels()) +
                   " to " + std::to_string(problem.out_channels) + " channels");
      const std::vector<float> got = convolve(problem, operands, *kernels);
      ASSERT_EQ(got.size(), expected.size());
      double power = 0.0, sum = 0.0, largest = 0.0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const double error = std::fabs(got[i] - expected[i]);
        if (!(error <= largest)) largest = error;  // std::max() passes over what is no number.
        sum += error * error;
        power += expected[i] * expected[i];
      }
      const Limits& limits = kernels->pair == 1 ? fp32 : bf16;
      EXPECT_LT(largest, limits.largest * std::sqrt(power / expected.size()));
      EXPECT_LT(sum, limits.root_mean_square * limits.root_mean_square * power);
    }
  }
}

// The relative rounding error of a bf16 number is at most 2^-9, typically 0.1 %. That of two
// factors and a result is 0.2 to 0.3 % of the results' root mean square, and a few times that for
// single results.
constexpr Limits kSumsOfFloats = {3e-6, 5e-7}, kSumsOfBf16 = {0.03, 0.004};

constexpr Activation kRelu = Activation::kRelu;

TEST(CpuKernelsTest, WinogradGivesTheSums) {
  const std::vector<Problem> problems = {
      {{1}, 1, {1, 1}, Square(3, 1)},
      {{8}, 8, {4, 4}, Square(3, 1)},
      {{3}, 5, {5, 7}, Square(3, 1, 1, kRelu)},
      {{16}, 16, {13, 9}, Square(3, 1, 1, kRelu, Residual::kAfterActivation)},
      {{8, 8}, 12, {28, 28}, Square(3, 1, 1, kRelu, Residual::kBeforeActivation)},
      // Odd parts, with a full or a partial last block.
      {{5, 16, 3}, 40, {10, 11}, Square(3, 1)},
      {{3, 16}, 20, {9, 6}, Square(3, 2, 2)},
      {{20}, 64, {14, 14}, Square(3, 4, 4, kRelu)},
      // More tiles than are transformed at once.
      {{24, 16}, 33, {37, 41}, Square(3, 1)},
  };
  // Noise is the worst case: the transforms multiply its rounding errors by 5, and in the corners
  // of tiles by 9.
  ExpectTheSums(problems, {1e-5, 1e-6}, {0.15, 0.02}, ByWinograd);
}

TEST(CpuKernelsTest, PointwiseGivesTheSums) {
  const std::vector<Problem> problems = {
      {{1}, 1, {1, 1}, Square(1, 0)},
      {{16}, 64, {5, 5}, Square(1, 0, 1, kRelu)},
      {{3, 17}, 40, {7, 3}, Square(1, 0, 1, kRelu, Residual::kAfterActivation)},
      {{80}, 4, {1, 1}, Square(1, 0)},
      {{40}, 20, {14, 14}, Square(1, 0, 1, kRelu, Residual::kBeforeActivation)},
  };
  ExpectTheSums(problems, kSumsOfFloats, kSumsOfBf16, ByPointwise);
}

TEST(CpuKernelsTest, ConvolutionsOfPlanesGiveTheSums) {
  std::vector<Problem> problems = {
      {{1}, 16, {31, 33}, Square(3, 1)},    {{3}, 64, {23, 24}, Square(3, 0, 1, kRelu)},
      {{2}, 24, {19, 40}, Square(7, 3)},    {{4}, 5, {9, 9}, Square(3, 2, 2)},
      {{1}, 33, {12, 13}, Square(5, 1, 1)},
  };
  problems[0].op.stride = problems[1].op.stride = problems[2].op.stride = 2;
  problems[4].op.stride = 3;
  problems[4].op.kernel_width = 1;
  ExpectTheSums(problems, kSumsOfFloats, kSumsOfBf16, ByPlanar);
}

TEST(CpuKernelsTest, DepthwiseConvolutionsGiveTheSums) {
  std::vector<Problem> problems = {
      {{12}, 12, {14, 14}, Square(3, 1, 1, Activation::kNone, Residual::kBeforeActivation)},
      {{40}, 40, {3, 1}, Square(3, 1, 1, kRelu)},
      {{8}, 8, {1, 5}, Square(3, 1, 1, kRelu, Residual::kAfterActivation)},
  };
  for (Problem& problem : problems) problem.op.groups = problem.out_channels;
  ExpectTheSums(problems, kSumsOfFloats, kSumsOfBf16, ByDepthwise);
}

// ---- Kernels without weights.

// Planar results of the fp32 and bf16 kernels for the same planar map. For a map of bf16 values
// they differ only by the rounding of the result.
class Bf16MapsTest : public ::testing::Test {
 protected:
  static constexpr Extent kIn = {14, 11};
  static constexpr int kChannels = 20;

  void SetUp() override {
    if (Bf16Kernels() == nullptr) GTEST_SKIP() << "this processor does not multiply bf16 numbers";
    input_ = RoundTrip(Noise(kChannels * kIn.pixels(), 5));
  }

  static std::vector<float> RoundTrip(const std::vector<float>& planar) {
    return BlockedMap({kChannels}, planar, kIn, *Bf16Kernels()).Planar(kIn, *Bf16Kernels());
  }

  // run(kernels, blocked input, blocked output).
  template <typename Run>
  void ExpectTheSame(const Extent& out, const Run& run) {
    const auto results = [&](const Kernels& kernels) {
      const BlockedMap in({kChannels}, input_, kIn, kernels);
      BlockedMap made({kChannels}, std::vector<float>(kChannels * out.pixels(), std::nanf("")), out,
                      kernels);
      run(kernels, in, made);
      return made.Planar(out, kernels);
    };
    const auto expected = results(BestKernels()), got = results(*Bf16Kernels());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(got[i], expected[i], std::ldexp(std::fabs(expected[i]), -8) + 1e-6) << "at " << i;
    }
  }

  std::vector<float> input_;
};

TEST_F(Bf16MapsTest, MapsHoldNumbersRoundedToEightBits) {
  EXPECT_EQ(RoundTrip(input_), input_);
  std::vector<float> close(kChannels * kIn.pixels(), 1.f + 0x1p-8f);  // Half-way: to the even one.
  close[0] = 1.f + 0x1p-8f + 0x1p-20f;
  close[1] = -3.f - 0x1p-7f;
  const auto rounded = RoundTrip(close);
  EXPECT_EQ(rounded[0], 1.f + 0x1p-7f);
  EXPECT_EQ(rounded[1], -3.f);
  EXPECT_EQ(rounded[2], 1.f);
}

TEST_F(Bf16MapsTest, PoolingIsThatOfFloats) {
  const MaxPool op{3, 2, 1, false};
  const Extent out = {7, 6};
  ExpectTheSame(out, [&](const Kernels& k, const BlockedMap& in, BlockedMap& made) {
    k.max_pool(in.map.get(), kIn, in.blocks(), op, out, made.map.get());
  });
  for (const auto kind : {AdaptivePool::Kind::kMean, AdaptivePool::Kind::kMax}) {
    ExpectTheSame({3, 4}, [&](const Kernels& k, const BlockedMap& in, BlockedMap& made) {
      k.adaptive_pool(in.map.get(), kIn, in.blocks(), kind, {3, 4}, made.map.get());
    });
    std::vector<float> pooled[2];
    int i = 0;
    for (const Kernels* k : {&BestKernels(), Bf16Kernels()}) {
      const BlockedMap in({kChannels}, input_, kIn, *k);
      pooled[i].resize(static_cast<std::size_t>(in.blocks()) * k->lanes);
      k->global_pool(in.map.get(), kIn, in.blocks(), kind, pooled[i++].data());
    }
    for (int c = 0; c < kChannels; ++c) EXPECT_NEAR(pooled[0][c], pooled[1][c], 1e-6);
  }
}

TEST_F(Bf16MapsTest, InterpolationSumsAndProductsAreThoseOfFloats) {
  const std::vector<int> low = {0, 0, 3, 10}, high = {0, 1, 4, 10};
  const std::vector<float> weight = {0.f, 0.25f, 0.75f, 0.f};
  const Interpolation axis = {low.data(), high.data(), weight.data()};
  ExpectTheSame({4, 4}, [&](const Kernels& k, const BlockedMap& in, BlockedMap& made) {
    k.upsample(in.map.get(), kIn, in.blocks(), axis, axis, {4, 4}, made.map.get());
  });
  const std::vector<float> factors = RoundTrip(Noise(kChannels * kIn.pixels(), 6));
  ExpectTheSame(kIn, [&](const Kernels& k, const BlockedMap& in, BlockedMap& made) {
    const BlockedMap other({kChannels}, factors, kIn, k);
    k.add(in.map.get(), other.map.get(), in.blocks() * k.lanes * kIn.pixels(), kRelu,
          made.map.get());
  });
  ExpectTheSame(kIn, [&](const Kernels& k, const BlockedMap& in, BlockedMap& made) {
    const BlockedMap other({kChannels}, factors, {1, 1}, k);
    k.multiply_by_channel(in.map.get(), other.map.get(), in.blocks(), kIn.pixels(), made.map.get());
  });
  ExpectTheSame(kIn, [&](const Kernels& k, const BlockedMap& in, BlockedMap& made) {
    k.multiply_by_pixel(in.map.get(), factors.data(), in.blocks(), kIn.pixels(), made.map.get());
  });
}

TEST_F(Bf16MapsTest, WhatEndsInPlanesIsThatOfFloats) {
  const std::vector<float> weight = Noise(3 * 48, 7), bias = {0.5f, -1.f, 0.f};
  std::vector<float> largest[2], planes[2];
  int i = 0;
  for (const Kernels* k : {&BestKernels(), Bf16Kernels()}) {
    const BlockedMap in({kChannels}, input_, kIn, *k);
    std::vector<float> lanes(3 * static_cast<std::size_t>(in.blocks()) * k->lanes, 0.f);
    for (int o = 0; o < 3; ++o) {
      std::copy_n(&weight[o * 48], kChannels, &lanes[o * in.blocks() * k->lanes]);
    }
    largest[i].resize(kIn.pixels());
    planes[i].resize(3 * kIn.pixels());
    k->channel_reduce(in.map.get(), in.used_lanes.data(), in.blocks(), kIn.pixels(),
                      ChannelReduce::Kind::kMax, largest[i].data());
    k->pointwise_to_planar(in.map.get(), in.blocks(), kIn.pixels(), lanes.data(), bias.data(), 3,
                           Activation::kSigmoid, planes[i++].data());
  }
  EXPECT_EQ(largest[0], largest[1]);
  for (std::size_t p = 0; p < planes[0].size(); ++p) EXPECT_NEAR(planes[0][p], planes[1][p], 3e-5);
}

}  // namespace
}  // namespace hepar::cpu
