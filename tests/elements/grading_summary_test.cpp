// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/grading_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace hepar {
namespace {

using ::testing::ElementsAre;

struct StructureDeleter {
  void operator()(GstStructure* structure) const { gst_structure_free(structure); }
};
using StructurePtr = std::unique_ptr<GstStructure, StructureDeleter>;

std::vector<double> Array(const StructurePtr& structure, const char* field) {
  std::vector<double> numbers;
  const GValue* array = gst_structure_get_value(structure.get(), field);
  if (array == nullptr) return numbers;
  for (guint i = 0; i < gst_value_array_get_size(array); ++i) {
    numbers.push_back(g_value_get_double(gst_value_array_get_value(array, i)));
  }
  return numbers;
}

guint64 Count(const StructurePtr& structure, const char* field) {
  guint64 value = 0;
  EXPECT_TRUE(gst_structure_get_uint64(structure.get(), field, &value)) << field;
  return value;
}

FrameCounts Counts(guint64 frames, guint64 graded, guint64 skipped = 0, guint64 errors = 0) {
  FrameCounts counts;
  counts.frames = frames;
  counts.graded = graded;
  counts.skipped = skipped;
  counts.errors = errors;
  return counts;
}

GstHeparSeverity Graded(int grade, std::vector<double> raw = {0.5, 0.5}) {
  GstHeparSeverity severity;
  severity.raw_probabilities = std::move(raw);
  severity.state = GstHeparState::kGraded;
  severity.grade = grade;
  severity.label = grade == 0 ? "normal" : "mild";
  severity.probabilities = {0.25, 0.75};
  return severity;
}

TEST(GradingSummaryTest, SumsUpWhatWasGraded) {
  GradingSummary summary;
  summary.Begin(FrameCounts());
  summary.AddResult(Graded(1, {0.2, 0.8}));
  summary.AddResult(Graded(1, {0.6, 0.4}));
  summary.AddSeconds(Graded(1), 0.5);
  summary.AddSeconds(Graded(1), 0.25);
  GstHeparSeverity other;
  other.state = GstHeparState::kUncertain;
  summary.AddSeconds(other, 2.0);
  GstHeparSeverity unfamiliar = Graded(1);
  unfamiliar.state = GstHeparState::kUnfamiliar;
  summary.AddSeconds(unfamiliar, 4.0);
  other.state = GstHeparState::kNotLiver;
  other.raw_probabilities = {1.0, 0.0};
  summary.AddResult(other);
  summary.AddSeconds(other, 3.0);
  summary.AddSeconds(Graded(1), 0.0);

  const StructurePtr structure(summary.ToStructure(Counts(5, 2, 2, 1)));
  EXPECT_STREQ(gst_structure_get_name(structure.get()), "hepar-summary");
  EXPECT_STREQ(gst_structure_get_string(structure.get(), "label"), "mild");
  EXPECT_THAT(Array(structure, "mean-probabilities"),
              ElementsAre(::testing::DoubleNear(0.4, 1e-12), ::testing::DoubleNear(0.6, 1e-12)));
  EXPECT_THAT(Array(structure, "seconds"), ElementsAre(0.0, 0.75));
  gdouble seconds = 0.0;
  EXPECT_TRUE(gst_structure_get_double(structure.get(), "uncertain-seconds", &seconds));
  EXPECT_EQ(seconds, 2.0);
  EXPECT_TRUE(gst_structure_get_double(structure.get(), "unfamiliar-seconds", &seconds));
  EXPECT_EQ(seconds, 4.0);
  EXPECT_TRUE(gst_structure_get_double(structure.get(), "not-liver-seconds", &seconds));
  EXPECT_EQ(seconds, 3.0);
  EXPECT_EQ(Count(structure, "frames"), 5u);
  EXPECT_EQ(Count(structure, "errors"), 1u);
  EXPECT_FALSE(gst_structure_has_field(structure.get(), "fresh"));
}

TEST(GradingSummaryTest, SecondsBeforeTheFirstGradeCount) {
  GradingSummary summary;
  summary.Begin(FrameCounts());
  GstHeparSeverity other;
  other.state = GstHeparState::kNotLiver;
  summary.AddSeconds(other, 3.0);
  summary.AddResult(Graded(1));
  summary.AddSeconds(Graded(1), 1.0);
  const StructurePtr structure(summary.ToStructure(Counts(2, 2)));
  gdouble seconds = 0.0;
  EXPECT_TRUE(gst_structure_get_double(structure.get(), "not-liver-seconds", &seconds));
  EXPECT_EQ(seconds, 3.0);
  EXPECT_THAT(Array(structure, "seconds"), ElementsAre(0.0, 1.0));
}

TEST(GradingSummaryTest, SaysThatNothingWasGraded) {
  GradingSummary summary;
  summary.Begin(FrameCounts());
  const StructurePtr structure(summary.ToStructure(Counts(3, 0, 3)));
  EXPECT_STREQ(gst_structure_get_string(structure.get(), "label"), "not graded");
  EXPECT_STREQ(gst_structure_get_string(structure.get(), "state"), "not-graded");
  gint grade = 0;
  EXPECT_TRUE(gst_structure_get_int(structure.get(), "grade", &grade));
  EXPECT_EQ(grade, -1);
  for (const char* field :
       {"probabilities", "raw-probabilities", "mean-probabilities", "seconds", "class-names"}) {
    EXPECT_FALSE(gst_structure_has_field(structure.get(), field)) << field;
  }
  EXPECT_EQ(Count(structure, "frames"), 3u);
}

TEST(GradingSummaryTest, BeginsAgainWithoutFramesThatAreStillInWork) {
  GradingSummary summary;
  summary.Begin(FrameCounts());
  summary.AddResult(Graded(1, {0.0, 1.0}));
  summary.AddSeconds(Graded(1), 1.0);
  summary.Begin(Counts(10, 6, 2, 1));  // One is in work, and will be counted as skipped.
  summary.AddResult(Graded(1, {1.0, 0.0}));
  const FrameCounts since = summary.Since(Counts(14, 9, 4, 1));
  EXPECT_EQ(since.frames, 4u);
  EXPECT_EQ(since.graded, 3u);
  EXPECT_EQ(since.skipped, 1u);
  EXPECT_EQ(since.errors, 0u);
  const StructurePtr structure(summary.ToStructure(Counts(14, 9, 4, 1)));
  EXPECT_THAT(Array(structure, "mean-probabilities"), ElementsAre(1.0, 0.0));
  EXPECT_THAT(Array(structure, "seconds"), ElementsAre(0.0, 0.0));
}

TEST(GradingSummaryTest, AResultThatIsStillShownCountsItsSecondsAfterANewBegin) {
  GradingSummary summary;
  summary.Begin(FrameCounts());
  summary.AddSeconds(Graded(1), 0.5);
  const StructurePtr structure(summary.ToStructure(Counts(1, 0, 1)));
  EXPECT_THAT(Array(structure, "seconds"), ElementsAre(0.0, 0.5));
  EXPECT_FALSE(gst_structure_has_field(structure.get(), "mean-probabilities"));
}

TEST(GradingSummaryTest, AModelWithOtherClassesBeginsTheMeanAgain) {
  GradingSummary summary;
  summary.Begin(Counts(2, 2));
  summary.AddResult(Graded(1, {0.0, 1.0}));
  summary.AddResult(Graded(1, {0.2, 0.3, 0.5}));
  const StructurePtr structure(summary.ToStructure(Counts(4, 4)));
  EXPECT_THAT(Array(structure, "mean-probabilities"), ElementsAre(0.2, 0.3, 0.5));
  EXPECT_EQ(Count(structure, "frames"), 2u);
}

}  // namespace
}  // namespace hepar
