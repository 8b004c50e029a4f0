// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/vector.h"

// Shared by the convolutions: matrix products in registers, and the epilogue of their sums.
namespace hepar::cpu::HEPAR_ISA {

#ifdef HEPAR_BF16

// A pair of neighboring input channels in each lane. One instruction adds both products to the
// float of the lane.
typedef __m512bh Factors;

static inline Factors LoadFactors(const Number* p) { return (Factors)_mm512_loadu_si512(p); }
// The pair at `p` in all lanes.
static inline Factors BroadcastFactors(const Number* p) {
  std::int32_t pair;
  __builtin_memcpy(&pair, p, sizeof(pair));
  return (Factors)_mm512_set1_epi32(pair);
}
static inline Vector MultiplyAdd(Factors x, Factors y, Vector sum) {
  return (Vector)_mm512_dpbf16_ps((__m512)sum, x, y);
}

#else

typedef Vector Factors;

static inline Factors LoadFactors(const Number* p) { return Load(p); }
static inline Factors BroadcastFactors(const Number* p) { return Broadcast(*p); }
static inline Vector MultiplyAdd(Factors x, Factors y, Vector sum) { return sum + x * y; }

#endif

// Number of rows that are multiplied by `vectors` vectors at a time: as many as leave registers for
// the operands, of 32 with AVX-512, otherwise of 16.
template <int vectors>
constexpr int RowsAtOnce() {
  if (kLanes == 16) return vectors == 1 ? 16 : 8;
  return vectors == 1 ? 12 : vectors == 2 ? 6 : 4;
}

template <int count>
struct Rows {
  static constexpr int kCount = count;
};

// Calls block(Rows<n>(), first) for `count` rows, up to `most` at a time.
template <int most, typename Block>
inline void ForRows(int count, const Block& block) {
  int first = 0;
  for (; first + most <= count; first += most) block(Rows<most>(), first);
  if (first + most / 2 <= count) {
    block(Rows<most / 2>(), first);
    first += most / 2;
  }
  for (; first + 2 <= count; first += 2) block(Rows<2>(), first);
  if (first < count) block(Rows<1>(), first);
}

// Applies an Epilogue to the sums of a convolution.
template <Residual mode, bool gated = false>
struct End {
  Vector floor;
  const Number* residual;
  const Number* gate;

  explicit End(const Epilogue& epilogue)
      : floor(Broadcast(epilogue.activation == Activation::kRelu ? 0.f : -__builtin_inff())),
        residual(static_cast<const Number*>(epilogue.residual)),
        gate(static_cast<const Number*>(epilogue.gate)) {}

  // `at`: index in destination and residual.
  Vector operator()(Vector value, std::size_t at) const {
    if (mode == Residual::kBeforeActivation) value += Load(residual + at);
    if constexpr (gated) {
      const Vector zero{};
      return Load(gate + at) > zero ? value : zero;
    }
    value = floor > value ? floor : value;
    if (mode == Residual::kAfterActivation) value += Load(residual + at);
    return value;
  }
};

// Calls run(end) with the End for `epilogue`.
template <typename Run>
inline void WithEnd(const Epilogue& epilogue, const Run& run) {
  if (epilogue.gate != nullptr) {
    if (epilogue.mode == Residual::kNone) return run(End<Residual::kNone, true>(epilogue));
    return run(End<Residual::kBeforeActivation, true>(epilogue));
  }
  switch (epilogue.mode) {
    case Residual::kNone:
      return run(End<Residual::kNone>(epilogue));
    case Residual::kBeforeActivation:
      return run(End<Residual::kBeforeActivation>(epilogue));
    case Residual::kAfterActivation:
      return run(End<Residual::kAfterActivation>(epilogue));
  }
}

}  // namespace hepar::cpu::HEPAR_ISA
