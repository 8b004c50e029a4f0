// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "models/graph/graph.h"

namespace hepar::cpu {

// The memory layout of a map (kernels/kernels.h). shape.channels includes unused lanes.
struct MapLayout {
  Shape shape;
  int lanes = 1;      // 1: planar.
  bool bf16 = false;  // Otherwise floats.
};

// A convolution with its bias, activation and residual as one oneDNN primitive. The weights have
// the type of the source and the layout that oneDNN prefers; they are packed once. It runs on one
// thread. Immutable and thread-safe; the state of a call is in its Context.
class OneDnnConvolution {
 public:
  // `op.weight` and `op.bias` are for the channels of the layouts, including unused lanes. With
  // op.groups > 1 the convolution must be depthwise. Throws Error(kUnsupported) where oneDNN has no
  // such primitive.
  OneDnnConvolution(const Convolution& op, const MapLayout& source, const MapLayout& destination);
  ~OneDnnConvolution();

  // The memory handles of a call. For one caller at a time.
  class Context;
  std::shared_ptr<Context> MakeContext() const;

  std::size_t scratch_floats() const;
  const char* implementation() const;  // oneDNN's name for it, for tables.

  // `residual` has the layout of the destination and may be null where the convolution has none.
  // `scratch` has scratch_floats() floats.
  void Run(Context* context, const void* source, const void* residual, void* destination,
           float* scratch) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Limits oneDNN to the calling thread during its lifetime. Without it, each thread that calls
// oneDNN would have its own team of OpenMP threads, which spin between calls.
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
