// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/extra_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/error.h"

namespace hepar {
namespace {

using testing::ElementsAre;

Dataset Of(const std::vector<std::string>& patients, const std::string& digest) {
  Dataset dataset;
  dataset.digest = digest;
  for (const auto& patient : patients) dataset.samples.push_back({patient + ".png", 1, patient, 0});
  return dataset;
}

TEST(ExtraDataTest, JoinedHasTheExtraSamplesBehindItsOwn) {
  const Dataset joined = Joined(Of({"A", "A", "B"}, "1"), Of({"C"}, "2"));
  ASSERT_EQ(joined.samples.size(), 4u);
  EXPECT_EQ(joined.samples[0].patient, "A");
  EXPECT_EQ(joined.samples[3].patient, "C");
  EXPECT_NE(joined.digest, Joined(Of({"A", "A", "B"}, "1"), Of({"C"}, "3")).digest);
}

TEST(ExtraDataTest, RefusesAPatientOfBothAndOtherClasses) {
  EXPECT_THROW(Joined(Of({"A"}, "1"), Of({"B", "A"}, "2")), Error);
  Dataset other = Of({"B"}, "2");
  other.class_names = {"normal", "fatty"};
  EXPECT_THROW(Joined(Of({"A"}, "1"), other), Error);
}

TEST(ExtraDataTest, TheScarcerKindComesAgainUntilTheShareIsReached) {
  EXPECT_THAT(Mixed({0, 1}, 10, 4, 0.5), ElementsAre(0, 1, 0, 1, 10, 11, 12, 13));
  EXPECT_THAT(Mixed({0, 1, 2, 3}, 10, 2, 0.5), ElementsAre(0, 1, 2, 3, 10, 11, 10, 11));
  EXPECT_THAT(Mixed({0, 1, 2}, 10, 1, 0.25), ElementsAre(0, 1, 2, 10));
  EXPECT_THAT(Mixed({5}, 10, 3, 0.75), ElementsAre(5, 10, 11, 12));
}

TEST(ExtraDataTest, RefusesSharesAndKindsThatMakeNoMixture) {
  EXPECT_THROW(Mixed({0}, 1, 1, 0.0), Error);
  EXPECT_THROW(Mixed({0}, 1, 1, 1.0), Error);
  EXPECT_THROW(Mixed({}, 0, 1, 0.5), Error);
  EXPECT_THROW(Mixed({0}, 1, 0, 0.5), Error);
}

}  // namespace
}  // namespace hepar
