// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/augmentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

using testing::HasSubstr;

AugmentationOptions Nothing() {
  AugmentationOptions options;
  options.rotate_degrees = options.zoom = options.shift = options.flip_probability = 0.0;
  options.gain = options.gamma = options.time_gain = options.speckle = options.blur_pixels = 0.0;
  options.depth = options.sector_angle = 0.0;
  return options;
}

// A textured disc on exact zero, off the center, so that no change of geometry keeps it.
cv::Mat Disc(int channels = 1) {
  cv::RNG rng(7);
  cv::Mat texture(96, 96, CV_32FC1);
  rng.fill(texture, cv::RNG::UNIFORM, 0.2, 0.7);
  cv::Mat mask = cv::Mat::zeros(texture.size(), CV_8UC1);
  cv::circle(mask, {40, 52}, 30, 255, cv::FILLED);
  cv::Mat picture = cv::Mat::zeros(texture.size(), CV_32FC1);
  texture.copyTo(picture, mask);
  if (channels == 1) return picture;
  cv::Mat color;
  cv::merge(std::vector<cv::Mat>(channels, picture), color);
  return color;
}

bool Equal(const cv::Mat& a, const cv::Mat& b) {
  return a.type() == b.type() && a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0.0;
}

double Mean(const cv::Mat& picture) { return cv::mean(picture)[0]; }

TEST(AugmentTest, SameSeedGivesTheSamePictureOnAnyThread) {
  const cv::Mat picture = Disc();
  const cv::Mat first = Augment(picture, {}, 5);
  EXPECT_TRUE(Equal(first, Augment(picture, {}, 5)));
  auto other = std::async(std::launch::async, [&] { return Augment(picture, {}, 5); });
  EXPECT_TRUE(Equal(first, other.get()));
}

TEST(AugmentTest, NeighboringSeedsGiveUnlikePictures) {
  const cv::Mat picture = Disc();
  auto options = Nothing();
  options.gain = 0.2;
  std::vector<double> means;
  for (int seed = 0; seed < 16; ++seed) means.push_back(Mean(Augment(picture, options, seed)));
  const auto [low, high] = std::minmax_element(means.begin(), means.end());
  EXPECT_GT(*high - *low, 0.5 * 0.4 * cv::countNonZero(picture) / picture.total());
}

TEST(AugmentTest, LeavesItsInputAlone) {
  const cv::Mat picture = Disc();
  const cv::Mat before = picture.clone();
  cv::Mat changed = Augment(picture, Nothing(), 1);
  changed.setTo(1.0);
  Augment(picture, {}, 1);
  EXPECT_TRUE(Equal(picture, before));
}

TEST(AugmentTest, AllChangesOffGivesTheInput) {
  EXPECT_TRUE(Equal(Augment(Disc(), Nothing(), 3), Disc()));
  EXPECT_TRUE(Equal(Augment(Disc(3), Nothing(), 3), Disc(3)));
}

TEST(AugmentTest, IntensityChangesLeaveTheBackgroundAtExactZero) {
  AugmentationOptions options;
  options.rotate_degrees = options.zoom = options.shift = 0.0;
  options.depth = options.sector_angle = 0.0;
  options.gain = options.time_gain = 0.3;
  options.blur_pixels = 3.0;
  for (const int channels : {1, 3}) {
    const cv::Mat picture = Disc(channels);
    const cv::Mat background = picture.reshape(1) == 0.0;
    for (int seed = 0; seed < 8; ++seed) {
      const cv::Mat changed = Augment(picture, options, seed);
      ASSERT_FALSE(Equal(changed, picture));
      cv::Mat rest = cv::Mat::zeros(changed.reshape(1).size(), CV_32FC1);
      changed.reshape(1).copyTo(rest, background);
      EXPECT_EQ(cv::countNonZero(rest), 0) << channels << " channels, seed " << seed;
    }
  }
}

TEST(AugmentTest, StaysInRangeAndKeepsSizeAndType) {
  AugmentationOptions strong;
  strong.gain = strong.time_gain = strong.speckle = 1.0;
  for (const int channels : {1, 3}) {
    const cv::Mat picture = Disc(channels);
    for (int seed = 0; seed < 8; ++seed) {
      const cv::Mat changed = Augment(picture, strong, seed);
      EXPECT_EQ(changed.size(), picture.size());
      EXPECT_EQ(changed.type(), picture.type());
      double least, most;
      cv::minMaxLoc(changed.reshape(1), &least, &most);
      EXPECT_EQ(least, 0.0);
      EXPECT_LE(most, 1.0);
    }
  }
}

TEST(AugmentTest, GrayPicturesInColorStayGray) {
  std::vector<cv::Mat> planes;
  cv::split(Augment(Disc(3), {}, 11), planes);
  EXPECT_TRUE(Equal(planes[0], planes[1]));
  EXPECT_TRUE(Equal(planes[0], planes[2]));
  EXPECT_TRUE(Equal(planes[0], Augment(Disc(), {}, 11)));
}

TEST(AugmentTest, FlipAloneIsTheMirror) {
  auto options = Nothing();
  options.flip_probability = 1.0;
  cv::Mat mirrored;
  cv::flip(Disc(), mirrored, 1);
  EXPECT_LT(cv::norm(Augment(Disc(), options, 1), mirrored, cv::NORM_INF), 1e-5);
}

TEST(AugmentTest, DefaultsNeverFlip) {
  // A bright left half; rotated, zoomed and shifted by the defaults it stays the bright half.
  cv::Mat picture(96, 96, CV_32FC1, cv::Scalar(0.1));
  picture.colRange(0, 48).setTo(0.9);
  for (int seed = 0; seed < 32; ++seed) {
    const cv::Mat changed = Augment(picture, {}, seed);
    EXPECT_GT(Mean(changed.colRange(16, 40)), Mean(changed.colRange(56, 80)) + 0.2);
  }
}

TEST(AugmentTest, ShiftMovesTheCenterByAtMostItsFraction) {
  auto options = Nothing();
  options.shift = 0.05;
  const auto center = [](const cv::Mat& picture) {
    const auto moments = cv::moments(picture);
    return cv::Point2d(moments.m10 / moments.m00, moments.m01 / moments.m00);
  };
  const auto before = center(Disc());
  double farthest = 0.0;
  for (int seed = 0; seed < 32; ++seed) {
    const auto moved = center(Augment(Disc(), options, seed)) - before;
    farthest = std::max({farthest, std::abs(moved.x), std::abs(moved.y)});
  }
  EXPECT_LT(farthest, 0.05 * 96 + 0.05);
  EXPECT_GT(farthest, 0.03 * 96);
}

// A sector with its tip at the middle of the top, bright on the left, and a dark line at y = 48.
cv::Mat Sector() {
  cv::Mat picture = cv::Mat::zeros(96, 96, CV_32FC1);
  for (int y = 0; y < 90; ++y) {
    for (int x = 0; x < 96; ++x) {
      if (std::abs(x - 47.5) > 0.5 * (y + 1)) continue;
      picture.at<float>(y, x) = y == 48 ? 0.1f : x < 48 ? 0.8f : 0.5f;
    }
  }
  return picture;
}

// How many pixels of a changed sector lie a pixel or more beyond its outline.
int Beyond(const cv::Mat& sector, const cv::Mat& changed) {
  cv::Mat inside;
  cv::dilate(sector > 0, inside, cv::Mat::ones(3, 3, CV_8UC1));
  return cv::countNonZero((changed > 0) & (inside == 0));
}

// The darkest row of the column in the middle, without the ends.
int LineOf(const cv::Mat& picture) {
  int darkest = 20;
  for (int y = 20; y < 75; ++y) {
    if (picture.at<float>(y, 40) < picture.at<float>(darkest, 40)) darkest = y;
  }
  return darkest;
}

TEST(AugmentTest, DepthMovesEchoesAlongTheBeamsAndKeepsTheSector) {
  auto options = Nothing();
  options.depth = 0.2;
  const cv::Mat sector = Sector();
  int least = 96;
  int most = 0;
  for (int seed = 0; seed < 24; ++seed) {
    const cv::Mat changed = Augment(sector, options, seed);
    const int line = LineOf(changed);
    least = std::min(least, line);
    most = std::max(most, line);
    EXPECT_EQ(Beyond(sector, changed), 0);
    // Its sides stay where they are: down to the end of what was seen it is as wide as before.
    const int seen = std::min(89, 89 * line / 48) - 3;
    cv::Mat lost = (sector > 0) & (changed == 0);
    lost = lost.rowRange(8, seen);
    EXPECT_LE(cv::countNonZero(lost), 2 * seen) << "seed " << seed;
    // The boundary of left and right, a beam, does not move.
    EXPECT_GT(changed.at<float>(30, 44), 0.75f);
    EXPECT_LT(changed.at<float>(30, 51), 0.55f);
  }
  EXPECT_NEAR(least, 48 / 1.2, 3.0);
  EXPECT_NEAR(most, 48 / 0.8, 4.0);
}

TEST(AugmentTest, SectorAngleMovesEchoesAcrossMoreWithDepth) {
  auto options = Nothing();
  options.sector_angle = 0.2;
  // A bright beam at a third of the half-width, and the rest dimmer.
  cv::Mat sector = Sector();
  for (int y = 0; y < 90; ++y) {
    for (int x = 0; x < 96; ++x) {
      float& value = sector.at<float>(y, x);
      if (value == 0.0f) continue;
      value = std::abs((x - 47.5) / (y + 1) - 0.17) < 0.03 ? 0.9f : 0.3f;
    }
  }
  const auto beam = [](const cv::Mat& picture, int y) {
    double sum = 0.0;
    double weights = 0.0;
    for (int x = 48; x < 96; ++x) {
      const double weight = std::max(0.0f, picture.at<float>(y, x) - 0.45f);
      sum += weight * (x - 47.5);
      weights += weight;
    }
    return sum / weights;
  };
  double least = 10.0;
  double most = 0.0;
  for (int seed = 0; seed < 24; ++seed) {
    const cv::Mat changed = Augment(sector, options, seed);
    const double upper = beam(changed, 40) / beam(sector, 40);
    const double lower = beam(changed, 80) / beam(sector, 80);
    EXPECT_NEAR(upper, lower, 0.06) << "beams stay straight";
    least = std::min(least, lower);
    most = std::max(most, lower);
    EXPECT_EQ(Beyond(sector, changed), 0);
  }
  EXPECT_NEAR(least, 1 / 1.2, 0.05);
  EXPECT_NEAR(most, 1 / 0.8, 0.08);
}

TEST(AugmentTest, DepthOfARectangleLeavesColumnsAlone) {
  auto options = Nothing();
  options.depth = 0.3;
  cv::Mat columns(96, 96, CV_32FC1);
  for (int x = 0; x < 96; ++x) columns.col(x).setTo(0.2 + 0.005 * x);
  for (int seed = 0; seed < 8; ++seed) {
    const cv::Mat changed = Augment(columns, options, seed);
    EXPECT_LT(cv::norm(changed.rowRange(0, 60), columns.rowRange(0, 60), cv::NORM_INF), 5e-3);
  }
}

TEST(AugmentTest, BlackPictureStaysBlack) {
  const cv::Mat black = cv::Mat::zeros(32, 32, CV_32FC1);
  EXPECT_TRUE(Equal(Augment(black, {}, 4), black));
}

TEST(AugmentTest, NewerChangesLeaveTheDrawsOfTheOlderOnesAlone) {
  // Seeds of runs that were made before there were depth and angle go on giving what they gave.
  AugmentationOptions old;
  old.depth = old.sector_angle = 0.0;
  auto angle = old;
  angle.sector_angle = 1e-9;
  auto depth = old;
  depth.depth = 1e-9;
  for (int seed = 0; seed < 4; ++seed) {
    const cv::Mat expected = Augment(Disc(), old, seed);
    EXPECT_LT(cv::norm(Augment(Disc(), angle, seed), expected, cv::NORM_INF), 0.05);
    EXPECT_LT(cv::norm(Augment(Disc(), depth, seed), expected, cv::NORM_INF), 0.05);
  }
}

TEST(AugmentTest, TimeGainChangesRowsAlike) {
  auto options = Nothing();
  options.time_gain = 0.2;
  const cv::Mat flat(96, 64, CV_32FC1, cv::Scalar(0.5));
  const cv::Mat changed = Augment(flat, options, 2);
  double least = 1.0;
  double most = 0.0;
  for (int y = 0; y < changed.rows; ++y) {
    double row_least, row_most;
    cv::minMaxLoc(changed.row(y), &row_least, &row_most);
    EXPECT_EQ(row_least, row_most);
    EXPECT_NEAR(changed.at<float>(y, 0), changed.at<float>(std::max(y - 1, 0), 0), 0.03);
    least = std::min(least, row_least);
    most = std::max(most, row_most);
  }
  EXPECT_GT(most - least, 0.05);
  EXPECT_LT(std::max(most - 0.5, 0.5 - least), 0.2);
}

TEST(AugmentTest, SpeckleHasTheDeviationAskedForAndAGrain) {
  auto options = Nothing();
  options.speckle = 0.08;
  const cv::Mat flat(256, 256, CV_32FC1, cv::Scalar(0.5));
  const cv::Mat changed = Augment(flat, options, 2);
  cv::Scalar mean, deviation;
  cv::meanStdDev(changed, mean, deviation);
  EXPECT_NEAR(mean[0], 0.5, 0.01);
  EXPECT_NEAR(deviation[0], 0.5 * 0.08, 0.004);
  const cv::Mat left = changed.colRange(0, 255) - 0.5;
  const cv::Mat right = changed.colRange(1, 256) - 0.5;
  EXPECT_GT(left.dot(right) / left.dot(left), 0.5);
}

TEST(AugmentTest, SwitchingOneChangeOffLeavesTheOthers) {
  auto gain = Nothing();
  gain.gain = 0.2;
  auto gain_and_shift = gain;
  gain_and_shift.shift = 0.05;
  const cv::Mat flat(96, 96, CV_32FC1, cv::Scalar(0.5));
  const cv::Rect inner(16, 16, 64, 64);
  EXPECT_LT(cv::norm(Augment(flat, gain, 9)(inner), Augment(flat, gain_and_shift, 9)(inner),
                     cv::NORM_INF),
            1e-6);
}

TEST(AugmentTest, RefusesOtherTypesAndOptionsOutOfRange) {
  const auto message = [](const cv::Mat& picture, const AugmentationOptions& options) {
    try {
      Augment(picture, options, 1);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message(cv::Mat(32, 32, CV_8UC1, cv::Scalar(0)), {}), HasSubstr("CV_8UC1"));
  EXPECT_THAT(message({}, {}), HasSubstr("empty"));
  auto options = Nothing();
  options.zoom = 1.0;
  EXPECT_THAT(message(Disc(), options), HasSubstr("zoom"));
  options = Nothing();
  options.depth = 0.6;
  EXPECT_THAT(message(Disc(), options), HasSubstr("depth"));
  options = Nothing();
  options.sector_angle = -0.1;
  EXPECT_THAT(message(Disc(), options), HasSubstr("sector_angle"));
  options = Nothing();
  options.gain = std::nan("");
  EXPECT_THAT(message(Disc(), options), HasSubstr("gain"));
}

TEST(ApplyChangeTest, NoChangeGivesTheSamePicture) {
  const cv::Mat picture(16, 16, CV_32FC1, cv::Scalar(0.5));
  EXPECT_EQ(cv::norm(ApplyChange(picture, {}), picture, cv::NORM_INF), 0.0);
}

TEST(ApplyChangeTest, AppliesTheSizesThatItIsGiven) {
  const cv::Mat picture(16, 16, CV_32FC1, cv::Scalar(0.5));
  PictureChange gain;
  gain.gain = 0.2;
  // Fades out near black: 0.5 + 0.2 * 0.5 / 0.56.
  EXPECT_NEAR(ApplyChange(picture, gain).at<float>(3, 3), 0.6785714, 1e-6);
  PictureChange gamma;
  gamma.exponent = 2.0;
  EXPECT_NEAR(ApplyChange(picture, gamma).at<float>(3, 3), 0.25, 1e-6);
}

TEST(ApplyChangeTest, RefusesPicturesOfAnotherType) {
  EXPECT_THROW(ApplyChange(cv::Mat(4, 4, CV_8UC1), {}), Error);
}

}  // namespace
}  // namespace hepar
