// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/baseline_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/training/support/expect_error.h"
#include "training/report/external_report.h"
#include "training/report/state_report.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> kNames = {"normal", "mild", "moderate", "severe"};

// 24 patients of two frames whose first value tells the grade but for `swapped` patients, and a
// model whose probability of steatosis is `rank` of the patient.
BaselineInput Input(int swapped, const std::function<double(int)>& rank) {
  BaselineInput input;
  for (int p = 0; p < 24; ++p) {
    const int grade = p / 6;
    for (int frame = 0; frame < 2; ++frame) {
      PhysicalValues values = {};
      values[0] = p < swapped ? 3.0 : grade + 0.01 * (p % 6);
      values[1] = 0.1 * (p % 5);
      input.frames.values.push_back(values);
      input.frames.labels.push_back(grade);
      input.frames.patients.push_back("P" + std::to_string(100 + p));
      const double x = rank(p);
      input.model.labels.push_back(grade);
      input.model.patients.push_back(input.frames.patients.back());
      input.model.probabilities.push_back({1.0 - x, x / 3, x / 3, x / 3});
    }
  }
  input.bootstrap = {100, 1};
  return input;
}

TEST(BaselineReportTest, AModelThatLosesToANumberIsToldSo) {
  const ordered_json json = BaselinesToJson(Input(0, [](int p) { return p % 2 ? 0.8 : 0.2; }));
  EXPECT_EQ(json["beats_baseline"], false);
  EXPECT_DOUBLE_EQ(json["rows"][0]["auc_mild"], 1.0);
  EXPECT_EQ(json["rows"][0]["name"], "near_far");
  EXPECT_DOUBLE_EQ(json["model"]["auc_mild"], 0.5);
  EXPECT_DOUBLE_EQ(json["rows"][0]["model_minus"]["auc_mild"]["difference"], -0.5);
  EXPECT_LT(json["rows"][0]["model_minus"]["auc_mild"]["interval"][1].get<double>(), 0.0);
  EXPECT_EQ(json["rows"].back()["name"], "ordinal");
  EXPECT_GT(json["rows"].back()["auc_mild"].get<double>(), 0.9);
  EXPECT_THAT(BaselineVerdict(json), AllOf(HasSubstr("does not beat"), HasSubstr("near / far")));
  EXPECT_THAT(BaselinesText(json), AllOf(HasSubstr("does not beat"), HasSubstr("this model")));
}

TEST(BaselineReportTest, AModelThatBeatsAllOfThemIsToldThat) {
  const ordered_json json = BaselinesToJson(Input(6, [](int p) { return 0.1 + 0.03 * p; }));
  EXPECT_EQ(json["beats_baseline"], true) << json["not_beaten"].dump();
  EXPECT_DOUBLE_EQ(json["model"]["auc_severe"], 1.0);
  EXPECT_LT(json["rows"][0]["auc_severe"].get<double>(), 1.0);
  EXPECT_TRUE(json["not_beaten"].empty());
  EXPECT_THAT(BaselineVerdict(json), Not(HasSubstr("not beat")));
}

TEST(BaselineReportTest, EqualIsNotBetter) {
  const ordered_json json = BaselinesToJson(Input(0, [](int p) { return 0.1 + 0.03 * p; }));
  EXPECT_DOUBLE_EQ(json["model"]["auc_mild"], 1.0);
  EXPECT_EQ(json["beats_baseline"], false);
}

TEST(BaselineReportTest, WithoutAModelThereAreOnlyTheNumbers) {
  BaselineInput input = Input(0, [](int) { return 0.5; });
  input.model = {};
  const ordered_json json = BaselinesToJson(input);
  EXPECT_FALSE(json.contains("beats_baseline"));
  EXPECT_EQ(BaselineVerdict(json), "");
  EXPECT_EQ(json["rows"].size(), kPhysicalFeatures.size() + 1);
}

TEST(BaselineReportTest, FoldsAreNamedAndOtherPatientsRefused) {
  BaselineInput input = Input(0, [](int p) { return 0.1 + 0.03 * p; });
  for (std::size_t n = 0; n < input.frames.labels.size(); ++n) {
    input.group_of.push_back(static_cast<int>(n / 2) % 3);
  }
  EXPECT_THAT(BaselinesToJson(input)["fit"], "the patients of the other folds");
  // Where the others of a fold have one grade only there is nothing to fit.
  BaselineInput halves = Input(0, [](int p) { return 0.1 + 0.03 * p; });
  for (const int label : halves.frames.labels) halves.group_of.push_back(label > 0 ? 1 : 0);
  EXPECT_EQ(BaselinesToJson(halves)["rows"].size(), kPhysicalFeatures.size());
  input.model.patients[0] = input.model.patients[1] = "somebody";
  ExpectError(ErrorKind::kMismatch, {"same patients"}, [&] { BaselinesToJson(input); });
}

TEST(BaselineReportTest, OneGradeAloneHasNoAreaAndNoVerdict) {
  BaselineInput input = Input(0, [](int) { return 0.5; });
  for (auto* labels : {&input.frames.labels, &input.model.labels}) {
    std::fill(labels->begin(), labels->end(), 0);
  }
  const ordered_json json = BaselinesToJson(input);
  EXPECT_TRUE(json["beats_baseline"].is_null());
  EXPECT_EQ(json["rows"].size(), kPhysicalFeatures.size());  // Nothing to fit.
  EXPECT_EQ(BaselineVerdict(json), "");
}

// Four frames, one of each state: fatty ones called normal by 0.95.
Predictions FourFrames() {
  Predictions frames;
  for (int i = 0; i < 4; ++i) {
    frames.labels.push_back(i == 3 ? 0 : 2);
    frames.patients.push_back("Q" + std::to_string(i));
    frames.probabilities.push_back({0.95, 0.03, 0.01, 0.01});
  }
  return frames;
}
const std::vector<FrameState> kFourStates = {FrameState::kGraded, FrameState::kUnfamiliar,
                                             FrameState::kNotLiver, FrameState::kUncertain};

TEST(StateReportTest, CountsStatesAndWhatTheirConfidenceIsWorth) {
  const ordered_json json = StatesToJson(FourFrames(), kFourStates, TruthKind::kGrades, false);
  for (const char* state : {"graded", "unfamiliar", "not_liver", "uncertain"}) {
    EXPECT_EQ(json[state]["frames"], 1) << state;
    EXPECT_DOUBLE_EQ(json[state]["share"], 0.25);
    EXPECT_DOUBLE_EQ(json[state]["mean_confidence"], 0.95);
  }
  EXPECT_DOUBLE_EQ(json["all"]["accuracy"], 0.25);
  EXPECT_EQ(json["liver"]["frames"], 3);
  EXPECT_EQ(json["sure_normal"]["fatty"], 2);  // Graded and unfamiliar.
  EXPECT_EQ(json["sure_normal"]["called"], 2);
  EXPECT_THAT(StatesText(json), HasSubstr("Of 2 graded frames of fatty livers, 2 are"));

  // Withheld, the unfamiliar one got no grade.
  const ordered_json withheld = StatesToJson(FourFrames(), kFourStates, TruthKind::kGrades, true);
  EXPECT_EQ(withheld["sure_normal"]["fatty"], 1);
}

TEST(StateReportTest, WithoutTruthNothingIsSaidOfIt) {
  const ordered_json json = StatesToJson(FourFrames(), {}, TruthKind::kNone, false);
  EXPECT_EQ(json["graded"]["frames"], 4);
  EXPECT_FALSE(json["graded"].contains("accuracy"));
  EXPECT_FALSE(json.contains("sure_normal"));
  EXPECT_TRUE(json["unfamiliar"]["mean_confidence"].is_null());
  ExpectError(ErrorKind::kInvalid, {"2 states"}, [] {
    StatesToJson(FourFrames(), {FrameState::kGraded, FrameState::kGraded}, TruthKind::kNone, false);
  });
}

TEST(ExternalReportTest, FattyOrNotIsScoredAsThat) {
  BaselineInput input = Input(0, [](int p) { return 0.1 + 0.03 * p; });
  ExternalScores scores;
  scores.name = "elsewhere";
  scores.truth = TruthKind::kFatty;
  scores.frames = input.model;
  scores.measured = input.frames;
  const ordered_json json = ExternalToJson(scores, kNames, {50, 1}, false);
  EXPECT_EQ(json["labels"], "fatty");
  EXPECT_EQ(json["patients"], 24);
  EXPECT_EQ(json["frames"], 48);
  EXPECT_DOUBLE_EQ(json["patient"]["auc_mild"], 1.0);
  EXPECT_EQ(json["patient"]["per_class_cases"]["fatty"], 18);
  EXPECT_FALSE(json["baselines"]["rows"][0].contains("auc_severe"));
  // Fatty or not, whatever the grade: 0.5 is passed by patient 14.
  EXPECT_DOUBLE_EQ(json["patient"]["accuracy"], (6.0 + 10.0) / 24.0);
  EXPECT_EQ(json["beats_baseline"], false);  // Equal to the near / far ratio.
  EXPECT_THAT(ExternalText(ordered_json::array({json})),
              AllOf(HasSubstr("elsewhere"), HasSubstr("fatty or not"), HasSubstr("AUC >= mild")));
}

TEST(ExternalReportTest, SeveralModelsAnswerForTheSamePatients) {
  BaselineInput input = Input(0, [](int p) { return 0.1 + 0.03 * p; });
  ExternalScores scores;
  scores.name = "elsewhere";
  scores.truth = TruthKind::kGrades;
  for (int model = 0; model < 2; ++model) {
    auto& frames = scores.frames;
    const auto append = [](const auto& more, auto* all) {
      all->insert(all->end(), more.begin(), more.end());
    };
    append(input.model.labels, &frames.labels);
    append(input.model.patients, &frames.patients);
    append(input.model.probabilities, &frames.probabilities);
  }
  scores.measured = input.frames;
  const ordered_json json = ExternalToJson(scores, kNames, {0, 1}, false);
  EXPECT_EQ(json["frames"], 48);
  EXPECT_EQ(json["frame"]["cases"], 96);
  EXPECT_EQ(json["patient"]["cases"], 24);
}

TEST(ExternalReportTest, WithoutLabelsThereAreOnlyStates) {
  ExternalScores scores;
  scores.name = "unknown";
  scores.frames = FourFrames();
  scores.states = kFourStates;
  scores.measured = {std::vector<PhysicalValues>(4), scores.frames.labels, scores.frames.patients};
  const ordered_json json = ExternalToJson(scores, kNames, {0, 1}, false);
  EXPECT_EQ(json["labels"], "none");
  EXPECT_FALSE(json.contains("patient"));
  EXPECT_FALSE(json.contains("baselines"));
  EXPECT_EQ(json["states"]["unfamiliar"]["frames"], 1);
  EXPECT_THAT(ExternalText(ordered_json::array({json})), HasSubstr("without labels"));
}

}  // namespace
}  // namespace hepar
