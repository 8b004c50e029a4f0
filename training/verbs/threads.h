// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/cli/common_options.h"

namespace hepar {

// Applies --threads to LibTorch and OpenCV, process-wide.
void SetThreads(const DeviceOptions& options);

}  // namespace hepar
