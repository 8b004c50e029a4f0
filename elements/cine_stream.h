// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <string>

#include "models/dicom/cine_header.h"
#include "models/dicom/dicom_pictures.h"
#include "models/warn.h"

// The raw video that a DICOM file becomes, for pad templates.
#define HEPAR_CINE_CAPS                                                                   \
  "video/x-raw, format = (string) { GRAY8, GRAY16_LE, BGR }, width = (int) [ 1, 4096 ], " \
  "height = (int) [ 1, 4096 ], framerate = (fraction) [ 0/1, 2147483647/1 ]"

namespace hepar {

// The largest DICOM file that is read.
constexpr guint64 kMaxCineBytes = G_GUINT64_CONSTANT(4) << 30;

// A DICOM file as a stream of video buffers, for the source and the decoder alike. Not thread-safe.
class CineStream {
 public:
  // Checks the file but decodes nothing. With `loop` the pictures begin again after the last one,
  // for ever, and a still is repeated 25 times a second. `name` stands for the file in messages;
  // what is odd but harmless goes to `warn`. Throws Error(kDamaged).
  CineStream(std::string bytes, const std::string& name, bool loop, Warn warn = {});

  // The stream of a file that holds MPEG-2, MPEG-4 or HEVC; else empty, and without it the
  // functions below make no sense.
  const std::string& video() const { return pictures_.content().video; }

  // All buffers have these caps. A frame rate of 0/1 is that of a still, or of pictures that are
  // shown for different times. The caller owns them.
  GstCaps* MakeCaps() const;

  // How long all pictures are shown; GST_CLOCK_TIME_NONE for a still and for a loop.
  GstClockTime duration() const;
  // How long a picture is shown at most, 0 for a still.
  GstClockTime longest_frame() const;

  // Goes to the picture that is shown at `time`, or to the last one, and returns when it begins.
  GstClockTime Seek(GstClockTime time);
  bool ended() const { return !loop_ && next_ >= count(); }
  GstClockTime now() const { return TimeOf(next_); }  // When the next picture begins.

  // Decodes the next picture into a writable buffer of video of MakeCaps(), which `info` describes,
  // sets its times and its scan meta, and goes on. Throws Error.
  void Fill(GstBuffer* buffer, const GstVideoInfo& info);

  // What the file says of itself, for the bus: "hepar-dicom". No data of the patient. The caller
  // owns it.
  GstStructure* Describe() const;

 private:
  guint64 count() const { return times().size() > 1 ? times().size() - 1 : 1; }
  const std::vector<std::int64_t>& times() const { return header_.times.begins; }
  GstClockTime TimeOf(guint64 number) const;

  DicomPictures pictures_;
  CineHeader header_;
  bool loop_;
  guint64 next_ = 0;  // Counts on in a loop.
};

}  // namespace hepar
