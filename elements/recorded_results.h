// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "elements/gstheparseveritymeta.h"

namespace hepar {

// A result that heparpublish wrote, and when it was on the picture.
struct RecordedResult {
  GstClockTime frame_time = 0;   // Stream time of the frame that carried it.
  GstClockTime graded_time = 0;  // Stream time of the frame that was graded.
  GstHeparSeverity severity;     // `age` and `fresh` are those of the frame that carried it.
};

// Which lines of a file are taken.
struct RecordedSelection {
  std::string stream;  // Only lines of this `stream`. Empty: any.
  int run = -1;        // A file holds one run after the other: 0 the first; -1 the last, -2 ...
};

// The results of one run of heparpublish, in the order of their frames. A value: copies are
// independent, and reading from several threads needs no lock.
class RecordedResults {
 public:
  RecordedResults() = default;
  // Reads lines of the schema `gst-hepar/result/1` (docs/publish.md) from the file `path`. A last
  // line that was cut off by the end of the writer is left out; cut_off() says so. Throws Error:
  // kNotFound or kUnreadable if the file cannot be read or is larger than 1 GiB, kDamaged if
  // another line is no result (naming its number), kInvalid if the selection takes none, or takes
  // those of several streams.
  RecordedResults(const std::string& path, const RecordedSelection& selection);

  // The last result whose frame was not later than the stream time `time`, no matter how long ago.
  // Containers round times to milliseconds, so one up to kRounding later counts as now. Null:
  // there is none.
  const RecordedResult* At(GstClockTime time) const;

  bool empty() const { return results_.empty(); }
  std::size_t size() const { return results_.size(); }
  GstClockTime first() const { return results_.front().frame_time; }  // Of results that are not
  GstClockTime last() const { return results_.back().frame_time; }    // empty.
  bool cut_off() const { return cut_off_; }

  static constexpr GstClockTime kRounding = GST_MSECOND;

 private:
  std::vector<RecordedResult> results_;  // By frame_time.
  bool cut_off_ = false;
};

}  // namespace hepar
