// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/acoustics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hepar {
namespace {

// A sign of steatosis at `severity`, between what is typical of the grades, in their middle.
double SignOf(const std::array<double, 4>& typical, double severity) {
  const double at = severity - 0.5;
  const auto below = static_cast<std::size_t>(std::clamp(std::floor(at), 0.0, 2.0));
  return typical[below] + (at - static_cast<double>(below)) * (typical[below + 1] - typical[below]);
}

}  // namespace

std::array<Acoustics, kTissueCount> AcousticsOf(const Patient& patient, double severity) {
  constexpr std::array<double, 4> kLiverDb = {0.0, 2.3, 4.6, 7.0};
  constexpr std::array<double, 4> kPortalWallDb = {13.0, 9.0, 4.5, 1.0};
  constexpr std::array<double, 4> kLumenDb = {-24.0, -20.0, -15.0, -11.0};
  constexpr std::array<double, 4> kDiaphragmDb = {22.0, 18.0, 12.0, 5.0};
  constexpr std::array<double, 4> kAttenuationDb = {0.0, 0.32, 0.75, 1.3};
  constexpr std::array<double, 4> kMottleDb = {2.2, 1.7, 1.2, 0.8};

  const auto sign = [severity](const std::array<double, 4>& typical) {
    return SignOf(typical, severity);
  };
  const double liver_db = sign(kLiverDb) + patient.liver_db;
  const double attenuation_db =
      patient.fat_attenuation * sign(kAttenuationDb) + patient.attenuation_db;
  const double lumen_db = liver_db + sign(kLumenDb);
  const auto acoustics = [](double level, double attenuation, double coherent, double mottle) {
    return Acoustics{static_cast<float>(level), static_cast<float>(attenuation),
                     static_cast<float>(coherent), static_cast<float>(mottle)};
  };

  std::array<Acoustics, kTissueCount> table = {};
  table[kLiver] = acoustics(liver_db, attenuation_db, 0.0, sign(kMottleDb));
  table[kPortalWall] = acoustics(liver_db + sign(kPortalWallDb) + patient.visibility,
                                 attenuation_db + 0.3, 0.5, 2.0);
  table[kPortalLumen] = acoustics(lumen_db, -0.6, 0.0, 1.0);
  table[kHepaticLumen] = acoustics(lumen_db, -0.6, 0.0, 1.0);
  table[kDiaphragm] = acoustics(sign(kDiaphragmDb) + patient.visibility, 1.0, 0.45, 4.0);
  table[kBehindDiaphragm] = acoustics(liver_db - 7.0, 0.3, 0.0, 3.0);
  table[kCapsule] = acoustics(12.0, 0.4, 0.4, 3.5);
  table[kCortex] = acoustics(patient.cortex_db, 0.0, 0.0, 1.0);
  table[kPyramid] = acoustics(patient.cortex_db - 5.0, -0.1, 0.0, 1.0);
  table[kSinus] = acoustics(patient.cortex_db + 9.0, 0.3, 0.0, 2.0);
  table[kRetroperitoneum] = acoustics(4.0, 0.5, 0.0, 2.5);
  return table;
}

}  // namespace hepar
