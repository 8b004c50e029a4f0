// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/scan_pictures.h"

#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace hepar::testing {

cv::Mat FanMask(cv::Size size, const Fan& fan) {
  cv::Mat mask(size, CV_8UC1);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const double dx = x - fan.apex.x;
      const double dy = y - fan.apex.y;
      const double radius = std::hypot(dx, dy);
      const bool inside = radius >= fan.inner && radius <= fan.outer &&
                          std::abs(std::atan2(dx, dy)) <= fan.half_angle;
      mask.at<std::uint8_t>(y, x) = inside ? 255 : 0;
    }
  }
  return mask;
}

cv::Mat Speckle(const cv::Mat& mask, int mean, std::uint64_t seed) {
  cv::Mat noise(mask.size(), CV_8UC1);
  cv::RNG(seed).fill(noise, cv::RNG::NORMAL, mean, 0.35 * mean);
  cv::GaussianBlur(noise, noise, {3, 3}, 0);
  cv::Mat picture = cv::Mat::zeros(mask.size(), CV_8UC1);
  noise.copyTo(picture, mask);
  return picture;
}

cv::Mat BurnIn(cv::Mat* picture) {
  cv::Mat marks = cv::Mat::zeros(picture->size(), CV_8UC1);
  const int w = picture->cols;
  const int h = picture->rows;
  const auto text = [&](const char* line, int x, int y, double scale) {
    cv::putText(marks, line, {x, y}, cv::FONT_HERSHEY_SIMPLEX, scale, cv::Scalar(255), 2);
  };
  text("GENERAL HOSPITAL", 8, 20, 0.6);
  text("MI 0.8 TIs 0.4", 8, 40, 0.5);
  text("ABDOMEN", w - 120, 20, 0.6);
  text("77 HR", w - 80, h - 8, 0.6);
  text("16 cm", 8, h - 60, 0.5);
  std::vector<cv::Point> trace;
  for (int x = 10; x < 130; ++x) trace.emplace_back(x, h - 20 - (x % 40 == 0 ? 25 : x % 7));
  cv::polylines(marks, trace, false, cv::Scalar(255));
  for (int y = 30; y < h; y += 25) cv::line(marks, {w - 8, y}, {w - 1, y}, cv::Scalar(255));
  cv::rectangle(marks, cv::Rect(w - 28, 40, 16, 90), cv::Scalar(200), cv::FILLED);
  marks.copyTo(*picture, marks);
  return marks;
}

double OverlapOf(const cv::Mat& a, const cv::Mat& b) {
  return static_cast<double>(cv::countNonZero(a & b)) / cv::countNonZero(a | b);
}

}  // namespace hepar::testing
