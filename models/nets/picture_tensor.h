// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <opencv2/core.hpp>

namespace hepar {

// A prepared picture (CV_32FC1 or CV_32FC3, continuous or not) as a (C, H, W) float32 CPU tensor
// that owns its memory. The one bridge from OpenCV to LibTorch, for training and inference.
torch::Tensor PictureToTensor(const cv::Mat& picture);

}  // namespace hepar
