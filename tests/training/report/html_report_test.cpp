// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "tests/training/support/html_elements.h"
#include "training/report/markup.h"
#include "training/report/report.h"
#include "training/report/svg_chart.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Le;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Cases of every class; the answers of some are one grade too high.
Predictions SomePredictions() {
  Predictions predictions;
  for (int i = 0; i < 24; ++i) {
    const int label = i / 2 % 4, answer = i % 5 == 0 ? std::min(label + 1, 3) : label;
    predictions.labels.push_back(label);
    predictions.patients.push_back("P" + std::to_string(i / 2));
    predictions.probabilities.emplace_back(4, 0.1);
    predictions.probabilities.back()[answer] = 0.7;
  }
  return predictions;
}

TrainingReport AdversarialReport(int epochs) {
  TrainingReport report;
  report.title = "steatosis";
  report.subtitle = "adversarial training";
  report.class_names = {"normal", "mild", "moderate", "severe"};
  report.terms = {"loss", "reconstruction_loss", "severity_loss"};
  for (int e = 1; e <= epochs; ++e) {
    EpochRecord record;
    record.epoch = e;
    record.learning_rate = 1e-3 / e;
    record.terms = {2.0 / e, 0.1 / e, 1.5 / e};
    record.train_accuracy = 1.0 - 0.6 / e;
    record.per_class = {{"epsilon", {0.01, 0.02, 0.03, 0.04}},
                        {"beta", {0.5, 0.6, 0.7, 0.8}},
                        {"robust_train_accuracy", {0.2, 0.3, 0.4, 0.5}},
                        {"weight", {1.0, 1.1, 0.9, 1.0}}};
    record.validation = EpochRecord::Validation{1.0 / e, 0.7, 0.6, 0.65, 0.4, 0.5, 0.25};
    record.seconds = 2.0;
    record.peak_memory_mib = 512.0;
    report.history.push_back(record);
  }
  report.kept_epoch = 2;
  ordered_json part = EvaluationToJson(SomePredictions(), report.class_names);
  part["under_attack"] = EvaluationToJson(SomePredictions(), report.class_names);
  part["under_attack"]["attack"] = {
      {"name", "pgd"}, {"steps", 20}, {"epsilon", 8.0 / 255}, {"scope", "end2end"}};
  report.metrics = {{"validation", part}, {"test", part}};
  report.options = {{"epochs", epochs}, {"lr", 1e-3}, {"augment", true}, {"fairness", "cfa"}};
  return report;
}

template <typename Function>
void ExpectInvalid(const std::string& part, const Function& function) {
  try {
    function();
    ADD_FAILURE() << "no error, expected one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

LineChart Chart(const std::vector<double>& values) {
  LineChart chart;
  chart.x_name = "epoch";
  chart.series = {{"train", values}};
  for (std::size_t i = 0; i < values.size(); ++i) chart.x.push_back(static_cast<double>(i) + 1.0);
  return chart;
}

TEST(MarkupTest, EscapesWhatMeansSomething) {
  EXPECT_EQ(EscapeMarkup("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&apos;2&apos;&gt;&amp;");
  EXPECT_EQ(EscapeMarkup("ε ≥ 2"), "ε ≥ 2");
  EXPECT_EQ(EscapeMarkup(std::string("a\0b\x1b", 4)), "a\uFFFDb\uFFFD");
}

TEST(MarkupTest, NumbersAreShortAndKeepTheirDigits) {
  EXPECT_EQ(NumberText(0.5), "0.5");
  EXPECT_EQ(NumberText(12.0), "12");
  EXPECT_EQ(NumberText(1200.0, 2), "1200");
  EXPECT_EQ(NumberText(-0.03125), "−0.03125");
  EXPECT_EQ(NumberText(1.0 / 3.0), "0.3333");
  EXPECT_EQ(NumberText(0.99996), "1");
  EXPECT_EQ(NumberText(2.5e-5), "2.5×10⁻⁵");
  EXPECT_EQ(NumberText(9.9999e-5, 3), "1×10⁻⁴");
  EXPECT_EQ(NumberText(3e12), "3×10¹²");
  EXPECT_EQ(NumberText(0.0), "0");
  EXPECT_EQ(NumberText(kNan), "–");
  EXPECT_EQ(PowerOfTenText(-12), "×10⁻¹²");
}

TEST(SvgChartTest, TicksAreRoundAndHoldTheRange) {
  EXPECT_THAT(NiceTicks(0.0, 1.0, 5), SizeIs(6));
  EXPECT_THAT(NiceTicks(0.0, 9.3, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(NiceTicks(-3.0, 12.0, 3), ElementsAre(-5, 0, 5, 10, 15));
  // So far from zero that one more is the same number.
  EXPECT_THAT(NiceTicks(1e18, 1e18 + 1024, 4), SizeIs(Le(8)));
  ExpectInvalid("rising range", [] { NiceTicks(1.0, 1.0, 5); });
  ExpectInvalid("rising range", [] { NiceTicks(0.0, kNan, 5); });
}

TEST(SvgChartTest, LinesEndWithTheirNames) {
  LineChart chart = Chart({0.1, 0.5, 0.9});
  chart.series.push_back({"validation", {0.2, 0.6, 0.9}});
  const auto elements = Parse(LineChartSvg(chart));
  const auto names = OfClass(elements, "name");
  EXPECT_THAT(Texts(names), ElementsAre("train", "validation"));
  // Both lines end at one height; their names must not.
  EXPECT_GE(std::stod(names[1].Get("y")) - std::stod(names[0].Get("y")), 14.0);
  EXPECT_THAT(OfClass(elements, "mark1"), SizeIs(1));
}

TEST(SvgChartTest, NamesHaveSwatchesOfTheirLines) {
  LineChart chart = Chart({0.1, 0.5, 0.9});
  chart.series.push_back({"the same", {0.1, 0.5, 0.9}});
  ChartSeries chance;
  chance.name = "chance";
  chance.values = {0.3, 0.3, 0.3};
  chance.reference = true;
  chart.series.push_back(chance);
  const auto elements = Parse(LineChartSvg(chart));
  std::map<std::string, std::string> swatch_at;  // By the height of its middle.
  for (const Element& line : Named(elements, "line")) {
    if (line.Get("class").rfind("swatch ", 0) != 0) continue;
    EXPECT_EQ(line.Get("y1"), line.Get("y2"));
    swatch_at[line.Get("y1")] = line.Get("class").substr(7);
  }
  std::map<std::string, std::string> swatch_of;
  for (const Element& name : OfClass(elements, "name")) {
    for (const auto& [y, line] : swatch_at) {
      if (std::abs(std::stod(y) + 4.0 - std::stod(name.Get("y"))) < 0.02) {
        swatch_of[name.text] = line;
      }
    }
  }
  EXPECT_THAT(swatch_of, ElementsAre(Pair("chance", "reference"), Pair("the same", "line1"),
                                     Pair("train", "line0")));
}

TEST(SvgChartTest, NamesThatWouldMeetSpreadAroundTheirLines) {
  LineChart chart = Chart({0.5});
  chart.low = 0.0;
  chart.high = 1.0;
  for (const char* name : {"b", "c", "d"}) chart.series.push_back({name, {0.5}});
  chart.series.push_back({"top", {1.0}});
  chart.series.push_back({"also top", {1.0}});
  const auto elements = Parse(LineChartSvg(chart));
  std::vector<double> heights;
  for (const Element& name : OfClass(elements, "name")) {
    heights.push_back(std::stod(name.Get("y")) - 4.0);
  }
  ASSERT_THAT(heights, SizeIs(6));
  const double line = std::stod(OfClass(elements, "mark0").front().Get("cy"));
  EXPECT_NEAR((heights[2] + heights[5]) / 2, line, 0.02);
  for (std::size_t i = 1; i < heights.size(); ++i) EXPECT_GE(heights[i] - heights[i - 1], 14.9);
  EXPECT_GE(heights.front(), std::stod(OfClass(elements, "mark4").front().Get("cy")) - 0.02);
}

TEST(SvgChartTest, WhatIsNotFiniteMakesAGap) {
  const auto whole = Parse(LineChartSvg(Chart({1, 2, 3, 4, 5})));
  const auto broken = Parse(LineChartSvg(Chart({1, 2, kNan, 4, 5})));
  const auto path = [](const std::vector<Element>& elements) {
    for (const Element& element : Named(elements, "path")) {
      if (element.Get("class") == "line0") return element.Get("d");
    }
    return std::string();
  };
  const auto count = [](const std::string& d, char c) { return std::count(d.begin(), d.end(), c); };
  EXPECT_EQ(count(path(whole), 'M'), 1);
  EXPECT_EQ(count(path(whole), 'L'), 4);
  EXPECT_EQ(count(path(broken), 'M'), 2);
  EXPECT_EQ(count(path(broken), 'L'), 2);
  EXPECT_THAT(Texts(Named(broken, "title")), Contains(HasSubstr("train: –")));
}

TEST(SvgChartTest, PointsWithoutNeighborsAreDrawn) {
  const auto dots = [](const std::vector<double>& values) {
    return Named(Parse(LineChartSvg(Chart(values))), "circle").size();
  };
  EXPECT_EQ(dots({1, 2, 3, 4}), 1u);  // The end of the line.
  EXPECT_EQ(dots({1, kNan, 3, 4}), 2u);
}

TEST(SvgChartTest, ValuesRiseOnTheScreenAndFitTheAxis) {
  const auto y = [](double value) {
    LineChart chart = Chart({value});
    chart.low = 0.0;
    chart.high = 1.0;
    return std::stod(OfClass(Parse(LineChartSvg(chart)), "mark0").front().Get("cy"));
  };
  EXPECT_GT(y(0.0), y(0.5));
  EXPECT_NEAR(y(0.5), (y(0.0) + y(1.0)) / 2, 0.02);
  // The axis grows with what it has to show.
  EXPECT_GE(y(7.0), y(1.0));
}

TEST(SvgChartTest, LogarithmsOnlyOfPositiveValuesThatSpanMuch) {
  const auto is_log = [](const std::vector<double>& values) {
    LineChart chart = Chart(values);
    chart.log_scale = true;
    return LineChartSvg(chart).find("logarithmic") != std::string::npos;
  };
  EXPECT_TRUE(is_log({0.01, 1.0}));
  EXPECT_FALSE(is_log({0.5, 1.0}));
  EXPECT_FALSE(is_log({0.0, 1.0}));
}

TEST(SvgChartTest, SmallValuesShareOneUnit) {
  LineChart chart = Chart({0.0, 1e-3});
  chart.y_name = "rate";
  const auto texts = Texts(Named(Parse(LineChartSvg(chart)), "text"));
  EXPECT_THAT(texts, IsSupersetOf({"rate (×10⁻³)", "0", "0.2", "0.8", "1"}));
}

TEST(SvgChartTest, NeighboringTicksReadDifferently) {
  const auto texts = Texts(OfClass(Parse(LineChartSvg(Chart({1000.0, 1001.0}))), "quiet"));
  EXPECT_THAT(texts, IsSupersetOf({"1000", "1000.2", "1000.8", "1001"}));
}

TEST(SvgChartTest, MarksAnEpochThatItHas) {
  LineChart chart = Chart({1, 2, 3});
  chart.marked_x = 2.0;
  chart.mark = "kept";
  const auto elements = Parse(LineChartSvg(chart));
  const auto line = OfClass(elements, "kept");
  ASSERT_THAT(line, SizeIs(1));
  EXPECT_EQ(line[0].Get("x1"), line[0].Get("x2"));
  EXPECT_THAT(Texts(Named(elements, "text")), Contains("kept"));
  chart.marked_x = 7.0;
  EXPECT_THAT(OfClass(Parse(LineChartSvg(chart)), "kept"), IsEmpty());
}

TEST(SvgChartTest, LongRunsDoNotGrowWithoutBound) {
  const auto elements = Parse(LineChartSvg(Chart(std::vector<double>(5000, 0.5))));
  EXPECT_LE(OfClass(elements, "band").size(), 240u);
}

TEST(SvgChartTest, NamesAreCutBetweenCharacters) {
  LineChart chart = Chart({1, 2});
  chart.series[0].name.clear();
  for (int i = 0; i < 40; ++i) chart.series[0].name += "é";
  const auto name = Texts(OfClass(Parse(LineChartSvg(chart)), "name")).at(0);
  EXPECT_TRUE(g_utf8_validate(name.c_str(), -1, nullptr));
  EXPECT_EQ(g_utf8_strlen(name.c_str(), -1), 24);
}

TEST(SvgChartTest, SeriesMayHavePlacesOfTheirOwn) {
  LineChart chart;
  chart.x_range = {0.0, 1.0};
  chart.x_percent = chart.percent = true;
  chart.low = 0.0;
  chart.high = 1.0;
  chart.x_name = "x";
  ChartSeries stairs{"stairs", {0.0, 0.5, 0.5, 1.0}, {0.0, 0.0, 0.5, 1.0}};
  stairs.marks = {{0.5, 0.5, "half-way"}};
  ChartSeries ideal{"ideal", {0.0, 1.0}, {0.0, 1.0}};
  ideal.reference = true;
  ChartSeries dots{"dots", {0.2, 0.4}, {0.25, 0.75}, true, {"n = 3", "n = 4"}};
  chart.series = {ideal, stairs, dots};
  const auto elements = Parse(LineChartSvg(chart));
  // The reference takes no color, so the first line has the first.
  EXPECT_THAT(OfClass(elements, "reference"), SizeIs(3));  // And the way to its name, the swatch.
  EXPECT_FALSE(OfClass(elements, "line0").empty());
  EXPECT_TRUE(OfClass(elements, "line2").empty());
  EXPECT_THAT(Texts(Named(elements, "title")),
              ElementsAre("stairs\nhalf-way", "dots\nx 25.0 %: 20.0 %\nn = 3",
                          "dots\nx 75.0 %: 40.0 %\nn = 4"));
  EXPECT_THAT(Texts(OfClass(elements, "quiet")),
              IsSupersetOf({"0", "20", "40", "60", "80", "100"}));
  chart.series[1].x.pop_back();
  EXPECT_THROW(LineChartSvg(chart), Error);
}

TEST(SvgChartTest, IsAsHighAsAsked) {
  LineChart chart = Chart({0.5, 0.7});
  chart.height = 430;
  const auto elements = Parse(LineChartSvg(chart));
  EXPECT_EQ(elements.front().Get("viewBox"), "0 0 600 430");
}

TEST(SvgChartTest, SeriesOfAnotherLengthAreErrors) {
  LineChart chart = Chart({1, 2});
  chart.series[0].values.push_back(3);
  ExpectInvalid("'train' has 3 values, expected 2", [&] { LineChartSvg(chart); });
}

TEST(HtmlReportTest, ShowsEverySeries) {
  const auto elements = Parse(TrainingReportHtml(AdversarialReport(5)));
  // Losses, severity, accuracy, under attack, four figures of the classes, rate, correlation.
  EXPECT_THAT(Named(elements, "svg"), SizeIs(10));
  const auto names = Texts(OfClass(elements, "name"));
  for (const char* name :
       {"total", "reconstruction", "severity", "training", "validation", "balanced", "by patient",
        "clean", "under attack", "worst class", "rate"}) {
    EXPECT_THAT(names, Contains(name));
  }
  for (const char* name : {"normal", "mild", "moderate", "severe"}) {
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 4 + (name == std::string("severity")));
  }
  const auto titles = Texts(Named(elements, "title"));
  EXPECT_THAT(titles, Contains(AllOf(HasSubstr("epoch 3"), HasSubstr("mild: 5.1"))));
  EXPECT_THAT(titles, Contains(AllOf(HasSubstr("epoch 3"), HasSubstr("worst class: 25.0 %"))));
}

TEST(HtmlReportTest, MarksTheKeptEpochInEveryChart) {
  const auto elements = Parse(TrainingReportHtml(AdversarialReport(5)));
  EXPECT_EQ(OfClass(elements, "kept").size(), Named(elements, "svg").size());
}

TEST(HtmlReportTest, GivesConfusionMatricesWithCountsAndShares) {
  auto report = AdversarialReport(2);
  report.metrics = {
      {"test",
       {{"frame",
         {{"confusion_matrix", {{7, 1, 0, 0}, {0, 5, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 0}}}}}}}};
  const auto cells = OfClass(Parse(TrainingReportHtml(report)), "cell");
  ASSERT_THAT(cells, SizeIs(16));
  EXPECT_EQ(cells[0].Get("style"), "--share: 0.875");
  EXPECT_EQ(cells[1].Get("style"), "--share: 0.125");
  const auto page = TrainingReportHtml(report);
  EXPECT_THAT(page, HasSubstr("<b>7</b><small>87.5 %</small>"));
  EXPECT_THAT(page, HasSubstr("<b>0</b><small>–</small>"));
}

TEST(HtmlReportTest, GivesTheFinalFiguresOfBothPartsAndOfTheAttack) {
  const auto report = AdversarialReport(3);
  const std::string page = TrainingReportHtml(report);
  const auto headings = Texts(Named(Parse(page), "th"));
  for (const char* text :
       {"by frame", "by patient", "chance", "attacked, by frame", "quadratic weighted κ",
        "balanced accuracy, %", "accuracy of severe, %", "at least moderate, by patient"}) {
    EXPECT_THAT(headings, Contains(text));
  }
  EXPECT_THAT(page, HasSubstr("PGD, 20 steps, ε = 8/255, end to end"));
  // Two parts, two levels, clean and attacked, of 4 x 4.
  EXPECT_THAT(OfClass(Parse(page), "cell"), SizeIs(2 * 2 * 2 * 16));
}

TEST(HtmlReportTest, IntervalsAreOfPatientsOnly) {
  auto report = AdversarialReport(1);
  const ordered_json matrix = {{66, 3, 0, 0}, {21, 69, 0, 0}, {0, 15, 51, 0}, {0, 0, 6, 33}};
  report.metrics = {{"test", {{"patient", {{"accuracy", 219.0 / 264}}}}}};
  report.metrics["test"]["patient"]["confusion_matrix"] = matrix;
  EXPECT_THAT(TrainingReportHtml(report), HasSubstr("83.0 <small>78.0–87.0</small>"));
  report.metrics["test"]["frame"] = report.metrics["test"]["patient"];
  report.metrics["test"].erase("patient");
  EXPECT_THAT(TrainingReportHtml(report), Not(HasSubstr("78.0–87.0")));
}

TEST(HtmlReportTest, ListsTheOptions) {
  const std::string page = TrainingReportHtml(AdversarialReport(3));
  EXPECT_THAT(page, HasSubstr("<th>lr</th><td>0.001</td>"));
  EXPECT_THAT(page, HasSubstr("<th>augment</th><td>on</td>"));
  EXPECT_THAT(page, HasSubstr("<th>fairness</th><td>cfa</td>"));
}

TEST(HtmlReportTest, RoundsTheOptionsForPeople) {
  TrainingReport report = AdversarialReport(3);
  report.options = {{"epsilon", 8.0 / 255},
                    {"seed", 1234567},
                    {"widths", {8, 16}},
                    {"familiarity", {{"evidence", 0.2929850750075082}, {"version", 1}}}};
  const std::string page = TrainingReportHtml(report);
  EXPECT_THAT(page, HasSubstr("<th>epsilon</th><td>0.03137</td>"));
  EXPECT_THAT(page, HasSubstr("<th>seed</th><td>1234567</td>"));
  EXPECT_THAT(page, HasSubstr("<th>widths</th><td>8, 16</td>"));
  EXPECT_THAT(page, HasSubstr("<th>familiarity</th><td>evidence 0.293, version 1</td>"));
}

TEST(HtmlReportTest, IsForResearchUseOnly) {
  EXPECT_THAT(TrainingReportHtml(AdversarialReport(1)), HasSubstr("For research use only"));
}

TEST(HtmlReportTest, TextOfUsersIsNeverMarkup) {
  auto report = AdversarialReport(2);
  const std::string evil = "<script>alert('1')</script>&\"";
  report.title = report.subtitle = evil;
  report.class_names[1] = evil;
  report.terms[1] = evil;
  report.options = {{evil, evil}};
  report.history[0].per_class[3].name = report.history[1].per_class[3].name = evil;
  report.metrics = {{"validation", EvaluationToJson(SomePredictions(), report.class_names)}};
  report.metrics["validation"]["under_attack"] = report.metrics["validation"];
  report.metrics["validation"]["under_attack"]["attack"] = {{"name", evil}};
  const std::string page = TrainingReportHtml(report);
  EXPECT_THAT(Named(Parse(page), "script"), IsEmpty());
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<SCRIPT")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
}

TEST(HtmlReportTest, NeedsNothingBesideItself) {
  std::string page = TrainingReportHtml(AdversarialReport(3));
  for (const Element& element : Parse(page)) {
    EXPECT_EQ(element.Get("src") + element.Get("href"), "") << element.name;
    EXPECT_THAT((std::vector<std::string>{"link", "script", "img", "iframe"}),
                Not(Contains(element.name)));
  }
  EXPECT_THAT(page, Not(HasSubstr("@import")));
  EXPECT_THAT(page, Not(HasSubstr("url(")));
  for (const std::string name :
       {"xmlns=\"http://www.w3.org/1999/xhtml\"", "xmlns=\"http://www.w3.org/2000/svg\""}) {
    for (auto at = page.find(name); at != std::string::npos; at = page.find(name)) {
      page.erase(at, name.size());
    }
  }
  EXPECT_THAT(page, Not(HasSubstr("http")));
}

TEST(HtmlReportTest, HasColorsForLightAndDarkPagesAndForPrint) {
  const auto style = Named(Parse(TrainingReportHtml(AdversarialReport(1))), "style").at(0).text;
  EXPECT_THAT(style, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(style, HasSubstr("@media print"));
  // Each color that is used has a value in both schemes.
  const auto dark = style.find("prefers-color-scheme: dark");
  for (const char* name : {"--paper:", "--ink:", "--quiet:", "--rule:", "--c0:", "--c1:", "--c2:",
                           "--c3:", "--c4:", "--c5:", "--heat:", "--on-heat:"}) {
    EXPECT_LT(style.find(name), dark) << name;
    EXPECT_NE(style.find(name, dark), std::string::npos) << name;
  }
}

TEST(HtmlReportTest, OneEpochIsEnough) {
  const auto elements = Parse(TrainingReportHtml(AdversarialReport(1)));
  EXPECT_THAT(Named(elements, "svg"), SizeIs(10));
  EXPECT_THAT(Texts(OfClass(elements, "quiet")), Contains("1"));
}

TEST(HtmlReportTest, RunsWithoutValidationOrFiguresLeaveTheirPartsOut) {
  auto report = AdversarialReport(3);
  for (EpochRecord& record : report.history) {
    record.validation.reset();
    record.per_class.clear();
  }
  report.metrics = nullptr;
  report.options = nullptr;
  report.kept_epoch = 0;
  const auto elements = Parse(TrainingReportHtml(report));
  EXPECT_THAT(Named(elements, "svg"), SizeIs(3));  // Terms, training accuracy, learning rate.
  EXPECT_THAT(Texts(OfClass(elements, "name")), Not(Contains("validation")));
  EXPECT_THAT(Texts(Named(elements, "h2")), ElementsAre("Course of training"));
  EXPECT_THAT(OfClass(elements, "kept"), IsEmpty());
}

TEST(HtmlReportTest, AnEmptyHistoryIsSaidToBeOne) {
  auto report = AdversarialReport(0);
  EXPECT_THAT(TrainingReportHtml(report), HasSubstr("No epoch was completed"));
}

TEST(HtmlReportTest, MissingAndNullFiguresAreDashes) {
  auto report = AdversarialReport(1);
  report.metrics = {
      {"test",
       {{"frame", {{"accuracy", nullptr}, {"qwk", 0.5}}}, {"patient", {{"accuracy", 0.75}}}}}};
  const std::string page = TrainingReportHtml(report);
  EXPECT_THAT(page, HasSubstr("accuracy, %</th><td>–</td><td>75.0</td>"));
  EXPECT_THAT(page, HasSubstr("κ</th><td>0.500</td><td>–</td>"));
  EXPECT_THAT(page, Not(HasSubstr("Brier")));
}

TEST(HtmlReportTest, IsTheSameForTheSameRun) {
  EXPECT_EQ(TrainingReportHtml(AdversarialReport(4)), TrainingReportHtml(AdversarialReport(4)));
}

TEST(HtmlReportTest, PartsThatDoNotFitAreErrors) {
  auto report = AdversarialReport(2);
  report.history[1].terms.pop_back();
  ExpectInvalid("epoch 2 has 2 values of the loss terms, expected 3",
                [&] { TrainingReportHtml(report); });
  report = AdversarialReport(2);
  report.history[0].per_class[1].values.pop_back();
  ExpectInvalid("epoch 1 has 3 values of beta, expected 4", [&] { TrainingReportHtml(report); });
  report = AdversarialReport(1);
  report.metrics["test"]["frame"]["confusion_matrix"] = {{1, 2}, {3, 4}};
  ExpectInvalid("expected 4 rows", [&] { TrainingReportHtml(report); });
  report.metrics["test"]["frame"]["confusion_matrix"][0][0] = "many";
  ExpectInvalid("expected 4 rows", [&] { TrainingReportHtml(report); });
}

TEST(EvaluationToJsonTest, HoldsTheMatrixAndWhatTheAnswersAreWorthAsTests) {
  const std::vector<std::string> names = {"normal", "mild", "moderate", "severe"};
  const auto figures = EvaluationToJson(SomePredictions(), names);
  for (const char* level : {"frame", "patient"}) {
    const auto& rows = figures.at(level).at("confusion_matrix");
    ASSERT_EQ(rows.size(), 4u);
    int cases = 0, hits = 0;
    for (std::size_t truth = 0; truth < 4; ++truth) {
      int row = 0;
      for (const auto& count : rows[truth]) row += count.get<int>();
      EXPECT_EQ(row, figures.at(level).at("per_class_cases").at(names[truth]));
      cases += row;
      hits += rows[truth][truth].get<int>();
    }
    EXPECT_EQ(cases, figures.at(level).at("cases"));
    EXPECT_DOUBLE_EQ(figures.at(level).at("accuracy"), static_cast<double>(hits) / cases);
    for (const char* key : {"macro_f1", "kappa", "qwk", "mcc", "mae", "within_one", "ece", "brier",
                            "nll", "best_worst", "per_class", "auc_severe"}) {
      EXPECT_TRUE(figures.at(level).contains(key)) << key;
    }
    EXPECT_EQ(figures.at(level).at("per_class_specificity").size(), 4u);
    EXPECT_EQ(figures.at(level).at("at_least").size(), 3u);
  }
  const auto& frame = figures.at("frame");
  // Frames 0, 5, 10, 15 and 20 are answered a grade too high, but for those of the last grade.
  EXPECT_EQ(frame.at("confusion_matrix")[0][1], 1);
  EXPECT_EQ(frame.at("at_least").at("mild").at("sensitivity"), 1.0);
  EXPECT_DOUBLE_EQ(frame.at("at_least").at("mild").at("specificity"), 5.0 / 6);
  EXPECT_EQ(figures.at("chance").at("frame").at("qwk"), 0.0);
}

}  // namespace
}  // namespace hepar
