// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The header that applications include reads what the elements attach and post.
#include <gtest/gtest.h>
#include <hepar/severity.h>

#include "elements/gstheparseveritymeta.h"

namespace {

class PublicHeaderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    gst_init(nullptr, nullptr);
    gst_hepar_severity_meta_register();
  }

  static GstHeparSeverity Example() {
    GstHeparSeverity severity;
    severity.label = "moderate";
    severity.grade = 2;
    severity.state = GstHeparState::kUnfamiliar;
    severity.probabilities = {0.125, 0.125, 0.5, 0.25};
    severity.raw_probabilities = severity.probabilities;
    severity.class_names = {"normal", "mild", "moderate", "severe"};
    severity.confidence = 0.5;
    severity.trust = 0.25;
    severity.familiarity_score = 1.5;
    severity.model_name = "example";
    severity.model_id = "abc";
    severity.fresh = true;
    severity.age = 7;
    return severity;
  }

  static void ExpectExample(const HeparSeverity& read) {
    EXPECT_STREQ(read.label, "moderate");
    EXPECT_EQ(read.grade, 2);
    EXPECT_EQ(read.state, HEPAR_STATE_UNFAMILIAR);
    ASSERT_EQ(read.n_classes, 4u);
    EXPECT_EQ(read.probabilities[2], 0.5);
    EXPECT_STREQ(read.class_names[3], "severe");
    EXPECT_EQ(read.confidence, 0.5);
    EXPECT_EQ(read.trust, 0.25);
    EXPECT_EQ(read.domain_score, -1.0);
    EXPECT_EQ(read.familiarity_score, 1.5);
    EXPECT_STREQ(read.model_name, "example");
    EXPECT_STREQ(read.model_id, "abc");
    EXPECT_TRUE(read.fresh);
    EXPECT_EQ(read.age, 7u);
  }
};

TEST_F(PublicHeaderTest, ReadsABuffer) {
  g_autoptr(GstBuffer) buffer = gst_buffer_new();
  HeparSeverity read;
  EXPECT_FALSE(hepar_severity_from_buffer(buffer, &read));
  gst_buffer_set_hepar_severity(buffer, Example());
  ASSERT_TRUE(hepar_severity_from_buffer(buffer, &read));
  ExpectExample(read);
}

TEST_F(PublicHeaderTest, ReadsAMessage) {
  HeparSeverity read;
  g_autoptr(GstMessage) other = gst_message_new_eos(nullptr);
  EXPECT_FALSE(hepar_severity_from_message(other, &read));
  g_autoptr(GstMessage) stats =
      gst_message_new_element(nullptr, gst_structure_new_empty(HEPAR_MESSAGE_STATS));
  EXPECT_FALSE(hepar_severity_from_message(stats, &read));
  g_autoptr(GstMessage) message = gst_message_new_element(
      nullptr, gst_hepar_severity_to_structure(Example(), HEPAR_MESSAGE_SEVERITY));
  ASSERT_TRUE(hepar_severity_from_message(message, &read));
  ExpectExample(read);
}

TEST_F(PublicHeaderTest, KnowsEveryState) {
  const std::pair<GstHeparState, HeparState> states[] = {
      {GstHeparState::kGraded, HEPAR_STATE_GRADED},
      {GstHeparState::kUncertain, HEPAR_STATE_UNCERTAIN},
      {GstHeparState::kUnfamiliar, HEPAR_STATE_UNFAMILIAR},
      {GstHeparState::kNotLiver, HEPAR_STATE_NOT_LIVER}};
  for (const auto& [state, expected] : states) {
    GstHeparSeverity severity = Example();
    severity.state = state;
    g_autoptr(GstStructure) structure = gst_hepar_severity_to_structure(severity, "any");
    HeparSeverity read;
    ASSERT_TRUE(hepar_severity_from_structure(structure, &read));
    EXPECT_EQ(read.state, expected);
  }
}

TEST_F(PublicHeaderTest, RefusesWhatIsMalformed) {
  HeparSeverity read;
  EXPECT_FALSE(hepar_severity_from_structure(nullptr, &read));
  for (const char* field : {"label", "state", "grade", "probabilities", "class-names"}) {
    g_autoptr(GstStructure) structure = gst_hepar_severity_to_structure(Example(), "any");
    gst_structure_remove_field(structure, field);
    EXPECT_FALSE(hepar_severity_from_structure(structure, &read)) << field;
  }
  GstHeparSeverity many = Example();
  many.probabilities.assign(HEPAR_MAX_CLASSES + 1, 0.0);
  many.class_names.assign(HEPAR_MAX_CLASSES + 1, "class");
  g_autoptr(GstStructure) structure = gst_hepar_severity_to_structure(many, "any");
  EXPECT_FALSE(hepar_severity_from_structure(structure, &read));
}

}  // namespace
