// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <opencv2/core.hpp>

namespace hepar {

// Converts a prepared picture (CV_32FC1 or CV_32FC3, continuous or not) to a (C, H, W) float32 CPU
// tensor that owns its memory. For training and inference.
torch::Tensor PictureToTensor(const cv::Mat& picture);

}  // namespace hepar
