// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

namespace hepar {

// Gives a direct subclass of GstPushSrc what every source of frames with times does: buffers from a
// pool for video; a live source holds each frame back until its time and is not seekable, another
// one is seekable forward. Call it in class_init; `klass` may replace single functions after it.
void InstallFrameSource(GstBaseSrcClass* klass);

}  // namespace hepar
