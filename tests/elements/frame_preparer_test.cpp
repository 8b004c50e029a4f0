// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/frame_preparer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

EngineRef Engine1(unsigned seed = 1) {
  EngineConfig config;
  config.model = testing::TinyModel(seed);
  config.device = "cpu";
  return ModelSlot::Open(config);
}

class Picture {
 public:
  explicit Picture(std::uint8_t dark = 30) : pixels_(96 * 80) {
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = i / 8 % 2 ? 200 : dark;
    view_.width = 96;
    view_.height = 80;
    view_.planes[0] = pixels_.data();
    view_.strides[0] = 96;
  }
  FrameView view(bool limited_range = false) const {
    FrameView view = view_;
    view.limited_range = limited_range;
    return view;
  }

 private:
  std::vector<std::uint8_t> pixels_;
  FrameView view_;
};

TEST(FramePreparerTest, PreparesForTheEngine) {
  FramePreparer preparer;
  const EngineRef engine = Engine1(), other = Engine1(2);
  const Picture picture;
  EXPECT_EQ(&preparer.Prepare(engine, "", picture.view())->engine(), engine.get());
  EXPECT_EQ(&preparer.Prepare(other, "", picture.view())->engine(), other.get());
}

TEST(FramePreparerTest, ASectorOverridesTheModels) {
  FramePreparer preparer;
  const EngineRef engine = Engine1();
  const Picture picture;
  EXPECT_EQ(preparer.Prepare(engine, "8,4,40,60", picture.view())->bounds(),
            cv::Rect(8, 4, 40, 60));
  EXPECT_EQ(preparer.Prepare(engine, "full", picture.view())->bounds(), cv::Rect(0, 0, 96, 80));
  EXPECT_THROW(preparer.Prepare(engine, "half", picture.view()), Error);
}

TEST(FramePreparerTest, NoticesAWrongRangeUntilAReset) {
  FramePreparer preparer;
  EXPECT_FALSE(preparer.has_wrong_range());
  preparer.Prepare(Engine1(), "", Picture(0).view(true));
  EXPECT_TRUE(preparer.has_wrong_range());
  preparer.Reset();
  EXPECT_FALSE(preparer.has_wrong_range());
}

}  // namespace
}  // namespace hepar
