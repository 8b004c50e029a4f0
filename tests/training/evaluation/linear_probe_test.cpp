// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/linear_probe.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/error.h"
#include "tests/training/support/expect_error.h"

namespace hepar {
namespace {

// `patients` of each of two grades with `frames` each. Column 0 tells the grade, column 1 the
// patient, the third nothing.
struct Made {
  ProbeFrames frames;
  cv::Mat grade, patient, noise;
};

Made Make(int patients, int frames) {
  Made made;
  cv::RNG rng(3);
  for (int p = 0; p < 2 * patients; ++p) {
    for (int f = 0; f < frames; ++f) {
      made.frames.labels.push_back(p % 2);
      made.frames.patients.push_back("P" + std::to_string(p));
      made.frames.groups.push_back(p / 2);
      cv::Mat grade(1, 1, CV_32F, cv::Scalar(p % 2 + 0.1 * rng.gaussian(1.0)));
      made.grade.push_back(grade);
      cv::Mat patient = cv::Mat::zeros(1, 2 * patients, CV_32F);
      patient.at<float>(0, p) = 1.f + static_cast<float>(0.1 * rng.gaussian(1.0));
      made.patient.push_back(patient);
      cv::Mat noise(1, 4, CV_32F);
      rng.fill(noise, cv::RNG::NORMAL, 0.0, 1.0);
      made.noise.push_back(noise);
    }
  }
  return made;
}

TEST(LinearProbeTest, TellsWhatIsThereAndNotWhatIsNot) {
  Made made = Make(6, 8);
  made.frames.specific = made.grade;
  made.frames.common = made.patient;
  made.frames.picture = made.noise;
  const auto probed = ProbePictures(made.frames, 2);
  ASSERT_EQ(probed.size(), 3u);
  EXPECT_EQ(probed[0].name, "specific");
  EXPECT_GT(probed[0].grade, 0.98);
  EXPECT_LT(probed[0].patient, 0.5);  // One column cannot tell twelve patients.
  // Patients that the probe has not seen have no column that it has learned.
  EXPECT_LT(probed[1].grade, 0.8);
  EXPECT_GT(probed[1].patient, 0.98);
  EXPECT_NEAR(probed[2].grade, 0.5, 0.25);
  EXPECT_LT(probed[2].patient, 0.4);
}

TEST(LinearProbeTest, ConstantColumnsAndRareClassesDoNoHarm) {
  cv::Mat train = (cv::Mat_<float>(4, 2) << 0, 5, 0.1f, 5, 1, 5, 0.9f, 5);
  const cv::Mat test = (cv::Mat_<float>(2, 2) << 0.05f, 7, 0.95f, -7);
  EXPECT_EQ(ProbeAnswers(train, {0, 0, 2, 2}, 3, test), (std::vector<int>{0, 2}));
  train = cv::Mat::ones(3, 2, CV_32F);
  EXPECT_EQ(ProbeAnswers(train, {1, 1, 0}, 2, test), (std::vector<int>{1, 1}));
}

TEST(LinearProbeTest, LeavesOutWhatCannotBeAsked) {
  Made made = Make(1, 1);
  made.frames.picture = made.noise;
  made.frames.groups = {0, 0};
  const auto probed = ProbePictures(made.frames, 2);
  ASSERT_EQ(probed.size(), 1u);
  EXPECT_EQ(probed[0].name, "picture");
  EXPECT_TRUE(std::isnan(probed[0].grade));
  EXPECT_TRUE(std::isnan(probed[0].patient));
}

TEST(LinearProbeTest, RefusesPartsThatDoNotFit) {
  const cv::Mat two = cv::Mat::ones(2, 3, CV_32F), other = cv::Mat::ones(1, 4, CV_32F);
  ExpectError(ErrorKind::kInvalid, {"probe"}, [&] { ProbeAnswers(two, {0}, 2, two); });
  ExpectError(ErrorKind::kInvalid, {"probe"}, [&] { ProbeAnswers(two, {0, 2}, 2, two); });
  ExpectError(ErrorKind::kInvalid, {"probe"}, [&] { ProbeAnswers(two, {0, 1}, 2, other); });
  Made made = Make(2, 2);
  made.frames.picture = two;
  ExpectError(ErrorKind::kInvalid, {"picture"}, [&] { ProbePictures(made.frames, 2); });
  made.frames.groups.pop_back();
  ExpectError(ErrorKind::kInvalid, {"group"}, [&] { ProbePictures(made.frames, 2); });
}

}  // namespace
}  // namespace hepar
