// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/picture_tensor.h"

#include <vector>

namespace hepar {

torch::Tensor PictureToTensor(const cv::Mat& picture) {
  TORCH_CHECK(picture.depth() == CV_32F && (picture.channels() == 1 || picture.channels() == 3),
              "expected a float picture of 1 or 3 channels");
  auto tensor = torch::empty({picture.channels(), picture.rows, picture.cols}, torch::kFloat32);
  std::vector<cv::Mat> planes;
  for (int c = 0; c < picture.channels(); ++c) {
    planes.emplace_back(picture.rows, picture.cols, CV_32FC1, tensor[c].data_ptr<float>());
  }
  cv::split(picture, planes);
  return tensor;
}

}  // namespace hepar
