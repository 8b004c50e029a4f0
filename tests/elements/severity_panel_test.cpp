// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/severity_panel.h"

#include <gtest/gtest.h>

#include <limits>

namespace hepar {
namespace {

using State = PanelContent::State;

GstHeparSeverity Graded() {
  GstHeparSeverity severity;
  severity.state = GstHeparState::kGraded;
  severity.grade = 1;
  severity.label = "mild";
  severity.class_names = {"normal", "mild"};
  severity.probabilities = {0.254, 0.746};
  severity.trust = 0.5;
  severity.fresh = true;
  severity.inference_time = 12 * GST_MSECOND + 1;
  return severity;
}

TEST(SeverityPanelTest, RoundsToWhatCanBeSeen) {
  const PanelContent content = PanelContentOf(Graded());
  EXPECT_EQ(content.state, State::kGraded);
  EXPECT_EQ(content.grade, 1);
  EXPECT_EQ(content.label, "mild");
  EXPECT_EQ(content.percents, (std::vector<int>{25, 75}));
  EXPECT_EQ(content.trust_percent, 50);
  EXPECT_EQ(content.inference_tenths, 121) << "rounded up";
  EXPECT_TRUE(content.fresh);
  EXPECT_EQ(content.age_tenths, 0);
}

TEST(SeverityPanelTest, AResultThatWasCarriedOverHasItsAge) {
  GstHeparSeverity severity = Graded();
  severity.fresh = false;
  severity.age = 400 * GST_MSECOND;
  EXPECT_EQ(PanelContentOf(severity).age_tenths, 4);
  severity.age = GST_CLOCK_TIME_NONE;
  EXPECT_EQ(PanelContentOf(severity).age_tenths, 9999999);
}

TEST(SeverityPanelTest, ShowsWhyThereIsNoGrade) {
  GstHeparSeverity severity = Graded();
  severity.grade = -1;
  severity.state = GstHeparState::kUncertain;
  EXPECT_EQ(PanelContentOf(severity).state, State::kUncertain);
  severity.state = GstHeparState::kNotLiver;
  EXPECT_EQ(PanelContentOf(severity).state, State::kNotLiver);
  severity.state = GstHeparState::kUnfamiliar;
  EXPECT_EQ(PanelContentOf(severity).state, State::kUnfamiliar);
  EXPECT_EQ(PanelContentOf(severity).grade, -1);
  severity.grade = 1;
  EXPECT_EQ(PanelContentOf(severity).state, State::kUnfamiliar);
  EXPECT_EQ(PanelContentOf(severity).grade, 1);
}

TEST(SeverityPanelTest, NumbersThatMakeNoSenseAreShownAsZero) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  GstHeparSeverity severity = Graded();
  severity.grade = 99;
  severity.probabilities = {nan, 1e300, -1.0};
  severity.trust = nan;
  const PanelContent content = PanelContentOf(severity);
  EXPECT_EQ(content.state, State::kUncertain);
  EXPECT_EQ(content.grade, -1);
  EXPECT_EQ(content.percents, (std::vector<int>{0, 100, 0}));
  EXPECT_EQ(content.trust_percent, 0);
  EXPECT_EQ(LevelOf({0.5, nan}), 0.0);
}

TEST(SeverityPanelTest, TheLevelIsTheExpectedGradeOverTheHighest) {
  EXPECT_EQ(LevelOf({1.0, 0.0, 0.0, 0.0}), 0.0);
  EXPECT_EQ(LevelOf({0.0, 0.0, 0.0, 1.0}), 1.0);
  EXPECT_NEAR(LevelOf({0.25, 0.25, 0.25, 0.25}), 0.5, 1e-12);
  EXPECT_EQ(LevelOf({}), 0.0);
}

}  // namespace
}  // namespace hepar
