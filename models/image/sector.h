// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <opencv2/core.hpp>
#include <optional>

#include "models/image/sector_rule.h"

namespace hepar {

// The region of a frame that holds the ultrasound image. Everything else (burned-in text, ECG
// trace, scales, black border) must not reach a network, which would learn it.
struct Sector {
  cv::Rect bounds;  // In pixels of the frame; never empty, never outside the frame.
  cv::Mat mask;     // CV_8UC1 of the frame's size, 255 inside and 0 outside.
};

// Finds the sector of one frame. `luma` is CV_8UC1, full range. For kAuto: the fan or rectangle of
// a B-mode scan. For kFixed the rectangle is clipped to the frame; one outside it throws
// Error(kMismatch). Pure functions; threads may call them at the same time.
//
// A frame in which kAuto finds no scan (black, too dark, no compact region) gives the whole frame,
// or nothing in the second function.
Sector FindSector(const cv::Mat& luma, const SectorRule& rule);
std::optional<Sector> TryFindSector(const cv::Mat& luma, const SectorRule& rule);

// The second of them for a frame that is not in this memory: `search_picture`, called for kAuto
// only, returns what SearchPicture() (models/image/scan_finder.h) makes of its luma.
std::optional<Sector> TryFindSector(cv::Size frame, const std::function<cv::Mat()>& search_picture,
                                    const SectorRule& rule);

Sector WholeFrame(cv::Size size);

}  // namespace hepar
