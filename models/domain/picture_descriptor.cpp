// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/domain/picture_descriptor.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <opencv2/core/utility.hpp>
#include <opencv2/imgproc.hpp>

#include "models/error.h"

namespace hepar {
namespace {

constexpr int kLeastSide = 32;

// What is added so that black has a logarithm.
constexpr double kLeastLevel = 0.01, kLeastDifference = 0.001;

// A half of a picture, with half its sides: of one up to 256 x 256 it fits where the object is.
using Level = cv::AutoBuffer<float, 64 * 128>;

// Rows of gray levels, with the distance from row to row in floats.
struct Rows {
  const float* first;
  std::ptrdiff_t step;
  int height, width;

  const float* at(int y) const { return first + y * step; }
  double pixels() const { return static_cast<double>(height) * width; }
};

double Mean(const Rows& rows) {
  double sum = 0.0;
  for (int y = 0; y < rows.height; ++y) {
    const float* row = rows.at(y);
    float line = 0.f;
    for (int x = 0; x < rows.width; ++x) line += row[x];
    sum += line;
  }
  return sum / rows.pixels();
}

struct Differences {
  double across = 0.0, along = 0.0;  // Of the beams: horizontally, vertically.
};

Differences DifferencesOf(const Rows& rows) {
  Differences sums;
  for (int y = 0; y < rows.height; ++y) {
    const float* row = rows.at(y);
    const float* below = rows.at(std::min(y + 1, rows.height - 1));
    float across = 0.f, along = 0.f;
    for (int x = 0; x + 1 < rows.width; ++x) across += std::fabs(row[x + 1] - row[x]);
    for (int x = 0; x < rows.width; ++x) along += std::fabs(below[x] - row[x]);
    sums.across += across;
    sums.along += along;
  }
  return {sums.across / rows.pixels(), sums.along / rows.pixels()};
}

// The means of 2 x 2 pixels, into `half`, which may be where `rows` is.
Rows Halved(const Rows& rows, float* half) {
  const Rows result = {half, rows.width / 2, rows.height / 2, rows.width / 2};
  for (int y = 0; y < result.height; ++y) {
    const float *top = rows.at(2 * y), *bottom = rows.at(2 * y + 1);
    float* out = half + y * result.step;
    for (int x = 0; x < result.width; ++x) {
      out[x] = 0.25f * (top[2 * x] + top[2 * x + 1] + bottom[2 * x] + bottom[2 * x + 1]);
    }
  }
  return result;
}

float* DescribeHalf(Rows rows, float* numbers) {
  Level memory(static_cast<std::size_t>(rows.height / 2) * (rows.width / 2));
  const double mean = Mean(rows) + kLeastLevel;
  for (int level = 0; level < kDescriptorLevels; ++level) {
    if (level > 0) rows = Halved(rows, memory.data());
    const Differences differences = DifferencesOf(rows);
    *numbers++ = static_cast<float>(std::log((differences.across + kLeastDifference) / mean));
    *numbers++ = static_cast<float>(std::log((differences.along + kLeastDifference) / mean));
  }
  *numbers++ = static_cast<float>(std::log(mean));
  return numbers;
}

}  // namespace

PictureDescriptor DescribePicture(const cv::Mat& pixels) {
  if (pixels.rows < kLeastSide || pixels.cols < kLeastSide || pixels.depth() != CV_32F ||
      (pixels.channels() != 1 && pixels.channels() != 3)) {
    throw Error(ErrorKind::kInvalid, "expected a float picture of 1 or 3 channels and at least " +
                                         std::to_string(kLeastSide) + " x " +
                                         std::to_string(kLeastSide) + " pixels");
  }
  cv::Mat gray = pixels;
  if (pixels.channels() == 3) cv::cvtColor(pixels, gray, cv::COLOR_RGB2GRAY);
  const auto step = static_cast<std::ptrdiff_t>(gray.step[0] / sizeof(float));
  const int half = gray.rows / 2;
  PictureDescriptor descriptor;
  float* numbers = descriptor.data();
  for (const int first : {0, half}) {
    numbers = DescribeHalf({gray.ptr<float>(first), step, half, gray.cols}, numbers);
  }
  return descriptor;
}

}  // namespace hepar
