// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>

#include "models/simulator/patient.h"

namespace hepar {

// Marks the vessels and the gallbladder in `tissue`, the map of tissues on the organ grid, where it
// is liver. `seed` is that of the scan.
void PaintVessels(const Patient& patient, std::uint64_t seed, cv::Mat1b* tissue);

}  // namespace hepar
