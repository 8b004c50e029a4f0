// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/gallery.h"

#include <glib.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

namespace hepar {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

void Add(Predictions* predictions, const std::string& patient, int truth, int answer,
         double confidence) {
  predictions->labels.push_back(truth);
  predictions->patients.push_back(patient);
  predictions->probabilities.emplace_back(4, (1.0 - confidence) / 3.0);
  predictions->probabilities.back()[answer] = confidence;
}

TEST(WorstMistakesTest, GoByDistanceThenConfidence) {
  Predictions predictions;
  Add(&predictions, "a", 0, 1, 0.9);
  Add(&predictions, "b", 0, 3, 0.4);
  Add(&predictions, "c", 2, 2, 0.99);
  Add(&predictions, "d", 3, 1, 0.5);
  Add(&predictions, "e", 1, 3, 0.8);
  EXPECT_THAT(WorstMistakes(predictions, 10), ElementsAre(1, 4, 3, 0));
  EXPECT_THAT(WorstMistakes(predictions, 2), ElementsAre(1, 4));
  EXPECT_THAT(WorstMistakes(predictions, 0), IsEmpty());
}

TEST(WorstMistakesTest, OnePatientDoesNotFillTheGallery) {
  Predictions predictions;
  for (const double confidence : {0.7, 0.9, 0.8}) Add(&predictions, "a", 0, 3, confidence);
  Add(&predictions, "b", 0, 1, 0.5);
  EXPECT_THAT(WorstMistakes(predictions, 10), ElementsAre(1, 2, 3));
  EXPECT_THAT(WorstMistakes(predictions, 10, 1), ElementsAre(1, 3));
}

TEST(WithHeatTest, LaysTheColorsOfTheMapOverTheGrayPicture) {
  const cv::Mat picture = (cv::Mat_<float>(1, 2) << 0.25f, 0.5f);
  const cv::Mat result = WithHeat(picture, {0, 255});
  // Cold parts stay as they are. The hottest are yellow (253, 231, 37) of opacity 160 / 255.
  EXPECT_EQ(result.at<cv::Vec3f>(0, 0), cv::Vec3f(0.25f, 0.25f, 0.25f));
  const float opacity = 160.f / 255.f;
  const cv::Vec3f hot = result.at<cv::Vec3f>(0, 1);
  EXPECT_NEAR(hot[0], 0.5f * (1.f - opacity) + opacity * 253.f / 255.f, 1e-6);
  EXPECT_NEAR(hot[1], 0.5f * (1.f - opacity) + opacity * 231.f / 255.f, 1e-6);
  EXPECT_NEAR(hot[2], 0.5f * (1.f - opacity) + opacity * 37.f / 255.f, 1e-6);

  cv::Mat color(1, 1, CV_32FC3, cv::Scalar(0.5, 0.5, 0.5));
  EXPECT_NEAR(WithHeat(color, {0}).at<cv::Vec3f>(0, 0)[1], 0.5f, 1e-6);
}

TEST(PictureUriTest, HoldsThePictureAsPng) {
  const cv::Mat picture = (cv::Mat_<cv::Vec3f>(1, 2) << cv::Vec3f(1, 0.5, 0), cv::Vec3f(0, 0, 1));
  const std::string uri = PictureUri(picture), prefix = "data:image/png;base64,";
  ASSERT_THAT(uri, StartsWith(prefix));
  gsize size = 0;
  guchar* data = g_base64_decode(uri.c_str() + prefix.size(), &size);
  const cv::Mat read = cv::imdecode(std::vector<std::uint8_t>(data, data + size), cv::IMREAD_COLOR);
  g_free(data);
  ASSERT_EQ(read.size(), picture.size());
  // OpenCV has blue first.
  EXPECT_EQ(read.at<cv::Vec3b>(0, 0), cv::Vec3b(0, 128, 255));
  EXPECT_EQ(read.at<cv::Vec3b>(0, 1), cv::Vec3b(255, 0, 0));
}

}  // namespace
}  // namespace hepar
