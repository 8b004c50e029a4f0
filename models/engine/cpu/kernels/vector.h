// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "models/graph/graph.h"

// For the files of this folder only. Each is compiled for several processors, with HEPAR_ISA as the
// name of the namespace that its functions are in and HEPAR_LANES as the width of a vector. No
// inline function of a library may be used in them: the linker keeps one copy of such a function,
// which may be the one for a processor that this one is not.
namespace hepar::cpu::HEPAR_ISA {

constexpr int kLanes = HEPAR_LANES;

typedef float Vector __attribute__((vector_size(4 * HEPAR_LANES)));
typedef float UnalignedVector __attribute__((vector_size(4 * HEPAR_LANES), aligned(4)));
typedef std::int32_t IntVector __attribute__((vector_size(4 * HEPAR_LANES)));

static inline Vector Load(const float* p) { return *reinterpret_cast<const UnalignedVector*>(p); }
static inline void Store(float* p, Vector v) { *reinterpret_cast<UnalignedVector*>(p) = v; }
static inline Vector Broadcast(float x) { return x - Vector{}; }

static inline Vector Max(Vector a, Vector b) { return b > a ? b : a; }
static inline Vector Relu(Vector x) {
  const Vector zero{};
  return zero > x ? zero : x;
}

// 2^x for x <= 0 and a little above; 0 below -126. Relative error 2e-7.
static inline Vector Exp2(Vector x) {
  const Vector lowest = Broadcast(-126.f);
  x = lowest > x ? lowest : x;
  // Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
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
