// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/saliency/saliency_map.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <string>

#include "models/error.h"

namespace hepar {

std::vector<float> LogOddsGradient(const std::vector<float>& logits) {
  if (logits.size() < 2) {
    throw Error(ErrorKind::kInvalid,
                "log odds need two classes or more, got " + std::to_string(logits.size()));
  }
  const std::size_t answer = std::max_element(logits.begin(), logits.end()) - logits.begin();
  // log(p / (1 - p)) = l_answer - log(sum over the others of exp(l)).
  double largest = -HUGE_VAL, total = 0.0;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (k != answer) largest = std::max<double>(largest, logits[k]);
  }
  std::vector<float> gradient(logits.size(), 1.f);
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (k != answer) total += std::exp(logits[k] - largest);
  }
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (k != answer) gradient[k] = static_cast<float>(-std::exp(logits[k] - largest) / total);
  }
  return gradient;
}

SaliencyMap MakeSaliencyMap(int answer, const cv::Mat& picture,
                            const std::vector<float>& gradient) {
  const int size = picture.cols, channels = picture.channels();
  const std::size_t pixels = picture.total();
  if (picture.depth() != CV_32F || picture.rows != size || gradient.size() != pixels * channels) {
    throw Error(ErrorKind::kInvalid, "a gradient of " + std::to_string(gradient.size()) +
                                         " numbers does not fit a picture of " +
                                         std::to_string(picture.rows) + "x" + std::to_string(size) +
                                         " pixels and " + std::to_string(channels) + " channels");
  }
  cv::Mat product = cv::Mat::zeros(size, size, CV_32FC1);
  for (int y = 0; y < size; ++y) {
    const auto* from = picture.ptr<float>(y);
    auto* to = product.ptr<float>(y);
    for (int c = 0; c < channels; ++c) {
      const float* slope = gradient.data() + c * pixels + static_cast<std::size_t>(y) * size;
      for (int x = 0; x < size; ++x) to[x] += from[x * channels + c] * slope[x];
    }
  }
  const double deviation = size / 32.0;
  const int width = 2 * static_cast<int>(std::ceil(3.0 * deviation)) + 1;
  SaliencyMap map{answer, size, std::vector<float>(pixels)};
  cv::Mat smooth(size, size, CV_32FC1, map.values.data());
  cv::GaussianBlur(product, smooth, {width, width}, deviation, deviation, cv::BORDER_CONSTANT);
  return map;
}

std::vector<std::uint8_t> HeatOf(const SaliencyMap& map) {
  std::vector<float> positive(map.values.size());
  // A value that is no number is none that speaks for the answer.
  std::transform(map.values.begin(), map.values.end(), positive.begin(),
                 [](float value) { return value > 0.f ? value : 0.f; });
  std::vector<std::uint8_t> heat(positive.size());
  if (heat.empty()) return heat;
  std::vector<float> ordered = positive;
  const auto place =
      static_cast<std::ptrdiff_t>(std::ceil(0.99 * static_cast<double>(ordered.size() - 1)));
  std::nth_element(ordered.begin(), ordered.begin() + place, ordered.end());
  float full = ordered[place];
  if (full <= 0.f) full = *std::max_element(positive.begin(), positive.end());
  if (full <= 0.f) return heat;
  std::transform(positive.begin(), positive.end(), heat.begin(), [full](float value) {
    return static_cast<std::uint8_t>(std::lround(std::min(value / full, 1.f) * 255.f));
  });
  return heat;
}

}  // namespace hepar
