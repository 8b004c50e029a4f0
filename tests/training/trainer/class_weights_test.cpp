// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/class_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/error.h"
#include "tests/training/support/expect_error.h"

namespace hepar {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::IsEmpty;

// Four pictures: two normal, one mild, one severe.
Dataset FourPictures() {
  Dataset dataset;
  for (const int label : {0, 0, 1, 3}) dataset.samples.push_back({"", label, "", 0});
  return dataset;
}

TEST(ClassWeightsTest, NoneIsTheDefault) {
  EXPECT_THAT(ClassWeights().For(FourPictures(), {0, 1, 2, 3}), IsEmpty());
  EXPECT_EQ(ClassWeights().ToString(), "none");
}

TEST(ClassWeightsTest, BalancedClassesWeighInverselyToTheirPictures) {
  EXPECT_THAT(ClassWeights::Parse("balanced").For(FourPictures(), {0, 1, 2, 3}),
              ElementsAre(DoubleEq(0.5), DoubleEq(1), DoubleEq(0), DoubleEq(1)));
}

TEST(ClassWeightsTest, GivenWeightsAreScaledToMeanOneOverTheTrainingPart) {
  const ClassWeights weights = ClassWeights::Parse("1,2,3,4");
  EXPECT_EQ(weights.ToString(), "1,2,3,4");
  // The pictures weigh 1, 1, 2 and 4.
  EXPECT_THAT(weights.For(FourPictures(), {0, 1, 2, 3}),
              ElementsAre(DoubleEq(0.5), DoubleEq(1), DoubleEq(1.5), DoubleEq(2)));
}

TEST(ClassWeightsTest, WhatIsNoWeightIsRefused) {
  for (const char* text : {"1,2", "1,2,3,4,5", "0,0,0,0"}) {
    ExpectError(ErrorKind::kInvalid, {"expected 4 numbers"}, [&] { ClassWeights::Parse(text); });
  }
  for (const char* text : {"even", "1,2,x,4", "1,2,-3,4", "1,2,inf,4", "nan,1,1,1", ""}) {
    EXPECT_THROW(ClassWeights::Parse(text), Error) << text;
  }
  ExpectError(ErrorKind::kInvalid, {"has the weight 0"}, [] {
    ClassWeights::Parse("0,0,1,0").For(FourPictures(), {0, 1, 2, 3});
  });
}

}  // namespace
}  // namespace hepar
