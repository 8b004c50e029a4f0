// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/grading/grading_schedule.h"

namespace hepar {
namespace {

// However late the frames are, one is graded this often.
constexpr std::uint64_t kLongestWithoutGrade = 1'000'000'000;  // ns

}  // namespace

GradingSchedule::Answer GradingSchedule::Ask(unsigned interval, std::uint64_t running,
                                             const std::optional<std::uint64_t>& earliest) {
  if (wait_ > 0 && wait_ < interval) {
    --wait_;
    return Answer::kBetween;
  }
  const bool late = earliest && running < *earliest;
  if (late && last_due_ && running < *last_due_ + kLongestWithoutGrade) return Answer::kLate;
  wait_ = interval - 1;
  last_due_ = running;
  return Answer::kDue;
}

}  // namespace hepar
