// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/architecture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DecouplerSizesTest, EachHasAShapeAndOthersAreRefusedWithTheirNames) {
  EXPECT_THAT(DecouplerSizes(), ElementsAre("nano", "live", "paper"));
  for (const std::string& size : DecouplerSizes()) {
    const DecouplerShape shape = DecouplerShapeOf(size);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(shape.widths[i] % 4, 0) << size;
      EXPECT_EQ(shape.inner[i] % 4, 0) << size;
    }
  }
  try {
    DecouplerShapeOf("huge");
    FAIL() << "there is no such size";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr("nano, live, paper"));
  }
}

TEST(WithWidthsTest, TakesTheStagesThenTheBlocksAndKeepsTheStride) {
  const DecouplerShape shape = WithWidths(DecouplerShapeOf("paper"), "16,24,40,64,8,12,20,32");
  EXPECT_THAT(shape.widths, ElementsAre(16, 24, 40, 64));
  EXPECT_THAT(shape.inner, ElementsAre(8, 12, 20, 32));
  EXPECT_EQ(shape.stem_stride, DecouplerShapeOf("paper").stem_stride);
}

TEST(WithWidthsTest, RefusesWhatAreNotEightMultiplesOfFour) {
  for (const char* list :
       {"", "16", "16,24,40,64,8,12,20", "16,24,40,64,8,12,20,32,64", "16,24,40,64,8,12,20,",
        "16 24 40 64 8 12 20 32", "16,24,40,64,8,12,20,30", "16,24,40,64,8,12,20,0",
        "16,24,40,64,8,12,20,2048", "16,24,40,64,8,12,20,x"}) {
    try {
      WithWidths(DecouplerShapeOf("live"), list);
      ADD_FAILURE() << "accepted '" << list << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid) << list;
      EXPECT_THAT(error.what(), HasSubstr("expected eight")) << list;
    }
  }
}

}  // namespace
}  // namespace hepar
