// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pooling and interpolation. oneDNN has no adaptive pooling, and its interpolation takes about
// three times as long for these shapes.
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

inline const Number* Pixel(const Number* x, const Extent& e, int row, int column) {
  return x + (static_cast<std::size_t>(row) * e.width + column) * kLanes;
}

inline Vector LargestOf(const Number* x, const Extent& in, int top, int bottom, int left,
                        int right) {
  Largest largest(Pixel(x, in, top, left));
  for (int r = top; r < bottom; ++r) {
    for (int c = left; c < right; ++c) largest.Take(Pixel(x, in, r, c));
  }
  return largest.value();
}

// The same for a square of a compile-time size, which is unrolled.
template <int side>
inline Vector LargestOf(const Number* x, std::size_t row) {
  Largest largest(x);
#pragma GCC unroll 3
  for (int r = 0; r < side; ++r) {
#pragma GCC unroll 3
    for (int c = 0; c < side; ++c) largest.Take(x + r * row + c * kLanes);
  }
  return largest.value();
}

inline Vector SumOf(const Number* x, const Extent& in, int top, int bottom, int left, int right) {
  // Two alternating sums: shorter dependency chains and less rounding error.
  Vector even{}, odd{};
  for (int r = top; r < bottom; ++r) {
    const Number* p = Pixel(x, in, r, left);
    int c = left;
    for (; c + 2 <= right; c += 2, p += 2 * kLanes) {
      even += Load(p);
      odd += Load(p + kLanes);
    }
    if (c < right) even += Load(p);
  }
  return even + odd;
}

// Whether `columns` doubles a row of `width` numbers, with weights 0.75 and 0.25.
bool Doubles(const Interpolation& columns, int width, int out_width) {
  if (out_width != 2 * width) return false;
  for (int i = 0; i < width; ++i) {
    const int before = 2 * i, after = before + 1;
    if (i > 0 && (columns.low[before] != i - 1 || columns.high[before] != i ||
                  columns.weight[before] != 0.75f)) {
      return false;
    }
    if (i + 1 < width && (columns.low[after] != i || columns.high[after] != i + 1 ||
                          columns.weight[after] != 0.25f)) {
      return false;
    }
  }
  return true;
}

// Doubles a row. x[-1] and x[width] are copies of the first and the last number.
void DoubleRow(const float* x, int width, float* y) {
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    const Vector low = Load(x + i - 1), middle = Load(x + i), high = Load(x + i + 1);
    const Vector before = low + 0.75f * (middle - low);
    const Vector after = middle + 0.25f * (high - middle);
    Store(y + 2 * i, Interleave<0>(before, after, EachLane()));
    Store(y + 2 * i + kLanes, Interleave<kLanes / 2>(before, after, EachLane()));
  }
  for (; i < width; ++i) {
    y[2 * i] = x[i - 1] + 0.75f * (x[i] - x[i - 1]);
    y[2 * i + 1] = x[i] + 0.25f * (x[i + 1] - x[i]);
  }
}

}  // namespace

void MaxPoolBlocked(const void* source, const Extent& in, int blocks, const MaxPool& op,
                    const Extent& out, void* destination) {
  const auto* x = static_cast<const Number*>(source);
  auto* y = static_cast<Number*>(destination);
  const std::size_t row = static_cast<std::size_t>(in.width) * kLanes;
  for (int block = 0; block < blocks; ++block) {
    for (int r = 0; r < out.height; ++r) {
      const int top = r * op.stride - op.padding;
      const bool known =
          (op.kernel == 2 || op.kernel == 3) && top >= 0 && top + op.kernel <= in.height;
      for (int c = 0; c < out.width; ++c, y += kLanes) {
        const int left = c * op.stride - op.padding;
        if (known && left >= 0 && left + op.kernel <= in.width) {
          const Number* first = Pixel(x, in, top, left);
          Store(y, op.kernel == 2 ? LargestOf<2>(first, row) : LargestOf<3>(first, row));
          continue;
        }
        Store(y, LargestOf(x, in, Larger(top, 0), Smaller(top + op.kernel, in.height),
                           Larger(left, 0), Smaller(left + op.kernel, in.width)));
      }
    }
    x += in.pixels() * kLanes;
  }
}

void AdaptivePoolBlocked(const void* source, const Extent& in, int blocks, AdaptivePool::Kind kind,
                         const Extent& out, void* destination) {
  const auto* x = static_cast<const Number*>(source);
  auto* y = static_cast<Number*>(destination);
  for (int block = 0; block < blocks; ++block) {
    for (int r = 0; r < out.height; ++r) {
      const int top = r * in.height / out.height;
      const int bottom = ((r + 1) * in.height + out.height - 1) / out.height;
      for (int c = 0; c < out.width; ++c, y += kLanes) {
        const int left = c * in.width / out.width;
        const int right = ((c + 1) * in.width + out.width - 1) / out.width;
        const float count = static_cast<float>((bottom - top) * (right - left));
        Store(y, kind == AdaptivePool::Kind::kMax ? LargestOf(x, in, top, bottom, left, right)
                                                  : SumOf(x, in, top, bottom, left, right) / count);
      }
    }
    x += in.pixels() * kLanes;
  }
}

void GlobalPool(const void* source, const Extent& in, int blocks, AdaptivePool::Kind kind,
                float* y) {
  const auto* x = static_cast<const Number*>(source);
  const float count = static_cast<float>(in.pixels());
  for (int block = 0; block < blocks; ++block, x += in.pixels() * kLanes, y += kLanes) {
    Store(y, kind == AdaptivePool::Kind::kMax ? LargestOf(x, in, 0, in.height, 0, in.width)
                                              : SumOf(x, in, 0, in.height, 0, in.width) / count);
  }
}

void UpsampleBlocked(const void* source, const Extent& in, int blocks, const Interpolation& rows,
                     const Interpolation& columns, const Extent& out, void* destination) {
  const auto* x = static_cast<const Number*>(source);
  auto* y = static_cast<Number*>(destination);
  for (int block = 0; block < blocks; ++block) {
    for (int r = 0; r < out.height; ++r) {
      const Number* upper = Pixel(x, in, rows.low[r], 0);
      const Number* lower = Pixel(x, in, rows.high[r], 0);
      const float below = rows.weight[r];
      // Neighboring outputs share the input columns between them.
      int low = -1, high = -1;
      Vector left{}, right{};
      for (int c = 0; c < out.width; ++c, y += kLanes) {
        if (columns.low[c] != low || columns.high[c] != high) {
          const auto blend = [&](int column) {
            const Vector u = Load(upper + column * kLanes);
            return u + below * (Load(lower + column * kLanes) - u);
          };
          left = columns.low[c] == high ? right : blend(columns.low[c]);
          low = columns.low[c];
          high = columns.high[c];
          right = blend(high);
        }
        Store(y, left + columns.weight[c] * (right - left));
      }
    }
    x += in.pixels() * kLanes;
  }
}

void UpsamplePlanar(const float* x, const Extent& in, int channels, const Interpolation& rows,
                    const Interpolation& columns, const Extent& out, Activation activation,
                    float* workspace, float* y) {
  const bool doubles = Doubles(columns, in.width, out.width);
  float* row = workspace + kLanes;
  for (int channel = 0; channel < channels; ++channel) {
    for (int r = 0; r < out.height; ++r, y += out.width) {
      const float* upper = x + static_cast<std::size_t>(rows.low[r]) * in.width;
      const float* lower = x + static_cast<std::size_t>(rows.high[r]) * in.width;
      const float below = rows.weight[r];
      for (int c = 0; c < in.width; ++c) {
        row[c] = upper[c] + below * (lower[c] - upper[c]);
      }
      if (doubles) {
        row[-1] = row[0];
        row[in.width] = row[in.width - 1];
        DoubleRow(row, in.width, y);
      } else {
        for (int c = 0; c < out.width; ++c) {
          const float left = row[columns.low[c]];
          y[c] = left + columns.weight[c] * (row[columns.high[c]] - left);
        }
      }
      if (activation != Activation::kNone) {
        ScaleShiftPlanar(y, 1.f, 0.f, static_cast<std::size_t>(out.width), activation, y);
      }
    }
    x += in.pixels();
  }
}

}  // namespace hepar::cpu::HEPAR_ISA
