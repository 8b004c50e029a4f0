// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <opencv2/core/types.hpp>
#include <vector>

#include "models/simulator/scanner.h"

namespace hepar {

// What differs from person to person and from examination to examination.
struct Patient {
  Patient(std::uint64_t seed, const Examination& examination);

  bool mirrored;
  double half_angle;
  double fat_cm;
  double muscle_cm;
  double wall_wave_phase;
  double breath_x_cm;
  double breath_y_cm;
  double breath_phase;
  double gain_db;
  double liver_db;
  double cortex_db;
  double attenuation_db;
  double fat_attenuation;
  double visibility;  // Of vessel walls and diaphragm, dB.
  double noise_db;
  std::array<double, 3> tgc_db = {};
  std::array<double, 3> tgc_phase = {};
  std::array<double, 2> contact_db = {};     // Lost at the left and the right edge of the probe.
  std::vector<Examination::Shadow> shadows;  // Begin at the wall, or where they say.
  bool has_gallbladder;
  cv::Point2d kidney;
  double kidney_a;
  double kidney_b;
  double kidney_tilt;
  double sinus_size;
  int pyramids;
  cv::Point2d dome;  // Center of the diaphragm's arc.
  double dome_radius;

  double WallCm(double share_of_angle) const {
    return fat_cm + muscle_cm + 0.12 * std::sin(2.5 * share_of_angle + wall_wave_phase);
  }
};

}  // namespace hepar
