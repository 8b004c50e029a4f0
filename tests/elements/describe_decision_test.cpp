// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/describe_decision.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

ModelSpec Spec() {
  ModelSpec spec;
  spec.name = "liver";
  spec.id = "abc";
  spec.class_names = {"normal", "mild"};
  spec.out_of_domain_above = 4.0;
  return spec;
}

SeveritySmoother::Decision Decision() {
  SeveritySmoother::Decision decision;
  decision.probabilities = {0.25f, 0.75f};
  decision.grade = 1;
  decision.confidence = 0.75f;
  decision.trust = 0.5f;
  decision.domain_score = 1.0;
  return decision;
}

TEST(DescribeDecisionTest, AGradeHasTheNameOfItsClass) {
  const GstHeparSeverity severity = DescribeDecision(Decision(), Spec());
  EXPECT_EQ(severity.state, GstHeparState::kGraded);
  EXPECT_EQ(severity.grade, 1);
  EXPECT_EQ(severity.label, "mild");
  EXPECT_EQ(severity.probabilities, (std::vector<double>{0.25, 0.75}));
  EXPECT_EQ(severity.class_names, Spec().class_names);
  EXPECT_EQ(severity.confidence, 0.75);
  EXPECT_EQ(severity.trust, 0.5);
  EXPECT_EQ(severity.domain_score, 0.25) << "over the model's limit";
  EXPECT_EQ(severity.model_name, "liver");
  EXPECT_EQ(severity.model_id, "abc");
}

TEST(DescribeDecisionTest, WithoutAGradeTheStateSaysWhy) {
  SeveritySmoother::Decision decision = Decision();
  decision.grade.reset();
  EXPECT_EQ(DescribeDecision(decision, Spec()).state, GstHeparState::kUncertain);
  EXPECT_EQ(DescribeDecision(decision, Spec()).label, "uncertain");
  EXPECT_EQ(DescribeDecision(decision, Spec()).grade, -1);
  decision.out_of_domain = true;
  EXPECT_EQ(DescribeDecision(decision, Spec()).state, GstHeparState::kNotLiver);
  EXPECT_EQ(DescribeDecision(decision, Spec()).label, "not a liver view");
}

TEST(DescribeDecisionTest, AnUnfamiliarViewMayHaveAGrade) {
  ModelSpec spec = Spec();
  spec.familiarity = Familiarity{{}, 2.0, 2.2, 0.25};
  SeveritySmoother::Decision decision = Decision();
  decision.unfamiliar = true;
  decision.familiarity_score = 3.0;
  const GstHeparSeverity graded = DescribeDecision(decision, spec);
  EXPECT_EQ(graded.state, GstHeparState::kUnfamiliar);
  EXPECT_EQ(graded.grade, 1);
  EXPECT_EQ(graded.label, "mild");
  EXPECT_EQ(graded.familiarity_score, 1.5) << "over the model's limit";
  decision.grade.reset();
  const GstHeparSeverity withheld = DescribeDecision(decision, spec);
  EXPECT_EQ(withheld.state, GstHeparState::kUnfamiliar);
  EXPECT_EQ(withheld.label, "unfamiliar");
  EXPECT_EQ(withheld.grade, -1);
}

TEST(DescribeDecisionTest, AModelWithoutALimitHasNoDomainScore) {
  ModelSpec spec = Spec();
  spec.out_of_domain_above.reset();
  EXPECT_FALSE(DescribeDecision(Decision(), spec).domain_score.has_value());
}

}  // namespace
}  // namespace hepar
