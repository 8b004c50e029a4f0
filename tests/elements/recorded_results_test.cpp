// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/recorded_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "elements/severity_json.h"
#include "models/error.h"
#include "tests/training/support/temp_folder.h"

namespace hepar {
namespace {

using ::testing::HasSubstr;

GstHeparSeverity Severity(int grade) {
  GstHeparSeverity severity;
  severity.class_names = {"normal", "mild"};
  severity.grade = grade;
  severity.state = grade < 0 ? GstHeparState::kNotLiver : GstHeparState::kGraded;
  severity.label = grade < 0 ? "not a liver view" : severity.class_names[grade];
  severity.probabilities = {0.1, 0.9};
  severity.raw_probabilities = {1.0 / 3.0, 2.0 / 3.0};
  severity.confidence = 0.9;
  severity.trust = 0.7;
  severity.familiarity_score = 0.123456789012345;
  severity.model_name = "m";
  severity.model_id = "00ff";
  severity.fresh = true;
  severity.inference_time = 5 * GST_MSECOND + 1;
  return severity;
}

// The line of a frame at `ms`, graded `age_ms` before.
std::string Line(std::uint64_t sequence, int ms, int grade, int age_ms = 0,
                 const std::string& stream = "") {
  ResultContext context;
  context.sequence = sequence;
  context.time = "2026-01-02T03:04:05Z";
  context.stream = stream;
  context.stream_time = static_cast<GstClockTime>(ms - age_ms) * GST_MSECOND;
  GstHeparSeverity severity = Severity(grade);
  severity.age = static_cast<GstClockTime>(age_ms) * GST_MSECOND;
  severity.fresh = age_ms == 0;
  return SeverityJson(severity, context) + "\n";
}

class RecordedResultsTest : public ::testing::Test {
 protected:
  RecordedResults Read(const std::string& content, const RecordedSelection& selection = {}) {
    return RecordedResults(folder_.Write("results.jsonl", content), selection);
  }

  // The message of the error that reading `content` throws.
  std::string ErrorOf(const std::string& content, const RecordedSelection& selection = {}) {
    try {
      Read(content, selection);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TempFolder folder_;
};

TEST_F(RecordedResultsTest, GivesTheLastResultAtOrBeforeATime) {
  const RecordedResults results = Read(Line(0, 100, 0) + "\n" + Line(1, 200, 1, 60));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results.first(), 100 * GST_MSECOND);
  EXPECT_EQ(results.last(), 200 * GST_MSECOND);
  EXPECT_EQ(results.At(98 * GST_MSECOND), nullptr);
  // Matroska would round 99.6 ms to 100 and 99.4 to 99.
  ASSERT_NE(results.At(99 * GST_MSECOND), nullptr);
  EXPECT_EQ(results.At(99 * GST_MSECOND)->severity.grade, 0);
  EXPECT_EQ(results.At(198 * GST_MSECOND)->severity.grade, 0);
  const RecordedResult* last = results.At(900 * GST_SECOND);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->severity.grade, 1);
  EXPECT_EQ(last->graded_time, 140 * GST_MSECOND);
}

TEST_F(RecordedResultsTest, ReadsEveryFieldAsItWasWritten) {
  const RecordedResults results = Read(Line(0, 0, 1));
  const GstHeparSeverity& read = results.At(0)->severity;
  const GstHeparSeverity written = Severity(1);
  EXPECT_EQ(read.label, written.label);
  EXPECT_EQ(read.grade, written.grade);
  EXPECT_EQ(read.state, written.state);
  EXPECT_EQ(read.class_names, written.class_names);
  EXPECT_EQ(read.probabilities, written.probabilities);
  EXPECT_EQ(read.raw_probabilities, written.raw_probabilities);
  EXPECT_EQ(read.confidence, written.confidence);
  EXPECT_EQ(read.trust, written.trust);
  EXPECT_EQ(read.domain_score, std::nullopt);
  EXPECT_EQ(read.familiarity_score, written.familiarity_score);
  EXPECT_EQ(read.model_name, written.model_name);
  EXPECT_EQ(read.model_id, written.model_id);
  EXPECT_EQ(read.inference_time, written.inference_time);
  EXPECT_TRUE(read.fresh);
  const RecordedResults ungraded = Read(Line(0, 0, -1));
  EXPECT_EQ(ungraded.At(0)->severity.grade, -1);
  EXPECT_EQ(ungraded.At(0)->severity.state, GstHeparState::kNotLiver);
}

TEST_F(RecordedResultsTest, TakesOneRunOfSeveral) {
  const std::string content =
      Line(0, 0, 0) + Line(1, 40, 0) + Line(0, 0, 1) + Line(1, 40, 1) + Line(2, 80, 1);
  EXPECT_EQ(Read(content).size(), 3u);
  EXPECT_EQ(Read(content, {"", 0}).size(), 2u);
  EXPECT_EQ(Read(content, {"", -2}).At(0)->severity.grade, 0);
  EXPECT_THAT(ErrorOf(content, {"", 2}), HasSubstr("2 runs"));
  EXPECT_THAT(ErrorOf(content, {"", -3}), HasSubstr("2 runs"));
}

TEST_F(RecordedResultsTest, TakesOneStreamOfSeveral) {
  const std::string content = Line(0, 0, 0, 0, "a") + Line(0, 0, 1, 0, "b") +
                              Line(1, 40, 0, 0, "a") + Line(1, 40, 1, 0, "b");
  EXPECT_THAT(ErrorOf(content), HasSubstr("several streams, such as 'a' and 'b'"));
  EXPECT_EQ(Read(content, {"b", -1}).size(), 2u);
  EXPECT_EQ(Read(content, {"b", -1}).At(0)->severity.grade, 1);
  EXPECT_THAT(ErrorOf(content, {"c", -1}), HasSubstr("no result of the stream 'c'"));
}

TEST_F(RecordedResultsTest, LeavesOutALineThatTheEndCutOff) {
  const std::string whole = Line(0, 0, 0) + Line(1, 40, 1);
  const RecordedResults results = Read(whole.substr(0, whole.size() - 20));
  EXPECT_TRUE(results.cut_off());
  EXPECT_EQ(results.size(), 1u);
  EXPECT_FALSE(Read(whole).cut_off());
  EXPECT_FALSE(Read(whole.substr(0, whole.size() - 1)).cut_off());
}

TEST_F(RecordedResultsTest, NamesTheLineThatIsNoResult) {
  const auto changed = [](const std::function<void(nlohmann::json*)>& change) {
    auto line = nlohmann::json::parse(Line(1, 40, 1));
    change(&line);
    return Line(0, 0, 0) + line.dump() + "\n" + Line(2, 80, 0);
  };
  const auto with = [&](const char* name, const nlohmann::json& value) {
    return changed([&](nlohmann::json* line) { (*line)[name] = value; });
  };
  for (const std::string& content :
       {with("schema", "gst-hepar/result/2"), with("state", "fine"), with("grade", 2),
        with("grade", -1), with("probabilities", {0.5}), with("probabilities", {0.5, 1.5}),
        with("classes", nlohmann::json::array()), with("stream_time", -1), with("age", 1e300),
        with("confidence", "high"), with("fresh", 1), with("model", 7),
        changed([](nlohmann::json* line) { line->erase("trust"); }),
        Line(0, 0, 0) + "hello\n" + Line(2, 80, 0), Line(0, 0, 0) + "[]\n" + Line(2, 80, 0),
        Line(0, 0, 0) + std::string(50000, '[') + "\n" + Line(2, 80, 0),
        Line(0, 0, 0) + std::string(70000, 'x') + "\n" + Line(2, 80, 0)}) {
    EXPECT_THAT(ErrorOf(content), HasSubstr("line 2 is no result")) << content.substr(0, 2000);
  }
  // Fields that later versions may add are no fault.
  EXPECT_EQ(Read(with("more", {{"a", {1, 2}}})).size(), 3u);
}

TEST_F(RecordedResultsTest, RefusesAFileWithoutResults) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("no result; record them"));
  auto line = nlohmann::json::parse(Line(0, 0, 0));
  line["stream_time"] = nullptr;
  EXPECT_THAT(ErrorOf(line.dump() + "\n"), HasSubstr("none of the results has a stream time"));
  EXPECT_THROW(RecordedResults(folder_ / "none.jsonl", {}), Error);
}

}  // namespace
}  // namespace hepar
