// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string_view>

namespace hepar {

// How the rows and columns of a stored picture lie when it is shown: the value of EXIF tag 0x0112
// (CIPA DC-008, 4.6.4), 1 to 8. 1 is as stored.
constexpr int kUpright = 1;

// The orientation that the EXIF data of a JPEG, PNG or WebP file gives; kUpright where it gives
// none, or one that does not exist.
int ExifOrientation(std::string_view file);

// The picture as it is to be shown.
cv::Mat Upright(const cv::Mat& stored, int orientation);

}  // namespace hepar
