// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sector_tracker.h"

#include <gtest/gtest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "models/error.h"
#include "tests/support/scan_pictures.h"

namespace hepar {
namespace {

using hepar::testing::Fan;
using hepar::testing::FanMask;
using hepar::testing::kCurvedArray;
using hepar::testing::kPhasedArray;
using hepar::testing::OverlapOf;
using hepar::testing::Speckle;

void ExpectIsWholeFrame(const Sector& sector, cv::Size size) {
  EXPECT_EQ(sector.bounds, cv::Rect(cv::Point(0, 0), size));
  EXPECT_EQ(sector.mask.size(), size);
  EXPECT_EQ(cv::countNonZero(sector.mask), size.area());
}

SectorRule Auto() { return SectorRule::Parse("auto"); }

const Sector& Follow(SectorTracker& tracker, const cv::Mat& picture) {
  return tracker.Update(picture.size(), [&picture] { return picture; });
}

TEST(SectorTrackerTest, LooksAtFewFramesOfACalmStream) {
  const cv::Mat picture = Speckle(FanMask({640, 480}, kPhasedArray), 70, 12);
  SectorTracker tracker(Auto());
  int looks = 0;
  for (int i = 0; i < 40; ++i) {
    tracker.Update(picture.size(), [&] {
      ++looks;
      return picture;
    });
  }
  EXPECT_GE(looks, 5);
  EXPECT_LE(looks, 12);
}

TEST(SectorTrackerTest, TheFirstFrameDecides) {
  const cv::Mat picture = Speckle(FanMask({640, 480}, kPhasedArray), 70, 11);
  SectorTracker tracker(Auto());
  const Sector expected = FindSector(picture, Auto());
  const Sector& sector = Follow(tracker, picture);
  EXPECT_EQ(sector.bounds, expected.bounds);
  EXPECT_EQ(cv::countNonZero(sector.mask != expected.mask), 0);
}

TEST(SectorTrackerTest, DoesNotJitterOrBlink) {
  const cv::Mat mask = FanMask({640, 480}, kPhasedArray);
  SectorTracker tracker(Auto());
  const Sector first = Follow(tracker, Speckle(mask, 70, 100));
  for (int i = 1; i < 40; ++i) {
    // Other speckle and gain; black frames and single frames of another view between.
    cv::Mat picture = Speckle(mask, 40 + i, 100 + i);
    if (i % 8 == 0) picture = cv::Mat::zeros(mask.size(), CV_8UC1);
    if (i % 12 == 0) picture = Speckle(FanMask(mask.size(), kCurvedArray), 70, i);
    const Sector& sector = Follow(tracker, picture);
    ASSERT_EQ(sector.bounds, first.bounds) << "frame " << i;
    ASSERT_EQ(cv::countNonZero(sector.mask != first.mask), 0) << "frame " << i;
  }
}

TEST(SectorTrackerTest, FollowsAViewThatStays) {
  SectorTracker tracker(Auto());
  Follow(tracker, Speckle(FanMask({640, 480}, kPhasedArray), 70, 12));
  const cv::Mat mask = FanMask({640, 480}, kCurvedArray);
  Sector sector;
  int frames = 0;
  do {
    sector = Follow(tracker, Speckle(mask, 70, 200 + frames));
    ++frames;
  } while (OverlapOf(sector.mask, mask) < 0.95 && frames < 30);
  EXPECT_GT(frames, 3);
  EXPECT_LT(frames, 12);
}

TEST(SectorTrackerTest, LostContactShrinksTheSectorOnlyAfterAWhile) {
  const cv::Mat mask = FanMask({640, 480}, kPhasedArray);
  Fan near = kPhasedArray;
  near.outer = 200;
  const cv::Mat near_mask = FanMask({640, 480}, near);
  SectorTracker tracker(Auto());
  const cv::Rect bounds = Follow(tracker, Speckle(mask, 70, 13)).bounds;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(Follow(tracker, Speckle(near_mask, 70, 300 + i)).bounds, bounds) << "frame " << i;
  }
  for (int i = 0; i < 20; ++i) Follow(tracker, Speckle(near_mask, 70, 400 + i));
  EXPECT_LT(Follow(tracker, Speckle(near_mask, 70, 500)).bounds.height, 220);
}

TEST(SectorTrackerTest, ABlackScreenIsNoReasonToGiveTheSectorUp) {
  const cv::Mat mask = FanMask({640, 480}, kPhasedArray);
  SectorTracker tracker(Auto());
  const cv::Rect bounds = Follow(tracker, Speckle(mask, 70, 16)).bounds;
  for (int i = 0; i < 60; ++i) {
    ASSERT_EQ(Follow(tracker, cv::Mat::zeros(mask.size(), CV_8UC1)).bounds, bounds)
        << "frame " << i;
  }
}

TEST(SectorTrackerTest, AStreamThatStartsBlackFindsItsScanSoon) {
  const cv::Mat mask = FanMask({640, 480}, kPhasedArray);
  SectorTracker tracker(Auto());
  ExpectIsWholeFrame(Follow(tracker, cv::Mat::zeros(mask.size(), CV_8UC1)), mask.size());
  for (int i = 0; i < 10; ++i) Follow(tracker, Speckle(mask, 70, 600 + i));
  EXPECT_GT(OverlapOf(Follow(tracker, Speckle(mask, 70, 700)).mask, mask), 0.95);
}

TEST(SectorTrackerTest, ResetAndAnotherFrameSizeStartAfresh) {
  const cv::Mat first = Speckle(FanMask({640, 480}, kPhasedArray), 70, 14);
  const cv::Mat second = Speckle(FanMask({640, 480}, kCurvedArray), 70, 15);
  SectorTracker tracker(Auto());
  Follow(tracker, first);
  tracker.Reset();
  EXPECT_EQ(Follow(tracker, second).bounds, FindSector(second, Auto()).bounds);

  cv::Mat smaller;
  cv::resize(first, smaller, {320, 240}, 0, 0, cv::INTER_AREA);
  EXPECT_EQ(Follow(tracker, smaller).bounds, FindSector(smaller, Auto()).bounds);
}

TEST(SectorTrackerTest, FixedIsClippedAnewWhenTheFrameSizeChanges) {
  SectorTracker tracker(SectorRule::Parse("40,40,100,100"));
  EXPECT_EQ(Follow(tracker, cv::Mat::zeros(200, 200, CV_8UC1)).bounds, cv::Rect(40, 40, 100, 100));
  EXPECT_EQ(Follow(tracker, cv::Mat::zeros(80, 80, CV_8UC1)).bounds, cv::Rect(40, 40, 40, 40));
  EXPECT_THROW(Follow(tracker, cv::Mat::zeros(32, 32, CV_8UC1)), Error);
}

}  // namespace
}  // namespace hepar
