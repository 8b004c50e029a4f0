// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

using testing::HasSubstr;

PreprocessOptions Options(int size, int channels, const std::string& sector) {
  PreprocessOptions options;
  options.size = size;
  options.channels = channels;
  options.sector = SectorRule::Parse(sector);
  return options;
}

// A view of a picture with 1 channel as GRAY8, with 3 as RGB.
FrameView ViewOf(const cv::Mat& picture) {
  FrameView view;
  view.format = picture.channels() == 3 ? PixelFormat::kRgb : PixelFormat::kGray8;
  view.width = picture.cols;
  view.height = picture.rows;
  view.planes[0] = picture.data;
  view.strides[0] = static_cast<std::ptrdiff_t>(picture.step[0]);
  return view;
}

// A speckled triangle on black, with its tip up, and a line of text beside it.
cv::Mat FanPicture(cv::Mat* text) {
  cv::Mat picture(480, 640, CV_8UC1);
  cv::RNG(1).fill(picture, cv::RNG::NORMAL, 90, 25);
  cv::Mat mask = cv::Mat::zeros(picture.size(), CV_8UC1);
  cv::fillConvexPoly(mask, std::vector<cv::Point>{{320, 20}, {560, 400}, {80, 400}},
                     cv::Scalar(255));
  picture.setTo(0, ~mask);
  *text = cv::Mat::zeros(picture.size(), CV_8UC1);
  cv::putText(*text, "PATIENT 4711", {100, 60}, cv::FONT_HERSHEY_SIMPLEX, 0.7, cv::Scalar(255), 2);
  text->setTo(0, mask);
  picture.setTo(255, *text);
  return picture;
}

TEST(PreprocessorTest, GivesASquareOfTheWantedSizeAndChannels) {
  const cv::Mat picture(120, 200, CV_8UC3, cv::Scalar(255, 0, 51));
  for (int size : {1, 96, 224, 500}) {
    const PreparedImage luma = Preprocessor(Options(size, 1, "full")).Process(ViewOf(picture));
    EXPECT_EQ(luma.pixels.type(), CV_32FC1);
    EXPECT_EQ(luma.pixels.size(), cv::Size(size, size));
    EXPECT_NEAR(luma.pixels.at<float>(size / 2, size / 2), 0.299 + 0.114 * 0.2, 1e-4);

    const PreparedImage rgb = Preprocessor(Options(size, 3, "full")).Process(ViewOf(picture));
    EXPECT_EQ(rgb.pixels.type(), CV_32FC3);
    EXPECT_EQ(rgb.pixels.size(), cv::Size(size, size));
    EXPECT_LT(cv::norm(rgb.pixels.at<cv::Vec3f>(0, 0) - cv::Vec3f(1, 0, 0.2f)), 1e-4);
    EXPECT_EQ(rgb.bounds, cv::Rect(0, 0, 200, 120));
    EXPECT_EQ(rgb.frame_width, 200);
    EXPECT_EQ(rgb.frame_height, 120);
  }
}

TEST(PreprocessorTest, WhatIsOutsideTheSectorDoesNotReachTheNetwork) {
  cv::Mat text;
  const cv::Mat with_text = FanPicture(&text);
  cv::Mat without_text = with_text.clone();
  without_text.setTo(0, text);
  for (int channels : {1, 3}) {
    const PreparedImage a = Preprocessor(Options(224, channels, "auto")).Process(ViewOf(with_text));
    const PreparedImage b =
        Preprocessor(Options(224, channels, "auto")).Process(ViewOf(without_text));
    // The text is inside the bounds, so the mask must remove it.
    cv::Mat inside;
    cv::findNonZero(text(a.bounds), inside);
    ASSERT_FALSE(inside.empty());
    EXPECT_EQ(a.bounds, b.bounds);
    EXPECT_EQ(cv::norm(a.pixels, b.pixels, cv::NORM_INF), 0.0);
    EXPECT_EQ(a.pixels.ptr<float>(5)[5 * channels], 0.0f);
    EXPECT_GT(a.pixels.ptr<float>(200)[112 * channels], 0.1f);
  }
}

TEST(PreprocessorTest, ShrinkingAveragesOverAreas) {
  // One bright pixel in each 4x4 block, which interpolation without averaging would miss.
  cv::Mat dots = cv::Mat::zeros(256, 256, CV_8UC1);
  for (int y = 0; y < 256; y += 4) {
    for (int x = 0; x < 256; x += 4) dots.at<std::uint8_t>(y, x) = 255;
  }
  const cv::Mat pixels = Preprocessor(Options(64, 1, "full")).Process(ViewOf(dots)).pixels;
  EXPECT_LT(cv::norm(pixels, cv::Mat(64, 64, CV_32FC1, cv::Scalar(1.0 / 16)), cv::NORM_INF), 1e-5);
}

TEST(PreprocessorTest, AveragesAlongOneAxisWhileTheOtherGrows) {
  cv::Mat columns = cv::Mat::zeros(32, 256, CV_8UC1);
  for (int x = 0; x < 256; x += 4) columns.col(x).setTo(255);
  const cv::Mat pixels = Preprocessor(Options(64, 1, "full")).Process(ViewOf(columns)).pixels;
  EXPECT_LT(cv::norm(pixels, cv::Mat(64, 64, CV_32FC1, cv::Scalar(0.25)), cv::NORM_INF), 1e-5);
}

TEST(PreprocessorTest, EnlargingInterpolates) {
  cv::Mat ramp(16, 16, CV_8UC1);
  for (int x = 0; x < 16; ++x) ramp.col(x).setTo(x * 16);
  const cv::Mat pixels = Preprocessor(Options(64, 1, "full")).Process(ViewOf(ramp)).pixels;
  for (int x = 3; x < 60; ++x) {
    EXPECT_NEAR(pixels.at<float>(30, x + 1) - pixels.at<float>(30, x), 4.0 / 255, 1e-4);
  }
}

TEST(PreprocessorTest, AFixedSectorIsCutOut) {
  cv::Mat picture = cv::Mat::zeros(100, 100, CV_8UC1);
  picture(cv::Rect(20, 30, 40, 50)).setTo(255);
  const PreparedImage image = Preprocessor(Options(32, 1, "20,30,40,50")).Process(ViewOf(picture));
  EXPECT_EQ(image.bounds, cv::Rect(20, 30, 40, 50));
  EXPECT_LT(cv::norm(image.pixels, cv::Mat::ones(32, 32, CV_32FC1), cv::NORM_INF), 1e-5);
}

TEST(PreprocessorTest, KeepsTheSectorOfTheStreamUntilReset) {
  cv::Mat text;
  const cv::Mat fan = FanPicture(&text);
  cv::Mat rectangle = cv::Mat::zeros(fan.size(), CV_8UC1);
  cv::Mat noise(200, 150, CV_8UC1);
  cv::RNG(2).fill(noise, cv::RNG::NORMAL, 90, 25);
  noise.copyTo(rectangle(cv::Rect(400, 100, 150, 200)));

  Preprocessor preprocessor(Options(64, 1, "auto"));
  const cv::Rect bounds = preprocessor.Process(ViewOf(fan)).bounds;
  EXPECT_EQ(preprocessor.Process(ViewOf(rectangle)).bounds, bounds);
  preprocessor.Reset();
  const cv::Rect after = preprocessor.Process(ViewOf(rectangle)).bounds;
  EXPECT_NEAR(after.x, 400, 5);
  EXPECT_NEAR(after.width, 150, 8);
}

TEST(PreprocessorTest, AFullRangeStreamThatIsSaidToBeVideoRangeKeepsItsLevels) {
  cv::Mat text;
  const cv::Mat fan = FanPicture(&text);
  const cv::Mat expected = Preprocessor(Options(64, 1, "auto")).Process(ViewOf(fan)).pixels;
  const cv::Mat bright(fan.size(), CV_8UC1, cv::Scalar(120));

  Preprocessor preprocessor(Options(64, 1, "auto"));
  FrameView mistagged = ViewOf(fan);
  mistagged.limited_range = true;
  EXPECT_FALSE(preprocessor.has_wrong_range());
  EXPECT_EQ(cv::norm(preprocessor.Process(mistagged).pixels, expected, cv::NORM_INF), 0.0);
  EXPECT_TRUE(preprocessor.has_wrong_range());

  // A frame without evidence belongs to the same stream, until a reset.
  FrameView next = ViewOf(bright);
  next.limited_range = true;
  const auto center = [&] { return preprocessor.Process(next).pixels.at<float>(32, 32); };
  EXPECT_NEAR(center(), 120 / 255.0, 1e-5);
  preprocessor.Reset();
  EXPECT_NEAR(center(), (120 - 16) / 219.0, 1e-5);
}

TEST(PreprocessorTest, RefusesOptionsOutOfRange) {
  EXPECT_THROW(Preprocessor(Options(0, 1, "auto")), Error);
  EXPECT_THROW(Preprocessor(Options(4097, 1, "auto")), Error);
  for (int channels : {0, 2, 4}) {
    try {
      Preprocessor(Options(224, channels, "auto"));
      FAIL() << "accepted " << channels << " channels";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      EXPECT_THAT(error.what(), HasSubstr(std::to_string(channels) + " channels"));
    }
  }
}

TEST(PreprocessorTest, BadFramesThrowAndTheNextGoodOneWorks) {
  const cv::Mat picture(64, 64, CV_8UC1, cv::Scalar(100));
  Preprocessor preprocessor(Options(32, 1, "40,40,100,100"));
  FrameView view = ViewOf(picture);
  view.planes[0] = nullptr;
  EXPECT_THROW(preprocessor.Process(view), Error);
  try {
    preprocessor.Process(ViewOf(picture(cv::Rect(0, 0, 32, 32))));
    FAIL() << "accepted a sector outside the frame";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
  }
  EXPECT_EQ(preprocessor.Process(ViewOf(picture)).bounds, cv::Rect(40, 40, 24, 24));
}

}  // namespace
}  // namespace hepar
