// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// "0.1.0".
std::string ProgramVersion();

// The reply to --version, of the program and of each verb.
std::string VersionText();

}  // namespace hepar
