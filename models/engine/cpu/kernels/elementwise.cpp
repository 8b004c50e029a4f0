// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What is done to each pixel by itself.
#include "models/engine/cpu/kernels.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

inline float Sum(Vector v) {
  float sum = 0.f;
  for (int i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}

// Lane i of the result is the sum of the lanes of v[i].
inline Vector SumEach(const Vector* v) {
  Vector sums{};
  for (int i = 0; i < kLanes; ++i) sums[i] = Sum(v[i]);
  return sums;
}

}  // namespace

void AddMaps(const float* x, const float* y, std::size_t count, Activation activation, float* z) {
  for (std::size_t i = 0; i < count; i += kLanes) {
    Store(z + i, Activate(Load(x + i) + Load(y + i), activation));
  }
}

void MultiplyBlocked(const float* x, const float* y, int blocks, std::size_t pixels, bool by_pixel,
                     float* z) {
  for (int block = 0; block < blocks; ++block) {
    const Vector factor = by_pixel ? Vector{} : Load(y + block * kLanes);
    for (std::size_t p = 0; p < pixels; ++p, x += kLanes, z += kLanes) {
      Store(z, Load(x) * (by_pixel ? Broadcast(y[p]) : factor));
    }
  }
}

void ChannelReduceBlocked(const float* x, const int* used_lanes, int blocks, std::size_t pixels,
                          ChannelReduce::Kind kind, float* y) {
  const std::size_t plane = pixels * kLanes;
  int channels = 0;
  for (int block = 0; block < blocks; ++block) channels += used_lanes[block];
  for (std::size_t p = 0; p < pixels; ++p) {
    const float* pixel = x + p * kLanes;
    float sum = 0.f, largest = pixel[0];
    for (int block = 0; block < blocks; ++block) {
      for (int lane = 0; lane < used_lanes[block]; ++lane) {
        const float value = pixel[block * plane + lane];
        sum += value;
        largest = value > largest ? value : largest;
      }
    }
    y[p] = kind == ChannelReduce::Kind::kMax ? largest : sum / static_cast<float>(channels);
  }
}

void PointwiseToPlanar(const float* x, int blocks, std::size_t pixels, const float* weight,
                       const float* bias, int outputs, Activation activation, float* y) {
  const std::size_t plane = pixels * kLanes;
  for (int o = 0; o < outputs; ++o, weight += blocks * kLanes, y += pixels) {
    std::size_t p = 0;
    for (; p + kLanes <= pixels; p += kLanes) {
      Vector sums[kLanes] = {};
      for (int block = 0; block < blocks; ++block) {
        const Vector w = Load(weight + block * kLanes);
        const float* from = x + block * plane + p * kLanes;
        for (int i = 0; i < kLanes; ++i) sums[i] += w * Load(from + i * kLanes);
      }
      Store(y + p, Activate(SumEach(sums) + bias[o], activation));
    }
    for (; p < pixels; ++p) {
      Vector sum{};
      for (int block = 0; block < blocks; ++block) {
        sum += Load(weight + block * kLanes) * Load(x + block * plane + p * kLanes);
      }
      y[p] = Activate(Broadcast(Sum(sum) + bias[o]), activation)[0];
    }
  }
}

void ToBlocked(const float* planar, int channels, std::size_t pixels, float* blocked) {
  for (int first = 0; first < channels; first += kLanes) {
    for (std::size_t p = 0; p < pixels; ++p, blocked += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) {
        const bool there = first + lane < channels;
        blocked[lane] = there ? planar[static_cast<std::size_t>(first + lane) * pixels + p] : 0.f;
      }
    }
  }
}

void ToPlanar(const float* blocked, const int* slots, int channels, std::size_t pixels,
              float* planar) {
  for (int c = 0; c < channels; ++c, planar += pixels) {
    const float* from =
        blocked + static_cast<std::size_t>(slots[c] / kLanes) * pixels * kLanes + slots[c] % kLanes;
    for (std::size_t p = 0; p < pixels; ++p) planar[p] = from[p * kLanes];
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
