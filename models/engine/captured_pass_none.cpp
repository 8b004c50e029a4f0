// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a LibTorch without CUDA.
#include "models/engine/captured_pass.h"

namespace hepar {

std::unique_ptr<CapturedPass> Capture(const std::string& /*name*/, const Pass& /*pass*/,
                                      const torch::Tensor& /*example*/) {
  return nullptr;
}

}  // namespace hepar
