// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/support/scan_pictures.h"

namespace hepar {
namespace {

using hepar::testing::BurnIn;
using hepar::testing::Fan;
using hepar::testing::FanMask;
using hepar::testing::kCurvedArray;
using hepar::testing::kPhasedArray;
using hepar::testing::OverlapOf;
using hepar::testing::Speckle;
using ::testing::HasSubstr;

SectorRule Auto() { return SectorRule::Parse("auto"); }

void ExpectIsWholeFrame(const Sector& sector, cv::Size size) {
  EXPECT_EQ(sector.bounds, cv::Rect(cv::Point(0, 0), size));
  EXPECT_EQ(sector.mask.size(), size);
  EXPECT_EQ(cv::countNonZero(sector.mask), size.area());
}

TEST(SectorTest, FindsFansAmongBurnedInMarks) {
  for (const Fan& fan : {kPhasedArray, kCurvedArray}) {
    SCOPED_TRACE(fan.inner);
    const cv::Mat truth = FanMask({640, 480}, fan);
    cv::Mat picture = Speckle(truth, 70, 1);
    const cv::Mat marks = BurnIn(&picture);
    const Sector sector = FindSector(picture, Auto());
    EXPECT_GT(OverlapOf(sector.mask, truth), 0.96);
    EXPECT_EQ(cv::countNonZero(sector.mask & marks & ~truth), 0);
    EXPECT_EQ(sector.bounds, cv::boundingRect(sector.mask));
  }
}

TEST(SectorTest, MarksThatTouchTheFanDoNotMoveIt) {
  const cv::Mat truth = FanMask({640, 480}, kPhasedArray);
  cv::Mat picture = Speckle(truth, 70, 2);
  const Sector plain = FindSector(picture, Auto());
  cv::putText(picture, "V", {336, 32}, cv::FONT_HERSHEY_SIMPLEX, 0.7, cv::Scalar(255), 2);
  for (double radius = 40; radius < 380; radius += 20) {
    const cv::Point edge(cvRound(320 - radius * std::sin(0.85)),
                         cvRound(12 + radius * std::cos(0.85)));
    cv::line(picture, edge, edge + cv::Point(-8, -7), cv::Scalar(255), 2);
  }
  const Sector marked = FindSector(picture, Auto());
  EXPECT_GT(OverlapOf(plain.mask, marked.mask), 0.99);
}

TEST(SectorTest, KeepsShadowsThatReachTheEdge) {
  const cv::Mat truth = FanMask({640, 480}, kPhasedArray);
  cv::Mat picture = Speckle(truth, 70, 3);
  // Shadows of a rib in the middle and along the right side.
  for (double angle : {0.1, 0.6}) {
    const std::vector<cv::Point> shadow = {
        {cvRound(320 + 90 * std::sin(angle)), cvRound(12 + 90 * std::cos(angle))},
        {cvRound(320 + 420 * std::sin(angle)), cvRound(12 + 420 * std::cos(angle))},
        {cvRound(320 + 420 * std::sin(angle + 0.25)), cvRound(12 + 420 * std::cos(angle + 0.25))},
        {cvRound(320 + 90 * std::sin(angle + 0.25)), cvRound(12 + 90 * std::cos(angle + 0.25))}};
    cv::fillConvexPoly(picture, shadow, cv::Scalar(0));
  }
  EXPECT_GT(OverlapOf(FindSector(picture, Auto()).mask, truth), 0.96);
}

TEST(SectorTest, FindsTheRectangleOfALinearProbe) {
  const cv::Rect rectangle(170, 60, 260, 340);
  cv::Mat truth = cv::Mat::zeros(480, 640, CV_8UC1);
  truth(rectangle).setTo(255);
  cv::Mat picture = Speckle(truth, 60, 4);
  // A fluid-filled band cuts it in two.
  picture(cv::Rect(170, 150, 260, 60)).setTo(0);
  const cv::Mat marks = BurnIn(&picture);
  const Sector sector = FindSector(picture, Auto());
  EXPECT_NEAR(sector.bounds.x, rectangle.x, 5);
  EXPECT_NEAR(sector.bounds.y, rectangle.y, 5);
  EXPECT_NEAR(sector.bounds.br().x, rectangle.br().x, 5);
  EXPECT_NEAR(sector.bounds.br().y, rectangle.br().y, 5);
  EXPECT_EQ(cv::countNonZero(sector.mask & marks), 0);
}

TEST(SectorTest, FindsTheFanInAScreenshotOfAProgram) {
  const cv::Rect panel(220, 90, 640, 480);
  cv::Mat picture(768, 1024, CV_8UC1, cv::Scalar(190));
  const cv::Mat fan = FanMask(panel.size(), kCurvedArray);
  Speckle(fan, 70, 5).copyTo(picture(panel));
  for (int y = 110; y < 740; y += 22) {
    cv::putText(picture, "Patient: Doe, J.", {12, y}, cv::FONT_HERSHEY_SIMPLEX, 0.55,
                cv::Scalar(10), 1);
  }
  for (int x = 10; x < 1000; x += 70) {
    cv::rectangle(picture, cv::Rect(x, 12, 56, 56), cv::Scalar(120), cv::FILLED);
    cv::putText(picture, "Save", {x + 6, 44}, cv::FONT_HERSHEY_SIMPLEX, 0.5, cv::Scalar(0), 1);
  }
  cv::Mat truth = cv::Mat::zeros(picture.size(), CV_8UC1);
  fan.copyTo(truth(panel));
  EXPECT_GT(OverlapOf(FindSector(picture, Auto()).mask, truth), 0.95);
}

TEST(SectorTest, AToolbarUnderTheFanIsNoPartOfIt) {
  const Fan fan = {{160, 10}, 0.8, 0, 170};
  const cv::Mat truth = FanMask({320, 240}, fan);
  cv::Mat picture = Speckle(truth, 70, 17);
  const cv::Rect toolbar(60, 205, 200, 28);
  cv::Mat buttons(toolbar.size(), CV_8UC1);
  cv::RNG(18).fill(buttons, cv::RNG::UNIFORM, 80, 160);
  buttons.copyTo(picture(toolbar));
  const Sector sector = FindSector(picture, Auto());
  EXPECT_GT(OverlapOf(sector.mask, truth), 0.95);
  EXPECT_EQ(cv::countNonZero(sector.mask(toolbar)), 0);
}

TEST(SectorTest, AFanThatTheFrameCutsKeepsAllThatIsVisible) {
  const cv::Rect crop(140, 60, 330, 370);
  const cv::Mat truth = FanMask({640, 480}, kCurvedArray)(crop).clone();
  const cv::Mat picture = Speckle(truth, 70, 6);
  EXPECT_GT(OverlapOf(FindSector(picture, Auto()).mask, truth), 0.95);
}

TEST(SectorTest, AFrameThatIsAllScanIsKeptWhole) {
  const cv::Mat picture = Speckle(cv::Mat(300, 400, CV_8UC1, cv::Scalar(255)), 80, 7);
  ExpectIsWholeFrame(FindSector(picture, Auto()), picture.size());
}

TEST(SectorTest, AFrameWithoutAScanIsKeptWhole) {
  for (int level : {0, 3, 128, 255}) {
    SCOPED_TRACE(level);
    const cv::Mat flat(480, 640, CV_8UC1, cv::Scalar(level));
    ExpectIsWholeFrame(FindSector(flat, Auto()), flat.size());
  }
  cv::Mat text = cv::Mat::zeros(480, 640, CV_8UC1);
  BurnIn(&text);
  ExpectIsWholeFrame(FindSector(text, Auto()), text.size());
}

TEST(SectorTest, AnyFrameSizeWorks) {
  for (cv::Size size : {cv::Size(16, 16), cv::Size(17, 4096), cv::Size(4096, 16), cv::Size(333, 77),
                        cv::Size(4096, 4096)}) {
    SCOPED_TRACE(::testing::Message() << size.width << "x" << size.height);
    cv::Mat truth = cv::Mat::zeros(size, CV_8UC1);
    truth(cv::Rect(size.width / 4, size.height / 4, size.width / 2, size.height / 2)).setTo(255);
    const Sector sector = FindSector(Speckle(truth, 90, 8), Auto());
    EXPECT_EQ(sector.mask.size(), size);
    EXPECT_FALSE(sector.bounds.empty());
    EXPECT_EQ(sector.bounds & cv::Rect(cv::Point(0, 0), size), sector.bounds);
  }
}

TEST(SectorTest, TheSizeOfTheFrameDoesNotMatterToTheFan) {
  const cv::Mat small_truth = FanMask({640, 480}, kPhasedArray);
  const Sector small = FindSector(Speckle(small_truth, 70, 9), Auto());
  cv::Mat large_truth;
  cv::resize(small_truth, large_truth, {1920, 1440}, 0, 0, cv::INTER_NEAREST);
  const Sector large = FindSector(Speckle(large_truth, 70, 9), Auto());
  EXPECT_NEAR(large.bounds.x, 3 * small.bounds.x, 10);
  EXPECT_NEAR(large.bounds.y, 3 * small.bounds.y, 10);
  EXPECT_NEAR(large.bounds.width, 3 * small.bounds.width, 15);
  EXPECT_NEAR(large.bounds.height, 3 * small.bounds.height, 15);
}

TEST(SectorTest, FullIsTheWholeFrame) {
  const cv::Mat picture = Speckle(FanMask({640, 480}, kPhasedArray), 70, 10);
  ExpectIsWholeFrame(FindSector(picture, SectorRule::Parse("full")), picture.size());
}

TEST(SectorTest, FixedIsClippedToTheFrame) {
  const cv::Mat picture(100, 200, CV_8UC1, cv::Scalar(50));
  const Sector sector = FindSector(picture, SectorRule::Parse("150,20,100,40"));
  EXPECT_EQ(sector.bounds, cv::Rect(150, 20, 50, 40));
  EXPECT_EQ(cv::countNonZero(sector.mask), 50 * 40);
  EXPECT_EQ(cv::countNonZero(sector.mask(sector.bounds)), 50 * 40);
}

TEST(SectorTest, FixedOutsideTheFrameNamesBoth) {
  try {
    FindSector(cv::Mat(100, 200, CV_8UC1, cv::Scalar(50)), SectorRule::Parse("200,0,50,50"));
    FAIL() << "accepted a sector outside the frame";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
    EXPECT_THAT(error.what(), HasSubstr("200,0,50,50"));
    EXPECT_THAT(error.what(), HasSubstr("200x100"));
  }
}

TEST(SectorTest, RefusesPicturesThatAreNotEightBitGray) {
  for (const cv::Mat& picture : {cv::Mat(), cv::Mat(64, 64, CV_8UC3), cv::Mat(64, 64, CV_32FC1)}) {
    EXPECT_THROW(FindSector(picture, Auto()), Error);
    EXPECT_THROW(FindSector(picture, SectorRule::Parse("full")), Error);
  }
}

class SectorDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* root = std::getenv("HEPAR_DATA_DIR");
    if (root == nullptr) GTEST_SKIP() << "HEPAR_DATA_DIR is not set";
    const std::filesystem::path images = std::filesystem::path(root) / "byra2018" / "images";
    if (!std::filesystem::is_directory(images)) {
      GTEST_SKIP() << images << " is absent: HEPAR_DATA_DIR holds no Byra 2018 frames";
    }
    for (const auto& entry : std::filesystem::directory_iterator(images)) {
      if (entry.path().extension() == ".png") paths_.push_back(entry.path());
    }
    ASSERT_FALSE(paths_.empty());
  }

  std::vector<std::filesystem::path> paths_;
};

TEST_F(SectorDataTest, AgreesOnAllFramesOfOneScannerAndExcludesBurnedInText) {
  for (const auto& path : paths_) {
    SCOPED_TRACE(path.filename());
    const cv::Mat picture = cv::imread(path.string(), cv::IMREAD_GRAYSCALE);
    ASSERT_EQ(picture.size(), cv::Size(636, 434));
    const Sector sector = FindSector(picture, Auto());
    // Patient 41 was scanned with a wider sector.
    const bool wide = path.filename().string().rfind("P41", 0) == 0;
    const cv::Rect expected = wide ? cv::Rect(8, 10, 620, 356) : cv::Rect(34, 13, 568, 353);
    EXPECT_NEAR(sector.bounds.x, expected.x, 3);
    EXPECT_NEAR(sector.bounds.y, expected.y, 3);
    EXPECT_NEAR(sector.bounds.br().x, expected.br().x, 3);
    EXPECT_NEAR(sector.bounds.br().y, expected.br().y, 3);

    const cv::Rect ecg(0, 370, 300, 64);
    const cv::Rect heart_rate(560, 400, 76, 34);
    const cv::Rect gray_bar(605, 20, 31, 110);
    const cv::Rect depth_scale_top(200, 0, 85, 24);
    const cv::Rect orientation_mark(338, 8, 16, 16);
    for (const cv::Rect& text : {ecg, heart_rate, gray_bar, depth_scale_top, orientation_mark}) {
      if (wide && text == orientation_mark) continue;  // Its sector is so wide that they overlap.
      EXPECT_EQ(cv::countNonZero(sector.mask(text)), 0) << text;
    }
    // The fan's middle, its deepest point and both corners are kept.
    for (const cv::Point point :
         {cv::Point(320, 200), cv::Point(320, 360), cv::Point(50, 230), cv::Point(588, 230)}) {
      EXPECT_EQ(sector.mask.at<std::uint8_t>(point), 255) << point;
    }
  }
}

}  // namespace
}  // namespace hepar
