// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/nested_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/file_io.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/synthetic_predictions.h"
#include "tests/training/support/temp_folder.h"
#include "training/ablation/plan_record.h"
#include "training/ablation/summary.h"

namespace hepar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

int FoldOf(const std::string& patient) { return std::stoi(patient.substr(1)) / 4 % 3; }

// Answers that are right in all folds but `bad`, where they are wrong.
Predictions RightBut(int bad) {
  Predictions frames = SyntheticPredictions(24, 2, 1.0, 1);
  for (std::size_t n = 0; n < frames.labels.size(); ++n) {
    std::vector<double> p(4, 0.1);
    p[FoldOf(frames.patients[n]) == bad ? 3 - frames.labels[n] : frames.labels[n]] = 0.7;
    frames.probabilities[n] = p;
  }
  return frames;
}

TEST(NestedSelectionTest, WhatIsBestOnTheOthersAnswersForAFold) {
  // Each is best where it may not be chosen for: choosing on all would never pick a bad fold.
  std::vector<Configuration> configurations;
  for (int bad = 0; bad < 3; ++bad) {
    configurations.push_back({"bad in " + std::to_string(bad), {RightBut(bad)}, {}});
  }
  const NestedSelection nested = SelectNested(configurations, 3, FoldOf, "accuracy", 4);
  ASSERT_EQ(nested.folds.size(), 3u);
  for (int fold = 0; fold < 3; ++fold) {
    EXPECT_EQ(nested.folds[fold].configuration, "bad in " + std::to_string(fold));
    EXPECT_DOUBLE_EQ(nested.folds[fold].criterion, 1.0);
    EXPECT_DOUBLE_EQ(nested.folds[fold].outside, 0.0);
  }
  EXPECT_DOUBLE_EQ(Evaluate(nested.seeds[0], 4).accuracy, 0.0);
  EXPECT_NEAR(nested.flattered, 2.0 / 3.0, 1e-9);
  EXPECT_EQ(nested.best, "bad in 0");  // The first of equals.
  EXPECT_EQ(nested.seeds[0].labels.size(), 48u);
}

TEST(NestedSelectionTest, GradesOfAFoldHaveNoSayInItsChoice) {
  std::vector<Configuration> configurations = {{"a", {SyntheticPredictions(24, 2, 1.0, 1)}, {}},
                                               {"b", {SyntheticPredictions(24, 2, 1.0, 7)}, {}}};
  const auto chosen = [&](int fold) {
    return SelectNested(configurations, 3, FoldOf, "auc_mean", 4).folds[fold];
  };
  const auto before = chosen(1);
  for (Configuration& one : configurations) {
    for (std::size_t n = 0; n < one.seeds[0].labels.size(); ++n) {
      int& label = one.seeds[0].labels[n];
      if (FoldOf(one.seeds[0].patients[n]) == 1) label = (label + 1) % 4;
    }
  }
  EXPECT_EQ(chosen(1).configuration, before.configuration);
  EXPECT_DOUBLE_EQ(chosen(1).criterion, before.criterion);
  EXPECT_NE(chosen(1).outside, before.outside);
}

TEST(NestedSelectionTest, InnerModelsChooseWhereThereAreSome) {
  // By the answers of the outer models the first is better, by those of inner ones the second.
  Configuration first{"first", {RightBut(-1)}, {}}, second{"second", {RightBut(0)}, {}};
  for (int fold = 0; fold < 3; ++fold) {
    first.inner.push_back({RightBut(0)});
    second.inner.push_back({RightBut(-1)});
  }
  const NestedSelection nested = SelectNested({first, second}, 3, FoldOf, "accuracy", 4);
  for (const auto& choice : nested.folds) EXPECT_EQ(choice.configuration, "second");
  EXPECT_EQ(nested.best, "first");
}

TEST(NestedSelectionTest, NamesWhatIsWrong) {
  EXPECT_DOUBLE_EQ(Criterion("auc_mean", Evaluate(RightBut(-1), 4)), 1.0);
  ExpectError(ErrorKind::kInvalid, {"'ece' is no criterion", "auc_mean", "qwk"},
              [] { Criterion("ece", {}); });
  EXPECT_THAT(CriterionNames(), Not(::testing::Contains("nll")));
  const auto nested = [](const std::vector<Configuration>& all, int folds) {
    SelectNested(all, folds, FoldOf, "accuracy", 4);
  };
  ExpectError(ErrorKind::kInvalid, {"no configuration"}, [&] { nested({}, 3); });
  ExpectError(ErrorKind::kInvalid, {"two folds"}, [&] { nested({{"a", {RightBut(0)}, {}}}, 1); });
  ExpectError(ErrorKind::kInvalid, {"b"}, [&] {
    nested({{"a", {RightBut(0)}, {}}, {"b", {RightBut(0), RightBut(1)}, {}}}, 3);
  });
}

TEST(PlanRecordTest, ThePlanIsRecordedOnceAndItsChangeIsTold) {
  TempFolder folder;
  const std::string out = folder / "runs";
  const std::string plan = folder.Write("plan.ini", "[ablation]\n");
  const PlanRecord listed = RecordPlan(out, plan, {"a", "b"}, false, true);
  EXPECT_FALSE(std::filesystem::exists(out + "/plan.json"));  // Only looked at.
  EXPECT_EQ(listed.configurations.size(), 2u);

  const PlanRecord first = RecordPlan(out, plan, {"a", "b"}, false, false);
  EXPECT_TRUE(first.before_first_run);
  EXPECT_FALSE(first.changed_now);
  EXPECT_EQ(first.changes, 0);
  EXPECT_EQ(first.sha256.size(), 64u);
  const PlanRecord again = RecordPlan(out, plan, {"a", "b"}, true, false);
  EXPECT_FALSE(again.changed_now);
  EXPECT_EQ(again.recorded, first.recorded);
  EXPECT_TRUE(again.before_first_run);

  folder.Write("plan.ini", "[ablation]\nseeds=1,2\n");
  const PlanRecord changed = RecordPlan(out, plan, {"b", "c"}, true, false);
  EXPECT_TRUE(changed.changed_now);
  EXPECT_EQ(changed.changes, 1);
  EXPECT_NE(changed.sha256, first.sha256);
  EXPECT_EQ(changed.recorded, first.recorded);
  EXPECT_THAT(changed.configurations, ElementsAre("a", "b", "c"));  // a was looked at too.
  EXPECT_THAT(changed.Sentence(), AllOf(HasSubstr("changed 1 time"), HasSubstr("compared: 3"),
                                        HasSubstr("before the first run")));
  EXPECT_FALSE(RecordPlan(out, plan, {"b", "c"}, true, false).changed_now);
}

TEST(PlanRecordTest, APlanThatComesAfterResultsIsNotSaidToComeBefore) {
  TempFolder folder;
  const std::string plan = folder.Write("plan.ini", "x");
  const PlanRecord late = RecordPlan(folder / "runs", plan, {"a"}, true, false);
  EXPECT_FALSE(late.before_first_run);
  EXPECT_THAT(late.Sentence(), HasSubstr("when runs were done already"));
  folder.Write("bad/plan.json", "{}");
  ExpectError(ErrorKind::kDamaged, {"plan.json", "another --out"},
              [&] { RecordPlan(folder / "bad", plan, {"a"}, true, false); });
}

TEST(SummaryTest, TellsWhatAChoiceIsWorthAndWhichRowsLoseToANumber) {
  std::vector<AblationRow> rows;
  std::vector<Configuration> configurations;
  for (int bad = 0; bad < 3; ++bad) {
    rows.push_back({"S", "v" + std::to_string(bad), {{RightBut(bad), {}}}});
    configurations.push_back({rows.back().Method(), {RightBut(bad)}, {}});
  }
  const BootstrapOptions options{20, 1};
  auto summary = SummaryToJson(rows, {"normal", "mild", "moderate", "severe"}, options);
  AddNested(SelectNested(configurations, 3, FoldOf, "accuracy", 4), "accuracy", "cross-fitted", 7,
            options, &summary);
  EXPECT_EQ(summary["nested"]["configurations"], 7);
  EXPECT_DOUBLE_EQ(summary["nested"]["patient"]["accuracy"]["mean"], 0.0);
  EXPECT_NEAR(summary["nested"]["flattered"].get<double>(), 2.0 / 3.0, 1e-9);
  nlohmann::ordered_json baseline = {{"name", "near_far"},
                                     {"title", "near / far brightness"},
                                     {"fitted", false},
                                     {"auc_mild", 0.99},
                                     {"auc_moderate", 0.1},
                                     {"auc_severe", nullptr},
                                     {"intervals", nlohmann::ordered_json::object()}};
  AddBaselines({{"rows", {baseline}}}, &summary);
  EXPECT_EQ(summary["rows"][0]["beats_baseline"], false);
  EXPECT_EQ(summary["rows"][0]["not_beaten"].size(), 1u);
  const std::string text = SummaryMarkdown(summary, "T");
  EXPECT_THAT(text, AllOf(HasSubstr("one of 7"), HasSubstr("does not beat** near / far brightness"),
                          HasSubstr("nested=full trains models without it")));
}

}  // namespace
}  // namespace hepar
