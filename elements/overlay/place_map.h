// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <opencv2/core.hpp>

#include "elements/overlay/overlay_patch.h"

namespace hepar {

// Where a picture shows the scan and where it shows text and scales, in cells of a coarse grid:
// what a panel would cover in a place.
class PlaceMap {
 public:
  // Reads the visible part of a frame that is mapped for reading.
  PlaceMap(const GstVideoFrame& frame, const OverlayRect& visible);

  // Whether a scan was found.
  bool has_scan() const { return has_scan_; }

  // The share of a rectangle that shows the scan, plus `kTextWeight` times the share that shows
  // text outside the scan: 0 if nothing is covered. Coordinates count from the visible part, and
  // are cut to it.
  double Cost(const OverlayRect& rect) const;

  // The rectangle of this size at the left or right edge that costs least. Equal ones: the one that
  // is closest to a corner, and of corners the first in the order of reading. `margin` pixels
  // remain free around it where there is room.
  OverlayRect Best(int width, int height, int margin) const;

  static constexpr double kTextWeight = 20.0;

 private:
  int width_, height_;  // Of the visible part, in pixels.
  int cell_;            // The side of a cell, in pixels.
  bool has_scan_ = false;
  cv::Mat scan_, text_;  // Integral images of the cells: CV_32S.
};

}  // namespace hepar
