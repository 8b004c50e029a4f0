// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "models/graph/graph.h"

#ifdef HEPAR_BF16
#include <immintrin.h>
#endif

// Only for the kernels in this folder. Each file is compiled for several instruction sets, with
// HEPAR_ISA as the namespace of its functions and HEPAR_LANES as the vector width. Kernels must not
// use inline functions of a library: the linker keeps one copy of such a function, which may be
// compiled for an instruction set that the processor does not have.
//
// Blocked maps hold values of type Number: float, or with HEPAR_BF16 bf16, the upper half of a
// float. Computations are in float, in registers.
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
constexpr int kPair = 2;  // Kernels::pair.

static inline Vector Load(const Number* p) {
  // Number i goes to the upper half of lane i; the lower half is zero.
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
// Running maximum of each lane, by integer comparison of the bits: positive numbers are ordered as
// integers, negative numbers in reverse.
class Largest {
 public:
  explicit Largest(const Number* first) : high_(Bits(first)), low_(high_) {}
  void Take(const Number* p) {
    const __m256i bits = Bits(p);
    high_ = _mm256_max_epi16(high_, bits);
    low_ = _mm256_min_epi16(low_, bits);
  }
  Vector value() const {
    Number numbers[kLanes];
    const __m256i bits = _mm256_mask_mov_epi16(high_, _mm256_movepi16_mask(high_), low_);
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(numbers), bits);
    return Load(numbers);
  }

 private:
  static __m256i Bits(const Number* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p));
  }
  __m256i high_, low_;
};
// Stores two vectors at the cost of one conversion.
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
// x / y: a 14-bit estimate of 1 / y and one Newton step.
static inline Vector Quotient(Vector x, Vector y) {
  const auto estimate = (Vector)_mm512_maskz_rcp14_ps(0xffff, (__m512)y);
  return x * (estimate * (2.f - y * estimate));
}

#else

typedef float Number;
constexpr int kPair = 1;

static inline void StoreBoth(Number* p, Vector v, Number* q, Vector w) {
  Store(p, v);
  Store(q, w);
}
static inline float ToFloat(Number number) { return number; }
static inline Vector Quotient(Vector x, Vector y) { return x / y; }

#endif

static inline void CopyFloats(const float* from, int count, Number* to) {
#ifdef HEPAR_BF16
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(to + i, Load(from + i));
  if (i == count) return;
  Vector rest{};
  __builtin_memcpy(&rest, from + i, (count - i) * sizeof(float));
  Number numbers[kLanes];
  Store(numbers, rest);
  __builtin_memcpy(to + i, numbers, (count - i) * sizeof(Number));
#else
  __builtin_memcpy(to, from, count * sizeof(float));
#endif
}

// Copies the numbers of one pixel of a block.
static inline void Copy(Number* to, const Number* from) {
  __builtin_memcpy(to, from, kLanes * sizeof(Number));
}

// The lane indices 0 to count - 1 as a parameter pack.
template <int... lane>
struct Lanes {};
template <int count, int... lane>
struct LanesUpTo : LanesUpTo<count - 1, count - 1, lane...> {};
template <int... lane>
struct LanesUpTo<0, lane...> {
  using Type = Lanes<lane...>;
};
using EachLane = LanesUpTo<kLanes>::Type;

// Interleaves the lanes of a and b, from lane `first` on.
template <int first, int... lane>
static inline Vector Interleave(Vector a, Vector b, Lanes<lane...>) {
  return __builtin_shufflevector(a, b, (first + lane / 2 + lane % 2 * kLanes)...);
}

// Transposes a square of vectors.
template <int step, int... lane>
static inline void TransposeBy(Vector (&rows)[kLanes], Lanes<lane...> lanes) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (i & step) continue;
    const Vector a = rows[i], b = rows[i + step];
    rows[i] = __builtin_shufflevector(a, b, (lane & step ? lane - step + kLanes : lane)...);
    rows[i + step] = __builtin_shufflevector(a, b, (lane & step ? lane + kLanes : lane + step)...);
  }
  if constexpr (2 * step < kLanes) TransposeBy<2 * step>(rows, lanes);
}
static inline void Transpose(Vector (&rows)[kLanes]) { TransposeBy<1>(rows, EachLane()); }

static inline int Smaller(int a, int b) { return a < b ? a : b; }
static inline int Larger(int a, int b) { return a > b ? a : b; }

static inline Vector Max(Vector a, Vector b) { return b > a ? b : a; }
static inline Vector Relu(Vector x) {
  const Vector zero{};
  return zero > x ? zero : x;
}

#ifndef HEPAR_BF16
class Largest {
 public:
  explicit Largest(const Number* first) : value_(Load(first)) {}
  void Take(const Number* p) { value_ = Max(value_, Load(p)); }
  Vector value() const { return value_; }

 private:
  Vector value_;
};
#endif

// 2^x for x <= 0 and slightly above.
#ifdef HEPAR_BF16
// Relative error 8e-5, much less than that of bf16.
static inline Vector Exp2(Vector x) {
  const auto whole =
      (Vector)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, _MM_FROUND_TO_NEAREST_INT);
  const Vector f = x - whole;  // -0.5 .. 0.5.
  Vector p = Broadcast(5.51716626e-2f);
  p = p * f + 2.42611155e-1f;
  p = p * f + 6.93260990e-1f;
  p = p * f + 9.99928072e-1f;
  return (Vector)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)whole);
}
#else
// Relative error 2e-7; 0 below -126.
static inline Vector Exp2(Vector x) {
  const Vector lowest = Broadcast(-126.f);
  x = lowest > x ? lowest : x;
  // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
  const Vector magic = Broadcast(12582912.f);
  const Vector shifted = x + magic;
  const Vector f = x - (shifted - magic);  // -0.5 .. 0.5.
  Vector p = Broadcast(1.5403530e-4f);
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.f;
  const IntVector exponent = reinterpret_cast<IntVector>(shifted) << 23;
  return reinterpret_cast<Vector>(reinterpret_cast<IntVector>(p) + exponent);
}
#endif

constexpr float kLog2E = 1.44269504f;

static inline Vector Sigmoid(Vector x) {
  // By exp(-|x|), which neither overflows nor loses precision.
  const Vector zero{};
  const Vector e = Exp2((x > zero ? -x : x) * kLog2E);
  const Vector small = Quotient(e, 1.f + e);
  return x > zero ? 1.f - small : small;
}

static inline Vector Activate(Vector x, Activation activation) {
  if (activation == Activation::kRelu) return Relu(x);
  return activation == Activation::kSigmoid ? Sigmoid(x) : x;
}

}  // namespace hepar::cpu::HEPAR_ISA
