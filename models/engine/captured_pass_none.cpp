// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a LibTorch without CUDA.
#include "models/engine/pass_runner.h"

namespace hepar {

std::unique_ptr<PassRunner> CapturePass(const Pass& /*pass*/, std::int64_t /*max_batch*/,
                                        std::string* reason) {
  *reason = "this build has no CUDA";
  return nullptr;
}

}  // namespace hepar
