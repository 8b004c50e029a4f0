// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/cli/options.h"
#include "training/data/picture_source.h"

namespace hepar {

// Adds --frames-per-video and --frame-step, which every verb that reads labelled scans has, so that
// all of them mean the same frames. `source` must outlive the table.
void AddSourceOptions(OptionTable* table, SourceOptions* source);

}  // namespace hepar
