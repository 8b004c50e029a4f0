// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

namespace hepar {

// Tells streams that follow each other (concat, gapless playback) apart by their STREAM_START
// events. Events are sent again when pads are linked anew, so one that repeats the stream's
// identifier and group does not begin another stream. Not thread-safe.
class StreamIdentity {
 public:
  // Takes a STREAM_START event. Returns true if it begins another stream than the one before, false
  // for the first stream too.
  bool Update(GstEvent* event);

  void Reset() { *this = StreamIdentity(); }

 private:
  bool known_ = false;
  std::string id_;
  guint group_ = GST_GROUP_ID_INVALID;
};

}  // namespace hepar
