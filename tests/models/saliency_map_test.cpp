// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/saliency/saliency_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

using ::testing::HasSubstr;

double LogOdds(const std::vector<float>& logits, int answer) {
  double others = 0.0;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (static_cast<int>(k) != answer) others += std::exp(static_cast<double>(logits[k]));
  }
  return logits[answer] - std::log(others);
}

TEST(LogOddsGradientTest, IsTheDerivativeOfTheLogOddsOfTheAnswer) {
  const std::vector<float> logits = {0.5f, -1.25f, 2.f, 1.5f};
  const auto gradient = LogOddsGradient(logits);
  for (int k = 0; k < 4; ++k) {
    constexpr float kStep = 1.f / 256;
    auto higher = logits, lower = logits;
    higher[k] += kStep;
    lower[k] -= kStep;
    EXPECT_NEAR(gradient[k], (LogOdds(higher, 2) - LogOdds(lower, 2)) / (2 * kStep), 1e-5) << k;
  }
}

TEST(LogOddsGradientTest, HoldsForLogitsOfAnySize) {
  EXPECT_EQ(LogOddsGradient({-500.f, 900.f}), (std::vector<float>{-1.f, 1.f}));
  EXPECT_THROW(LogOddsGradient({1.f}), Error);
}

// What the header says, by plain sums.
std::vector<double> Smoothed(const cv::Mat& product) {
  const int size = product.cols;
  const double deviation = size / 32.0;
  const int radius = static_cast<int>(std::ceil(3.0 * deviation));
  std::vector<double> weights;
  double total = 0.0;
  for (int d = -radius; d <= radius; ++d) {
    weights.push_back(std::exp(-0.5 * d * d / (deviation * deviation)));
    total += weights.back();
  }
  std::vector<double> map(product.total());
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      for (int v = std::max(0, y - radius); v <= std::min(size - 1, y + radius); ++v) {
        for (int u = std::max(0, x - radius); u <= std::min(size - 1, x + radius); ++u) {
          map[y * size + x] += product.at<float>(v, u) * weights[v - y + radius] *
                               weights[u - x + radius] / (total * total);
        }
      }
    }
  }
  return map;
}

TEST(SaliencyMapTest, IsTheSmoothedSumOverChannelsOfGradientTimesPicture) {
  constexpr int kSize = 40;
  cv::RNG random(3);
  cv::Mat picture(kSize, kSize, CV_32FC3);
  random.fill(picture, cv::RNG::UNIFORM, 0.0, 1.0);
  std::vector<float> gradient(3 * kSize * kSize);
  for (float& value : gradient) value = random.uniform(-1.f, 1.f);
  cv::Mat product(kSize, kSize, CV_32FC1);
  for (int p = 0; p < kSize * kSize; ++p) {
    const auto& pixel = picture.at<cv::Vec3f>(p / kSize, p % kSize);
    float sum = 0.f;
    for (int c = 0; c < 3; ++c) sum += pixel[c] * gradient[c * kSize * kSize + p];
    product.at<float>(p / kSize, p % kSize) = sum;
  }
  const SaliencyMap map = MakeSaliencyMap(2, picture, gradient);
  EXPECT_EQ(map.answer, 2);
  EXPECT_EQ(map.size, kSize);
  const auto expected = Smoothed(product);
  ASSERT_EQ(map.values.size(), expected.size());
  for (std::size_t p = 0; p < expected.size(); ++p) ASSERT_NEAR(map.values[p], expected[p], 1e-5);
}

TEST(SaliencyMapTest, BlackPartsHaveNoShare) {
  const cv::Mat black = cv::Mat::zeros(64, 64, CV_32FC1);
  const SaliencyMap map = MakeSaliencyMap(0, black, std::vector<float>(64 * 64, 1.f));
  EXPECT_EQ(std::count(map.values.begin(), map.values.end(), 0.f), 64 * 64);
}

TEST(SaliencyMapTest, AGradientOfAnotherSizeIsRefused) {
  try {
    MakeSaliencyMap(0, cv::Mat::zeros(8, 8, CV_32FC1), std::vector<float>(65));
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr("65 numbers"));
  }
}

TEST(HeatTest, ShowsWhatSpeaksForTheAnswerRelativeToItsMaximum) {
  EXPECT_EQ(HeatOf({0, 2, {-4.f, 0.f, 1.f, 2.f}}), (std::vector<std::uint8_t>{0, 0, 128, 255}));
}

TEST(HeatTest, OneStrongSpotDoesNotHideTheOthers) {
  SaliencyMap map{0, 20, std::vector<float>(400, 0.f)};
  map.values[7] = 1000.f;
  EXPECT_EQ(HeatOf(map)[7], 255) << "it is all there is";
  for (int p = 100; p < 120; ++p) map.values[p] = 2.f;
  map.values[200] = 1.f;
  const auto heat = HeatOf(map);
  EXPECT_EQ(heat[7], 255);
  EXPECT_EQ(heat[100], 255);
  EXPECT_EQ(heat[200], 128);
  EXPECT_EQ(heat[300], 0);
}

TEST(HeatTest, IsColdWhereNothingSpeaksForTheAnswer) {
  EXPECT_EQ(HeatOf({0, 2, {-4.f, 0.f, -1.f, NAN}}), (std::vector<std::uint8_t>(4, 0)));
  EXPECT_TRUE(HeatOf({}).empty());
}

}  // namespace
}  // namespace hepar
