// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/repeat_limiter.h"

namespace hepar {

bool RepeatLimiter::Allow(const std::string& text, gint64 now) {
  if (text == text_ && now - time_ <= G_TIME_SPAN_SECOND) return false;
  text_ = text;
  time_ = now;
  return true;
}

}  // namespace hepar
