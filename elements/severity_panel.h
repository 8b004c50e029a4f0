// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "elements/gstheparseveritymeta.h"
#include "elements/overlay/panel_content.h"

namespace hepar {

// What the panel shows of `severity`, without the trend. Anyone may have written the severity, so
// numbers that make no sense are shown as 0 and grades that do not exist as uncertain.
PanelContent PanelContentOf(const GstHeparSeverity& severity);

// The expected grade over the highest grade, in [0,1].
double LevelOf(const std::vector<double>& probabilities);

}  // namespace hepar
