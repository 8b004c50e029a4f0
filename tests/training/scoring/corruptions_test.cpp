// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/corruptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "tests/training/support/expect_error.h"

namespace hepar {
namespace {

// A trapezoid of smooth grain on black, as a prepared picture.
cv::Mat Scan(int channels = 1) {
  cv::Mat picture(96, 96, CV_32FC1);
  cv::RNG rng(5);
  rng.fill(picture, cv::RNG::UNIFORM, 0.1, 0.9);
  cv::GaussianBlur(picture, picture, {}, 2.0);
  cv::Mat inside = cv::Mat::zeros(picture.size(), CV_8UC1);
  cv::fillConvexPoly(inside, std::vector<cv::Point>{{35, 4}, {60, 4}, {92, 90}, {4, 90}}, 255);
  picture.setTo(0.0f, ~inside);
  if (channels == 1) return picture;
  cv::Mat color;
  cv::merge(std::vector<cv::Mat>(channels, picture), color);
  return color;
}

cv::Mat Frame(int type) {
  cv::Mat frame;
  Scan(CV_MAT_CN(type)).convertTo(frame, type, CV_MAT_DEPTH(type) == CV_16U ? 65535.0 : 255.0);
  cv::resize(frame, frame, {320, 240});
  return frame;
}

double Difference(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_L1) / (a.total() * a.channels());
}

std::vector<Corruption> OfPictures() {
  std::vector<Corruption> kinds;
  for (const Corruption corruption : AllCorruptions()) {
    if (!CorruptsFrame(corruption)) kinds.push_back(corruption);
  }
  return kinds;
}

TEST(CorruptionsTest, AreNine) {
  EXPECT_EQ(AllCorruptions().size(), 9u);
  for (const Corruption corruption : AllCorruptions()) {
    EXPECT_EQ(ParseCorruption(ToString(corruption)), corruption);
    EXPECT_FALSE(UnitOf(corruption).empty());
  }
  ExpectError(ErrorKind::kInvalid, {"overlay"}, [] { ParseCorruption("fog"); });
}

double DifferenceAt(Corruption corruption, int strength, std::uint64_t seed) {
  const cv::Mat clean = CorruptsFrame(corruption) ? Frame(CV_8UC1) : Scan();
  return Difference(CorruptsFrame(corruption) ? CorruptFrame(clean, corruption, strength, seed)
                                              : CorruptPicture(clean, corruption, strength, seed),
                    clean);
}

TEST(CorruptionsTest, EachStrengthChangesMoreThanTheOneBefore) {
  for (const Corruption corruption :
       {Corruption::kSpeckle, Corruption::kGain, Corruption::kTimeGain, Corruption::kGamma,
        Corruption::kBlur, Corruption::kOverlay}) {
    for (const std::uint64_t seed : {1, 2, 3, 4}) {
      double before = 0.0;
      for (int strength = 1; strength <= kCorruptionStrengths; ++strength) {
        const double now = DifferenceAt(corruption, strength, seed);
        EXPECT_GT(now, before) << ToString(corruption) << " " << strength << ", seed " << seed;
        before = now;
      }
    }
  }
}

// Grain that moves far differs no more than grain that moves a little, pixel by pixel.
TEST(CorruptionsTest, TheLastStrengthChangesMoreThanTheFirst) {
  for (const Corruption corruption : AllCorruptions()) {
    for (const std::uint64_t seed : {1, 2, 3, 4}) {
      const double first = DifferenceAt(corruption, 1, seed);
      EXPECT_GT(first, 0.0) << ToString(corruption);
      EXPECT_GT(DifferenceAt(corruption, kCorruptionStrengths, seed), first)
          << ToString(corruption) << ", seed " << seed;
    }
  }
}

TEST(CorruptionsTest, SameSeedGivesTheSamePicture) {
  for (const int channels : {1, 3}) {
    const cv::Mat picture = Scan(channels), copy = picture.clone();
    for (const Corruption corruption : OfPictures()) {
      const cv::Mat corrupted = CorruptPicture(picture, corruption, 3, 8);
      EXPECT_EQ(corrupted.type(), picture.type());
      EXPECT_EQ(corrupted.size(), picture.size());
      EXPECT_EQ(Difference(corrupted, CorruptPicture(picture, corruption, 3, 8)), 0.0);
      double least = 0.0, most = 0.0;
      cv::minMaxLoc(corrupted.reshape(1), &least, &most);
      EXPECT_GE(least, 0.0);
      EXPECT_LE(most, 1.0);
    }
    EXPECT_EQ(Difference(picture, copy), 0.0);
  }
}

TEST(CorruptionsTest, ChangesOfLevelLeaveWhatIsOutsideBlack) {
  const cv::Mat picture = Scan(), outside = picture == 0.0f;
  for (const Corruption corruption :
       {Corruption::kSpeckle, Corruption::kGain, Corruption::kTimeGain, Corruption::kGamma,
        Corruption::kBlur}) {
    cv::Mat corrupted = CorruptPicture(picture, corruption, 5, 1);
    corrupted.setTo(0.0f, ~outside);
    EXPECT_EQ(cv::countNonZero(corrupted), 0) << ToString(corruption);
  }
}

TEST(CorruptionsTest, GammaIsThePowerThatItsSizeNames) {
  const cv::Mat picture(8, 8, CV_32FC1, cv::Scalar(0.5));
  const double size = SizeOf(Corruption::kGamma, 2);
  bool raised = false, lowered = false;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    const double value = CorruptPicture(picture, Corruption::kGamma, 2, seed).at<float>(4, 4);
    const bool up = std::abs(value - std::pow(0.5, std::exp(size))) < 1e-6;
    const bool down = std::abs(value - std::pow(0.5, std::exp(-size))) < 1e-6;
    EXPECT_TRUE(up || down);
    raised = raised || up;
    lowered = lowered || down;
  }
  EXPECT_TRUE(raised && lowered);
}

TEST(CorruptionsTest, TimeGainTurnsAboutTheMiddleDepth) {
  const cv::Mat picture(101, 8, CV_32FC1, cv::Scalar(0.5));
  const cv::Mat corrupted = CorruptPicture(picture, Corruption::kTimeGain, 5, 1);
  const double top = corrupted.at<float>(0, 4) - 0.5, middle = corrupted.at<float>(50, 4) - 0.5;
  const double bottom = corrupted.at<float>(100, 4) - 0.5;
  EXPECT_NEAR(middle, 0.0, 1e-6);
  EXPECT_NEAR(top, -bottom, 1e-6);
  EXPECT_GT(std::abs(top), 0.1);
}

TEST(CorruptionsTest, FramesOfEveryKindAreCorrupted) {
  for (const int type : {CV_8UC1, CV_8UC3, CV_16UC1}) {
    const cv::Mat frame = Frame(type), copy = frame.clone();
    for (const Corruption corruption : {Corruption::kJpeg, Corruption::kOverlay}) {
      const cv::Mat corrupted = CorruptFrame(frame, corruption, 2, 4);
      EXPECT_EQ(corrupted.type(), type);
      EXPECT_EQ(corrupted.size(), frame.size());
      EXPECT_GT(Difference(corrupted, frame), 0.0);
      EXPECT_EQ(Difference(corrupted, CorruptFrame(frame, corruption, 2, 4)), 0.0);
    }
    EXPECT_EQ(Difference(frame, copy), 0.0);
  }
}

TEST(CorruptionsTest, SayWhereTheyBelong) {
  ExpectError(ErrorKind::kInvalid, {"of frames"},
              [] { CorruptPicture(Scan(), Corruption::kJpeg, 1, 1); });
  ExpectError(ErrorKind::kInvalid, {"of prepared pictures"},
              [] { CorruptFrame(Frame(CV_8UC1), Corruption::kGain, 1, 1); });
  ExpectError(ErrorKind::kInvalid, {"strength is 6"}, [] { SizeOf(Corruption::kGain, 6); });
  ExpectError(ErrorKind::kInvalid, {"CV_8UC1"},
              [] { CorruptPicture(Frame(CV_8UC1), Corruption::kCrop, 1, 1); });
}

}  // namespace
}  // namespace hepar
