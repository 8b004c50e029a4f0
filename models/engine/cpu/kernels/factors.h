// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine/cpu/kernels/vector.h"

#ifdef HEPAR_BF16
#include <immintrin.h>
#endif

// What the kernels of this folder multiply: floats or, with HEPAR_BF16, pairs of bf16 numbers,
// whose two products one instruction adds to a float of each lane.
namespace hepar::cpu::HEPAR_ISA {

#ifdef HEPAR_BF16

constexpr int kPair = 2;
typedef std::uint16_t Factor;
typedef __m512bh Factors;  // A pair in each lane.

// Rounded to nearest, ties to even.
static inline void StoreFactors(Factor* p, Vector v) {
  const auto rounded = (__m256i)_mm512_cvtneps_pbh((__m512)v);
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(p), rounded);
}
static inline Factors LoadFactors(const Factor* p) { return (Factors)_mm512_loadu_si512(p); }
// One pair in all lanes. `p` is aligned to a pair.
static inline Factors BroadcastFactors(const Factor* p) {
  std::int32_t pair;
  __builtin_memcpy(&pair, p, sizeof(pair));
  return (Factors)_mm512_set1_epi32(pair);
}
static inline Vector MultiplyAdd(Factors x, Factors y, Vector sum) {
  return (Vector)_mm512_dpbf16_ps((__m512)sum, x, y);
}

#else

constexpr int kPair = 1;
typedef float Factor;
typedef Vector Factors;

static inline void StoreFactors(Factor* p, Vector v) { Store(p, v); }
static inline Factors LoadFactors(const Factor* p) { return Load(p); }
static inline Factors BroadcastFactors(const Factor* p) { return Broadcast(*p); }
static inline Vector MultiplyAdd(Factors x, Factors y, Vector sum) { return sum + x * y; }

#endif

}  // namespace hepar::cpu::HEPAR_ISA
