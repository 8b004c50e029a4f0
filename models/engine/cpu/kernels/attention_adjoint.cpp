// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The adjoint of attention (attention.cpp). The weights softmax(q k^T) of all tokens would take
// more memory than all other maps, so they are computed again, twice: once with queries in the
// lanes of a vector, for the gradient of the queries, and once with keys, for that of keys and
// values. No sum crosses lanes.
#include "models/engine/cpu/kernels/attention_rows.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

constexpr int kMaxHeadWidth = 64;

// The rows of one head.
struct Head {
  int tokens, stride, width;
  float scale;                     // 1 / sqrt(width).
  const float *q, *k, *v, *mixed;  // `mixed`: the gradient of the mixture.
  float *dq, *dk, *dv;
  // Of each query, in powers of 2: its largest score, 1 / the sum of its powers, and the sum of its
  // weights times the gradients of these.
  float *largest, *share, *mean;
  float* scratch;  // Two vectors for each token.

  std::size_t row(int d) const { return static_cast<std::size_t>(d) * stride; }
};

// The gradient of the queries of the vector at `t`, and their statistics.
template <int kWidth>
void QueryGradient(const Head& h, int t) {
  const int width = kWidth > 0 ? kWidth : h.width;
  constexpr int kMost = kWidth > 0 ? kWidth : kMaxHeadWidth;
  Vector query[kMost], gradient[kMost], sum[kMost];
  for (int d = 0; d < width; ++d) {
    query[d] = Load(h.q + h.row(d) + t) * (h.scale * kLog2E);
    gradient[d] = Load(h.mixed + h.row(d) + t);
    sum[d] = Vector{};
  }
  float* const weights = h.scratch;
  float* const changes = h.scratch + static_cast<std::size_t>(h.stride) * kLanes;
  Vector largest = Broadcast(-3.0e38f);
  for (int key = 0; key < h.tokens; ++key) {
    Vector score{}, change{};
    for (int d = 0; d < width; ++d) {
      score += query[d] * Broadcast(h.k[h.row(d) + key]);
      change += gradient[d] * Broadcast(h.v[h.row(d) + key]);
    }
    Store(weights + key * kLanes, score);
    Store(changes + key * kLanes, change);
    largest = Max(largest, score);
  }
  Vector total{}, mean{};
  for (int key = 0; key < h.tokens; ++key) {
    const Vector weight = Exp2(Load(weights + key * kLanes) - largest);
    Store(weights + key * kLanes, weight);
    total += weight;
    mean += weight * Load(changes + key * kLanes);
  }
  const Vector share = Quotient(Broadcast(1.f), total);
  mean *= share;
  for (int key = 0; key < h.tokens; ++key) {
    const Vector slope = Load(weights + key * kLanes) * (Load(changes + key * kLanes) - mean);
    for (int d = 0; d < width; ++d) sum[d] += slope * Broadcast(h.k[h.row(d) + key]);
  }
  for (int d = 0; d < width; ++d) Store(h.dq + h.row(d) + t, sum[d] * share * h.scale);
  Store(h.largest + t, largest);
  Store(h.share + t, share);
  Store(h.mean + t, mean);
}

// The gradients of the keys and values of the vector at `t`.
template <int kWidth>
void KeyGradient(const Head& h, int t) {
  const int width = kWidth > 0 ? kWidth : h.width;
  constexpr int kMost = kWidth > 0 ? kWidth : kMaxHeadWidth;
  Vector key[kMost], value[kMost], key_sum[kMost], value_sum[kMost];
  for (int d = 0; d < width; ++d) {
    key[d] = Load(h.k + h.row(d) + t) * (h.scale * kLog2E);
    value[d] = Load(h.v + h.row(d) + t);
    key_sum[d] = value_sum[d] = Vector{};
  }
  for (int query = 0; query < h.tokens; ++query) {
    Vector score{}, change{};
    for (int d = 0; d < width; ++d) {
      score += key[d] * Broadcast(h.q[h.row(d) + query]);
      change += value[d] * Broadcast(h.mixed[h.row(d) + query]);
    }
    const Vector weight = Exp2(score - Broadcast(h.largest[query])) * Broadcast(h.share[query]);
    const Vector slope = weight * (change - Broadcast(h.mean[query]));
    for (int d = 0; d < width; ++d) {
      key_sum[d] += slope * Broadcast(h.q[h.row(d) + query]);
      value_sum[d] += weight * Broadcast(h.mixed[h.row(d) + query]);
    }
  }
  for (int d = 0; d < width; ++d) {
    Store(h.dk + h.row(d) + t, key_sum[d] * h.scale);
    Store(h.dv + h.row(d) + t, value_sum[d]);
  }
}

template <int kWidth>
void HeadGradient(const Head& h) {
  for (int t = 0; t < h.tokens; t += kLanes) QueryGradient<kWidth>(h, t);
  for (int t = 0; t < h.tokens; t += kLanes) KeyGradient<kWidth>(h, t);
}

// With a compile-time width, sums stay in registers.
void HeadGradientOf(const Head& h) {
  switch (h.width) {
    case 2:
      return HeadGradient<2>(h);
    case 3:
      return HeadGradient<3>(h);
    case 4:
      return HeadGradient<4>(h);
    case 5:
      return HeadGradient<5>(h);
    default:
      return HeadGradient<0>(h);
  }
}

// Takes the gradient of the normalized tokens back to the tokens, in place.
void NormalizeAdjoint(const AttentionArgs& a, int stride, const float* x_rows, float* gradient) {
  const float count = static_cast<float>(a.channels);
  for (int t = 0; t < stride; t += kLanes) {
    const float* x = x_rows + t;
    float* g = gradient + t;
    const TokenStatistics of(x, a.channels, stride, a.epsilon);
    Vector mean{}, slope{};
    for (int c = 0; c < a.channels; ++c) {
      const std::size_t at = static_cast<std::size_t>(c) * stride;
      const Vector d = Load(g + at) * a.norm_weight[c];
      mean += d;
      slope += d * (Load(x + at) - of.mean) * of.scale;
    }
    mean /= count;
    slope /= count;
    for (int c = 0; c < a.channels; ++c) {
      const std::size_t at = static_cast<std::size_t>(c) * stride;
      const Vector normal = (Load(x + at) - of.mean) * of.scale;
      Store(g + at, of.scale * (Load(g + at) * a.norm_weight[c] - mean - normal * slope));
    }
  }
}

}  // namespace

void AttentionAdjoint(const AttentionAdjointArgs& args) {
  const AttentionArgs& a = args.forward;
  const int stride = AttentionStride(a.tokens), width = a.channels / a.heads;
  const std::size_t part = static_cast<std::size_t>(a.channels) * stride;
  float* const x = a.workspace;
  float* const g = x + part;
  float* const rows = g + part;      // Normalized tokens, then their gradient.
  float* const mixed = rows + part;  // The gradient of the mixture.
  float* const qkv = mixed + part;
  float* const dqkv = qkv + 3 * part;
  float* const zeros = dqkv + 3 * part;  // Max(stride, channels): no bias.
  float* const statistics = zeros + Larger(stride, a.channels);
  GatherRows(a.source, a.tokens, a.channels, stride, x);
  GatherRows(args.source, a.tokens, a.channels, stride, g);
  NormalizeRows(a, stride, x, rows);
  Project(a.qkv_weight, a.qkv_bias, 3 * a.channels, rows, a.channels, stride, qkv);
  for (int i = 0; i < a.channels; ++i) zeros[i] = 0.f;
  Project(args.proj_transposed, zeros, a.channels, g, a.channels, stride, mixed);

  Head head;
  head.tokens = a.tokens;
  head.stride = stride;
  head.width = width;
  head.scale = 1.f / __builtin_sqrtf(static_cast<float>(width));
  head.largest = statistics;
  head.share = statistics + stride;
  head.mean = statistics + 2 * stride;
  head.scratch = statistics + 3 * stride;
  for (int i = 0; i < a.heads; ++i) {
    const std::size_t first = static_cast<std::size_t>(i) * width * stride;
    head.q = qkv + first;
    head.k = head.q + part;
    head.v = head.k + part;
    head.mixed = mixed + first;
    head.dq = dqkv + first;
    head.dk = head.dq + part;
    head.dv = head.dk + part;
    HeadGradientOf(head);
  }
  Project(args.qkv_transposed, zeros, a.channels, dqkv, 3 * a.channels, stride, rows);
  NormalizeAdjoint(a, stride, x, rows);
  ScatterRows(g, rows, a.tokens, a.channels, stride, args.destination);
}

}  // namespace hepar::cpu::HEPAR_ISA
