// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/organs.h"

#include <algorithm>
#include <cmath>

#include "models/simulator/grid.h"
#include "models/simulator/noise.h"
#include "models/simulator/random.h"
#include "models/simulator/vessels.h"

namespace hepar {

Organs::Organs(const Patient& patient, double probe_radius_cm, std::uint64_t seed)
    : tissue(kFieldHeight, kFieldWidth), local_db(kFieldHeight, kFieldWidth, 0.0F) {
  Random random(seed, kFieldStream);
  scatterers = ComplexNoise(&random, {kFieldWidth, kFieldHeight}, kScatterSigma, kScatterSigma);
  mottle = 0.6 * SmoothField(&random, 180) + 0.4 * SmoothField(&random, 60) +
           0.5 * SmoothField(&random, 14);
  const cv::Mat1f warp_x = 0.22 * SmoothField(&random, 18);
  const cv::Mat1f warp_y = 0.22 * SmoothField(&random, 18);
  const cv::Mat1f ragged = SmoothField(&random, 70);

  const double tilt_cos = std::cos(patient.kidney_tilt);
  const double tilt_sin = std::sin(patient.kidney_tilt);
  for (int y = 0; y < kFieldHeight; ++y) {
    for (int x = 0; x < kFieldWidth; ++x) {
      const double right = kLeftCm + x * kPitchCm;
      const double down = kTopCm + y * kPitchCm;
      const cv::Point2d at = {(patient.mirrored ? -right : right) + warp_x(y, x),
                              down + warp_y(y, x)};

      // Along the kidney's long axis, whose cranial end lies deeper, and across it.
      const cv::Point2d from_kidney = at - patient.kidney;
      const double along = from_kidney.x * tilt_cos - from_kidney.y * tilt_sin;
      const double across = from_kidney.x * tilt_sin + from_kidney.y * tilt_cos;
      const double rim = std::hypot(along / patient.kidney_a, across / patient.kidney_b);
      const double past_pole = along + patient.kidney_a + 0.5 * across + 0.25 * ragged(y, x);
      const bool behind_kidney = across > 0.0 && past_pole > 0.0;

      const cv::Point2d from_dome = at - patient.dome;
      const double radius = std::hypot(from_dome.x, from_dome.y);
      const double past_dome = radius - patient.dome_radius;

      Tissue kind = kLiver;
      double db = 0.0;
      if (rim < 1.0) {
        kind = kCortex;
        const double sinus = std::hypot(along / (0.62 * patient.kidney_a * patient.sinus_size),
                                        across / (0.4 * patient.kidney_b * patient.sinus_size)) +
                             0.16 * ragged(y, x);
        const double turn = std::atan2(across / patient.kidney_b, along / patient.kidney_a);
        const double pyramid = std::cos(turn * patient.pyramids);
        if (sinus < 1.0) {
          kind = kSinus;
          db = 3.0 * ragged(y, x) - 4.0 * SmoothStep(0.6, 1.0, sinus);
        } else if (rim < 0.82 && pyramid > 0.35) {
          kind = kPyramid;
        }
      } else if ((rim - 1.0) * patient.kidney_b < 0.16) {
        kind = kCapsule;
        // The capsule mirrors best where it faces the probe.
        db = -9.0 + 9.0 * std::pow(std::abs(across) / patient.kidney_b, 2.0);
      } else if (behind_kidney) {
        kind = kRetroperitoneum;
        db = 2.5 * ragged(y, x) * SmoothStep(0.2, 0.8, across);
        if (past_dome > 0.0) db -= 8.0 * (1.0 - SmoothStep(0.0, 2.0, past_pole));
      } else if (std::abs(past_dome) < 0.08 + 0.04 * ragged(y, x)) {
        kind = kDiaphragm;
        const cv::Point2d beam = {right, down + probe_radius_cm};
        const cv::Point2d normal = {patient.mirrored ? -from_dome.x : from_dome.x, from_dome.y};
        const double facing = beam.dot(normal) / (std::hypot(beam.x, beam.y) * radius);
        db = 40.0 * std::log10(std::max(facing, 0.2));
      } else if (past_dome > 0.0) {
        // Air mirrors the liver, ever fainter.
        kind = kBehindDiaphragm;
        db = -1.5 * past_dome;
      }
      tissue(y, x) = kind;
      local_db(y, x) = static_cast<float>(db);
    }
  }
  PaintVessels(patient, seed, &tissue);
}

}  // namespace hepar
