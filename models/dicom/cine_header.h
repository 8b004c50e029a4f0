// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core/types.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/dicom/dicom_parser.h"
#include "models/warn.h"

namespace hepar {

// The part of the picture that shows the scan (PS3.3, C.8.5.5), of all frames.
struct ScanRegion {
  cv::Rect bounds;  // Pixels of the frame; inside it, at least 16 a side.
  // The size of a pixel in mm, where the scanner says it in cm.
  std::optional<double> pixel_width_mm, pixel_height_mm;

  // The depth that the region shows.
  std::optional<double> depth_mm() const;
};

// When each picture of a cine is shown (PS3.3, C.7.6.5).
struct CineTimes {
  // Nanoseconds from the first picture: when each begins, and last when the last one ends. Strictly
  // ascending. Of a still {0}.
  std::vector<std::int64_t> begins;
  // Pictures a second, where all are shown for the same time.
  std::optional<double> rate;

  bool is_still() const { return begins.size() == 1; }
};

// What the header of a DICOM file says of its pictures, beside how to show them.
struct CineHeader {
  CineTimes times;
  std::optional<ScanRegion> region;
  // Whether names, dates or the like are written into the pictures; none where the file does not
  // say.
  std::optional<bool> has_burned_in_annotation;
  int aspect_width = 1, aspect_height = 1;  // Of a pixel.
};

// Times: the element that the frame increment pointer names; else frame time, frame time vector,
// cine rate or recommended display frame rate, the first that is there; else 25 pictures a second.
// Region: of those with 2D tissue the largest. What cannot be used goes to `warn`, and is as if it
// were missing. `name` stands for the file in messages. Throws nothing.
CineHeader ReadCineHeader(const DicomContent& content, const std::string& name,
                          const Warn& warn = {});

}  // namespace hepar
