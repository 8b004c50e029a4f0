// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core.hpp>

namespace hepar {

// Random changes to a prepared picture that keep its grade: they imitate other scanner settings,
// another position of the probe or another moment. Zero switches a change off.
//
// The defaults were chosen by eye on dark and bright scans: stronger gain blacks out the far field
// of a dark scan, and stronger time gain imitates the deep attenuation that steatosis itself
// causes.
//
// `depth` imitates the depth knob: echoes move along their beams, toward the probe in a deeper
// view and away from it in a shallower one. `sector_angle` imitates the width of the sector: beams
// turn about its apex, together for a wider sector and apart for a narrower one. For both, the
// sector is found as the convex hull of what is not 0, its beams meet where its sides do (or are
// parallel), and it keeps its outline, except that what a deeper or wider view would have shown
// more is not known and is 0. The bend of the arcs is left as it was: the picture, stretched to a
// square, does not say what a circle is in it.
struct AugmentationOptions {
  double rotate_degrees = 8.0;    // Uniform in +-, 0..180.
  double zoom = 0.10;             // Factor in 1 +-, 0..0.9.
  double shift = 0.05;            // Fraction of the side, +-, 0..1.
  double flip_probability = 0.0;  // Left-right mirror; the probe's marker side changes.
  double gain = 0.08;             // Added gray level, +-, 0..1; less near black.
  double gamma = 0.15;            // Exponent in exp(+-), 0..3.
  double time_gain = 0.08;        // Added gray level by depth: a random smooth curve, +-, 0..1.
  double speckle = 0.08;          // Standard deviation, 0..1, of multiplicative noise with a grain
                                  // of about a speckle.
  double blur_pixels = 0.6;       // Largest standard deviation of a Gaussian blur, 0..20.
  double depth = 0.10;            // Depth of view as a factor in 1 +-, 0..0.5.
  double sector_angle = 0.10;     // Angle of the sector as a factor in 1 +-, 0..0.5.
};

// Returns a changed copy of a CV_32FC1 or CV_32FC3 picture in [0,1], in [0,1]; what is exactly 0
// after the change of geometry (outside the sector) remains 0. Depends on nothing but its
// arguments: the same seed gives the same picture, on any thread, and switching one change off
// leaves the others as they were. Throws Error(kInvalid) for another type or options out of range.
cv::Mat Augment(const cv::Mat& picture, const AugmentationOptions& options, std::uint64_t seed);

// The changes themselves, each of a given size; by default none.
struct PictureChange {
  static constexpr int kTimeGainKnobs = 5;  // Of the time-gain curve, evenly spaced over the depth.

  double degrees = 0.0;                 // Rotation, counter-clockwise.
  double zoom = 1.0;                    // Factor.
  double shift_x = 0.0, shift_y = 0.0;  // Fractions of the side.
  bool flip = false;
  double gain = 0.0;                                  // Added gray level; less near black.
  double exponent = 1.0;                              // Of the gray levels.
  std::array<double, kTimeGainKnobs> time_gain = {};  // Added gray level at each knob.
  double blur_pixels = 0.0;                           // Standard deviation.
  double speckle = 0.0;                               // Standard deviation, 0..1.
  std::uint64_t speckle_seed = 1;
  double depth = 1.0, sector_angle = 1.0;  // Factors.
};

// Augment() with changes that are given in place of drawn. Throws Error(kInvalid) for another type
// of picture.
cv::Mat ApplyChange(const cv::Mat& picture, const PictureChange& change);

}  // namespace hepar
