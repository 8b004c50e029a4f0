// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "models/graph/graph.h"

namespace hepar::cpu {

// How a map lies in memory, as in kernels.h. `channels` counts the lanes too that hold none.
struct MapLayout {
  Shape shape;
  int lanes = 1;      // 1: planar.
  bool bf16 = false;  // Else floats.
};

// A convolution with its bias, activation and residual by one primitive of oneDNN, its weights in
// the type of the source and the layout that oneDNN likes best, packed once. One thread computes
// it. Immutable and thread-safe; what a call changes is in its Context.
class OneDnnConvolution {
 public:
  // `op.weight` and `op.bias` are for the channels of the layouts. With op.groups > 1 the
  // convolution must be depthwise. Throws Error(kUnsupported) where oneDNN has no such primitive.
  OneDnnConvolution(const Convolution& op, const MapLayout& source, const MapLayout& destination);
  ~OneDnnConvolution();

  // The handles that one caller at a time uses.
  class Context;
  std::shared_ptr<Context> MakeContext() const;

  std::size_t scratch_floats() const;
  const char* implementation() const;  // oneDNN's name of it, for tables.

  // `residual`, which lies as the destination does, may be null where the convolution has none;
  // `scratch` holds scratch_floats().
  void Run(Context* context, const void* source, const void* residual, void* destination,
           float* scratch) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Makes the calling thread run oneDNN's primitives alone while it lives. Without it, each thread of
// the program that calls oneDNN would keep a team of OpenMP threads, which spin between calls.
class SingleThreaded {
 public:
  SingleThreaded();
  ~SingleThreaded();
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;

 private:
  int before_;
};

}  // namespace hepar::cpu
