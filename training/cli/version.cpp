// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/version.h"

namespace hepar {

std::string ProgramVersion() { return HEPAR_VERSION; }

std::string VersionText() { return "hepar " + ProgramVersion() + "\n"; }

}  // namespace hepar
