// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace hepar {

// The pages of a TIFF file that are pictures of their own: of reduced copies (previews) and
// transparency masks (TIFF 6.0, NewSubfileType) none is one. Sizes are checked
// (models/image/picture_limits.h); no pixel is decoded. Ascending numbers of directories, from 0.
// Throws Error(kDamaged), naming the file, also where a page's data would lie outside the file.
std::vector<int> TiffPages(const std::string& path);

// The page of that directory as OpenCV decodes it with IMREAD_UNCHANGED, turned as its tag of
// orientation says. Throws Error(kDamaged), naming the file and page.
cv::Mat ReadTiffPage(const std::string& path, int directory);

}  // namespace hepar
