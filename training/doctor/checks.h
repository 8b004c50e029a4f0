// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/doctor/finding.h"

namespace hepar {

// Every check of `hepar doctor`, in the order in which a user meets what they look at: plugin,
// codecs, LibTorch, devices, models, threads, cameras. Starts other programs, reads the environment
// and opens every installed model; changes nothing. A model that cannot be opened is a finding, not
// an error.
Findings CheckInstallation();

}  // namespace hepar
