// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "elements/gstheparseveritymeta.h"

namespace hepar {

// What is known of a result beside the severity.
struct ResultContext {
  std::uint64_t sequence = 0;  // Counts the results of one sender from 0, dropped ones too.
  std::string time;            // Of the clock on the wall: ISO 8601, UTC.
  std::string stream;          // The user's name for the stream. Empty: none.
  std::optional<GstClockTime> stream_time;   // Of the frame that was graded.
  std::optional<GstClockTime> running_time;  // Of the frame that carried the result.
};

// The schema that SeverityJson() follows: docs/result-1.schema.json.
inline constexpr char kResultSchema[] = "gst-hepar/result/1";

// The result as one line of JSON, without a line feed. Text that is no UTF-8 is repaired.
std::string SeverityJson(const GstHeparSeverity& severity, const ResultContext& context);

}  // namespace hepar
