// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/synthetic_evidence.h"
#include "training/evaluation/calibration.h"
#include "training/evaluation/roc.h"
#include "training/report/evidence_text.h"
#include "training/report/report.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> kNames = {"normal", "mild", "moderate", "severe"};

EvidenceInput Input() { return SyntheticEvidence(200); }

TEST(EvidenceTest, HoldsWhatEvaluationToJsonHolds) {
  const EvidenceInput input = Input();
  const ordered_json evidence = EvidenceToJson(input);
  const ordered_json known = EvaluationToJson(input.frames, kNames);
  for (const auto& [level, figures] : known.items()) {
    for (const auto& [key, value] : figures.items()) {
      EXPECT_EQ(evidence.at(level).at(key).dump(), value.dump()) << level << " " << key;
    }
  }
}

TEST(EvidenceTest, EveryFigureButTheCalibrationErrorHasAnIntervalAroundIt) {
  const ordered_json evidence = EvidenceToJson(Input());
  for (const char* level : {"frame", "patient"}) {
    const auto& figures = evidence.at(level);
    for (const NamedFigure& figure : kNamedFigures) {
      const std::string key = figure.key;
      if (key == "ece") {
        EXPECT_FALSE(figures.at("intervals").contains(key));
        continue;
      }
      const auto& ends = figures.at("intervals").at(key);
      EXPECT_LE(ends.at(0).get<double>(), figures.at(key).get<double>()) << level << " " << key;
      EXPECT_GE(ends.at(1).get<double>(), figures.at(key).get<double>()) << level << " " << key;
    }
    for (const std::string& name : kNames) {
      EXPECT_EQ(figures.at("intervals").at("per_class").at(name).size(), 2u);
    }
  }
  EXPECT_EQ(evidence.at("bootstrap").at("resamples"), 200);
  EXPECT_EQ(evidence.at("bootstrap").at("patients"), 24);
}

TEST(EvidenceTest, WilsonIntervalsAreOfPatientsOnly) {
  const EvidenceInput input = Input();
  const ordered_json evidence = EvidenceToJson(input);
  EXPECT_FALSE(evidence.at("frame").contains("wilson"));
  const auto& patient = evidence.at("patient");
  int hits = 0;
  for (int k = 0; k < 4; ++k) hits += patient.at("confusion_matrix").at(k).at(k).get<int>();
  const Interval interval = WilsonInterval(hits, 24);
  EXPECT_DOUBLE_EQ(patient.at("wilson").at("accuracy").at(0), interval.low);
  EXPECT_DOUBLE_EQ(patient.at("wilson").at("accuracy").at(1), interval.high);
  const Interval of_mild = WilsonInterval(patient.at("confusion_matrix").at(1).at(1), 6);
  EXPECT_DOUBLE_EQ(patient.at("wilson").at("per_class").at("mild").at(0), of_mild.low);
}

TEST(EvidenceTest, OperatingPointsAreThoseOfThePlan) {
  const EvidenceInput input = Input();
  const ordered_json evidence = EvidenceToJson(input);
  for (int threshold = 1; threshold < 4; ++threshold) {
    const auto point = ChooseOperatingPoint(input.plan, threshold, true, {});
    ASSERT_TRUE(point.has_value());
    const auto& shown = evidence.at("patient").at("operating_points").at(kNames[threshold]);
    EXPECT_EQ(shown.at("true_positives"), point->table.true_positives);
    EXPECT_EQ(shown.at("thresholds").size(), 3u);
    EXPECT_DOUBLE_EQ(shown.at("sensitivity"), point->table.Sensitivity());
    const Interval interval = WilsonInterval(point->table.true_positives, point->table.positives());
    EXPECT_DOUBLE_EQ(shown.at("wilson").at("sensitivity").at(0), interval.low);
  }
  EXPECT_FALSE(evidence.at("frame").at("operating_points").at("mild").contains("wilson"));
  EXPECT_EQ(evidence.at("choice").at("source"), "the other folds");
  EXPECT_EQ(evidence.at("choice").at("temperatures").size(), 3u);
}

TEST(EvidenceTest, CalibrationBeforeIsTheModelsOwnAndAfterTheRecalibrated) {
  const EvidenceInput input = Input();
  const ordered_json calibration = EvidenceToJson(input).at("frame").at("calibration");
  EXPECT_DOUBLE_EQ(calibration.at("before").at("ece"), ExpectedCalibrationError(input.frames));
  const auto recalibrated = Recalibrate(input.plan);
  EXPECT_DOUBLE_EQ(calibration.at("after").at("nll"), NegativeLogLikelihood(recalibrated->after));
  int cases = 0;
  for (const auto& bin : calibration.at("before").at("reliability")) {
    cases += bin.at("cases").get<int>();
  }
  EXPECT_EQ(cases, 72);
}

TEST(EvidenceTest, WithoutOthersToChooseByWhatIsChosenIsLeftOut) {
  EvidenceInput input = Input();
  input.plan = {{}, "no one else"};
  const ordered_json evidence = EvidenceToJson(input);
  for (const char* level : {"frame", "patient"}) {
    EXPECT_TRUE(evidence.at(level).at("operating_points").at("mild").is_null());
    EXPECT_TRUE(evidence.at(level).at("calibration").at("after").is_null());
    EXPECT_TRUE(evidence.at(level).at("calibration").at("before").is_object());
  }
  EXPECT_EQ(evidence.at("choice").at("possible"), false);
  EXPECT_THAT(EvidenceText(evidence), HasSubstr("no one else"));
}

TEST(EvidenceTest, RocCurvesGoFromCornerToCorner) {
  const ordered_json evidence = EvidenceToJson(Input());
  for (const char* name : {"mild", "moderate", "severe"}) {
    const auto& curve = evidence.at("frame").at("roc").at(name);
    EXPECT_EQ(curve.front(), ordered_json::array({0.0, 0.0}));
    EXPECT_EQ(curve.back(), ordered_json::array({1.0, 1.0}));
  }
}

TEST(EvidenceTest, AbstentionEndsWithAllCases) {
  const ordered_json evidence = EvidenceToJson(Input());
  const auto& points = evidence.at("frame").at("abstention").at("points");
  EXPECT_EQ(points.size(), 72u);
  EXPECT_DOUBLE_EQ(points.back().at("coverage"), 1.0);
  EXPECT_NEAR(points.back().at("accuracy"), evidence.at("frame").at("accuracy"), 1e-12);
}

TEST(EvidenceTest, LongAbstentionCurvesAreThinnedAndKeepTheirEnd) {
  EvidenceInput input;
  input.class_names = kNames;
  input.frames = SyntheticPredictions(100, 5, 1.0, 2);
  input.bootstrap.resamples = 0;
  const ordered_json evidence = EvidenceToJson(input);
  const auto& points = evidence.at("frame").at("abstention").at("points");
  EXPECT_EQ(points.size(), 200u);
  EXPECT_DOUBLE_EQ(points.back().at("coverage"), 1.0);
  EXPECT_FALSE(evidence.at("frame").at("intervals").contains("accuracy"));
}

TEST(EvidenceTest, SubgroupsAddUp) {
  EvidenceInput input = Input();
  input.patients = PatientTable{{{"sex", {{"P1000", "f"}, {"P1001", "m"}, {"P1002", "f"}}}}};
  const ordered_json groups = EvidenceToJson(input).at("subgroups");
  ASSERT_EQ(groups.size(), 3u);
  int patients = 0, frames = 0;
  for (const auto& group : groups) {
    EXPECT_EQ(group.at("column"), "sex");
    EXPECT_TRUE(group.at("patient").contains("intervals"));
    patients += group.at("patient").at("cases").get<int>();
    frames += group.at("frame").at("cases").get<int>();
  }
  EXPECT_EQ(patients, 24);
  EXPECT_EQ(frames, 72);
}

TEST(EvidenceTest, SameSeedGivesTheSameText) {
  EXPECT_EQ(EvidenceToJson(Input()).dump(), EvidenceToJson(Input()).dump());
}

// Answers of which so many of four patients are right.
Predictions Right(int right) {
  Predictions predictions;
  for (int i = 0; i < 4; ++i) {
    predictions.labels.push_back(i);
    predictions.patients.push_back("P" + std::to_string(i));
    predictions.probabilities.emplace_back(4, 0.1);
    predictions.probabilities.back()[i < right ? i : (i + 1) % 4] = 0.7;
  }
  return predictions;
}

TEST(CorruptionsToJsonTest, MeansAndSharesWorkedOutByHand) {
  std::vector<CorruptedAnswers> corrupted;
  for (int strength = 1; strength <= 5; ++strength) {
    // Accuracies 1, 0.75, 0.5, 0.25, 0: mean 0.5.
    corrupted.push_back({Corruption::kBlur, strength, Right(5 - strength)});
  }
  for (int strength = 1; strength <= 5; ++strength) {
    corrupted.push_back({Corruption::kJpeg, strength, Right(4)});
  }
  const ordered_json json = CorruptionsToJson(Right(4), corrupted, kNames);
  EXPECT_DOUBLE_EQ(json.at("clean").at("frame").at("accuracy"), 1.0);
  const auto& blur = json.at("kinds").at(0);
  EXPECT_EQ(blur.at("name"), "blur");
  EXPECT_EQ(blur.at("place"), "picture");
  EXPECT_EQ(json.at("kinds").at(1).at("place"), "frame");
  EXPECT_DOUBLE_EQ(blur.at("levels").at(1).at("patient").at("accuracy"), 0.75);
  EXPECT_DOUBLE_EQ(blur.at("levels").at(1).at("size"), SizeOf(Corruption::kBlur, 2));
  EXPECT_DOUBLE_EQ(blur.at("mean").at("frame").at("accuracy"), 0.5);
  EXPECT_DOUBLE_EQ(json.at("mean").at("frame").at("accuracy"), 0.75);
  EXPECT_DOUBLE_EQ(json.at("relative").at("patient").at("accuracy"), 0.75);

  const ordered_json half = CorruptionsToJson(Right(2), corrupted, kNames);
  EXPECT_DOUBLE_EQ(half.at("kinds").at(0).at("relative").at("frame").at("accuracy"), 1.0);
  EXPECT_DOUBLE_EQ(half.at("kinds").at(1).at("relative").at("frame").at("accuracy"), 2.0);
}

TEST(CorruptionsToJsonTest, RefusesMissingStrengths) {
  std::vector<CorruptedAnswers> corrupted;
  for (const int strength : {1, 2, 4, 3, 5}) {
    corrupted.push_back({Corruption::kBlur, strength, Right(4)});
  }
  ExpectError(ErrorKind::kInvalid, {"in order"},
              [&] { CorruptionsToJson(Right(4), corrupted, kNames); });
  corrupted.pop_back();
  ExpectError(ErrorKind::kInvalid, {"some of their strengths"},
              [&] { CorruptionsToJson(Right(4), corrupted, kNames); });
}

TEST(ComparisonToJsonTest, HasBothLevelsAndNoMcNemarOfFrames) {
  const Predictions first = SyntheticPredictions(24, 2, 2.0, 1),
                    second = SyntheticPredictions(24, 2, 0.5, 2);
  const ordered_json json = ComparisonToJson(first, second, kNames, {200, 1});
  const auto& figure = json.at("patient").at("figures").at("auc_moderate");
  EXPECT_NEAR(figure.at("difference"),
              GradeAuc(ByPatient(first), 2) - GradeAuc(ByPatient(second), 2), 1e-12);
  EXPECT_TRUE(std::isnan(json.at("frame").at("mcnemar").at("p_value").get<double>()));
  const auto& right = json.at("patient").at("right_by");
  EXPECT_EQ(right.at("both").get<int>() + right.at("only_first").get<int>() +
                right.at("only_second").get<int>() + right.at("neither").get<int>(),
            24);
  ordered_json figures = EvidenceToJson(Input());
  figures["comparison"] = json;
  EXPECT_THAT(EvidenceText(figures), HasSubstr("McNemar"));
}

TEST(EvidenceTextTest, NamesTheSourceOfTheChoice) {
  EXPECT_THAT(EvidenceText(EvidenceToJson(Input())),
              AllOf(HasSubstr("auc_moderate"), HasSubstr("chosen on the other folds"),
                    Not(HasSubstr("kept"))));
}

}  // namespace
}  // namespace hepar
