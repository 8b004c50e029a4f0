// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/patient.h"

#include "models/simulator/grid.h"
#include "models/simulator/random.h"

namespace hepar {

Patient::Patient(std::uint64_t seed, const Examination& examination) {
  Random random(seed, kPatientStream);
  mirrored = random.Chance(0.3);
  half_angle = random.Uniform(0.54, 0.65);
  fat_cm = random.Uniform(0.5, 1.0);
  if (random.Chance(0.5)) fat_cm += random.Uniform(0.0, 1.5);
  muscle_cm = random.Uniform(0.5, 1.0);
  wall_wave_phase = random.Uniform(0.0, 2.0 * kPi);
  breath_x_cm = random.Uniform(0.7, 1.5);
  breath_y_cm = random.Uniform(0.1, 0.5);
  breath_phase = random.Uniform();
  gain_db = 1.8 * random.Normal();
  liver_db = 0.9 * random.Normal();
  cortex_db = -1.0 + 0.7 * random.Normal();
  attenuation_db = 0.1 * random.Normal();
  visibility = 1.2 * random.Normal();
  noise_db = random.Uniform(-58.0, -52.0) + 1.5 * (fat_cm - 0.5);
  for (double& db : tgc_db) db = 0.9 * random.Normal();
  for (double& phase : tgc_phase) phase = random.Uniform(0.0, 2.0 * kPi);
  contact_db = {random.Uniform(0.0, 4.0), random.Uniform(0.0, 4.0)};
  if (random.Chance(0.4)) {
    const bool right = random.Chance(0.5);
    contact_db[right] += random.Uniform(4.0, 12.0);
  }
  if (random.Chance(0.4)) {
    shadows.push_back(
        {random.Uniform(-0.9, 0.9), random.Uniform(0.06, 0.14), 0.0, random.Uniform(3.0, 9.0)});
  }
  const double deeper = 0.5 * (fat_cm - 1.0);
  kidney = {random.Uniform(2.2, 4.4), random.Uniform(9.0, 10.6) + deeper};
  kidney_a = random.Uniform(4.6, 5.6);
  kidney_b = random.Uniform(1.9, 2.5);
  kidney_tilt = random.Uniform(0.12, 0.5);
  sinus_size = random.Uniform(0.85, 1.15);
  pyramids = 6 + static_cast<int>(random.Uniform(0.0, 4.0));
  dome = {random.Uniform(0.2, 1.6), random.Uniform(0.8, 2.0) + deeper};
  dome_radius = random.Uniform(10.9, 12.2);

  constexpr double kOutOfViewCm = 40.0;
  if (!examination.has_kidney) kidney.x += kOutOfViewCm;
  has_gallbladder = examination.has_gallbladder;
  const double wall_cm = examination.wall_cm;
  fat_cm += wall_cm;
  kidney.y += 0.5 * wall_cm;
  dome.y += 0.5 * wall_cm;
  liver_db += examination.liver_db;
  cortex_db += examination.cortex_db;
  fat_attenuation = examination.fat_attenuation;
  attenuation_db += examination.attenuation_db;
  visibility += examination.visibility_db;
  shadows.insert(shadows.end(), examination.shadows.begin(), examination.shadows.end());
}

}  // namespace hepar
