// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Attention over the pixels of a small grid with few channels per head (2 to 32), where matrix
// products by a library are dominated by call overhead. Data is stored as rows of tokens, one row
// per channel, so that the lanes of a vector are different tokens and no sum crosses lanes.
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

constexpr int kMaxHeadWidth = 64;

// Rows of the workspace, of AttentionStride(tokens) floats each, except for the scores.
struct Rows {
  int stride;
  float *x, *qkv, *mixed, *scores;

  Rows(const AttentionArgs& a)
      : stride(AttentionStride(a.tokens)),
        x(a.workspace),
        qkv(x + static_cast<std::size_t>(a.channels) * stride),
        mixed(qkv + static_cast<std::size_t>(3 * a.channels) * stride),
        scores(mixed + static_cast<std::size_t>(a.channels) * stride) {}
};

// Blocked pixels to rows; entries beyond the last token are zero.
void Gather(const AttentionArgs& a, const Rows& rows) {
  const auto* from = static_cast<const Number*>(a.source);
  for (int c = 0; c < a.channels; c += kLanes) {
    float* to = rows.x + static_cast<std::size_t>(c) * rows.stride;
    for (int t = 0; t < rows.stride; t += kLanes) {
      Vector square[kLanes] = {};
      for (int i = 0; i < kLanes && t + i < a.tokens; ++i, from += kLanes) square[i] = Load(from);
      Transpose(square);
      for (int i = 0; i < kLanes && c + i < a.channels; ++i) {
        Store(to + static_cast<std::size_t>(i) * rows.stride + t, square[i]);
      }
    }
  }
}

// LayerNorm of each token, to the rows of `mixed`.
void Normalize(const AttentionArgs& a, const Rows& rows) {
  const float count = static_cast<float>(a.channels);
  for (int t = 0; t < rows.stride; t += kLanes) {
    const float* x = rows.x + t;
    float* y = rows.mixed + t;
    Vector mean{}, variance{};
    for (int c = 0; c < a.channels; ++c) mean += Load(x + c * rows.stride);
    mean /= count;
    for (int c = 0; c < a.channels; ++c) {
      const Vector d = Load(x + c * rows.stride) - mean;
      variance += d * d;
    }
    variance = variance / count + a.epsilon;
    Vector scale{};
    for (int i = 0; i < kLanes; ++i) scale[i] = 1.f / __builtin_sqrtf(variance[i]);
    for (int c = 0; c < a.channels; ++c) {
      const Vector d = Load(x + c * rows.stride) - mean;
      Store(y + c * rows.stride, d * scale * a.norm_weight[c] + a.norm_bias[c]);
    }
  }
}

// y = W x + b for `outputs` rows of W.
void Project(const float* w, const float* bias, int outputs, const float* x, int channels,
             int stride, float* y) {
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

// softmax(q k^T) v for the queries of `vectors` vectors.
template <int width, int vectors>
void MixHead(const float* q, const float* k, const float* v, float scale, int tokens, int stride,
             int runtime_width, float* scores, float* mixed) {
  constexpr int kWidth = width > 0 ? width : kMaxHeadWidth;
  const int d_count = width > 0 ? width : runtime_width;
  Vector query[kWidth][vectors], sum[kWidth][vectors], largest[vectors], total[vectors];
  for (int j = 0; j < vectors; ++j) {
    for (int d = 0; d < d_count; ++d) {
      query[d][j] = Load(q + static_cast<std::size_t>(d) * stride + j * kLanes) * scale;
      sum[d][j] = Vector{};
    }
    largest[j] = Broadcast(-3.0e38f);
    total[j] = Vector{};
  }
  float* score = scores;
  for (int t = 0; t < tokens; ++t) {
    Vector s[vectors] = {};
    for (int d = 0; d < d_count; ++d) {
      const Vector key = Broadcast(k[static_cast<std::size_t>(d) * stride + t]);
      for (int j = 0; j < vectors; ++j) s[j] += query[d][j] * key;
    }
    for (int j = 0; j < vectors; ++j, score += kLanes) {
      Store(score, s[j]);
      largest[j] = Max(largest[j], s[j]);
    }
  }
  score = scores;
  for (int t = 0; t < tokens; ++t) {
    Vector weight[vectors];
    for (int j = 0; j < vectors; ++j, score += kLanes) {
      weight[j] = Exp2(Load(score) - largest[j]);
      total[j] += weight[j];
    }
    for (int d = 0; d < d_count; ++d) {
      const Vector value = Broadcast(v[static_cast<std::size_t>(d) * stride + t]);
      for (int j = 0; j < vectors; ++j) sum[d][j] += weight[j] * value;
    }
  }
  for (int j = 0; j < vectors; ++j) {
    for (int d = 0; d < d_count; ++d) {
      Store(mixed + static_cast<std::size_t>(d) * stride + j * kLanes,
            Quotient(sum[d][j], total[j]));
    }
  }
}

using Mix = void (*)(const float*, const float*, const float*, float, int, int, int, float*,
                     float*);

// With a compile-time width, queries and sums stay in registers.
template <int vectors>
Mix MixFor(int width) {
  switch (width) {
    case 2:
      return MixHead<2, vectors>;
    case 3:
      return MixHead<3, vectors>;
    case 4:
      return MixHead<4, vectors>;
    case 5:
      return MixHead<5, vectors>;
    case 8:
      return MixHead<8, vectors>;
    default:
      return MixHead<0, vectors>;
  }
}

// Rows back to blocked pixels, with the residual.
void Scatter(const AttentionArgs& a, const Rows& rows, const float* y) {
  auto* to = static_cast<Number*>(a.destination);
  for (int first = 0; first < a.channels; first += kLanes) {
    const float* x = rows.x + static_cast<std::size_t>(first) * rows.stride;
    const float* mixed = y + static_cast<std::size_t>(first) * rows.stride;
    for (int t = 0; t < a.tokens; t += kLanes) {
      Vector square[kLanes] = {};
      for (int i = 0; i < kLanes && first + i < a.channels; ++i) {
        const std::size_t at = static_cast<std::size_t>(i) * rows.stride + t;
        square[i] = Load(x + at) + Load(mixed + at);
      }
      Transpose(square);
      for (int i = 0; i < kLanes && t + i < a.tokens; ++i, to += kLanes) Store(to, square[i]);
    }
  }
}

}  // namespace

void Attention(const AttentionArgs& a) {
  const Rows rows(a);
  Gather(a, rows);
  Normalize(a, rows);
  Project(a.qkv_weight, a.qkv_bias, 3 * a.channels, rows.mixed, a.channels, rows.stride, rows.qkv);

  const int width = a.channels / a.heads;
  // With many registers, two vectors of queries share the keys.
  constexpr int kVectors = kLanes == 16 ? 2 : 1;
  const Mix mix = MixFor<kVectors>(width), mix_one = MixFor<1>(width);
  // Powers of 2 instead of e.
  const float scale = kLog2E / __builtin_sqrtf(static_cast<float>(width));
  const std::size_t part = static_cast<std::size_t>(a.channels) * rows.stride;
  for (int head = 0; head < a.heads; ++head) {
    const float* q = rows.qkv + static_cast<std::size_t>(head) * width * rows.stride;
    float* mixed = rows.mixed + static_cast<std::size_t>(head) * width * rows.stride;
    for (int t = 0; t < a.tokens;) {
      const bool together = t + (kVectors - 1) * kLanes < a.tokens;
      (together ? mix : mix_one)(q + t, q + part, q + 2 * part, scale, a.tokens, rows.stride, width,
                                 rows.scores, mixed + t);
      t += (together ? kVectors : 1) * kLanes;
    }
  }
  Project(a.proj_weight, a.proj_bias, a.channels, rows.mixed, a.channels, rows.stride, rows.qkv);
  Scatter(a, rows, rows.qkv);
}

}  // namespace hepar::cpu::HEPAR_ISA
