// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/class_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/error.h"
#include "tests/training/support/expect_error.h"

namespace hepar {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::Pointwise;
using testing::SizeIs;

constexpr double kTolerance = 1e-9;

std::vector<ClassCounts> Counts(const std::vector<double>& samples,
                                const std::vector<double>& hits) {
  std::vector<ClassCounts> counts(samples.size());
  for (std::size_t k = 0; k < samples.size(); ++k) {
    counts[k].samples = samples[k];
    counts[k].hits = hits[k];
    counts[k].softmax.assign(samples.size(), samples[k] / static_cast<double>(samples.size()));
  }
  return counts;
}

ClassScheduleOptions FromFirstEpoch(double sigma) {
  ClassScheduleOptions options;
  options.sigma = sigma;
  options.begin = 1;
  return options;
}

std::vector<double> In255(std::vector<double> values) {
  for (double& value : values) value *= 255.0;
  return values;
}

TEST(ClassEpsilonTest, IsEquationOne) {
  const double base = 8.0 / 255.0;
  const double expected[] = {.0156862745, .0235294118, .0313725490, .0392156863, .0470588235};
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(ClassEpsilon(0.25 * i, 0.5, base), expected[i], 1e-10);
    EXPECT_NEAR(255 * ClassEpsilon(0.25 * i, 0.3, base), 2.4 + 2 * i, kTolerance);
  }
}

TEST(ClassBetaTest, IsEquationTwo) {
  const double of_six[] = {3. / 4, 9. / 11, 6. / 7, 15. / 17, 9. / 10};
  const double of_one[] = {1. / 3, 3. / 7, 1. / 2, 5. / 9, 3. / 5};
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(ClassBeta(0.25 * i, 0.5, 6), of_six[i], kTolerance);
    EXPECT_NEAR(ClassBeta(0.25 * i, 0.5, 1), of_one[i], kTolerance);
  }
}

TEST(ClassBetaTest, RisesAndLeavesTheCrossEntropyAPositiveWeight) {
  for (double beta : {0.01, 1.0, 6.0, 1e4}) {
    double last = 0.0;
    for (double accuracy = 0.0; accuracy <= 1.0; accuracy += 0.01) {
      const double value = ClassBeta(accuracy, 0.5, beta);
      EXPECT_GT(value, last);
      EXPECT_LT(value, 1.0);
      last = value;
    }
  }
}

TEST(ClassBetaTest, IsTheWeightingOfCfa) {
  const double ce = 0.7, kl = 1.3;
  const double expected[] = {1.15, 1.1965517241, 1.2268292683, 1.24};
  const double accuracies[] = {0, 0.3, 0.7, 1};
  for (int i = 0; i < 4; ++i) {
    const double u = (0.5 + accuracies[i]) * 6;
    const double b = ClassBeta(accuracies[i], 0.5, 6);
    EXPECT_NEAR((1 - b) * ce + b * kl, (ce + u * kl) / (1 + u), kTolerance);
    EXPECT_NEAR((1 - b) * ce + b * kl, expected[i], 1e-10);
  }
}

TEST(ClassScheduleTest, StartsWithAWeightBelowOne) {
  const ClassSchedule schedule{ClassScheduleOptions()};
  EXPECT_THAT(schedule.beta(), ElementsAre(6. / 7, 6. / 7, 6. / 7, 6. / 7));
  EXPECT_THAT(schedule.epsilon(), Each(8. / 255));
  EXPECT_THAT(schedule.weight(), Each(1.0));
}

TEST(ClassScheduleTest, DividesHitsByTheSamplesOfTheClass) {
  ClassSchedule schedule(FromFirstEpoch(0.5));
  const auto seen = schedule.EndEpoch(Counts({90, 66, 39, 69}, {69, 51, 33, 66}));
  ASSERT_THAT(seen, SizeIs(3));
  EXPECT_EQ(seen[2].name, "robust_train_accuracy");
  EXPECT_THAT(seen[2].values, Pointwise(DoubleNear(1e-6), {.766667, .772727, .846154, .956522}));
  EXPECT_THAT(schedule.epsilon(),
              Pointwise(DoubleNear(1e-8), {.03973856, .03992870, .04223228, .04569480}));
  EXPECT_THAT(schedule.beta(),
              Pointwise(DoubleNear(1e-8), {.88372093, .88421053, .88983051, .89732143}));
}

TEST(ClassScheduleTest, ReportsWhatTheEpochUsedNotWhatTheNextWill) {
  ClassSchedule schedule(FromFirstEpoch(0.3));
  const auto first = schedule.EndEpoch(Counts({1, 1, 1, 1}, {1, 0, 1, 0}));
  EXPECT_THAT(In255(first[0].values), Each(DoubleNear(8, kTolerance)));
  const auto second = schedule.EndEpoch(Counts({1, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_THAT(In255(second[0].values), Pointwise(DoubleNear(kTolerance), {10.4, 2.4, 10.4, 2.4}));
}

TEST(ClassScheduleTest, AClassWithoutASampleKeepsWhatItHas) {
  ClassSchedule schedule(FromFirstEpoch(0.3));
  schedule.EndEpoch(Counts({4, 4, 4, 4}, {1, 2, 3, 4}));
  const double epsilon = schedule.epsilon()[2], beta = schedule.beta()[2];
  const auto seen = schedule.EndEpoch(Counts({4, 4, 0, 4}, {4, 4, 0, 4}));
  EXPECT_TRUE(std::isnan(seen[2].values[2]));
  EXPECT_EQ(schedule.epsilon()[2], epsilon);
  EXPECT_EQ(schedule.beta()[2], beta);
  EXPECT_NEAR(255 * schedule.epsilon()[0], 10.4, kTolerance);
}

TEST(ClassScheduleTest, WaitsForItsFirstEpoch) {
  ClassScheduleOptions options;
  options.begin = 3;
  ClassSchedule schedule(options);
  for (int epoch = 1; epoch <= 2; ++epoch) {
    schedule.EndEpoch(Counts({1, 1, 1, 1}, {0, 0, 0, 0}));
    EXPECT_THAT(schedule.epsilon(), Each(8. / 255));
  }
  schedule.EndEpoch(Counts({1, 1, 1, 1}, {0, 0, 0, 0}));
  EXPECT_THAT(In255(schedule.epsilon()), Each(DoubleNear(2.4, kTolerance)));
}

TEST(ClassScheduleTest, ARampRaisesBudgetAndBetaInEqualSteps) {
  ClassScheduleOptions options;
  options.ramp = 4;
  ClassSchedule schedule(options);
  for (const double share : {.25, .5, .75, 1., 1.}) {
    EXPECT_THAT(In255(schedule.epsilon()), Each(DoubleNear(8 * share, kTolerance)));
    EXPECT_THAT(schedule.beta(), Each(DoubleNear(6 * share / (1 + 6 * share), kTolerance)));
    const auto seen = schedule.EndEpoch(Counts({1, 1, 1, 1}, {1, 0, 1, 0}));
    EXPECT_THAT(In255(seen[0].values), Each(DoubleNear(8 * share, kTolerance)));
  }
}

TEST(ClassScheduleTest, ClassesPartWithinTheRampToo) {
  ClassScheduleOptions options = FromFirstEpoch(0.3);
  options.ramp = 4;
  ClassSchedule schedule(options);
  schedule.EndEpoch(Counts({1, 1, 1, 1}, {1, 0, 1, 0}));
  // Half of equations 1 and 2's base values, in the second epoch of four.
  EXPECT_THAT(In255(schedule.epsilon()), Pointwise(DoubleNear(kTolerance), {5.2, 1.2, 5.2, 1.2}));
  EXPECT_THAT(schedule.beta(),
              Pointwise(DoubleNear(kTolerance), {4.5 / 5.5, 1.5 / 2.5, 4.5 / 5.5, 1.5 / 2.5}));
}

TEST(ClassScheduleTest, AClassWithoutASampleStillFollowsTheRamp) {
  ClassScheduleOptions options = FromFirstEpoch(0.3);
  options.ramp = 4;
  ClassSchedule schedule(options);
  schedule.EndEpoch(Counts({1, 1, 1, 1}, {1, 1, 1, 1}));
  schedule.EndEpoch(Counts({1, 1, 0, 1}, {1, 1, 0, 1}));
  EXPECT_THAT(In255(schedule.epsilon()), Each(DoubleNear(0.75 * 10.4, kTolerance)));
}

TEST(ClassScheduleTest, EitherHalfCanBeLeftOut) {
  ClassScheduleOptions options = FromFirstEpoch(0.3);
  options.adapt_epsilon = false;
  ClassSchedule betas(options);
  betas.EndEpoch(Counts({1, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_THAT(betas.epsilon(), Each(8. / 255));
  EXPECT_THAT(betas.beta(), Each(DoubleNear(0.9, kTolerance)));

  options.adapt_epsilon = true;
  options.adapt_beta = false;
  ClassSchedule budgets(options);
  budgets.EndEpoch(Counts({1, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_THAT(In255(budgets.epsilon()), Each(DoubleNear(10.4, kTolerance)));
  EXPECT_THAT(budgets.beta(), Each(DoubleNear(6. / 7, kTolerance)));
}

TEST(ClassScheduleTest, WithoutFairnessNothingChanges) {
  ClassScheduleOptions options = FromFirstEpoch(0.3);
  options.fairness = Fairness::kNone;
  ClassSchedule schedule(options);
  schedule.EndEpoch(Counts({1, 1, 1, 1}, {1, 0, 1, 0}));
  EXPECT_THAT(schedule.epsilon(), Each(8. / 255));
  EXPECT_THAT(schedule.beta(), Each(DoubleNear(6. / 7, kTolerance)));
}

TEST(DafaTest, WeightsFollowTheConfusionOfClasses) {
  const std::vector<std::vector<double>> softmax = {
      {.8, .1, .05, .05}, {.2, .5, .2, .1}, {.1, .3, .4, .2}, {.05, .05, .2, .7}};
  const auto weights = DafaWeights(softmax, 1.0);
  EXPECT_THAT(weights, Pointwise(DoubleNear(kTolerance), {.72, 1.08, 1.37, .83}));
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 4.0, kTolerance);
}

TEST(DafaTest, ScalesBudgetAndLossOnceAfterTheWarmUp) {
  ClassScheduleOptions options;
  options.fairness = Fairness::kDafa;
  options.begin = 2;
  ClassSchedule schedule(options);
  auto counts = Counts({10, 10, 10, 10}, {8, 5, 4, 7});
  const double softmax[4][4] = {{8, 1, .5, .5}, {2, 5, 2, 1}, {1, 3, 4, 2}, {.5, .5, 2, 7}};
  for (int k = 0; k < 4; ++k) counts[k].softmax.assign(softmax[k], softmax[k] + 4);
  schedule.EndEpoch(counts);
  EXPECT_THAT(schedule.weight(), Each(1.0));
  schedule.EndEpoch(counts);
  EXPECT_THAT(schedule.weight(), Pointwise(DoubleNear(kTolerance), {.72, 1.08, 1.37, .83}));
  EXPECT_THAT(In255(schedule.epsilon()),
              Pointwise(DoubleNear(1e-7), {8 * .72, 8 * 1.08, 8 * 1.37, 8 * .83}));
  const auto before = schedule.weight();
  schedule.EndEpoch(Counts({10, 10, 10, 10}, {0, 1, 2, 3}));
  EXPECT_EQ(schedule.weight(), before);
}

TEST(ClassScheduleTest, GoesOnFromItsState) {
  for (const Fairness fairness : {Fairness::kNone, Fairness::kCfa, Fairness::kDafa}) {
    ClassScheduleOptions options = FromFirstEpoch(0.3);
    options.fairness = fairness;
    options.ramp = 3;
    ClassSchedule one(options), other(options);
    const auto go_on = [](ClassSchedule* schedule) {
      // The third class has no sample: it has not parted yet.
      schedule->EndEpoch(Counts({3, 7, 0, 9}, {1, 3, 0, 2}));
    };
    go_on(&one);
    other.Restore(one.State());
    for (int epoch = 0; epoch < 3; ++epoch) {
      EXPECT_EQ(other.epsilon(), one.epsilon());
      EXPECT_EQ(other.beta(), one.beta());
      EXPECT_EQ(other.weight(), one.weight());
      EXPECT_EQ(other.State(), one.State());
      go_on(&one);
      go_on(&other);
    }
  }
}

TEST(ClassScheduleTest, RefusesNumbersOutOfRange) {
  ClassScheduleOptions options;
  options.epsilon = 1.5;
  ExpectError(ErrorKind::kInvalid, {"epsilon"}, [&] { ClassSchedule{options}; });
}

}  // namespace
}  // namespace hepar
