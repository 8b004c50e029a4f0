// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Direct convolutions, where transforms gain nothing: 1 x 1, of planar maps, and depthwise. oneDNN
// supports all of them, but for the small maps of these networks its call overhead exceeds the
// work.
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/products.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

// Calls run(Rows<vectors>(), first block) for each group of `blocks` output blocks.
template <typename Run>
void ForGroups(int blocks, const Run& run) {
  for (int block = 0; block < blocks;) {
    const int vectors = VectorsAtOnce(blocks - block);
    if (vectors == 1) run(Rows<1>(), block);
    if (vectors == 2) run(Rows<2>(), block);
    if (vectors == 3) run(Rows<3>(), block);
    block += vectors;
  }
}

// Initializes sums with the bias.
template <int rows, int vectors>
inline void Begin(const float* bias, Vector (&sum)[rows][vectors]) {
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) sum[i][j] = Load(bias + j * kLanes);
  }
}

// Stores the sums of `rows` pixels, from index `at` of the first block on.
template <int rows, int vectors, typename Ending>
inline void Finish(const Vector (&sum)[rows][vectors], const Ending& end, std::size_t at,
                   std::size_t block_stride, Number* destination) {
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      const std::size_t index = at + j * block_stride + i * kLanes;
      Store(destination + index, end(sum[i][j], index));
    }
  }
}

// Computes `rows` pixels from `pixel` on, of the output blocks from `block` on.
template <int rows, int vectors, typename Ending>
inline void MultiplyPixels(const PointwiseArgs& a, const Ending& end, int block, std::size_t pixel,
                           const Number* __restrict w) {
  const std::size_t block_stride = a.pixels * kLanes;
  const Number* __restrict x = static_cast<const Number*>(a.source) + pixel * kLanes;
  Vector sum[rows][vectors];
  Begin(a.bias + block * kLanes, sum);
  for (int in = 0; in < a.in_blocks; ++in, x += block_stride) {
    const int used = a.used_lanes[in];
    for (int k = 0; k < used; k += kPair, w += vectors * kPair * kLanes) {
      Factors weights[vectors];
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) weights[j] = LoadFactors(w + j * kPair * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const Factors factors = BroadcastFactors(x + i * kLanes + k);
#pragma GCC unroll 4
        for (int j = 0; j < vectors; ++j) sum[i][j] = MultiplyAdd(factors, weights[j], sum[i][j]);
      }
    }
  }
  Finish(sum, end, block * block_stride + pixel * kLanes, block_stride,
         static_cast<Number*>(a.destination));
}

// Computes `rows` pixels of a row, of the output blocks from `block` on. Their windows are `stride`
// apart (0: a.stride); `x` is the start of the first one in padded planes of `extent`.
template <int rows, int vectors, int stride, typename Ending>
inline void MultiplyWindows(const PlanarConvolutionArgs& a, const Ending& end, int block,
                            std::size_t pixel, const Number* __restrict x, const Extent& extent,
                            const Number* __restrict w) {
  const int apart = stride > 0 ? stride : a.stride;
  const int at_once = TapsAtOnce(a.dilation, kPair);
  const std::size_t block_stride = a.out.pixels() * kLanes;
  Vector sum[rows][vectors];
  Begin(a.bias + block * kLanes, sum);
  for (int c = 0; c < a.channels; ++c, x += extent.pixels()) {
    for (int ky = 0; ky < a.kernel_height; ++ky) {
      const Number* tap = x + static_cast<std::size_t>(ky) * a.dilation * extent.width;
      for (int kx = 0; kx < a.kernel_width; kx += at_once) {
        Factors weights[vectors];
#pragma GCC unroll 4
        for (int j = 0; j < vectors; ++j) weights[j] = LoadFactors(w + j * kPair * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < rows; ++i) {
          const Factors factors = BroadcastFactors(tap + i * apart);
#pragma GCC unroll 4
          for (int j = 0; j < vectors; ++j) sum[i][j] = MultiplyAdd(factors, weights[j], sum[i][j]);
        }
        tap += at_once * a.dilation;
        w += vectors * kPair * kLanes;
      }
    }
  }
  Finish(sum, end, block * block_stride + pixel * kLanes, block_stride,
         static_cast<Number*>(a.destination));
}

void PadPlanes(const PlanarConvolutionArgs& a, const Extent& padded, Number* to) {
  const float* from = a.source;
  const int pad = a.padding;
  for (int c = 0; c < a.channels; ++c) {
    for (int y = -pad; y < a.in.height + pad; ++y, to += padded.width) {
      const bool there = y >= 0 && y < a.in.height;
      for (int x = 0; x < padded.width; ++x) to[x] = Number{0};
      if (!there) continue;
      CopyFloats(from, a.in.width, to + pad);
      from += a.in.width;
    }
  }
  // A pair may read one number beyond the planes, which must be finite.
  if (kPair > 1) *to = Number{0};
}

template <int stride>
void ConvolvePlanes(const PlanarConvolutionArgs& a, const Number* planes, const Extent& extent) {
  const End<Residual::kNone> end(Epilogue{a.activation, Residual::kNone, nullptr});
  const int row_depth = DepthOf(a.kernel_width * (kPair / TapsAtOnce(a.dilation, kPair)), kPair);
  const int depth = a.channels * a.kernel_height * row_depth;
  ForGroups(a.out_blocks, [&](auto vectors, int block) {
    constexpr int kVectors = decltype(vectors)::kCount;
    const Number* w =
        static_cast<const Number*>(a.weights) + static_cast<std::size_t>(block) * depth * kLanes;
    for (int y = 0; y < a.out.height; ++y) {
      const Number* row = planes + static_cast<std::size_t>(y) * a.stride * extent.width;
      ForRows<RowsAtOnce<kVectors>()>(a.out.width, [&](auto rows, int x) {
        MultiplyWindows<decltype(rows)::kCount, kVectors, stride>(
            a, end, block, static_cast<std::size_t>(y) * a.out.width + x, row + x * a.stride,
            extent, w);
      });
    }
  });
}

}  // namespace

void Pointwise(const PointwiseArgs& a) {
  int depth = 0;
  for (int in = 0; in < a.in_blocks; ++in) depth += DepthOf(a.used_lanes[in], kPair);
  WithEnd(a.epilogue, [&](const auto& end) {
    ForGroups(a.out_blocks, [&](auto vectors, int block) {
      constexpr int kVectors = decltype(vectors)::kCount;
      const Number* w =
          static_cast<const Number*>(a.weights) + static_cast<std::size_t>(block) * depth * kLanes;
      ForRows<RowsAtOnce<kVectors>()>(static_cast<int>(a.pixels), [&](auto rows, int pixel) {
        MultiplyPixels<decltype(rows)::kCount, kVectors>(a, end, block, pixel, w);
      });
    });
  });
}

void PlanarConvolution(const PlanarConvolutionArgs& a) {
  const Extent padded = {a.in.height + 2 * a.padding, a.in.width + 2 * a.padding};
  // A map of floats is of numbers where those are floats.
  const void* planes = a.source;
  if (a.padding > 0 || kPair > 1) {
    PadPlanes(a, padded, reinterpret_cast<Number*>(a.workspace));
    planes = a.workspace;
  }
  // With the stride known, pixels have fixed distances.
  const auto convolve = a.stride == 1   ? ConvolvePlanes<1>
                        : a.stride == 2 ? ConvolvePlanes<2>
                                        : ConvolvePlanes<0>;
  convolve(a, static_cast<const Number*>(planes), padded);
}

void Depthwise(const DepthwiseArgs& a) {
  const int height = a.extent.height, width = a.extent.width;
  const std::size_t block_stride = a.extent.pixels() * kLanes;
  const auto* source = static_cast<const Number*>(a.source);
  auto* destination = static_cast<Number*>(a.destination);
  WithEnd(a.epilogue, [&](const auto& end) {
    for (int block = 0; block < a.blocks; ++block) {
      const float* w = a.weights + static_cast<std::size_t>(block) * 9 * kLanes;
      std::size_t at = block * block_stride;
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x, at += kLanes) {
          Vector sum = Load(a.bias + block * kLanes);
          for (int py = Larger(y - 1, 0); py < Smaller(y + 2, height); ++py) {
            for (int px = Larger(x - 1, 0); px < Smaller(x + 2, width); ++px) {
              const int tap = (py - y + 1) * 3 + px - x + 1;
              const std::size_t pixel = static_cast<std::size_t>(py) * width + px;
              sum += Load(w + tap * kLanes) * Load(source + block * block_stride + pixel * kLanes);
            }
          }
          Store(destination + at, end(sum, at));
        }
      }
    }
  });
}

}  // namespace hepar::cpu::HEPAR_ISA
