// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The adjoints of pooling, interpolation, strided convolutions and operators on pixels: J^T g. All
// but max pooling with overlapping windows gather, so that each number is written once.
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/products.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

// Whether two rows of a table have the same one entry.
bool SameSingleEntry(const AxisTable& table, int row, int other) {
  const int first = table.begin[row], second = table.begin[other];
  return table.begin[row + 1] - first == 1 && table.begin[other + 1] - second == 1 &&
         table.index[first] == table.index[second] && table.weight[first] == table.weight[second];
}

inline Vector PixelOf(const Number* x, const Extent& in, int row, int column) {
  return Load(x + (static_cast<std::size_t>(row) * in.width + column) * kLanes);
}

struct Window {
  int top, bottom, left, right;

  Window(const MaxPoolAdjointArgs& a, int row, int column)
      : top(Larger(row * a.stride - a.padding, 0)),
        bottom(Smaller(row * a.stride - a.padding + a.kernel, a.in.height)),
        left(Larger(column * a.stride - a.padding, 0)),
        right(Smaller(column * a.stride - a.padding + a.kernel, a.in.width)) {}
};

inline Vector LargestIn(const Window& w, const Number* x, const Extent& in) {
  Vector largest = PixelOf(x, in, w.top, w.left);
  for (int r = w.top; r < w.bottom; ++r) {
    for (int c = w.left; c < w.right; ++c) largest = Max(largest, PixelOf(x, in, r, c));
  }
  return largest;
}

// Calls give(pixel, share of g, x) for each pixel of a window, in the order of rows.
template <typename Give>
inline void ShareOut(const Window& w, const Number* x, const Extent& in, Vector g,
                     const Give& give) {
  const Vector largest = LargestIn(w, x, in), zero{};
  IntVector left = ~IntVector{};  // Lanes whose largest pixel is still to come.
  for (int r = w.top; r < w.bottom; ++r) {
    for (int c = w.left; c < w.right; ++c) {
      const Vector here = PixelOf(x, in, r, c);
      const IntVector found = (here == largest) & left;
      give((static_cast<std::size_t>(r) * in.width + c) * kLanes, found ? g : zero, here);
      left &= ~found;
    }
  }
}

inline Vector FinishPixel(Vector value, Vector x, const Number* residual, bool gated) {
  const Vector zero{};
  if (residual != nullptr) value += Load(residual);
  return gated ? (x > zero ? value : zero) : value;
}

template <typename T>
void FinishNumbers(const T* x, const T* residual, const T* gate, std::size_t count, T* y) {
  const Vector zero{};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector value = Load(x + i);
    if (residual != nullptr) value += Load(residual + i);
    if (gate != nullptr) value = Load(gate + i) > zero ? value : zero;
    Store(y + i, value);
  }
  if constexpr (sizeof(T) == sizeof(float)) {
    for (; i < count; ++i) {
      const float value = x[i] + (residual != nullptr ? residual[i] : 0.f);
      y[i] = gate == nullptr || gate[i] > 0.f ? value : 0.f;
    }
  }
}

template <typename T>
void SigmoidNumbers(const T* g, const T* y, std::size_t count, T* z) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Vector value = Load(y + i);
    Store(z + i, Load(g + i) * (value * (1.f - value)));
  }
  if constexpr (sizeof(T) == sizeof(float)) {
    for (; i < count; ++i) z[i] = g[i] * (y[i] * (1.f - y[i]));
  }
}

inline Vector UsedLanes(int used) {
  Vector lanes{};
  for (int i = 0; i < used; ++i) lanes[i] = 1.f;
  return lanes;
}

inline float SumOfLanes(Vector v) {
  float sum = 0.f;
  for (int i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}

}  // namespace

void ResampleAdjoint(const ResampleAdjointArgs& a) {
  const auto* x = static_cast<const Number*>(a.source);
  auto* const y = static_cast<Number*>(a.destination);
  const std::size_t row_stride = static_cast<std::size_t>(a.in.width) * kLanes;
  WithEnd(a.epilogue, [&](const auto& end) {
    const Number* from = x;
    std::size_t at = 0;
    for (int block = 0; block < a.blocks; ++block, from += a.in.pixels() * kLanes) {
      for (int r = 0; r < a.out.height; ++r) {
        if (r == 0 || !SameSingleEntry(a.rows, r - 1, r)) {
          for (int c = 0; c < a.in.width; ++c) {
            Vector sum{};
            for (int e = a.rows.begin[r]; e < a.rows.begin[r + 1]; ++e) {
              sum += a.rows.weight[e] * Load(from + a.rows.index[e] * row_stride + c * kLanes);
            }
            Store(a.workspace + c * kLanes, sum);
          }
        }
        int e = 0;
        for (int c = 0; c < a.out.width; ++c, at += kLanes) {
          Vector sum{};
          for (; e < a.columns.begin[c + 1]; ++e) {
            sum += a.columns.weight[e] * Load(a.workspace + a.columns.index[e] * kLanes);
          }
          Store(y + at, end(sum, at));
        }
      }
    }
  });
}

void ResampleAdjointPlanar(const ResampleAdjointArgs& a) {
  const auto* x = static_cast<const float*>(a.source);
  auto* y = static_cast<float*>(a.destination);
  for (int channel = 0; channel < a.blocks; ++channel, x += a.in.pixels()) {
    for (int r = 0; r < a.out.height; ++r, y += a.out.width) {
      for (int c = 0; c < a.in.width; ++c) a.workspace[c] = 0.f;
      for (int e = a.rows.begin[r]; e < a.rows.begin[r + 1]; ++e) {
        const float* row = x + static_cast<std::size_t>(a.rows.index[e]) * a.in.width;
        const float weight = a.rows.weight[e];
        for (int c = 0; c < a.in.width; ++c) a.workspace[c] += weight * row[c];
      }
      int e = 0;
      for (int c = 0; c < a.out.width; ++c) {
        float sum = 0.f;
        for (; e < a.columns.begin[c + 1]; ++e) {
          sum += a.columns.weight[e] * a.workspace[a.columns.index[e]];
        }
        y[c] = sum;
      }
    }
  }
}

void Fold(const FoldArgs& a) {
  const auto* x = static_cast<const Number*>(a.source);
  auto* const y = static_cast<Number*>(a.destination);
  const std::size_t plane = a.in.pixels() * kLanes;
  WithEnd(a.epilogue, [&](const auto& end) {
    std::size_t at = 0;
    for (int block = 0; block < a.blocks; ++block) {
      for (int r = 0; r < a.out.height; ++r) {
        for (int c = 0; c < a.out.width; ++c, at += kLanes) {
          Vector sum{};
          for (int e = a.rows.begin[r]; e < a.rows.begin[r + 1]; ++e) {
            const Number* row = x + static_cast<std::size_t>(a.rows.index[e]) * a.in.width * kLanes;
            for (int f = a.columns.begin[c]; f < a.columns.begin[c + 1]; ++f) {
              const int tap = a.rows.tap[e] * a.kernel_width + a.columns.tap[f];
              sum += Load(row + (static_cast<std::size_t>(tap) * a.blocks + block) * plane +
                          static_cast<std::size_t>(a.columns.index[f]) * kLanes);
            }
          }
          Store(y + at, end(sum, at));
        }
      }
    }
  });
}

void FoldPlanar(const FoldArgs& a) {
  const auto* x = static_cast<const Number*>(a.source);
  auto* y = static_cast<float*>(a.destination);
  const std::size_t plane = a.in.pixels() * kLanes;
  for (int channel = 0; channel < a.blocks; ++channel) {
    for (int r = 0; r < a.out.height; ++r, y += a.out.width) {
      for (int c = 0; c < a.out.width; ++c) y[c] = 0.f;
      for (int e = a.rows.begin[r]; e < a.rows.begin[r + 1]; ++e) {
        const Number* row = x + static_cast<std::size_t>(a.rows.index[e]) * a.in.width * kLanes;
        const int first = channel * a.taps + a.rows.tap[e] * a.kernel_width;
        for (int c = 0; c < a.out.width; ++c) {
          float sum = 0.f;
          for (int f = a.columns.begin[c]; f < a.columns.begin[c + 1]; ++f) {
            const int lane = first + a.columns.tap[f];
            sum +=
                ToFloat(row[static_cast<std::size_t>(lane / kLanes) * plane +
                            static_cast<std::size_t>(a.columns.index[f]) * kLanes + lane % kLanes]);
          }
          y[c] += sum;
        }
      }
    }
  }
}

void MaxPoolAdjoint(const MaxPoolAdjointArgs& a) {
  const auto *g = static_cast<const Number*>(a.source), *x = static_cast<const Number*>(a.x),
             *residual = static_cast<const Number*>(a.residual);
  auto* y = static_cast<Number*>(a.destination);
  // Whether each pixel is in one window.
  const bool tiles = a.kernel == a.stride && a.padding == 0 &&
                     a.out.height * a.stride >= a.in.height && a.out.width * a.stride >= a.in.width;
  const std::size_t block_stride = a.in.pixels() * kLanes;
  for (int block = 0; block < a.blocks; ++block) {
    if (!tiles) {
      for (std::size_t i = 0; i < block_stride; i += kLanes) Store(a.workspace + i, Vector{});
    }
    for (int r = 0; r < a.out.height; ++r) {
      for (int c = 0; c < a.out.width; ++c, g += kLanes) {
        const Window window(a, r, c);
        if (tiles) {
          ShareOut(window, x, a.in, Load(g), [&](std::size_t at, Vector share, Vector here) {
            Store(y + at, FinishPixel(share, here, residual ? residual + at : nullptr, a.gated));
          });
        } else {
          ShareOut(window, x, a.in, Load(g), [&](std::size_t at, Vector share, Vector) {
            Store(a.workspace + at, Load(a.workspace + at) + share);
          });
        }
      }
    }
    if (!tiles) {
      for (std::size_t at = 0; at < block_stride; at += kLanes) {
        Store(y + at, FinishPixel(Load(a.workspace + at), Load(x + at),
                                  residual ? residual + at : nullptr, a.gated));
      }
    }
    x += block_stride;
    y += block_stride;
    if (residual != nullptr) residual += block_stride;
  }
}

void FinishGradient(const void* x, const void* residual, const void* gate, std::size_t count,
                    bool planar, void* y) {
  if (planar) {
    FinishNumbers(static_cast<const float*>(x), static_cast<const float*>(residual),
                  static_cast<const float*>(gate), count, static_cast<float*>(y));
  } else {
    FinishNumbers(static_cast<const Number*>(x), static_cast<const Number*>(residual),
                  static_cast<const Number*>(gate), count, static_cast<Number*>(y));
  }
}

void SigmoidAdjoint(const void* g, const void* y, std::size_t count, bool planar, void* z) {
  if (planar) {
    SigmoidNumbers(static_cast<const float*>(g), static_cast<const float*>(y), count,
                   static_cast<float*>(z));
  } else {
    SigmoidNumbers(static_cast<const Number*>(g), static_cast<const Number*>(y), count,
                   static_cast<Number*>(z));
  }
}

void GlobalMaxAdjoint(const void* g, const void* x, int blocks, std::size_t pixels, void* y) {
  const auto *gradient = static_cast<const Number*>(g), *from = static_cast<const Number*>(x);
  auto* to = static_cast<Number*>(y);
  const Vector zero{};
  for (int block = 0; block < blocks; ++block, gradient += kLanes) {
    Vector largest = Load(from), count{};
    for (std::size_t p = 0; p < pixels; ++p) largest = Max(largest, Load(from + p * kLanes));
    for (std::size_t p = 0; p < pixels; ++p) {
      count += Load(from + p * kLanes) == largest ? Broadcast(1.f) : zero;
    }
    const Vector share = Load(gradient) / count;
    for (std::size_t p = 0; p < pixels; ++p, from += kLanes, to += kLanes) {
      Store(to, Load(from) == largest ? share : zero);
    }
  }
}

void ChannelReduceAdjoint(const float* g, const void* x, const float* reduced,
                          const int* used_lanes, int blocks, std::size_t pixels,
                          ChannelReduce::Kind kind, void* y) {
  const auto* from = static_cast<const Number*>(x);
  auto* to = static_cast<Number*>(y);
  const std::size_t block_stride = pixels * kLanes;
  const bool mean = kind == ChannelReduce::Kind::kMean;
  const Vector zero{};
  float channels = 0.f;
  for (int block = 0; block < blocks; ++block) channels += static_cast<float>(used_lanes[block]);
  for (std::size_t p = 0; p < pixels; ++p) {
    float count = mean ? channels : 0.f;
    const auto share_of = [&](int block) {
      const Vector used = UsedLanes(used_lanes[block]);
      if (mean) return used;
      return Load(from + block * block_stride + p * kLanes) == Broadcast(reduced[p]) ? used : zero;
    };
    for (int block = 0; !mean && block < blocks; ++block) count += SumOfLanes(share_of(block));
    for (int block = 0; block < blocks; ++block) {
      Store(to + block * block_stride + p * kLanes, share_of(block) * (g[p] / count));
    }
  }
}

void ProductByChannel(const void* g, const void* x, int blocks, std::size_t pixels, void* y) {
  const auto *a = static_cast<const Number*>(g), *b = static_cast<const Number*>(x);
  auto* to = static_cast<Number*>(y);
  for (int block = 0; block < blocks; ++block, to += kLanes) {
    Vector sum{};
    for (std::size_t p = 0; p < pixels; ++p, a += kLanes, b += kLanes) sum += Load(a) * Load(b);
    Store(to, sum);
  }
}

void ProductByPixel(const void* g, const void* x, int blocks, std::size_t pixels, float* y) {
  const auto *a = static_cast<const Number*>(g), *b = static_cast<const Number*>(x);
  const std::size_t block_stride = pixels * kLanes;
  for (std::size_t p = 0; p < pixels; ++p) {
    Vector sum{};
    for (int block = 0; block < blocks; ++block) {
      const std::size_t at = block * block_stride + p * kLanes;
      sum += Load(a + at) * Load(b + at);
    }
    y[p] = SumOfLanes(sum);
  }
}

}  // namespace hepar::cpu::HEPAR_ISA
