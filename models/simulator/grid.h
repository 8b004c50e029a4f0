// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cmath>

namespace hepar {

// The grids that a scan is computed on: beams and samples, and the organs.

inline constexpr double kPi = 3.14159265358979323846;

// Beams fan out from an apex behind the probe's face; a beam has samples from the face down to the
// depth of view.
inline constexpr int kLines = 192;
inline constexpr int kSamples = 480;
inline constexpr int kRowFloats =
    2 * kLines;  // A row holds one depth of all lines, I and Q in turn.
inline constexpr double kReferenceMhz = 3.5;  // Frequency that attenuations are given for.
inline constexpr double kWhiteDb =
    37.0;  // Level shown as white, relative to a normal liver's mean.

// The scatterers are held on a Cartesian grid fixed to the organs, x to the right and y down from
// the middle of the probe's face. It covers the widest, deepest view and the way of a breath.
inline constexpr double kPitchCm = 0.035;
inline constexpr double kLeftCm = -20.5;
inline constexpr double kTopCm = -2.5;
inline constexpr int kFieldWidth = 1172;
inline constexpr int kFieldHeight = 790;
// Grid points, more than the longest way of a breath.
inline constexpr double kFieldMarginX = 46.0;
inline constexpr double kFieldMarginY = 16.0;

// Attenuation and shadows are smooth, so a coarse grid will do.
inline constexpr int kCoarse = 4;
inline constexpr int kCoarseLines = kLines / kCoarse;
inline constexpr int kCoarseSamples = kSamples / kCoarse;

// White noise resampled between its points loses variance, by more the farther from a point, which
// would show as a moving weave. Smoothing it by this much first makes the loss small.
inline constexpr double kScatterSigma = 1.0;  // Grid points.

// 0 below `low`, 1 above `high`, and smooth between.
inline double SmoothStep(double low, double high, double x) {
  const double t = std::clamp((x - low) / (high - low), 0.0, 1.0);
  return t * t * (3.0 - 2.0 * t);
}

// The amplitude of a level in dB20.
inline double FromDb(double db) { return std::pow(10.0, db / 20.0); }

}  // namespace hepar
