// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <array>
#include <mutex>

namespace hepar {

// What became of the frames of a stream.
struct FrameCounts {
  guint64 frames = 0;
  guint64 graded = 0;
  guint64 skipped = 0;  // Passed on without a result of their own.
  guint64 errors = 0;

  // Frames that are still in work.
  guint64 pending() const { return frames - graded - skipped - errors; }
};

// Counts frames and measures inference times and the frame rate. Thread-safe.
class GradingStats {
 public:
  // Begins at zero.
  void Start();

  // Whether there was a Start().
  bool started() const;

  // A frame arrived at `now`, monotonic time in microseconds.
  void AddFrame(gint64 now);
  void AddGraded(double inference_ms);
  void AddSkipped();
  void AddError();

  // The counts so far. `dropped` frames were handed in for grading and got no result; they count as
  // skipped.
  FrameCounts Count(guint64 dropped) const;

  // The structure `hepar-stats`: Count(dropped), inference times over the last 512 graded frames
  // (ms) and frames per second over the last 64 frames. The caller owns it.
  GstStructure* ToStructure(guint64 dropped) const;

 private:
  double FramesPerSecond() const;

  mutable std::mutex mutex_;
  bool started_ = false;
  FrameCounts counts_;
  std::array<gint64, 64> arrivals_ = {};       // Monotonic time, us.
  std::array<double, 512> inference_ms_ = {};  // Of the last graded frames.
};

}  // namespace hepar
