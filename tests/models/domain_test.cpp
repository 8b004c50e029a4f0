// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "models/domain/domain_model.h"
#include "models/domain/picture_descriptor.h"
#include "models/error.h"

namespace hepar {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

cv::Mat Noise(int side, int seed, double low = 0.2, double high = 0.8) {
  cv::Mat picture(side, side, CV_32FC1);
  cv::RNG rng(static_cast<std::uint64_t>(seed));
  rng.fill(picture, cv::RNG::UNIFORM, low, high);
  return picture;
}

TEST(PictureDescriptorTest, OfStripesIsWhatItsFormulaSays) {
  // Columns 0, 1, 0, 1, ...: neighbors in a row differ by 1, those in a column by 0, and all means
  // of 2 x 2 are 0.5.
  cv::Mat stripes(64, 64, CV_32FC1);
  for (int x = 0; x < 64; ++x) stripes.col(x).setTo(x % 2);
  const PictureDescriptor d = DescribePicture(stripes);
  const double mean = 0.51, nothing = std::log(0.001 / mean);
  for (int half = 0; half < 2; ++half) {
    const float* numbers = d.data() + half * 9;
    EXPECT_NEAR(numbers[0], std::log((63.0 / 64.0 + 0.001) / mean), 1e-5);
    EXPECT_NEAR(numbers[1], nothing, 1e-5);
    for (int i = 2; i < 8; ++i) EXPECT_NEAR(numbers[i], nothing, 1e-5) << i;
    EXPECT_NEAR(numbers[8], std::log(mean), 1e-5);
  }
}

TEST(PictureDescriptorTest, TellsTheHalvesApart) {
  cv::Mat picture = Noise(64, 1);
  picture.rowRange(32, 64) *= 0.5;
  const PictureDescriptor d = DescribePicture(picture);
  // Except for the 0.01 that is added to both.
  EXPECT_NEAR(d[17] - d[8], std::log(0.26 / 0.51), 0.02);
  cv::Mat flipped;
  cv::flip(picture, flipped, 0);
  const PictureDescriptor f = DescribePicture(flipped);
  EXPECT_FLOAT_EQ(f[8], d[17]);
  EXPECT_NE(f, d);
}

TEST(PictureDescriptorTest, AGainThatMultipliesChangesLittleButTheMean) {
  const cv::Mat picture = Noise(64, 1);
  const PictureDescriptor d = DescribePicture(picture), half = DescribePicture(picture * 0.5);
  for (int i = 0; i < kDescriptorSize; ++i) {
    const bool mean = i % 9 == 8;
    EXPECT_NEAR(half[i] - d[i], mean ? std::log(0.5) : 0.0, 0.06) << i;
  }
}

TEST(PictureDescriptorTest, ColourCountsAsItsLuma) {
  const cv::Mat gray = Noise(64, 3);
  cv::Mat color;
  cv::cvtColor(gray, color, cv::COLOR_GRAY2RGB);
  EXPECT_THAT(DescribePicture(color), Pointwise(FloatNear(1e-5f), DescribePicture(gray)));
}

TEST(PictureDescriptorTest, PartsOfLargerPicturesAreReadInPlace) {
  const cv::Mat whole = Noise(300, 4);
  const cv::Mat part = whole(cv::Rect(17, 20, 128, 128));
  EXPECT_EQ(DescribePicture(part), DescribePicture(part.clone()));
}

TEST(PictureDescriptorTest, OddAndLargeSidesWork) {
  for (const int side : {32, 33, 225, 257, 1024}) {
    SCOPED_TRACE(side);
    for (const float number : DescribePicture(Noise(side, side)))
      EXPECT_TRUE(std::isfinite(number));
  }
  for (const float number : DescribePicture(cv::Mat::zeros(64, 64, CV_32FC1))) {
    EXPECT_TRUE(std::isfinite(number));
  }
}

TEST(PictureDescriptorTest, OtherPicturesAreRefused) {
  EXPECT_THROW(DescribePicture(cv::Mat::zeros(31, 64, CV_32FC1)), Error);
  EXPECT_THROW(DescribePicture(cv::Mat::zeros(64, 64, CV_8UC1)), Error);
  EXPECT_THROW(DescribePicture(cv::Mat::zeros(64, 64, CV_32FC2)), Error);
  EXPECT_THROW(DescribePicture(cv::Mat()), Error);
}

DomainModel Standard() {
  DomainModel model;
  model.mean.assign(kDescriptorSize, 0.0);
  model.scale.assign(kDescriptorSize, 1.0);
  for (int i = 0; i < kDescriptorSize; ++i) {
    for (int k = 0; k <= i; ++k) model.factor.push_back(i == k ? 1.0 : 0.0);
  }
  return model;
}

TEST(DomainModelTest, OfTheStandardGaussianIsTheDistanceOverTheRootOfTheSize) {
  PictureDescriptor x{};
  EXPECT_EQ(Standard().Score(x), 0.0);
  x.fill(1.f);
  EXPECT_NEAR(Standard().Score(x), 1.0, 1e-12);
  x.fill(0.f);
  x[3] = 3.f;
  EXPECT_NEAR(Standard().Score(x), 3.0 / std::sqrt(kDescriptorSize), 1e-6);
}

TEST(DomainModelTest, WeighsByScaleAndCorrelation) {
  DomainModel model = Standard();
  model.mean[0] = 5.0;
  model.scale[0] = 2.0;
  // Covariance of the first two [[1, 0.8], [0.8, 1]] = L L^T with L = [[1, 0], [0.8, 0.6]].
  model.factor[1] = 0.8;
  model.factor[2] = 0.6;
  PictureDescriptor along{}, against{};
  along[0] = 5.f + 2.f;
  along[1] = 1.f;
  against[0] = 5.f + 2.f;
  against[1] = -1.f;
  // (1 - rho^2)^-1 (1 - 2 rho z0 z1 + 1), by hand: 2 / 1.8 and 2 / 0.2.
  EXPECT_NEAR(model.Score(along), std::sqrt(2.0 / 1.8 / kDescriptorSize), 1e-9);
  EXPECT_NEAR(model.Score(against), std::sqrt(2.0 / 0.2 / kDescriptorSize), 1e-9);
}

TEST(DomainModelTest, PartsOfAnotherSizeAreRefused) {
  for (auto part : {&DomainModel::mean, &DomainModel::scale, &DomainModel::factor}) {
    DomainModel model = Standard();
    (model.*part).pop_back();
    EXPECT_THROW(model.Score(PictureDescriptor{}), Error);
  }
}

}  // namespace
}  // namespace hepar
