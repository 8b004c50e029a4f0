// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>

namespace hepar {

// Bytes of maps and tensors that this thread allocates while `run` runs, by the CPU engine and by
// LibTorch.
std::int64_t TensorBytesOf(const std::function<void()>& run);

}  // namespace hepar
