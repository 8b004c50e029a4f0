// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trust/adaptation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/training/support/expect_error.h"
#include "training/evaluation/calibration.h"
#include "training/trust/trust_fit.h"

namespace hepar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// `pictures` of each of `patients` people, around `center`.
DescribedPictures Scans(int patients, int pictures, unsigned seed, double center) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  DescribedPictures result;
  for (int p = 0; p < patients; ++p) {
    for (int i = 0; i < pictures; ++i) {
      PictureDescriptor one;
      for (float& number : one) number = static_cast<float>(center + normal(random));
      result.descriptors.push_back(one);
      result.patients.push_back("P" + std::to_string(p));
    }
  }
  return result;
}

// A model of scans around 0.
ModelSpec Model() {
  ModelSpec spec;
  spec.name = "mine";
  spec.temperature = 1.2;
  spec.abstain_below = 0.5;
  spec.metrics = R"({"trust": {"kept": true}})";
  FitTrust(Scans(40, 3, 1, 0.0), {}, {}, &spec);
  return spec;
}

Predictions SureAnswers(const DescribedPictures& pictures) {
  Predictions answers;
  for (std::size_t i = 0; i < pictures.patients.size(); ++i) {
    const double rest = 1e-3 * static_cast<double>(1 + i % 7);
    answers.labels.push_back(0);
    answers.patients.push_back(pictures.patients[i]);
    answers.probabilities.push_back({1.0 - 3 * rest, rest, rest, rest});
  }
  return answers;
}

TEST(AdaptationTest, ANewScannerBecomesFamiliarAndConfidenceWhatItIsWorth) {
  const DescribedPictures mine = Scans(30, 2, 2, 1.5);
  ModelSpec spec = Model();
  const auto share_unfamiliar = [](const ModelSpec& model, const DescribedPictures& pictures) {
    double above = 0.0;
    for (const auto& x : pictures.descriptors) {
      above +=
          model.domain->Score(x, model.familiarity->factor) > model.familiarity->unfamiliar_above;
    }
    return above / static_cast<double>(pictures.descriptors.size());
  };
  const DescribedPictures others = Scans(40, 2, 3, 1.5);  // Of the same scanner, not shown to it.
  const double before = share_unfamiliar(spec, others);
  AdaptationOptions options;
  options.confidence = 0.5;
  const Predictions answers = SureAnswers(mine);
  const auto json = Adapt(mine, answers, options, &spec);

  EXPECT_GT(before, 0.3);
  EXPECT_LT(share_unfamiliar(spec, others), before / 2);
  EXPECT_GT(spec.temperature, 1.2);
  const auto confidences = AnswersOf(WithTemperature(answers, spec.temperature)).confidences;
  double mean = 0.0;
  for (const double confidence : confidences) mean += confidence / confidences.size();
  EXPECT_NEAR(mean, 0.5, 1e-6);
  ASSERT_TRUE(spec.abstain_below.has_value());
  EXPECT_LE(*spec.abstain_below, 0.5);

  const auto metrics = nlohmann::ordered_json::parse(spec.metrics);
  EXPECT_EQ(metrics["adaptation"]["pictures"], 60);
  EXPECT_EQ(metrics["adaptation"]["patients"], 30);
  EXPECT_EQ(metrics["adaptation"].dump(), json.dump());
  EXPECT_EQ(metrics["trust"]["kept"], true);
  EXPECT_THAT(AdaptationCard(json), AllOf(HasSubstr("temperature"), HasSubstr("0.500"),
                                          HasSubstr("weights | unchanged")));
}

TEST(AdaptationTest, TheTemperatureNeverFalls) {
  const DescribedPictures mine = Scans(30, 2, 2, 0.0);
  ModelSpec spec = Model();
  Predictions modest = SureAnswers(mine);
  for (auto& p : modest.probabilities) p = {0.3, 0.25, 0.25, 0.2};
  Adapt(mine, modest, {}, &spec);
  EXPECT_EQ(spec.temperature, 1.2);
}

TEST(AdaptationTest, OtherViewsAreLeftOutAndTooFewScansRefused) {
  const ModelSpec spec = Model();
  DescribedPictures pictures = Scans(20, 2, 5, 0.0);
  const DescribedPictures elsewhere = Scans(3, 2, 6, 50.0);
  const auto append = [&pictures](const DescribedPictures& more) {
    pictures.descriptors.insert(pictures.descriptors.end(), more.descriptors.begin(),
                                more.descriptors.end());
    pictures.patients.insert(pictures.patients.end(), more.patients.begin(), more.patients.end());
  };
  append(elsewhere);
  EXPECT_EQ(LiverViews(pictures, spec).size(), 40u);
  append(Scans(30, 2, 7, 50.0));
  ExpectError(ErrorKind::kMismatch, {"66 of 106", "no liver views"},
              [&] { LiverViews(pictures, spec); });
  ExpectError(ErrorKind::kMismatch, {"too few", "24 of 12"},
              [&] { LiverViews(Scans(11, 4, 8, 0.0), spec); });
  ExpectError(ErrorKind::kMismatch, {"too few"}, [&] { LiverViews(Scans(23, 1, 8, 0.0), spec); });
  EXPECT_EQ(LiverViews(Scans(12, 2, 8, 0.0), spec).size(), 24u);
}

TEST(AdaptationTest, AModelThatCannotTellViewsIsRefusedWithTheRemedy) {
  ModelSpec old = Model();
  old.familiarity.reset();
  ExpectError(ErrorKind::kMismatch, {"mine", "hepar trust"},
              [&] { LiverViews(Scans(30, 2, 2, 0.0), old); });
}

}  // namespace
}  // namespace hepar
