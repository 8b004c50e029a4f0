// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>

#include "models/simulator/patient.h"

namespace hepar {

enum Tissue : std::uint8_t {
  kLiver,
  kPortalWall,
  kPortalLumen,
  kHepaticLumen,
  kDiaphragm,
  kBehindDiaphragm,
  kCapsule,
  kCortex,
  kPyramid,
  kSinus,
  kRetroperitoneum,
  kTissueCount,
};

// The inside of a patient, on the organ grid; the same at all grades.
struct Organs {
  Organs(const Patient& patient, double probe_radius_cm, std::uint64_t seed);

  cv::Mat1b tissue;      // Tissue at each point.
  cv::Mat1f local_db;    // What the place adds to its tissue's level: angle to the beam, distance.
  cv::Mat1f mottle;      // Slow variation of level, spread 1.
  cv::Mat2f scatterers;  // Unit power.
};

}  // namespace hepar
