// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/warn.h"
#include "training/data/video_file.h"

namespace hepar {

// Whether a file is named as a still: PNG, JPEG, JPEG 2000, TIFF, BMP, PNM or WebP.
bool IsStill(const std::string& path);

// 1, or the number of pages of a TIFF file. Of the other kinds the file is not opened. Throws
// Error(kDamaged), naming the file.
int CountStillFrames(const std::string& path);

// Hands out the pages `frames` (0 for all but TIFF) as they are to be shown: turned as EXIF data
// say, alpha dropped; CV_8UC1 or CV_16UC1 for gray, CV_8UC3 (B, G, R) for color. The size is
// checked before pixels are decoded. A file that is cut off or damaged is an error, not the part
// that is left; what is odd about a whole one goes to `warn`. Thread-safe. Throws Error, naming the
// file: kNotFound, kUnreadable, kDamaged, and what `take` throws.
void ReadStill(const std::string& path, const std::vector<int>& frames, const TakeFrame& take,
               const Warn& warn);

}  // namespace hepar
