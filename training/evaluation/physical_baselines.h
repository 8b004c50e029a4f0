// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Simple image measurements that physics relates to fatty liver: the baselines of every model.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// One number of a prepared picture. Steatosis raises backscatter and attenuation (near field
// bright, far field dark), and many small scatterers bring speckle to its full development.
struct PhysicalFeature {
  const char* key;   // In JSON.
  const char* name;  // For people.
  double sign;       // +1: rises with steatosis; -1: falls. Given by physics, fitted to nothing.
};
inline constexpr std::array<PhysicalFeature, 5> kPhysicalFeatures = {
    {{"near_far", "near / far brightness", 1.0},
     {"attenuation", "slope over depth", -1.0},
     {"brightness", "mean brightness", 1.0},
     {"speckle_snr", "speckle SNR", 1.0},
     {"nakagami_m", "Nakagami m", 1.0}}};
using PhysicalValues = std::array<double, kPhysicalFeatures.size()>;

// Measured in the middle third of the columns of a prepared picture (models/image/preprocess.h),
// where pixels are not 0, over the rows in which half of these are inside the sector:
//  - near_far: log of mean gray of the upper half of the rows over that of the lower half;
//  - attenuation: slope of log mean gray of a row over depth from 15 to 85 % of the rows, in nepers
//    of the displayed brightness for the whole depth (log compression makes it no dB of the
//    tissue);
//  - brightness: mean gray;
//  - speckle_snr: mean over standard deviation, of blocks of 1/12 of the side from 35 to 65 % of
//    the rows; the median over the blocks, which vessels and walls do not move;
//  - nakagami_m: E[I]^2 / Var(I) of the same blocks (Shankar, IEEE TMI 2000), for the intensity I
//    that a log compression of 60 dB shows as this gray; the median.
// There is no liver-kidney contrast: it needs to know where a kidney is, and nothing here finds
// one. `picture`: CV_32FC1 or CV_32FC3 (R,G,B) in [0,1], 32 x 32 pixels at least; throws
// Error(kInvalid) for others. One that shows nothing there has 0 for all values.
PhysicalValues MeasurePicture(const cv::Mat& picture);

// Pictures with their truth.
struct MeasuredFrames {
  std::vector<PhysicalValues> values;
  std::vector<int> labels;  // Grades 0..K-1.
  std::vector<std::string> patients;
};

// Patients as cases, sorted by id: the means of the values of their frames.
MeasuredFrames MeasuredByPatient(const MeasuredFrames& frames);

// A proportional-odds model (McCullagh, J. R. Stat. Soc. B 42, 1980) of the standardised values:
// P(grade >= k) = 1 / (1 + exp(-(w . z - b_k))), k = 1..K-1, b rising.
struct OrdinalModel {
  PhysicalValues mean = {}, scale = {}, weight = {};
  std::vector<double> cuts;  // b_1..b_{K-1}.

  // Of the K grades; sum 1.
  std::vector<double> Probabilities(const PhysicalValues& values) const;
};

// Of the largest likelihood less `ridge` |w|^2 / 2; patients weigh the same. A grade without a case
// has no probability. Throws Error(kInvalid) without a case or for less than two grades.
OrdinalModel FitOrdinal(const MeasuredFrames& frames, int classes, double ridge = 1.0);

// The answers of ordinal models to `frames`, each fitted to the frames of other groups than the one
// that it answers for: `group_of` of each frame, and a patient is in one group only. With less than
// two groups each patient is a group: leave one patient out. Throws Error(kInvalid) for parts of
// unlike length.
Predictions OrdinalAnswers(const MeasuredFrames& frames, const std::vector<int>& group_of,
                           int classes);

}  // namespace hepar
