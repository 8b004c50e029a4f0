// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <opencv2/core.hpp>
#include <string>

#include "models/error.h"
#include "models/simulator/scan_simulator.h"

namespace hepar {
namespace {

using testing::HasSubstr;

SimulatedScan Scan(std::uint64_t seed, int grade = 0) {
  SimulatedScan scan;
  scan.seed = seed;
  scan.grade = grade;
  scan.width = 320;
  scan.height = 240;
  return scan;
}

cv::Mat Frame(const SimulatedScan& scan) { return ScanSimulator(scan).Render(0.0).clone(); }

bool Same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0.0;
}

cv::Mat Fan(const SimulatedScan& scan) {
  return ScanSimulator(scan).Regions(0.0) != static_cast<int>(ScanRegion::kOutside);
}

double MeanInFan(const SimulatedScan& scan) { return cv::mean(Frame(scan), Fan(scan))[0]; }

// How much brighter the near half of the liver is than the far half, in a picture of any scanner.
double NearMinusFar(const SimulatedScan& scan) {
  ScanSimulator simulator(scan);
  const cv::Mat liver = simulator.Regions(0.0) == static_cast<int>(ScanRegion::kLiver);
  const cv::Mat frame = simulator.Render(0.0);
  const auto mean = [&](double top, double bottom) {
    const cv::Range rows(static_cast<int>(top * frame.rows), static_cast<int>(bottom * frame.rows));
    return cv::mean(frame.rowRange(rows), liver.rowRange(rows))[0];
  };
  return mean(0.25, 0.45) - mean(0.55, 0.8);
}

TEST(ScannerTest, EqualSeedsGiveEqualScannersAndOthersGiveOthers) {
  SimulatedScan scan = Scan(1);
  scan.scanner = RandomScanner(5);
  scan.examination = RandomExamination(7);
  const cv::Mat first = Frame(scan);
  scan.scanner = RandomScanner(5);
  scan.examination = RandomExamination(7);
  EXPECT_TRUE(Same(first, Frame(scan)));
  scan.scanner = RandomScanner(6);
  EXPECT_FALSE(Same(first, Frame(scan)));
  scan.scanner = RandomScanner(5);
  scan.examination = RandomExamination(8);
  EXPECT_FALSE(Same(first, Frame(scan)));
}

TEST(ScannerTest, DrawsAreInRangeHoweverBroad) {
  for (const double breadth : {0.1, 1.0, 2.0}) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      SCOPED_TRACE(seed);
      EXPECT_NO_THROW(CheckScanner(RandomScanner(seed, breadth)));
      EXPECT_NO_THROW(CheckExamination(RandomExamination(seed, breadth)));
    }
  }
  EXPECT_THROW(RandomScanner(1, 0.0), Error);
  EXPECT_THROW(RandomExamination(1, 2.1), Error);
}

TEST(ScannerTest, ABroaderDrawDiffersMoreFromTheMiddle) {
  double narrow = 0.0;
  double broad = 0.0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    narrow += std::abs(RandomScanner(seed, 0.5).time_gain_db_per_cm);
    broad += std::abs(RandomScanner(seed, 1.5).time_gain_db_per_cm);
  }
  EXPECT_NEAR(broad / narrow, 3.0, 0.01);
}

TEST(ScannerTest, TheOperatorsBrightnessHoldsWhateverTheGainOfThePatient) {
  for (const double gain_db : {-10.0, 10.0}) {
    for (const double brightness : {0.15, 0.35}) {
      SimulatedScan scan = Scan(3);
      scan.gain_db = gain_db;
      scan.scanner.brightness = brightness;
      EXPECT_NEAR(MeanInFan(scan) / 255.0, brightness, 0.02);
    }
  }
}

TEST(ScannerTest, FatterLiversFadeMoreAtHigherFrequencyAndLessUnderCorrection) {
  const auto fading = [](const Scanner& scanner) {
    double sum = 0.0;
    for (const int seed : {1, 2, 3}) {
      SimulatedScan severe = Scan(seed, 3);
      SimulatedScan normal = Scan(seed, 0);
      severe.scanner = normal.scanner = scanner;
      sum += NearMinusFar(severe) - NearMinusFar(normal);
    }
    return sum / 3.0;
  };
  Scanner low, high, corrected;
  low.frequency_mhz = 2.0;
  high.frequency_mhz = 5.0;
  corrected.attenuation_correction = 1.0;
  const double own = fading({});
  EXPECT_GT(own, fading(low) + 5.0);
  EXPECT_LT(own, fading(high) - 5.0);
  EXPECT_LT(fading(corrected), 0.4 * own);
}

TEST(ScannerTest, FatGrowsTheSignsBetweenTheGrades) {
  double last = -255.0;
  for (const double fat : {1.0, 4.0, 10.0, 25.0, 45.0, 60.0, 75.0, 95.0}) {
    SimulatedScan scan = Scan(2);
    scan.fat_percent = fat;
    EXPECT_GT(NearMinusFar(scan), last) << fat;
    last = NearMinusFar(scan);
  }
  SimulatedScan typical = Scan(2, 2);
  const cv::Mat moderate = Frame(typical);
  typical.grade = 0;
  typical.fat_percent = FatOfSeverity(2.5);
  EXPECT_TRUE(Same(moderate, Frame(typical)));
}

TEST(ScannerTest, ThresholdsOfFatAreThoseOfTheGrades) {
  EXPECT_EQ(GradeOfFat(4.9), 0);
  EXPECT_EQ(GradeOfFat(5.0), 1);
  EXPECT_EQ(GradeOfFat(33.0), 1);
  EXPECT_EQ(GradeOfFat(33.1), 2);
  EXPECT_EQ(GradeOfFat(66.0), 2);
  EXPECT_EQ(GradeOfFat(66.1), 3);
  for (const double fat : {0.0, 2.5, 5.0, 20.0, 50.0, 70.0, 100.0}) {
    EXPECT_NEAR(FatOfSeverity(SeverityOfFat(fat)), fat, 1e-9);
  }
}

TEST(ScannerTest, ChangeTakesTheTypicalFatOfTheGrade) {
  SimulatedScan scan = Scan(2);
  scan.fat_percent = 90.0;
  ScanSimulator simulator(scan);
  simulator.Change(0, 0.0, 16.0);
  EXPECT_TRUE(Same(simulator.Render(0.0), Frame(Scan(2))));
}

TEST(ScannerTest, GeometryIsTheProbes) {
  SimulatedScan scan = Scan(2);
  scan.scanner.half_angle = 0.6;
  const double whole = cv::mean(Fan(scan))[0];
  scan.scanner.crop_bottom = 0.2;
  const double cropped = cv::mean(Fan(scan))[0];
  EXPECT_LT(cropped, 0.95 * whole);
  scan.scanner.crop_sides = 0.2;
  EXPECT_LT(cv::mean(Fan(scan))[0], cropped);

  // A phased array has a point where a curved one has an arc.
  const auto width_of_top = [](const SimulatedScan& of) {
    const cv::Mat fan = Fan(of);
    for (int row = 0; row < fan.rows; ++row) {
      if (cv::countNonZero(fan.row(row)) > 0) return cv::countNonZero(fan.row(row + fan.rows / 16));
    }
    return 0;
  };
  SimulatedScan phased = Scan(2);
  phased.scanner.probe_radius_cm = 1.0;
  phased.scanner.half_angle = 0.8;
  EXPECT_LT(width_of_top(phased), width_of_top(Scan(2)));
}

TEST(ScannerTest, AViewMayLackTheKidney) {
  SimulatedScan scan = Scan(2);
  const auto share = [&] {
    return cv::mean(ScanSimulator(scan).Regions(0.0) == static_cast<int>(ScanRegion::kCortex))[0];
  };
  EXPECT_GT(share(), 1.0);
  scan.examination.has_kidney = false;
  EXPECT_EQ(share(), 0.0);
}

TEST(ScannerTest, WhatIsBurnedInTellsNeitherGradeNorFat) {
  SimulatedScan scan = Scan(4);
  scan.scanner = RandomScanner(3);
  scan.examination = RandomExamination(3);
  const cv::Mat outside = ~Fan(scan);
  cv::Mat lean, fatty;
  scan.fat_percent = 1.0;
  Frame(scan).copyTo(lean, outside);
  scan.fat_percent = 80.0;
  Frame(scan).copyTo(fatty, outside);
  EXPECT_TRUE(Same(lean, fatty));
}

void ExpectRefused(const std::string& what, const std::function<void(SimulatedScan*)>& spoil) {
  SimulatedScan scan = Scan(1);
  spoil(&scan);
  try {
    ScanSimulator simulator(scan);
    FAIL() << "accepted a bad " << what;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr(what));
  }
}

TEST(ScannerTest, RefusesWhatIsOutOfRangeByName) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  ExpectRefused("radius of the probe", [](SimulatedScan* s) { s->scanner.probe_radius_cm = 0.1; });
  ExpectRefused("frequency", [&](SimulatedScan* s) { s->scanner.frequency_mhz = kNan; });
  ExpectRefused("dynamic range", [](SimulatedScan* s) { s->scanner.dynamic_range_db = 0.0; });
  ExpectRefused("brightness", [](SimulatedScan* s) { s->scanner.brightness = 0.9; });
  ExpectRefused("time gain", [&](SimulatedScan* s) { s->scanner.knobs_db[4] = kNan; });
  ExpectRefused("shift", [](SimulatedScan* s) { s->examination.shift_x_cm = 5.0; });
  ExpectRefused("shadow", [](SimulatedScan* s) {
    s->examination.shadows.push_back({0.0, 0.0, 1.0, 5.0});
  });
  ExpectRefused("fat", [](SimulatedScan* s) { s->fat_percent = 101.0; });
}

TEST(ScannerTest, RendersTheBroadestScannersAndExaminations) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SimulatedScan scan = Scan(seed, static_cast<int>(seed % 4));
    scan.scanner = RandomScanner(seed, 2.0);
    scan.examination = RandomExamination(seed, 2.0);
    scan.depth_cm = seed % 2 == 0 ? 24.0 : 8.0;
    scan.breaths_per_minute = 60.0;
    ScanSimulator simulator(scan);
    EXPECT_GT(cv::countNonZero(simulator.Render(0.5)), 0) << seed;
  }
}

}  // namespace
}  // namespace hepar
