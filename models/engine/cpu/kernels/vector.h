// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "models/graph/graph.h"

#ifdef HEPAR_BF16
#include <immintrin.h>
#endif

// For the files of this folder only. Each is compiled for several processors, with HEPAR_ISA as the
// name of the namespace that its functions are in and HEPAR_LANES as the width of a vector. No
// inline function of a library may be used in them: the linker keeps one copy of such a function,
// which may be the one for a processor that this one is not.
//
// Blocked maps hold numbers of type Number: floats or, with HEPAR_BF16, bf16, which is the upper
// half of a float. Whatever is done to them is done to floats, in registers.
namespace hepar::cpu::HEPAR_ISA {

constexpr int kLanes = HEPAR_LANES;

typedef float Vector __attribute__((vector_size(4 * HEPAR_LANES)));
typedef float UnalignedVector __attribute__((vector_size(4 * HEPAR_LANES), aligned(4)));
typedef std::int32_t IntVector __attribute__((vector_size(4 * HEPAR_LANES)));

static inline Vector Load(const float* p) { return *reinterpret_cast<const UnalignedVector*>(p); }
static inline void Store(float* p, Vector v) { *reinterpret_cast<UnalignedVector*>(p) = v; }
static inline Vector Broadcast(float x) { return x - Vector{}; }

#ifdef HEPAR_BF16

typedef std::uint16_t Number;
constexpr int kPair = 2;  // Numbers that take a float's place.

static inline Vector Load(const Number* p) {
  // Number i goes to the upper half of lane i, zero to the lower.
  const __m512i from = _mm512_set_epi16(15, 0, 14, 0, 13, 0, 12, 0, 11, 0, 10, 0, 9, 0, 8, 0, 7, 0,
                                        6, 0, 5, 0, 4, 0, 3, 0, 2, 0, 1, 0, 0, 0);
  const __m256i numbers = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p));
  return (Vector)_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, from, _mm512_castsi256_si512(numbers));
}
// Rounded to nearest, ties to even.
static inline void Store(Number* p, Vector v) {
  const auto rounded = (__m256i)_mm512_cvtneps_pbh((__m512)v);
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(p), rounded);
}
// Two vectors to two places, for the price of one.
static inline void StoreBoth(Number* p, Vector v, Number* q, Vector w) {
  const auto rounded = (__m512i)_mm512_cvtne2ps_pbh((__m512)w, (__m512)v);
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(p),
                      __builtin_shufflevector(rounded, rounded, 0, 1, 2, 3));
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(q),
                      __builtin_shufflevector(rounded, rounded, 4, 5, 6, 7));
}
static inline float ToFloat(Number number) {
  const std::uint32_t bits = static_cast<std::uint32_t>(number) << 16;
  float x;
  __builtin_memcpy(&x, &bits, sizeof(x));
  return x;
}

#else

typedef float Number;
constexpr int kPair = 1;

static inline void StoreBoth(Number* p, Vector v, Number* q, Vector w) {
  Store(p, v);
  Store(q, w);
}
static inline float ToFloat(Number number) { return number; }

#endif

// The numbers of a pixel of a block.
static inline void Copy(Number* to, const Number* from) {
  __builtin_memcpy(to, from, kLanes * sizeof(Number));
}

static inline int Smaller(int a, int b) { return a < b ? a : b; }
static inline int Larger(int a, int b) { return a > b ? a : b; }

static inline Vector Max(Vector a, Vector b) { return b > a ? b : a; }
static inline Vector Relu(Vector x) {
  const Vector zero{};
  return zero > x ? zero : x;
}

// 2^x for x <= 0 and a little above; 0 below -126. Relative error 2e-7; with bf16, of whose error
// it is a small part, 4e-5.
static inline Vector Exp2(Vector x) {
  const Vector lowest = Broadcast(-126.f);
  x = lowest > x ? lowest : x;
  // Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
  const Vector magic = Broadcast(12582912.f);
  const Vector shifted = x + magic;
  const Vector f = x - (shifted - magic);  // -0.5 .. 0.5.
#ifdef HEPAR_BF16
  Vector p = Broadcast(9.6181291e-3f);
#else
  Vector p = Broadcast(1.5403530e-4f);
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
#endif
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.f;
  const IntVector exponent = reinterpret_cast<IntVector>(shifted) << 23;
  return reinterpret_cast<Vector>(reinterpret_cast<IntVector>(p) + exponent);
}

constexpr float kLog2E = 1.44269504f;

static inline Vector Sigmoid(Vector x) {
  // Through exp(-|x|), which neither overflows nor loses digits.
  const Vector zero{};
  const Vector e = Exp2((x > zero ? -x : x) * kLog2E);
  const Vector small = e / (1.f + e);
  return x > zero ? 1.f - small : small;
}

static inline Vector Activate(Vector x, Activation activation) {
  if (activation == Activation::kRelu) return Relu(x);
  return activation == Activation::kSigmoid ? Sigmoid(x) : x;
}

}  // namespace hepar::cpu::HEPAR_ISA
