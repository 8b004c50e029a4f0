// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/kernels/kernels.h"

namespace hepar::cpu {

// table.cpp, compiled once for each kind of processor.
namespace portable {
const Kernels& Table();
}
#ifdef HEPAR_X86
namespace avx2 {
const Kernels& Table();
}
namespace avx512 {
const Kernels& Table();
}
namespace avx512bf16 {
const Kernels& Table();
}

namespace {

bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}

}  // namespace
#endif

const Kernels& BestKernels() {
#ifdef HEPAR_X86
  if (HasAvx512()) return avx512::Table();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::Table();
#endif
  return PortableKernels();
}

const Kernels& PortableKernels() { return portable::Table(); }

const Kernels* Bf16Kernels() {
#ifdef HEPAR_X86
  if (HasAvx512() && __builtin_cpu_supports("avx512bf16")) return &avx512bf16::Table();
#endif
  return nullptr;
}

}  // namespace hepar::cpu
