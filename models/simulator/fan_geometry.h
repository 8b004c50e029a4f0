// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cmath>
#include <opencv2/core/types.hpp>

#include "models/simulator/grid.h"
#include "models/simulator/scan_simulator.h"

namespace hepar {

// Where the fan lies in a frame.
struct FanGeometry {
  FanGeometry(const SimulatedScan& scan, double patients_half_angle)
      : radius_cm(scan.scanner.probe_radius_cm),
        half_angle(scan.scanner.half_angle > 0.0 ? scan.scanner.half_angle : patients_half_angle),
        depth_cm(scan.depth_cm),
        probe_at(scan.examination.shift_x_cm, scan.examination.shift_y_cm) {
    const double rise_cm = radius_cm * (1.0 - std::cos(half_angle));
    const double width_cm = 2.0 * (radius_cm + depth_cm) * std::sin(half_angle);
    lowest_cm = depth_cm * (1.0 - scan.scanner.crop_bottom);
    widest_cm = 0.5 * width_cm * (1.0 - scan.scanner.crop_sides);
    pixels_per_cm =
        std::min(0.9 * scan.height / (depth_cm + rise_cm), 0.84 * scan.width / width_cm);
    face_x = 0.49 * scan.width;
    face_y = 0.5 * (scan.height - pixels_per_cm * (depth_cm + rise_cm)) + pixels_per_cm * rise_cm;
  }

  // Depth below the probe's face in cm (x) and share of the half angle (y).
  cv::Point2d ToPolar(double pixel_x, double pixel_y) const {
    const double right = (pixel_x - face_x) / pixels_per_cm;
    const double down = (pixel_y - face_y) / pixels_per_cm + radius_cm;
    return {std::hypot(right, down) - radius_cm, std::atan2(right, down) / half_angle};
  }
  bool Contains(const cv::Point2d& polar) const {
    if (polar.x < 0.0 || polar.x > depth_cm || std::abs(polar.y) > 1.0) return false;
    const double radius = radius_cm + polar.x;
    const double angle = polar.y * half_angle;
    constexpr double kRounding = 1e-9;
    return radius * std::cos(angle) - radius_cm <= lowest_cm + kRounding &&
           std::abs(radius * std::sin(angle)) <= widest_cm + kRounding;
  }
  // A polar place as a place on the organ grid, when the breath is held at its start.
  cv::Point2d ToField(const cv::Point2d& polar) const {
    const double radius = radius_cm + polar.x;
    const double angle = polar.y * half_angle;
    return {(radius * std::sin(angle) + probe_at.x - kLeftCm) / kPitchCm,
            (radius * std::cos(angle) - radius_cm + probe_at.y - kTopCm) / kPitchCm};
  }

  double radius_cm;  // Of the probe.
  double half_angle;
  double depth_cm;
  double lowest_cm;  // Where the frame cuts the fan off: below the probe's face,
  double widest_cm;  // and to either side.
  cv::Point2d probe_at;
  double pixels_per_cm;
  double face_x;
  double face_y;
};

// The angle of a beam as a share of the half angle, -1 to 1.
inline double ShareOfAngle(int line) { return 2.0 * line / (kLines - 1) - 1.0; }

}  // namespace hepar
