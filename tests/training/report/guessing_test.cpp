// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/guessing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/training/support/expect_error.h"

namespace hepar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> kNames = {"normal", "mild", "moderate", "severe"};

// One case for each label, with the answer beside it.
Predictions Cases(const std::vector<int>& labels, const std::vector<int>& answers) {
  Predictions cases;
  cases.labels = labels;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    std::vector<double> probabilities(kNames.size(), 0.1);
    probabilities[answers[i]] = 0.7;
    cases.probabilities.push_back(probabilities);
    cases.patients.push_back("P" + std::to_string(i));
  }
  return cases;
}

TEST(GuessingTest, OneAnswerForAllIsAsGoodAsGuessing) {
  const auto test = CompareWithGuessing(Cases({0, 1, 2, 3, 2, 2}, {2, 2, 2, 2, 2, 2}), 4);
  EXPECT_EQ(test.cases, 6);
  EXPECT_DOUBLE_EQ(test.balanced_accuracy, 0.25);
  EXPECT_DOUBLE_EQ(test.chance, 0.25);
  EXPECT_EQ(test.p_value, 1.0);
  EXPECT_FALSE(test.IsBetter());
  EXPECT_EQ(test.only_answer, 2);
}

// Of the 24 orders of four different answers one is right, of the 12 of {0, 1, 2, 2} one has three
// right: p is 1/24 and 1/12.
TEST(GuessingTest, PIsTheShareOfOrdersThatAreAsGood) {
  const auto all = CompareWithGuessing(Cases({0, 1, 2, 3}, {0, 1, 2, 3}), 4);
  EXPECT_NEAR(all.p_value, 1.0 / 24, 0.015);
  EXPECT_DOUBLE_EQ(all.balanced_accuracy, 1.0);
  const auto three = CompareWithGuessing(Cases({0, 1, 2, 3}, {0, 1, 2, 2}), 4);
  EXPECT_NEAR(three.p_value, 1.0 / 12, 0.02);
  EXPECT_FALSE(three.IsBetter());
  EXPECT_FALSE(three.only_answer.has_value());
}

// Four in five right is nothing where four in five are of one class and all got its name.
TEST(GuessingTest, UnequalClassesDoNotFlatter) {
  std::vector<int> labels(80, 0), always(100, 0), knows = {};
  labels.resize(100, 3);
  EXPECT_FALSE(CompareWithGuessing(Cases(labels, always), 4).IsBetter());
  // 70 % of either class: less accuracy, and yet an answer that depends on the case.
  for (int i = 0; i < 100; ++i) knows.push_back(i % 10 < 7 ? labels[i] : 3 - labels[i]);
  const auto test = CompareWithGuessing(Cases(labels, knows), 4);
  EXPECT_DOUBLE_EQ(test.chance, 0.5);
  EXPECT_NEAR(test.balanced_accuracy, 0.7, 1e-9);
  EXPECT_TRUE(test.IsBetter());
}

TEST(GuessingTest, NothingCanBeToldWithoutCasesOfTwoClasses) {
  EXPECT_FALSE(CompareWithGuessing({}, 4).IsBetter());
  EXPECT_FALSE(CompareWithGuessing(Cases({1, 1, 1}, {1, 1, 0}), 4).IsBetter());
  ExpectError(ErrorKind::kInvalid, {"7"}, [] { CompareWithGuessing(Cases({7}, {0}), 4); });
}

TEST(GuessingTest, WarningSaysWhatWasSeenAndWhatToTry) {
  const auto constant = CompareWithGuessing(Cases({0, 1, 2, 3}, {2, 2, 2, 2}), 4);
  EXPECT_THAT(GuessingWarning(constant, "validation", kNames, 0.3),
              AllOf(HasSubstr("on the validation part"), HasSubstr("25.00 % of 4 patients"),
                    HasSubstr("every patient is called moderate"), HasSubstr("not learned"),
                    HasSubstr("more --epochs")));
  EXPECT_THAT(GuessingWarning(constant, "test", kNames, 0.95),
              AllOf(HasSubstr("on the test part"), HasSubstr("were learned (95.00 %"),
                    HasSubstr("more patients")));
  const auto few = CompareWithGuessing(Cases({0, 1, 2, 3}, {0, 1, 2, 2}), 4);
  EXPECT_THAT(GuessingWarning(few, "validation", kNames, 0.95),
              AllOf(HasSubstr("too few patients"), HasSubstr("--validation-fraction"),
                    Not(HasSubstr("is called"))));
}

}  // namespace
}  // namespace hepar
