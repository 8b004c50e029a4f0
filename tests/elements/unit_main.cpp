// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Runs the tests of classes, which need GStreamer and the metas but no plugin.
#include <gst/gst.h>
#include <gtest/gtest.h>

#include "elements/gstheparoverlaymeta.h"
#include "elements/gstheparseveritymeta.h"

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  gst_hepar_overlay_meta_register();
  gst_hepar_severity_meta_register();
  testing::InitGoogleTest(&argc, argv);
  const int status = RUN_ALL_TESTS();
  gst_deinit();  // The leaks tracer warns here of objects that outlive the tests.
  return status;
}
