// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <optional>

#include "models/image/scan_shape.h"

// Internal to the sector finder.
namespace hepar {

// The first and last pixel of a row of a region (CV_8UC1, nonzero inside), as distances from the
// frame's left and right border.
struct Span {
  int from_left;
  int from_right;
};

// Nothing for an empty row.
std::optional<Span> SpanOf(const cv::Mat& region, int y);

// Fits the outline of a scan to a region. Robust against shadows, which move boundary points inward
// only, and against marks outside the scan.
ScanShape FitShape(const cv::Mat& region);

}  // namespace hepar
