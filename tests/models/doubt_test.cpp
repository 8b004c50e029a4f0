// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/doubt.h"

#include <gtest/gtest.h>

#include <numeric>

namespace hepar {
namespace {

Familiarity Limits() {
  Familiarity familiarity;
  familiarity.unfamiliar_above = 1.0;
  familiarity.full_doubt_above = 2.0;
  familiarity.evidence = 0.2;
  return familiarity;
}

TEST(DoubtTest, EvidenceFallsFromAllToWhatIsLeftBetweenTheLimits) {
  const Familiarity familiarity = Limits();
  EXPECT_EQ(EvidenceShare(familiarity, 0.0), 1.0);
  EXPECT_EQ(EvidenceShare(familiarity, 1.0), 1.0);
  EXPECT_DOUBLE_EQ(EvidenceShare(familiarity, 1.5), 0.6);  // Half-way.
  EXPECT_DOUBLE_EQ(EvidenceShare(familiarity, 2.0), 0.2);
  EXPECT_DOUBLE_EQ(EvidenceShare(familiarity, 1e9), 0.2);
  double before = 1.0;
  for (double score = 1.01; score < 2.0; score += 0.01) {
    const double share = EvidenceShare(familiarity, score);
    EXPECT_LT(share, before);
    EXPECT_LT(before - share, 0.013);  // 1.5 times the mean slope at most: no step.
    before = share;
  }
}

TEST(DoubtTest, WidenedProbabilitiesKeepTheirOrderAndAreBounded) {
  std::vector<float> p = {0.f, 1.f, 0.f, 0.f};
  WidenDoubt(0.2, &p);
  EXPECT_FLOAT_EQ(p[1], 0.4f);
  EXPECT_FLOAT_EQ(p[0], 0.2f);
  p = {0.1f, 0.5f, 0.3f, 0.1f};
  WidenDoubt(0.4, &p);
  EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-6);
  EXPECT_GT(p[1], p[2]);
  EXPECT_GT(p[2], p[0]);
  EXPECT_FLOAT_EQ(p[0], p[3]);
}

TEST(DoubtTest, WithAllOfTheEvidenceNothingChanges) {
  const std::vector<float> before = {0.1f, 0.7f, 0.2f};
  std::vector<float> p = before;
  WidenDoubt(1.0, &p);
  EXPECT_EQ(p, before);
}

}  // namespace
}  // namespace hepar
