// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/verbs/device_option.h"

#include "models/engine/device.h"
#include "models/error.h"

namespace hepar {

std::string DeviceOption(const std::string& name) {
  try {
    return ResolveDevice(name);
  } catch (const Error& error) {
    throw Error(error.kind(), std::string("--device: ") + error.what());
  }
}

}  // namespace hepar
