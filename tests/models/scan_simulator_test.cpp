// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/scan_simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <opencv2/core.hpp>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

using testing::HasSubstr;

constexpr int kPatients = 8;

SimulatedScan Scan(std::uint64_t seed, int grade = 0) {
  SimulatedScan scan;
  scan.seed = seed;
  scan.grade = grade;
  return scan;
}

cv::Mat Frame(const SimulatedScan& scan, double seconds = 0.0) {
  return ScanSimulator(scan).Render(seconds).clone();
}

bool Same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0.0;
}

cv::Mat1b Mask(const cv::Mat& regions, ScanRegion region) {
  return regions == static_cast<int>(region);
}

double Mean(const cv::Mat& frame, const cv::Mat& regions, ScanRegion region) {
  return cv::mean(frame, Mask(regions, region))[0];
}

// Rows of the frame, as shares of its height, at the default depth: the near and the far liver.
cv::Mat Band(const cv::Mat& image, double top, double bottom) {
  return image.rowRange(static_cast<int>(top * image.rows), static_cast<int>(bottom * image.rows));
}

TEST(ScanSimulatorTest, EqualScansGiveEqualPixels) {
  for (const double seconds : {0.0, 1.7}) {
    EXPECT_TRUE(Same(Frame(Scan(5, 2), seconds), Frame(Scan(5, 2), seconds)));
  }
}

TEST(ScanSimulatorTest, AFrameDoesNotDependOnFramesBeforeIt) {
  ScanSimulator simulator(Scan(3));
  const cv::Mat first = simulator.Render(2.0).clone();
  simulator.Render(0.5);
  simulator.Change(3, 6.0, 20.0);
  simulator.Render(0.5);
  simulator.Change(0, 0.0, 16.0);
  EXPECT_TRUE(Same(first, simulator.Render(2.0)));
}

TEST(ScanSimulatorTest, ChangeGivesWhatAFreshSimulatorGives) {
  SimulatedScan other = Scan(3, 3);
  other.gain_db = -4.0;
  other.depth_cm = 12.0;
  ScanSimulator simulator(Scan(3));
  simulator.Render(0.0);
  simulator.Change(other.grade, other.gain_db, other.depth_cm);
  EXPECT_TRUE(Same(simulator.Render(1.0), Frame(other, 1.0)));
}

TEST(ScanSimulatorTest, SeedsAreDifferentPatients) {
  const cv::Mat one = Frame(Scan(1));
  const cv::Mat two = Frame(Scan(2));
  cv::Mat difference;
  cv::absdiff(one, two, difference);
  EXPECT_GT(cv::mean(difference)[0], 8.0);
  EXPECT_FALSE(Same(ScanSimulator(Scan(1)).Regions(0.0), ScanSimulator(Scan(2)).Regions(0.0)));
}

TEST(ScanSimulatorTest, EveryRegionIsInEveryPatient) {
  for (int seed = 0; seed < kPatients; ++seed) {
    const cv::Mat regions = ScanSimulator(Scan(seed)).Regions(0.0);
    const auto share = [&](ScanRegion region) {
      return cv::mean(Mask(regions, region))[0] / 255.0;
    };
    SCOPED_TRACE(seed);
    EXPECT_GT(share(ScanRegion::kOutside), 0.2);
    EXPECT_GT(share(ScanRegion::kLiver), 0.1);
    EXPECT_GT(share(ScanRegion::kWall), 0.01);
    EXPECT_GT(share(ScanRegion::kVessel), 0.003);
    EXPECT_GT(share(ScanRegion::kCortex), 0.01);
    EXPECT_GT(share(ScanRegion::kOther), 0.05);
  }
}

TEST(ScanSimulatorTest, LiverOutshinesCortexMoreWithEachGradeInEveryPatient) {
  for (int seed = 0; seed < kPatients; ++seed) {
    SCOPED_TRACE(seed);
    ScanSimulator simulator(Scan(seed));
    const cv::Mat regions = simulator.Regions(0.0);
    double last = -255.0;
    for (int grade = 0; grade < 4; ++grade) {
      simulator.Change(grade, 0.0, 16.0);
      const cv::Mat& frame = simulator.Render(0.0);
      const double contrast =
          Mean(frame, regions, ScanRegion::kLiver) - Mean(frame, regions, ScanRegion::kCortex);
      EXPECT_GT(contrast, last + 2.0) << "grade " << grade;
      last = contrast;
    }
  }
}

TEST(ScanSimulatorTest, DeepLiverFadesAgainstNearLiverWithEachGrade) {
  std::array<double, 4> near = {};
  std::array<double, 4> far = {};
  for (int seed = 0; seed < kPatients; ++seed) {
    ScanSimulator simulator(Scan(seed));
    const cv::Mat liver = Mask(simulator.Regions(0.0), ScanRegion::kLiver);
    for (int grade = 0; grade < 4; ++grade) {
      simulator.Change(grade, 0.0, 16.0);
      const cv::Mat& frame = simulator.Render(0.0);
      near[grade] += cv::mean(Band(frame, 0.25, 0.4), Band(liver, 0.25, 0.4))[0];
      far[grade] += cv::mean(Band(frame, 0.6, 0.8), Band(liver, 0.6, 0.8))[0];
    }
  }
  for (int grade = 1; grade < 4; ++grade) {
    EXPECT_LT(far[grade] / near[grade], far[grade - 1] / near[grade - 1] - 0.03);
  }
}

TEST(ScanSimulatorTest, VesselsStandOutLessWithEachGrade) {
  std::array<double, 4> spread = {};
  for (int seed = 0; seed < kPatients; ++seed) {
    ScanSimulator simulator(Scan(seed));
    const cv::Mat vessels = Mask(simulator.Regions(0.0), ScanRegion::kVessel);
    for (int grade = 0; grade < 4; ++grade) {
      simulator.Change(grade, 0.0, 16.0);
      cv::Scalar mean;
      cv::Scalar deviation;
      cv::meanStdDev(simulator.Render(0.0), mean, deviation, vessels);
      spread[grade] += deviation[0] / kPatients;
    }
  }
  for (int grade = 1; grade < 4; ++grade) EXPECT_LT(spread[grade], spread[grade - 1] - 2.0);
}

TEST(ScanSimulatorTest, WhatIsBurnedInLiesOutsideTheFanAndDoesNotTellTheGrade) {
  ScanSimulator simulator(Scan(4));
  const cv::Mat outside = Mask(simulator.Regions(0.0), ScanRegion::kOutside);
  cv::Mat normal;
  simulator.Render(0.0).copyTo(normal, outside);
  EXPECT_GT(cv::countNonZero(normal > 128), 200);

  for (int grade = 1; grade < 4; ++grade) {
    simulator.Change(grade, 0.0, 16.0);
    cv::Mat other;
    simulator.Render(1.0).copyTo(other, outside);
    EXPECT_TRUE(Same(normal, other)) << "grade " << grade;
  }
}

TEST(ScanSimulatorTest, TheFanIsFilledAndItsSurroundingsAreMostlyBlack) {
  ScanSimulator simulator(Scan(4));
  const cv::Mat regions = simulator.Regions(0.0);
  const cv::Mat& frame = simulator.Render(0.0);
  EXPECT_GT(Mean(frame, regions, ScanRegion::kLiver), 50.0);
  EXPECT_LT(Mean(frame, regions, ScanRegion::kLiver), 150.0);
  EXPECT_LT(Mean(frame, regions, ScanRegion::kOutside), 6.0);
}

TEST(ScanSimulatorTest, OrgansMoveWithTheBreathAndTheWallDoesNot) {
  ScanSimulator simulator(Scan(1));
  const cv::Mat before = simulator.Regions(0.0);
  const cv::Mat after = simulator.Regions(2.0);
  EXPECT_TRUE(Same(Mask(before, ScanRegion::kWall), Mask(after, ScanRegion::kWall)));
  EXPECT_FALSE(Same(Mask(before, ScanRegion::kCortex), Mask(after, ScanRegion::kCortex)));

  SimulatedScan held = Scan(1);
  held.breaths_per_minute = 0.0;
  ScanSimulator still(held);
  EXPECT_TRUE(Same(still.Regions(0.0), still.Regions(2.0)));
}

TEST(ScanSimulatorTest, GainBrightensThePicture) {
  ScanSimulator simulator(Scan(1));
  const double before = cv::mean(simulator.Render(0.0))[0];
  simulator.Change(0, 10.0, 16.0);
  EXPECT_GT(cv::mean(simulator.Render(0.0))[0], before + 10.0);
}

TEST(ScanSimulatorTest, RendersEverySizeInRange) {
  for (const cv::Size size : {cv::Size(64, 64), cv::Size(4096, 64), cv::Size(64, 4096),
                              cv::Size(333, 217), cv::Size(1920, 1080)}) {
    SimulatedScan scan = Scan(2);
    scan.width = size.width;
    scan.height = size.height;
    for (const double depth_cm : {8.0, 24.0}) {
      SCOPED_TRACE(std::to_string(size.width) + "x" + std::to_string(size.height));
      scan.depth_cm = depth_cm;
      const cv::Mat frame = Frame(scan);
      EXPECT_EQ(frame.type(), CV_8UC1);
      EXPECT_EQ(frame.size(), size);
      EXPECT_GT(cv::countNonZero(frame), 0);
    }
  }
}

void ExpectRefused(const SimulatedScan& scan, const std::string& what) {
  try {
    ScanSimulator simulator(scan);
    FAIL() << "accepted a scan with a bad " << what;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr(what));
  }
}

TEST(ScanSimulatorTest, RefusesWhatIsOutOfRangeByName) {
  SimulatedScan scan = Scan(1, 4);
  ExpectRefused(scan, "grade");
  scan = Scan(1);
  scan.gain_db = 20.5;
  ExpectRefused(scan, "gain");
  scan = Scan(1);
  scan.depth_cm = std::numeric_limits<double>::quiet_NaN();
  ExpectRefused(scan, "depth");
  scan = Scan(1);
  scan.width = 63;
  ExpectRefused(scan, "width");
  scan = Scan(1);
  scan.height = 4097;
  ExpectRefused(scan, "height");
  scan = Scan(1);
  scan.breaths_per_minute = -1.0;
  ExpectRefused(scan, "breathing rate");
  EXPECT_THROW(ScanSimulator(Scan(1)).Render(-0.1), Error);
}

TEST(ScanSimulatorTest, ARefusedChangeChangesNothing) {
  ScanSimulator simulator(Scan(1));
  const cv::Mat before = simulator.Render(0.0).clone();
  EXPECT_THROW(simulator.Change(1, 0.0, 30.0), Error);
  EXPECT_TRUE(Same(before, simulator.Render(0.0)));
}

}  // namespace
}  // namespace hepar
