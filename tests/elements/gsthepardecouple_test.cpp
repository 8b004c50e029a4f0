// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <string>

#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

TEST(HeparDecoupleTest, RunsTheNetworksOnlyWhenEager) {
  for (const bool eager : {false, true}) {
    Pipe pipe(std::string("hepardecouple device=cpu eager=") + (eager ? "true" : "false") +
              " model=" + TinyModel());
    const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
    const auto frame = gst_buffer_get_hepar_frame(out.get());
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->decoupled(), eager);
    EXPECT_FALSE(frame->classified());
  }
}

}  // namespace
}  // namespace hepar::testing
