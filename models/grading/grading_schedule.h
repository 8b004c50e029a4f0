// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

namespace hepar {

// Says which frames of a stream are graded: each Nth, without those that come too late, but at
// least one a second. Not thread-safe.
class GradingSchedule {
 public:
  enum class Answer {
    kDue,
    kBetween,  // A frame between two of the interval.
    kLate,
  };

  // Asks for the next frame. `interval` is at least 1; `running` is the frame's running time in ns.
  // A frame with a running time before `earliest` is late.
  Answer Ask(unsigned interval, std::uint64_t running,
             const std::optional<std::uint64_t>& earliest);

  // The next frame is due again.
  void Reset() { *this = GradingSchedule(); }

 private:
  unsigned wait_ = 0;  // Frames until one is due.
  std::optional<std::uint64_t> last_due_;
};

}  // namespace hepar
