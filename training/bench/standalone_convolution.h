// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "models/graph/graph.h"

namespace hepar {

// A convolution of a graph by oneDNN alone, without residual: the baseline of what a library makes
// of each layer. Of the layouts that oneDNN offers it takes the fastest, without the cost of
// getting there. One thread.
class StandaloneConvolution {
 public:
  StandaloneConvolution(const Convolution& op, const Shape& in, const Shape& out);
  ~StandaloneConvolution();

  void Run();
  std::string description() const;  // Layout and oneDNN's name of its implementation.

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar
