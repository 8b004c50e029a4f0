// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "training/report/html_report.h"

namespace hepar {

// The epochs of a training as charts. Throws Error(kInvalid) for an epoch that does not fit the
// names of the report.
std::string EpochsSection(const TrainingReport& report);

}  // namespace hepar
