// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Operators on each pixel alone.
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

inline float Sum(Vector v) {
  float sum = 0.f;
  for (int i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}

// The even and the odd lanes of two vectors, concatenated.
#if HEPAR_LANES == 16
inline Vector EvenLanes(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
inline Vector OddLanes(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
#else
inline Vector EvenLanes(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}
inline Vector OddLanes(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}
#endif

// Lane i of the result is the sum of the lanes of v[i], by pairwise reduction. Overwrites v.
inline Vector SumEach(Vector* v) {
#pragma GCC unroll 4
  for (int count = kLanes / 2; count > 0; count /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) {
      v[i] = EvenLanes(v[2 * i], v[2 * i + 1]) + OddLanes(v[2 * i], v[2 * i + 1]);
    }
  }
  return v[0];
}

}  // namespace

void AddMaps(const void* x, const void* y, std::size_t count, Activation activation, void* z) {
  const auto *a = static_cast<const Number*>(x), *b = static_cast<const Number*>(y);
  auto* to = static_cast<Number*>(z);
  for (std::size_t i = 0; i < count; i += kLanes) {
    Store(to + i, Activate(Load(a + i) + Load(b + i), activation));
  }
}

void MultiplyByChannel(const void* x, const void* y, int blocks, std::size_t pixels, void* z) {
  const auto *from = static_cast<const Number*>(x), *factors = static_cast<const Number*>(y);
  auto* to = static_cast<Number*>(z);
  for (int block = 0; block < blocks; ++block) {
    const Vector factor = Load(factors + block * kLanes);
    for (std::size_t p = 0; p < pixels; ++p, from += kLanes, to += kLanes) {
      Store(to, Load(from) * factor);
    }
  }
}

void MultiplyByPixel(const void* x, const float* y, int blocks, std::size_t pixels, void* z) {
  const auto* from = static_cast<const Number*>(x);
  auto* to = static_cast<Number*>(z);
  for (int block = 0; block < blocks; ++block) {
    for (std::size_t p = 0; p < pixels; ++p, from += kLanes, to += kLanes) {
      Store(to, Load(from) * Broadcast(y[p]));
    }
  }
}

void ChannelReduceBlocked(const void* x, const int* used_lanes, int blocks, std::size_t pixels,
                          ChannelReduce::Kind kind, float* y) {
  const std::size_t block_stride = pixels * kLanes;
  int channels = 0;
  for (int block = 0; block < blocks; ++block) channels += used_lanes[block];
  for (std::size_t p = 0; p < pixels; ++p) {
    const Number* pixel = static_cast<const Number*>(x) + p * kLanes;
    float sum = 0.f, largest = ToFloat(pixel[0]);
    for (int block = 0; block < blocks; ++block) {
      for (int lane = 0; lane < used_lanes[block]; ++lane) {
        const float value = ToFloat(pixel[block * block_stride + lane]);
        sum += value;
        largest = value > largest ? value : largest;
      }
    }
    y[p] = kind == ChannelReduce::Kind::kMax ? largest : sum / static_cast<float>(channels);
  }
}

void ChannelReducePlanar(const float* x, int channels, std::size_t pixels, ChannelReduce::Kind kind,
                         float* y) {
  for (std::size_t p = 0; p < pixels; ++p) {
    float sum = 0.f, largest = x[p];
    for (int c = 0; c < channels; ++c) {
      const float value = x[c * pixels + p];
      sum += value;
      largest = value > largest ? value : largest;
    }
    y[p] = kind == ChannelReduce::Kind::kMax ? largest : sum / static_cast<float>(channels);
  }
}

void PointwiseToPlanar(const void* x, int blocks, std::size_t pixels, const float* weight,
                       const float* bias, int outputs, Activation activation, float* y) {
  const std::size_t block_stride = pixels * kLanes;
  for (int o = 0; o < outputs; ++o, weight += blocks * kLanes, y += pixels) {
    const auto* from = static_cast<const Number*>(x);
    std::size_t p = 0;
    for (; p + kLanes <= pixels; p += kLanes) {
      Vector sums[kLanes] = {};
      for (int block = 0; block < blocks; ++block) {
        const Vector w = Load(weight + block * kLanes);
        const Number* pixel = from + block * block_stride + p * kLanes;
        for (int i = 0; i < kLanes; ++i) sums[i] += w * Load(pixel + i * kLanes);
      }
      Store(y + p, Activate(SumEach(sums) + bias[o], activation));
    }
    for (; p < pixels; ++p) {
      Vector sum{};
      for (int block = 0; block < blocks; ++block) {
        sum += Load(weight + block * kLanes) * Load(from + block * block_stride + p * kLanes);
      }
      y[p] = Activate(Broadcast(Sum(sum) + bias[o]), activation)[0];
    }
  }
}

void ToBlocked(const float* planar, int channels, std::size_t pixels, void* blocked) {
  auto* to = static_cast<Number*>(blocked);
  for (int first = 0; first < channels; first += kLanes) {
    for (std::size_t p = 0; p < pixels; ++p, to += kLanes) {
      Vector pixel{};
      for (int lane = 0; lane < kLanes && first + lane < channels; ++lane) {
        pixel[lane] = planar[static_cast<std::size_t>(first + lane) * pixels + p];
      }
      Store(to, pixel);
    }
  }
}

void ToPlanar(const void* blocked, const int* lane_of, int channels, std::size_t pixels,
              float* planar) {
  for (int c = 0; c < channels; ++c, planar += pixels) {
    const Number* from = static_cast<const Number*>(blocked) +
                         static_cast<std::size_t>(lane_of[c] / kLanes) * pixels * kLanes +
                         lane_of[c] % kLanes;
    for (std::size_t p = 0; p < pixels; ++p) planar[p] = ToFloat(from[p * kLanes]);
  }
}

void ScaleShiftPlanar(const float* x, float scale, float shift, std::size_t count,
                      Activation activation, float* y) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Store(y + i, Activate(Load(x + i) * scale + shift, activation));
  }
  for (; i < count; ++i) y[i] = Activate(Broadcast(x[i] * scale + shift), activation)[0];
}

}  // namespace hepar::cpu::HEPAR_ISA
