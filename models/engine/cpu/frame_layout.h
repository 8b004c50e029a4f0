// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace hepar::cpu {

// Where the picture and the results of a frame lie in its memory, in floats; kNowhere for what the
// graph does not compute. Maps are planar, and specific, common and planes follow each other:
// together they are the classifier's input x_c.
struct FrameLayout {
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  std::size_t picture = 0;  // Where the picture itself is the planes, the same place.
  std::size_t planes = 0;
  std::size_t specific = kNowhere, common = kNowhere, reconstruction = kNowhere;
  std::size_t auxiliary_logits = kNowhere, logits = kNowhere;
  std::size_t classifier_input = 0;  // Where x_c begins.
  std::size_t count = 0;             // Of all.
};

}  // namespace hepar::cpu
