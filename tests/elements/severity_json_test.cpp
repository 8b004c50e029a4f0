// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/severity_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hepar {
namespace {

GstHeparSeverity Mild() {
  GstHeparSeverity severity;
  severity.label = "mild";
  severity.grade = 1;
  severity.state = GstHeparState::kGraded;
  severity.probabilities = {0.25, 0.75};
  severity.raw_probabilities = {0.5, 0.5};
  severity.class_names = {"normal", "mild"};
  severity.confidence = 0.75;
  severity.trust = 0.125;
  severity.domain_score = 0.5;
  severity.model_name = "m";
  severity.model_id = "00ff";
  severity.age = 500 * GST_MSECOND;
  severity.inference_time = 250 * GST_MSECOND;
  return severity;
}

TEST(SeverityJsonTest, WritesEveryFieldOnOneLine) {
  ResultContext context;
  context.sequence = 7;
  context.time = "2026-01-02T03:04:05Z";
  context.stream = "room 3";
  context.stream_time = 1500 * GST_MSECOND;
  const std::string text = SeverityJson(Mild(), context);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text,
            R"({"schema":"gst-hepar/result/1","sequence":7,"time":"2026-01-02T03:04:05Z",)"
            R"("stream":"room 3","stream_time":1.5,"running_time":null,"state":"graded",)"
            R"("label":"mild","grade":1,"confidence":0.75,"trust":0.125,)"
            R"("classes":["normal","mild"],"probabilities":[0.25,0.75],)"
            R"("raw_probabilities":[0.5,0.5],"domain_score":0.5,"familiarity_score":null,)"
            R"("model":{"name":"m","id":"00ff"},"fresh":false,"age":0.5,"inference_time":0.25})");
}

TEST(SeverityJsonTest, ATextOfAStrangerStaysJson) {
  GstHeparSeverity severity = Mild();
  severity.grade = -1;
  severity.state = GstHeparState::kNotLiver;
  severity.label = "\"\n\xff";
  const std::string text = SeverityJson(severity, {});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line["label"], "\"\n\xef\xbf\xbd");
  EXPECT_TRUE(line["grade"].is_null());
  EXPECT_EQ(line["state"], "not-liver");
  EXPECT_FALSE(line.contains("stream"));
}

}  // namespace
}  // namespace hepar
