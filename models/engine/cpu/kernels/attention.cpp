// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Attention over the pixels of a small grid with few channels per head (2 to 32), where matrix
// products by a library are dominated by call overhead. Data is stored as rows of tokens, one row
// per channel, so that the lanes of a vector are different tokens and no sum crosses lanes.
#include "models/engine/cpu/kernels/attention_rows.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

constexpr int kMaxHeadWidth = 64;

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

}  // namespace

void Attention(const AttentionArgs& a) {
  const int stride = AttentionStride(a.tokens), width = a.channels / a.heads;
  const std::size_t part = static_cast<std::size_t>(a.channels) * stride;
  float* const x = a.workspace;
  float* const qkv = x + part;
  float* const mixed_rows = qkv + 3 * part;
  float* const scores = mixed_rows + part;
  GatherRows(a.source, a.tokens, a.channels, stride, x);
  NormalizeRows(a, stride, x, mixed_rows);
  Project(a.qkv_weight, a.qkv_bias, 3 * a.channels, mixed_rows, a.channels, stride, qkv);

  // With many registers, two vectors of queries share the keys.
  constexpr int kVectors = kLanes == 16 ? 2 : 1;
  const Mix mix = MixFor<kVectors>(width), mix_one = MixFor<1>(width);
  // Powers of 2 instead of e.
  const float scale = kLog2E / __builtin_sqrtf(static_cast<float>(width));
  for (int head = 0; head < a.heads; ++head) {
    const float* q = qkv + static_cast<std::size_t>(head) * width * stride;
    float* mixed = mixed_rows + static_cast<std::size_t>(head) * width * stride;
    for (int t = 0; t < a.tokens;) {
      const bool together = t + (kVectors - 1) * kLanes < a.tokens;
      (together ? mix : mix_one)(q + t, q + part, q + 2 * part, scale, a.tokens, stride, width,
                                 scores, mixed + t);
      t += (together ? kVectors : 1) * kLanes;
    }
  }
  Project(a.proj_weight, a.proj_bias, a.channels, mixed_rows, a.channels, stride, qkv);
  ScatterRows(x, qkv, a.tokens, a.channels, stride, a.destination);
}

}  // namespace hepar::cpu::HEPAR_ISA
