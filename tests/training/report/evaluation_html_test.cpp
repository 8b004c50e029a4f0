// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/html_elements.h"
#include "tests/training/support/synthetic_evidence.h"
#include "training/report/baseline_report.h"
#include "training/report/checklist.h"
#include "training/report/domain_report.h"
#include "training/report/evidence.h"
#include "training/report/external_report.h"
#include "training/report/state_report.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::vector<std::string> kNames = {"normal", "mild", "moderate", "severe"};

EvaluationReport FullReport() {
  EvidenceInput input = SyntheticEvidence(100);
  input.patients = PatientTable{{{"scanner", {{"P1000", "A<B"}, {"P1001", "C"}}}}};

  EvaluationReport report;
  report.title = "Evaluation of a & b";
  report.subtitle = "72 frames";
  report.class_names = kNames;
  report.figures = EvidenceToJson(input);
  std::vector<CorruptedAnswers> corrupted;
  for (const Corruption corruption : AllCorruptions()) {
    for (int strength = 1; strength <= 5; ++strength) {
      corrupted.push_back(
          {corruption, strength, SyntheticPredictions(24, 3, 1.5 - 0.2 * strength, 2)});
    }
  }
  ordered_json& figures = report.figures;
  figures["corruptions"] = CorruptionsToJson(input.frames, corrupted, kNames);
  figures["comparison"] =
      ComparisonToJson(input.frames, SyntheticPredictions(24, 3, 0.5, 3), kNames, {100, 1});
  figures["comparison"]["name"] = "other <model>";
  figures["failures"] = {{{"path", "x.png"},
                          {"frame", 0},
                          {"patient_id", "P<1>"},
                          {"truth", "normal"},
                          {"answer", "severe"},
                          {"grades_off", 3},
                          {"confidence", 0.8},
                          {"probabilities", {{"normal", 0.1}, {"severe", 0.8}}}}};
  report.pictures = {"data:image/png;base64,AAAA"};
  figures["models"] = {{{"name", "a & b"},
                        {"id", "0123abcd"},
                        {"fold", -1},
                        {"architecture", {{"classifier", "squeezenet1_0"}, {"size", "live"}}},
                        {"input", {{"size", 128}, {"channels", 1}, {"sector", "auto"}}},
                        {"training_options", {{"epochs", 8}, {"augment", true}}},
                        {"dataset_digest", "feed"},
                        {"licence", "CC0-1.0"},
                        {"citation", "Someone et al."}}};
  figures["part"] = "test";
  figures["data"] = {{"name", "scans.csv"}, {"digest", "beef"}};
  figures["program"] = "gst-hepar 0";
  figures["cost"] = {
      {"median_inference_ms", 31.5}, {"device", "cpu"}, {"precision", "fp32"}, {"threads", 1}};
  figures["warnings"] = {"model 'x' was trained on this"};
  figures["options"] = {{"bootstrap", 100}, {"data", "scans.csv"}};
  return report;
}

std::string AllText(const std::vector<Element>& elements) {
  std::string text;
  for (const Element& element : elements) text += element.text + "\n";
  return text;
}

TEST(EvaluationHtmlTest, HasEverySection) {
  const auto elements = Parse(EvaluationReportHtml(FullReport()));
  EXPECT_THAT(Texts(Named(elements, "h2")),
              ElementsAre("Metrics", "ROC curves and operating points", "Confusion matrices",
                          "Calibration", "Abstention", "Robustness to image corruptions",
                          "Subgroups", "Comparison on the same patients", "Worst mistakes",
                          "Model card", "Reporting checklist", "Options of this evaluation"));
  // ROC and reliability by frame and patient, abstention, two of robustness.
  EXPECT_THAT(Named(elements, "svg"), SizeIs(7));
  EXPECT_THAT(OfClass(elements, "confusion"), SizeIs(2));
  EXPECT_THAT(Named(elements, "img"), SizeIs(1));
  EXPECT_THAT(OfClass(elements, "tile"), SizeIs(6));
}

TEST(EvaluationHtmlTest, ViewsThatAreNoneOfALiverHaveATableByClip) {
  EvaluationReport report = FullReport();
  report.figures["domain"] = DomainToJson({{0.5, 0.6, 1.2}, {"P1", "P1", "P2"}},
                                          {{3.0, 0.9}, {"lung.mp4", "eye.mp4"}}, 0.4, {50, 1});
  const auto elements = Parse(EvaluationReportHtml(report));
  EXPECT_THAT(Texts(Named(elements, "h2")), Contains("Non-liver views (out-of-distribution)"));
  const auto cells = Texts(Named(elements, "td"));
  EXPECT_THAT(cells, Contains("1 of 3"));
  EXPECT_THAT(cells, Contains("1 of 2"));
  EXPECT_THAT(Texts(Named(elements, "th")), Contains("lung.mp4"));
}

// A model that loses to a number, and an external set without labels and one of fatty or not.
EvaluationReport ReportWithBaselines() {
  EvaluationReport report = FullReport();
  BaselineInput input;
  input.model = SyntheticPredictions(24, 3, 1.5, 1);
  input.frames = {{}, input.model.labels, input.model.patients};
  for (const int label : input.model.labels) {
    PhysicalValues values = {};
    values[0] = label;
    values[1] = 0.1 * static_cast<double>(input.frames.values.size() % 7);
    input.frames.values.push_back(values);
  }
  input.bootstrap = {50, 1};
  ordered_json& figures = report.figures;
  figures["baselines"] = BaselinesToJson(input);
  figures["beats_baseline"] = figures["baselines"]["beats_baseline"];
  const std::vector<FrameState> states(72, FrameState::kUnfamiliar);
  figures["states"] = StatesToJson(input.model, states, TruthKind::kGrades, false);
  ExternalScores scores;
  scores.frames = input.model;
  scores.measured = input.frames;
  scores.states = states;
  for (const TruthKind truth : {TruthKind::kNone, TruthKind::kFatty}) {
    scores.name = truth == TruthKind::kNone ? "no <labels>" : "fatty";
    scores.truth = truth;
    figures["external"].push_back(ExternalToJson(scores, kNames, {50, 1}, false));
  }
  return report;
}

TEST(EvaluationHtmlTest, AModelThatLosesToANumberIsToldSoAtTheTop) {
  const EvaluationReport report = ReportWithBaselines();
  ASSERT_EQ(report.figures.at("beats_baseline"), false);
  const std::string page = EvaluationReportHtml(report);
  const auto elements = Parse(page);
  EXPECT_THAT(AllText(OfClass(elements, "notice")), HasSubstr("does not beat"));
  EXPECT_LT(page.find("does not beat"), page.find("<h2>"));
  const auto headings = Texts(Named(elements, "h2"));
  EXPECT_EQ(headings.front(), "Baselines: simple image measurements");
  EXPECT_THAT(headings, Contains("External sets"));
  EXPECT_THAT(headings, Contains("States of the frames"));
  EXPECT_THAT(Texts(Named(elements, "h3")), Contains("no <labels>"));
  EXPECT_THAT(Texts(Named(elements, "th")), Contains("near / far brightness"));
  EXPECT_THAT(Texts(Named(elements, "th")), Contains("ordinal model of these, fitted"));
  EXPECT_THAT(AllText(elements), HasSubstr("graded normal with a probability above 0.9"));
}

TEST(EvaluationHtmlTest, ShowsTheFiguresThatItIsGiven) {
  const EvaluationReport report = FullReport();
  const std::string page = EvaluationReportHtml(report);
  for (const char* level : {"frame", "patient"}) {
    const auto& figures = report.figures.at(level);
    for (const char* key : {"accuracy", "balanced_accuracy", "best_worst", "within_one"}) {
      EXPECT_THAT(page, HasSubstr(">" + Fixed(100.0 * figures.at(key).get<double>(), 1))) << key;
    }
    for (const char* key : {"qwk", "mae", "auc_mild", "auc_moderate", "auc_severe", "macro_f1",
                            "kappa", "mcc", "ece", "brier", "nll"}) {
      EXPECT_THAT(page, HasSubstr(">" + Fixed(figures.at(key).get<double>(), 3))) << key;
    }
    const auto& ends = figures.at("intervals").at("auc_moderate");
    EXPECT_THAT(page, HasSubstr(Fixed(ends.at(0), 3) + "–" + Fixed(ends.at(1), 3)));
    const auto& point = figures.at("operating_points").at("moderate");
    EXPECT_THAT(page, HasSubstr(">" + Fixed(100.0 * point.at("specificity").get<double>(), 1)));
    EXPECT_THAT(page, HasSubstr(Fixed(figures.at("calibration").at("after").at("nll"), 3)));
    EXPECT_THAT(page,
                HasSubstr(Fixed(100.0 * figures.at("abstention").at("area").get<double>(), 1)));
  }
}

TEST(EvaluationHtmlTest, CurvesCarryTheirOperatingPoints) {
  const auto elements = Parse(EvaluationReportHtml(FullReport()));
  std::vector<std::string> chosen;
  for (const std::string& title : Texts(Named(elements, "title"))) {
    if (title.find("chosen: sensitivity") != std::string::npos) chosen.push_back(title);
  }
  EXPECT_THAT(chosen, SizeIs(6));  // Three grades, two levels.
  EXPECT_THAT(AllText(elements), HasSubstr("Circles: the thresholds"));
}

TEST(EvaluationHtmlTest, EveryCorruptionHasALineAndRows) {
  const auto elements = Parse(EvaluationReportHtml(FullReport()));
  const auto heads = Texts(Named(elements, "th"));
  const auto names = Texts(OfClass(elements, "name"));
  for (const Corruption corruption : AllCorruptions()) {
    // Accuracy, area and the sizes of the strengths.
    EXPECT_EQ(std::count(heads.begin(), heads.end(), ToString(corruption)), 3);
    EXPECT_EQ(std::count(names.begin(), names.end(), ToString(corruption)), 2);
  }
}

TEST(EvaluationHtmlTest, EscapesWhatOthersWrote) {
  const auto elements = Parse(EvaluationReportHtml(FullReport()));
  const std::string text = AllText(elements);
  EXPECT_THAT(text, AllOf(HasSubstr("Evaluation of a & b"), HasSubstr("scanner: A<B"),
                          HasSubstr("patient P<1>"), HasSubstr("other <model>")));
  EXPECT_THAT(Named(elements, "model"), IsEmpty());
}

TEST(EvaluationHtmlTest, NeedsNothingBesideItself) {
  const std::string page = EvaluationReportHtml(FullReport());
  for (const Element& element : Parse(page)) {
    EXPECT_THAT((std::set<std::string>{"script", "link", "iframe", "object", "embed", "base"}),
                Not(Contains(element.name)));
    for (const char* name : {"src", "href", "xlink:href", "action", "poster", "srcset"}) {
      const std::string value = element.Get(name);
      EXPECT_TRUE(value.empty() || value.rfind("data:", 0) == 0) << name << " " << value;
    }
    for (const auto& [name, value] : element.attributes) EXPECT_NE(name.rfind("on", 0), 0u) << name;
  }
  EXPECT_THAT(page, AllOf(Not(HasSubstr("url(")), Not(HasSubstr("@import"))));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
}

TEST(EvaluationHtmlTest, ShowsTheSaliencyMapBesideEachFailure) {
  EvaluationReport report = FullReport();
  const std::string without = EvaluationReportHtml(report);
  EXPECT_THAT(AllText(Parse(without)), Not(HasSubstr("saliency")));
  report.saliency = {"data:image/png;base64,BBBB"};
  const std::string page = EvaluationReportHtml(report);
  EXPECT_THAT(page, HasSubstr("src=\"data:image/png;base64,AAAA\""));
  EXPECT_THAT(page, HasSubstr("<img alt=\"what spoke for severe\" "
                              "src=\"data:image/png;base64,BBBB\"/>"));
  EXPECT_EQ(OfClass(Parse(page), "pair").size(), 1u);
  EXPECT_THAT(AllText(Parse(page)), HasSubstr("spoke for the wrong answer"));
}

TEST(EvaluationHtmlTest, SaysWhyThereAreNoSaliencyMaps) {
  EvaluationReport report = FullReport();
  report.no_saliency = "the classifier has no lowering";
  EXPECT_THAT(AllText(Parse(EvaluationReportHtml(report))),
              HasSubstr("There are no saliency maps for this model: the classifier has no "
                        "lowering."));
}

TEST(EvaluationHtmlTest, SaysWhyWhatIsChosenIsLeftOut) {
  EvaluationReport report = FullReport();
  EvidenceInput input;
  input.class_names = kNames;
  input.frames = SyntheticPredictions(24, 3, 1.5, 1);
  input.plan = {{}, "nobody else was there"};
  input.bootstrap.resamples = 0;
  report.figures = EvidenceToJson(input);
  report.pictures.clear();
  const auto elements = Parse(EvaluationReportHtml(report));
  const std::string text = AllText(elements);
  EXPECT_THAT(text, AllOf(HasSubstr("No thresholds are shown: nobody else was there."),
                          HasSubstr("No temperature is fitted: nobody else was there.")));
  // No caption speaks of what is not drawn.
  EXPECT_THAT(text, Not(HasSubstr("Circles: the thresholds")));
  EXPECT_THAT(Texts(OfClass(elements, "name")),
              AllOf(Contains("this model"), Not(Contains("before"))));
  // What is not there leaves no empty section.
  EXPECT_THAT(Texts(Named(elements, "h2")),
              ElementsAre("Metrics", "ROC curves and operating points", "Confusion matrices",
                          "Calibration", "Abstention", "Reporting checklist"));
}

TEST(EvaluationHtmlTest, WarningsHeadThePage) {
  const auto elements = Parse(EvaluationReportHtml(FullReport()));
  EXPECT_THAT(Texts(OfClass(elements, "notice")), Contains("Model 'x' was trained on this."));
}

TEST(EvaluationHtmlTest, EqualReportsGiveEqualPages) {
  EXPECT_EQ(EvaluationReportHtml(FullReport()), EvaluationReportHtml(FullReport()));
}

TEST(ChecklistTest, AnswersWhatIsKnownAndLeavesTheRestToTheAuthors) {
  const auto items = Checklist(FullReport().figures);
  std::size_t open = 0;
  std::string answers;
  for (const ChecklistItem& item : items) {
    EXPECT_FALSE(item.question.empty() || item.guidelines.empty() || item.section.empty());
    open += item.answer.empty();
    answers += item.answer + "\n";
  }
  EXPECT_GE(open, 10u);
  EXPECT_GE(items.size() - open, 15u);
  EXPECT_THAT(answers, AllOf(HasSubstr("72 frames of 24 patients: normal 6"), HasSubstr("beef"),
                             HasSubstr("128 pixels"), HasSubstr("CC0-1.0"),
                             HasSubstr("the other folds"), HasSubstr("McNemar")));
}

TEST(ChecklistTest, WithoutFiguresClaimsNothingOfData) {
  for (const ChecklistItem& item : Checklist(ordered_json::object())) {
    EXPECT_NE(item.section, std::string());
    if (item.section == "Data" || item.section == "Partitions") {
      EXPECT_EQ(item.answer, "");
    }
  }
}

}  // namespace
}  // namespace hepar
