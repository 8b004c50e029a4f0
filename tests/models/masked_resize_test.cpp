// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/masked_resize.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <opencv2/imgproc.hpp>

namespace hepar {
namespace {

cv::Mat NoisePicture(cv::Size size, int type) {
  cv::Mat picture(size, type);
  cv::RNG(7).fill(picture, cv::RNG::UNIFORM, 0, 256);
  return picture;
}

FrameView ViewOf(const cv::Mat& picture) {
  FrameView view;
  view.format = picture.channels() == 3 ? PixelFormat::kRgb : PixelFormat::kGray8;
  view.width = picture.cols;
  view.height = picture.rows;
  view.planes[0] = picture.data;
  view.strides[0] = static_cast<std::ptrdiff_t>(picture.step[0]);
  return view;
}

Sector EllipseSector(cv::Size size) {
  Sector sector;
  sector.mask = cv::Mat::zeros(size, CV_8UC1);
  cv::ellipse(sector.mask, {size.width / 2, size.height / 2}, {size.width / 3, size.height / 4}, 20,
              0, 360, cv::Scalar(255), cv::FILLED);
  sector.bounds = cv::boundingRect(sector.mask);
  return sector;
}

// The same in separate steps with OpenCV.
cv::Mat InSteps(const cv::Mat& picture, const Sector& sector, cv::Size size) {
  cv::Mat levels, masked, result;
  picture.convertTo(levels, CV_32F, 1 / 255.0);
  levels.copyTo(masked, sector.mask);
  cv::resize(masked(sector.bounds), result, size, 0, 0, cv::INTER_AREA);
  return result;
}

TEST(ResizeMaskedTest, EqualsMaskingAndAreaResizingInSteps) {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    const cv::Mat picture = NoisePicture({301, 203}, type);
    const Sector sector = EllipseSector(picture.size());
    const FrameReader reader(ViewOf(picture), picture.channels());
    const cv::Size whole = sector.bounds.size();
    for (const cv::Size size : {cv::Size(64, 64), cv::Size(97, 33), cv::Size(1, 1), whole,
                                cv::Size(whole.width, 20), cv::Size(20, whole.height)}) {
      const cv::Mat result = ResizeMasked(reader, picture.channels(), sector, size);
      ASSERT_EQ(result.size(), size);
      EXPECT_LT(cv::norm(result, InSteps(picture, sector, size), cv::NORM_INF), 2e-6) << size;
    }
  }
}

TEST(ResizeMaskedTest, NothingOutsideTheMaskCounts) {
  cv::Mat picture = NoisePicture({120, 90}, CV_8UC1);
  const Sector sector = EllipseSector(picture.size());
  const cv::Mat before = ResizeMasked(FrameReader(ViewOf(picture), 1), 1, sector, {31, 17}).clone();
  picture.setTo(255, ~sector.mask);
  const cv::Mat after = ResizeMasked(FrameReader(ViewOf(picture), 1), 1, sector, {31, 17});
  EXPECT_EQ(cv::norm(before, after, cv::NORM_INF), 0);
}

TEST(ResizeMaskedTest, KeepsAnEvenPictureEven) {
  const cv::Mat picture(111, 77, CV_8UC1, cv::Scalar(51));
  Sector sector;
  sector.bounds = {3, 5, 70, 100};
  sector.mask = cv::Mat(picture.size(), CV_8UC1, cv::Scalar(255));
  const cv::Mat result = ResizeMasked(FrameReader(ViewOf(picture), 1), 1, sector, {23, 41});
  EXPECT_LT(cv::norm(result, cv::Mat(41, 23, CV_32FC1, cv::Scalar(0.2)), cv::NORM_INF), 1e-6);
}

}  // namespace
}  // namespace hepar
