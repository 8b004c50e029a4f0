// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/physical_baselines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "models/error.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"

namespace hepar {
namespace {

// Gray levels that fall from `top` by the factor exp(slope) over the depth, in the whole picture.
cv::Mat Falling(double top, double slope, int side = 96) {
  cv::Mat picture(side, side, CV_32FC1);
  for (int y = 0; y < side; ++y) {
    picture.row(y) = static_cast<float>(top * std::exp(slope * y / side));
  }
  return picture;
}

TEST(PhysicalBaselinesTest, DepthSlopeAndNearFarRatioAreThoseOfAnExponentialFall) {
  const double slope = -1.2;
  const PhysicalValues values = MeasurePicture(Falling(0.8, slope));
  // 0.01 is added to each level, so the slope is a little flatter.
  EXPECT_NEAR(values[1], slope, 0.06);
  EXPECT_NEAR(values[0], -slope / 2, 0.03);  // The halves are half a depth apart.
  EXPECT_NEAR(values[2], 0.8 * (1 - std::exp(slope)) / -slope, 0.01);
}

TEST(PhysicalBaselinesTest, OnlyTheMiddleInsideTheSectorCounts) {
  cv::Mat picture = Falling(0.8, -0.7);
  const PhysicalValues before = MeasurePicture(picture);
  picture.colRange(0, 30).setTo(1.0);   // The left third.
  picture.colRange(70, 96).setTo(0.0);  // The right one.
  EXPECT_EQ(MeasurePicture(picture), before);
  // Rows above and below the sector are no part of the depth.
  cv::Mat tall = cv::Mat::zeros(192, 96, CV_32FC1);
  Falling(0.8, -0.7).copyTo(tall.rowRange(48, 144));
  EXPECT_NEAR(MeasurePicture(tall)[1], before[1], 1e-9);
  EXPECT_NEAR(MeasurePicture(tall)[0], before[0], 1e-9);
}

TEST(PhysicalBaselinesTest, FullyDevelopedSpeckleHasANakagamiParameterOfOne) {
  std::mt19937 random(1);
  std::exponential_distribution<double> intensity(1.0);
  const auto speckle = [&](int looks) {
    cv::Mat picture(240, 240, CV_32FC1);
    for (int y = 0; y < picture.rows; ++y) {
      for (int x = 0; x < picture.cols; ++x) {
        double mean = 0.0;
        for (int k = 0; k < looks; ++k) mean += intensity(random) / looks;
        // Shown with 60 dB, its mean 20 dB below white.
        picture.at<float>(y, x) =
            static_cast<float>(std::clamp(1.0 + (10 * std::log10(mean) - 20.0) / 60.0, 1e-3, 1.0));
      }
    }
    return MeasurePicture(picture);
  };
  const PhysicalValues rayleigh = speckle(1), averaged = speckle(4);
  EXPECT_NEAR(rayleigh[4], 1.0, 0.1);
  EXPECT_NEAR(averaged[4], 4.0, 0.4);  // Gamma of 4 looks.
  EXPECT_GT(averaged[3], rayleigh[3]);
}

TEST(PhysicalBaselinesTest, APictureOfNothingIsMeasuredAsNothingAndBadOnesAreRefused) {
  EXPECT_EQ(MeasurePicture(cv::Mat::zeros(64, 64, CV_32FC1)), PhysicalValues{});
  EXPECT_THROW(MeasurePicture(cv::Mat::zeros(16, 64, CV_32FC1)), Error);
  EXPECT_THROW(MeasurePicture(cv::Mat::zeros(64, 64, CV_8UC1)), Error);
  cv::Mat color;
  cv::merge(std::vector<cv::Mat>(3, Falling(0.8, -0.7)), color);
  const PhysicalValues gray = MeasurePicture(Falling(0.8, -0.7)), of_color = MeasurePicture(color);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(of_color[i], gray[i], 1e-5);
}

// Patients whose grade follows from the first value by a proportional-odds model.
MeasuredFrames Simulated(int patients, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  MeasuredFrames frames;
  for (int p = 0; p < patients; ++p) {
    PhysicalValues values = {};
    for (double& value : values) value = normal(random);
    const double predictor = 2.0 * values[0] - 1.0 * values[1];
    const double draw = uniform(random);
    int grade = 0;
    for (const double cut : {-1.0, 0.5, 2.0}) grade += draw < 1 / (1 + std::exp(cut - predictor));
    for (int frame = 0; frame < 1 + p % 3; ++frame) {
      frames.values.push_back(values);
      frames.labels.push_back(grade);
      frames.patients.push_back("P" + std::to_string(p));
    }
  }
  return frames;
}

TEST(OrdinalModelTest, FindsTheModelThatTheCasesWereDrawnBy) {
  const OrdinalModel model = FitOrdinal(Simulated(4000, 1), 4);
  EXPECT_NEAR(model.weight[0] / model.scale[0], 2.0, 0.15);
  EXPECT_NEAR(model.weight[1] / model.scale[1], -1.0, 0.1);
  for (int i = 2; i < 5; ++i) EXPECT_NEAR(model.weight[i] / model.scale[i], 0.0, 0.1);
  // The cuts are those of standardised values: back at the origin they are those drawn by.
  double at_zero = 0.0;
  for (int i = 0; i < 5; ++i) at_zero -= model.weight[i] * model.mean[i] / model.scale[i];
  EXPECT_NEAR(model.cuts[0] - at_zero, -1.0, 0.15);
  EXPECT_NEAR(model.cuts[1] - at_zero, 0.5, 0.15);
  EXPECT_NEAR(model.cuts[2] - at_zero, 2.0, 0.15);
  const auto p = model.Probabilities({});
  ASSERT_EQ(p.size(), 4u);
  EXPECT_NEAR(p[0], 1 - 1 / (1 + std::exp(-1.0)), 0.03);
  EXPECT_NEAR(p[0] + p[1] + p[2] + p[3], 1.0, 1e-12);
}

TEST(OrdinalModelTest, PatientsWeighTheSameHoweverManyTheirFrames) {
  MeasuredFrames frames = Simulated(60, 2);
  const OrdinalModel once = FitOrdinal(MeasuredByPatient(frames), 4);
  const OrdinalModel often = FitOrdinal(frames, 4);
  EXPECT_NEAR(once.weight[0], often.weight[0], 1e-4);
  EXPECT_NEAR(once.cuts[1], often.cuts[1], 1e-4);
}

TEST(OrdinalModelTest, SeparableCasesAndMissingGradesAreNoTrouble) {
  MeasuredFrames frames;
  for (int i = 0; i < 20; ++i) {
    PhysicalValues values = {};
    values[0] = i;
    frames.values.push_back(values);
    frames.labels.push_back(i < 10 ? 0 : 2);  // No mild one, no severe one.
    frames.patients.push_back(std::to_string(i));
  }
  const OrdinalModel model = FitOrdinal(frames, 4);
  const auto low = model.Probabilities(frames.values.front());
  const auto high = model.Probabilities(frames.values.back());
  EXPECT_GT(low[0], 0.8);
  EXPECT_GT(high[2], 0.8);
  EXPECT_EQ(low[1], 0.0);
  EXPECT_EQ(low[3], 0.0);
  EXPECT_NEAR(high[0] + high[2], 1.0, 1e-12);
  frames.labels.assign(20, 1);
  EXPECT_THROW(FitOrdinal(frames, 4), Error);
  EXPECT_THROW(FitOrdinal({}, 4), Error);
}

TEST(OrdinalAnswersTest, NobodyIsAnsweredByWhatWasFittedToThem) {
  MeasuredFrames frames = Simulated(40, 3);
  const Predictions alone = OrdinalAnswers(frames, {}, 4);
  // The truth of a patient has no say in the answer to the same patient.
  const std::string first = frames.patients[0];
  MeasuredFrames changed = frames;
  for (std::size_t n = 0; n < changed.labels.size(); ++n) {
    if (changed.patients[n] == first) changed.labels[n] = (changed.labels[n] + 2) % 4;
  }
  const Predictions other = OrdinalAnswers(changed, {}, 4);
  EXPECT_EQ(other.probabilities[0], alone.probabilities[0]);
  EXPECT_NE(other.probabilities.back(), alone.probabilities.back());
  // Nor that of anybody in the same fold.
  std::vector<int> folds;
  for (const std::string& patient : frames.patients) {
    folds.push_back(std::stoi(patient.substr(1)) % 2);
  }
  const Predictions halves = OrdinalAnswers(frames, folds, 4);
  const Predictions halves_changed = OrdinalAnswers(changed, folds, 4);
  for (std::size_t n = 0; n < folds.size(); ++n) {
    EXPECT_EQ(halves.probabilities[n] == halves_changed.probabilities[n], folds[n] == folds[0]);
  }
  EXPECT_GT(GradeAuc(ByPatient(alone), 1), 0.7);
  EXPECT_THROW(OrdinalAnswers(frames, {0, 1}, 4), Error);
}

// On the 35 patients of the set that the shipped model was trained on.
TEST(PhysicalBaselinesTest, TheNearFieldOfFattyLiversIsBrighterOnRealScans) {
  const char* folder = std::getenv("HEPAR_DATA_DIR");
  if (folder == nullptr || !std::filesystem::exists(folder + std::string("/byra2018/labels.csv"))) {
    GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has byra2018/";
  }
  PreprocessOptions preprocess;
  preprocess.size = 192;
  const PreparedDataset data(LoadDataset(folder + std::string("/byra2018/labels.csv")), preprocess);
  MeasuredFrames frames;
  for (int i = 0; i < data.size(); ++i) {
    frames.values.push_back(MeasurePicture(data.image(i).pixels));
    frames.labels.push_back(data.dataset().samples[i].label);
    frames.patients.push_back(data.dataset().samples[i].patient);
  }
  const MeasuredFrames patients = MeasuredByPatient(frames);
  for (std::size_t i = 0; i < kPhysicalFeatures.size(); ++i) {
    std::cout << kPhysicalFeatures[i].key << ":";
    for (int grade = 1; grade < 4; ++grade) {
      std::vector<double> scores;
      std::vector<bool> positive;
      for (std::size_t p = 0; p < patients.values.size(); ++p) {
        scores.push_back(kPhysicalFeatures[i].sign * patients.values[p][i]);
        positive.push_back(patients.labels[p] >= grade);
      }
      const double auc = RocAuc(scores, positive);
      std::cout << " " << auc;
      if (i == 0) {
        EXPECT_GT(auc, 0.75);
      }
    }
    std::cout << "\n";
  }
}

}  // namespace
}  // namespace hepar
