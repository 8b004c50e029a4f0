// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/shared.h"
#include "models/engine/cpu/kernels/vector.h"

// Shared by attention and its adjoint: data as rows of tokens, one row of AttentionStride(tokens)
// floats for each channel.
namespace hepar::cpu::HEPAR_ISA {

// Blocked pixels to rows; entries beyond the last token are zero.
static inline void GatherRows(const void* source, int tokens, int channels, int stride, float* x) {
  const auto* from = static_cast<const Number*>(source);
  for (int c = 0; c < channels; c += kLanes) {
    float* to = x + static_cast<std::size_t>(c) * stride;
    for (int t = 0; t < stride; t += kLanes) {
      Vector square[kLanes] = {};
      for (int i = 0; i < kLanes && t + i < tokens; ++i, from += kLanes) square[i] = Load(from);
      Transpose(square);
      for (int i = 0; i < kLanes && c + i < channels; ++i) {
        Store(to + static_cast<std::size_t>(i) * stride + t, square[i]);
      }
    }
  }
}

// Mean over the channels of the tokens of a vector, and 1 / sqrt(variance + epsilon).
struct TokenStatistics {
  Vector mean, scale;

  TokenStatistics(const float* x, int channels, int stride, float epsilon) : mean{}, scale{} {
    const float count = static_cast<float>(channels);
    Vector variance{};
    for (int c = 0; c < channels; ++c) mean += Load(x + static_cast<std::size_t>(c) * stride);
    mean /= count;
    for (int c = 0; c < channels; ++c) {
      const Vector d = Load(x + static_cast<std::size_t>(c) * stride) - mean;
      variance += d * d;
    }
    variance = variance / count + epsilon;
    for (int i = 0; i < kLanes; ++i) scale[i] = 1.f / __builtin_sqrtf(variance[i]);
  }
};

// LayerNorm of each token.
static inline void NormalizeRows(const AttentionArgs& a, int stride, const float* rows, float* to) {
  for (int t = 0; t < stride; t += kLanes) {
    const float* x = rows + t;
    const TokenStatistics of(x, a.channels, stride, a.epsilon);
    for (int c = 0; c < a.channels; ++c) {
      const std::size_t at = static_cast<std::size_t>(c) * stride;
      Store(to + at + t, (Load(x + at) - of.mean) * of.scale * a.norm_weight[c] + a.norm_bias[c]);
    }
  }
}

// y = W x + b for `outputs` rows of W.
static inline void Project(const float* w, const float* bias, int outputs, const float* x,
                           int channels, int stride, float* y) {
  constexpr int kOutputs = 4, kVectors = 2;
  for (int t = 0; t < stride; t += kVectors * kLanes) {
    const int vectors = t + kVectors * kLanes <= stride ? kVectors : 1;
    for (int o = 0; o < outputs; o += kOutputs) {
      const int rows = outputs - o < kOutputs ? outputs - o : kOutputs;
      Vector sum[kOutputs][kVectors] = {};
      if (rows == kOutputs && vectors == kVectors) {
        const float* row = w + static_cast<std::size_t>(o) * channels;
        for (int c = 0; c < channels; ++c) {
          const float* from = x + static_cast<std::size_t>(c) * stride + t;
          const Vector left = Load(from), right = Load(from + kLanes);
#pragma GCC unroll 4
          for (int i = 0; i < kOutputs; ++i) {
            const Vector factor = Broadcast(row[i * channels + c]);
            sum[i][0] += factor * left;
            sum[i][1] += factor * right;
          }
        }
      } else {
        for (int c = 0; c < channels; ++c) {
          for (int i = 0; i < rows; ++i) {
            const Vector factor = Broadcast(w[static_cast<std::size_t>(o + i) * channels + c]);
            for (int j = 0; j < vectors; ++j) {
              sum[i][j] += factor * Load(x + static_cast<std::size_t>(c) * stride + t + j * kLanes);
            }
          }
        }
      }
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < vectors; ++j) {
          Store(y + static_cast<std::size_t>(o + i) * stride + t + j * kLanes,
                sum[i][j] + bias[o + i]);
        }
      }
    }
  }
}

// The sum of two sets of rows back to blocked pixels.
static inline void ScatterRows(const float* x, const float* y, int tokens, int channels, int stride,
                               void* destination) {
  auto* to = static_cast<Number*>(destination);
  for (int first = 0; first < channels; first += kLanes) {
    const std::size_t row = static_cast<std::size_t>(first) * stride;
    for (int t = 0; t < tokens; t += kLanes) {
      Vector square[kLanes] = {};
      for (int i = 0; i < kLanes && first + i < channels; ++i) {
        const std::size_t at = row + static_cast<std::size_t>(i) * stride + t;
        square[i] = Load(x + at) + Load(y + at);
      }
      Transpose(square);
      for (int i = 0; i < kLanes && t + i < tokens; ++i, to += kLanes) Store(to, square[i]);
    }
  }
}

}  // namespace hepar::cpu::HEPAR_ISA
