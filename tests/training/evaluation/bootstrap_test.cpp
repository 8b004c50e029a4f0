// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/synthetic_predictions.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void ExpectSame(double a, double b, const std::string& what) {
  if (std::isnan(a) || std::isnan(b)) {
    EXPECT_EQ(std::isnan(a), std::isnan(b)) << what;
  } else {
    EXPECT_NEAR(a, b, 1e-12) << what;
  }
}

// All but the calibration error, which resamples do not have.
void ExpectSameFigures(const EvaluationFigures& a, const EvaluationFigures& b) {
  EXPECT_EQ(a.cases, b.cases);
  EXPECT_EQ(a.per_class_cases, b.per_class_cases);
  for (const NamedFigure& figure : kNamedFigures) {
    if (std::string(figure.key) == "ece") continue;
    ExpectSame(a.*figure.member, b.*figure.member, figure.key);
  }
  ASSERT_EQ(a.per_class.size(), b.per_class.size());
  for (std::size_t k = 0; k < a.per_class.size(); ++k) {
    ExpectSame(a.per_class[k], b.per_class[k], "class");
  }
}

TEST(PercentileIntervalTest, InterpolatesBetweenOrderStatistics) {
  std::vector<double> values(101);
  std::iota(values.rbegin(), values.rend(), 0.0);
  const Interval interval = PercentileInterval(values);
  EXPECT_DOUBLE_EQ(interval.low, 2.5);
  EXPECT_DOUBLE_EQ(interval.high, 97.5);
}

TEST(PercentileIntervalTest, LeavesOutWhatIsNoNumber) {
  EXPECT_DOUBLE_EQ(PercentileInterval({kNan, 3.0, kNan}).low, 3.0);
  EXPECT_TRUE(std::isnan(PercentileInterval({kNan}).high));
}

TEST(PatientResamplerTest, FramesOfAPatientComeTogetherAndPatientsAddUp) {
  const std::vector<std::string> patients = {"b", "a", "b", "c", "a", "b"};
  PatientResampler resampler(patients, 3);
  std::vector<int> drawn(3);
  for (int i = 0; i < 200; ++i) {
    const auto& counts = resampler.Next();
    EXPECT_EQ(counts[0], counts[2]);
    EXPECT_EQ(counts[0], counts[5]);
    EXPECT_EQ(counts[1], counts[4]);
    EXPECT_EQ(counts[0] + counts[1] + counts[3], 3);
    drawn[0] += counts[1];
    drawn[1] += counts[0];
    drawn[2] += counts[3];
  }
  for (const int count : drawn) EXPECT_NEAR(count, 200, 50);
}

TEST(PatientResamplerTest, DrawsDependOnPatientsAndSeedAlone) {
  PatientResampler frames({"b", "a", "b", "c"}, 5), patients({"a", "b", "c"}, 5),
      other({"a", "b", "c"}, 6);
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const std::vector<int> of_frames = frames.Next(), of_patients = patients.Next();
    EXPECT_EQ(of_frames,
              (std::vector<int>{of_patients[1], of_patients[0], of_patients[1], of_patients[2]}));
    differs = differs || other.Next() != of_patients;
  }
  EXPECT_TRUE(differs);
}

TEST(WeightedFiguresTest, CountingEachCaseOnceIsEvaluate) {
  const Predictions predictions = SyntheticPredictions(20, 3, 1.0, 1);
  const auto figures = WeightedFigures(predictions, 4).Of(std::vector<int>(60, 1));
  ExpectSameFigures(figures, Evaluate(predictions, 4));
  EXPECT_TRUE(std::isnan(figures.ece));
}

TEST(WeightedFiguresTest, CountingIsRepeating) {
  const Predictions predictions = SyntheticPredictions(12, 1, 1.0, 2);
  const std::vector<int> counts = {0, 2, 1, 3, 1, 0, 0, 1, 2, 1, 1, 0};
  Predictions repeated;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (int n = 0; n < counts[i]; ++n) {
      repeated.labels.push_back(predictions.labels[i]);
      repeated.probabilities.push_back(predictions.probabilities[i]);
    }
  }
  ExpectSameFigures(WeightedFigures(predictions, 4).Of(counts), Evaluate(repeated, 4));
}

TEST(BootstrapIntervalsTest, SameSeedGivesTheSameIntervals) {
  const Predictions predictions = SyntheticPredictions(24, 2, 1.0, 3);
  const auto first = BootstrapIntervals(predictions, 4, {200, 9});
  const auto again = BootstrapIntervals(predictions, 4, {200, 9});
  const auto other = BootstrapIntervals(predictions, 4, {200, 10});
  ExpectSameFigures(first.low, again.low);
  ExpectSameFigures(first.high, again.high);
  EXPECT_NE(first.low.auc_moderate, other.low.auc_moderate);
  EXPECT_LT(first.low.auc_moderate, Evaluate(predictions, 4).auc_moderate);
  EXPECT_GT(first.high.auc_moderate, Evaluate(predictions, 4).auc_moderate);
}

TEST(BootstrapIntervalsTest, CopiesOfAFrameTellNothingNew) {
  const Predictions once = SyntheticPredictions(20, 1, 1.0, 4);
  Predictions copied;
  for (std::size_t i = 0; i < once.labels.size(); ++i) {
    for (int n = 0; n < 10; ++n) {
      copied.labels.push_back(once.labels[i]);
      copied.probabilities.push_back(once.probabilities[i]);
      copied.patients.push_back(once.patients[i]);
    }
  }
  const auto of_patients = BootstrapIntervals(once, 4, {300, 1});
  const auto of_frames = BootstrapIntervals(copied, 4, {300, 1});
  EXPECT_DOUBLE_EQ(of_frames.low.accuracy, of_patients.low.accuracy);
  EXPECT_DOUBLE_EQ(of_frames.high.accuracy, of_patients.high.accuracy);
  EXPECT_NEAR(of_frames.low.auc_moderate, of_patients.low.auc_moderate, 1e-12);
}

TEST(BootstrapIntervalsTest, CoverTheTruthAboutAsOftenAsTheySay) {
  constexpr int kStudies = 300;
  constexpr double kTruth = 0.7;
  std::mt19937 random(1);
  std::bernoulli_distribution right(kTruth);
  int covered = 0;
  for (int study = 0; study < kStudies; ++study) {
    Predictions predictions;
    for (int patient = 0; patient < 60; ++patient) {
      const bool hit = right(random);
      for (int frame = 0; frame < 2; ++frame) {
        predictions.labels.push_back(patient % 4);
        predictions.patients.push_back(std::to_string(patient));
        predictions.probabilities.emplace_back(4, 0.0);
        predictions.probabilities.back()[hit ? patient % 4 : (patient + 1) % 4] = 1.0;
      }
    }
    const auto interval = BootstrapIntervals(predictions, 4, {200, 1});
    covered += interval.low.accuracy <= kTruth && kTruth <= interval.high.accuracy;
  }
  // 95 % less a little, as percentile intervals are somewhat short; frames taken for patients would
  // cover about 83 %.
  EXPECT_GT(covered, 0.89 * kStudies);
  EXPECT_LT(covered, 0.99 * kStudies);
}

TEST(BootstrapIntervalsTest, NoResamplesGiveNoIntervals) {
  const auto none = BootstrapIntervals(SyntheticPredictions(8, 1, 1.0, 5), 4, {0, 1});
  EXPECT_TRUE(std::isnan(none.low.accuracy));
}

}  // namespace
}  // namespace hepar
