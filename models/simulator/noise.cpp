// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/noise.h"

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "models/simulator/grid.h"

namespace hepar {

cv::Mat SmoothField(Random* random, int cells) {
  cv::Mat1f nodes(cells * kFieldHeight / kFieldWidth + 1, cells);
  for (float& node : nodes) node = static_cast<float>(random->Normal());
  cv::Mat field;
  cv::resize(nodes, field, {kFieldWidth, kFieldHeight}, 0, 0, cv::INTER_CUBIC);
  cv::Scalar mean;
  cv::Scalar deviation;
  cv::meanStdDev(field, mean, deviation);
  return (field - mean[0]) / deviation[0];
}

cv::Mat ComplexNoise(Random* random, cv::Size size, double sigma_x, double sigma_y) {
  cv::Mat2f noise(size);
  for (cv::Vec2f& z : noise) {
    z = {static_cast<float>(random->Normal()), static_cast<float>(random->Normal())};
  }
  cv::GaussianBlur(noise, noise, {0, 0}, sigma_x, sigma_y, cv::BORDER_REFLECT);
  const double power = noise.dot(noise) / static_cast<double>(noise.total());
  return noise / std::sqrt(power);
}

}  // namespace hepar
