// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/verbs/threads.h"

#include <opencv2/core.hpp>

#include "models/engine/device.h"

namespace hepar {

void SetThreads(const DeviceOptions& options) {
  SetIntraOpThreads(options.threads);
  cv::setNumThreads(options.threads);
}

}  // namespace hepar
