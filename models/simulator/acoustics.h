// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>

#include "models/simulator/organs.h"
#include "models/simulator/patient.h"

namespace hepar {

// How a tissue sounds at one grade.
struct Acoustics {
  float level_db;        // Relative to a normal liver.
  float attenuation_db;  // Per cm, there and back, beyond what the time-gain curve makes up for.
  float coherent;        // Share of a mirror-like reflection, which has no speckle.
  float mottle_db;       // Spread of slow variations of level.
};

// The signs of steatosis at a severity, 0 (least of normal) to 4 (most of severe), by tissue.
// Attenuations are at kReferenceMhz.
std::array<Acoustics, kTissueCount> AcousticsOf(const Patient& patient, double severity);

}  // namespace hepar
