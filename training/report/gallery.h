// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// The wrong answers to look at first: those farthest from the truth in grades, and of equal
// distance the most confident. At most `most`, and `per_patient` of one patient, whose frames tell
// the same story. Indices of cases.
std::vector<int> WorstMistakes(const Predictions& predictions, int most, int per_patient = 2);

// A prepared picture in gray with a heat (HeatOf(), a value for each pixel) over it: CV_32FC3
// (R,G,B) in [0,1]. Looks like heparoverlay's views over the scan.
cv::Mat WithHeat(const cv::Mat& picture, const std::vector<std::uint8_t>& heat);

// A prepared picture, CV_32FC1 or CV_32FC3 (R,G,B) in [0,1], as a data URI of an 8-bit PNG that a
// page can hold.
std::string PictureUri(const cv::Mat& picture);

}  // namespace hepar
