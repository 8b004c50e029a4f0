// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// ResolveDevice() of what --device names; its errors name the flag.
std::string DeviceOption(const std::string& name);

}  // namespace hepar
