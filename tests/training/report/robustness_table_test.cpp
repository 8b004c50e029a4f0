// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/robustness_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hepar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

RobustnessRow Row(const std::string& attack, double levels, std::vector<int> hits) {
  RobustnessRow row;
  row.attack = attack;
  row.epsilon = levels / 255;
  row.counts = {150, 0, 114};
  row.hits = std::move(hits);
  return row;
}

// One row of each kind, of 264 pictures; none is of the second class.
RobustnessReport Report() {
  RobustnessReport report;
  report.class_names = {"normal", "mild", "severe"};
  report.patients = 66;
  report.rows = {Row("clean", 0, {120, 0, 99})};
  report.rows.push_back(Row("pgd:steps=3", 8, {75, 0, 0}));
  report.rows.push_back(Row("pgd:scope=image", 8, {120, 0, 57}));
  report.rows[2].holds_features = true;
  report.rows.push_back(Row("fgsm", .5, {120, 0, 99}));
  report.rows[3].source = "theirs";
  report.rows[3].source_id = "abc";
  report.rows[3].eight_bit = true;
  report.rows[3].seconds = 1.5;
  report.rows.push_back(Row("worst case", 8, {0, 0, 0}));
  report.left_out = {{"pgd:feat1=1", "the model has no features"}};
  return report;
}

TEST(RobustnessTableTest, HasEveryRowWithItsInterval) {
  const std::string text = RobustnessTable(Report());
  EXPECT_THAT(text, AllOf(HasSubstr("264 pictures of 66 patients (normal 150, mild 0, severe 114)"),
                          HasSubstr("accuracy %")));
  // 219 of 264, the interval of which is known.
  EXPECT_THAT(text, ::testing::ContainsRegex("clean +82.95 +78.0-87.0 +80.00 +- +86.84"));
  EXPECT_THAT(text, ::testing::ContainsRegex("pgd:steps=3, 8.00/255 +28.41 "));
  EXPECT_THAT(text, ::testing::ContainsRegex("pgd:scope=image \\(weak\\), 8.00/255 +67.05"));
  EXPECT_THAT(text, HasSubstr("fgsm from theirs, 8 bit, 0.50/255"));
  EXPECT_THAT(text, ::testing::ContainsRegex("worst case, 8.00/255 +0.00 +0.0-1.4"));
}

TEST(RobustnessTableTest, SaysWhatItsKindsOfRowsDoNotShow) {
  RobustnessReport report = Report();
  EXPECT_THAT(RobustnessTable(report),
              AllOf(HasSubstr("\nweak: "), HasSubstr("\nfrom NAME: "), HasSubstr("\n8 bit: "),
                    HasSubstr("\nworst case: "),
                    HasSubstr("\nleft out: pgd:feat1=1: the model has no features.\n")));
  report.rows.resize(2);
  report.left_out.clear();
  EXPECT_THAT(RobustnessTable(report),
              AllOf(HasSubstr("\n95 %: "), Not(HasSubstr("weak")), Not(HasSubstr("from NAME")),
                    Not(HasSubstr("8 bit")), Not(HasSubstr("worst")), Not(HasSubstr("left out"))));
}

TEST(RobustnessTableTest, SaysWhatCumulativeRowsCount) {
  RobustnessReport report = Report();
  EXPECT_THAT(RobustnessTable(report), Not(HasSubstr("attacked")));
  EXPECT_EQ(RobustnessToJson(report).at("rows"), "separate");
  report.cumulative = true;
  report.rows[1].attacked = 219;
  EXPECT_THAT(
      RobustnessTable(report),
      AllOf(HasSubstr("\neach row: "), HasSubstr("--rows separate"),
            ::testing::ContainsRegex("pgd:steps=3, 8.00/255 +28.41 +[0-9.-]+ +219 +50.00")));
  EXPECT_EQ(RobustnessToJson(report).at("rows"), "cumulative");
  EXPECT_EQ(RobustnessToJson(report).at("results")[1].at("attacked"), 219);
}

TEST(RobustnessTableTest, JsonHasAllOfIt) {
  const auto json = nlohmann::json::parse(RobustnessToJson(Report()).dump());
  EXPECT_EQ(json.at("pictures"), 264);
  EXPECT_EQ(json.at("patients"), 66);
  EXPECT_EQ(json.at("per_class_pictures").at("severe"), 114);
  ASSERT_EQ(json.at("results").size(), 5u);
  const auto& clean = json.at("results")[0];
  EXPECT_EQ(clean.at("attack"), "clean");
  EXPECT_EQ(clean.at("hits"), 219);
  EXPECT_NEAR(clean.at("accuracy").get<double>(), 219. / 264, 1e-12);
  EXPECT_NEAR(clean.at("wilson")[0].get<double>(), .7795383891, 1e-9);
  EXPECT_NEAR(clean.at("wilson")[1].get<double>(), .8700996496, 1e-9);
  EXPECT_TRUE(clean.at("per_class").at("mild").is_null());
  EXPECT_TRUE(clean.at("source").is_null());
  EXPECT_EQ(clean.at("gradients"), "end2end");
  EXPECT_FALSE(clean.at("eight_bit").get<bool>());
  EXPECT_FALSE(clean.at("weak").get<bool>());
  const auto& weak = json.at("results")[2];
  EXPECT_EQ(weak.at("gradients"), "image");
  EXPECT_TRUE(weak.at("weak").get<bool>());
  const auto& transferred = json.at("results")[3];
  EXPECT_EQ(transferred.at("source"), "theirs");
  EXPECT_EQ(transferred.at("source_id"), "abc");
  EXPECT_TRUE(transferred.at("eight_bit").get<bool>());
  EXPECT_EQ(transferred.at("seconds"), 1.5);
  EXPECT_EQ(json.at("left_out")[0].at("attack"), "pgd:feat1=1");
  EXPECT_EQ(json.at("left_out")[0].at("reason"), "the model has no features");
}

TEST(RobustnessRowTest, CountsByClass) {
  RobustnessRow row;
  row.counts = row.hits = {0, 0};
  row.Add(1, true);
  row.Add(1, false);
  row.Add(0, true);
  EXPECT_EQ(row.Pictures(), 3);
  EXPECT_EQ(row.Hits(), 2);
  EXPECT_THAT(row.counts, ::testing::ElementsAre(1, 2));
  EXPECT_THAT(row.hits, ::testing::ElementsAre(1, 1));
  EXPECT_THROW(row.Add(2, true), std::out_of_range);
}

}  // namespace
}  // namespace hepar
