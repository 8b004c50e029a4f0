// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace hepar::cpu {

// Offsets of the picture and the results in the memory of a frame, in floats; kAbsent for what the
// graph does not compute. All are planar. specific, common and planes are adjacent: together they
// are the classifier's input x_c.
struct FrameLayout {
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

  std::size_t picture = 0;
  std::size_t planes = 0;  // Equal to `picture` where nothing has to be selected from it.
  std::size_t specific = kAbsent, common = kAbsent, reconstruction = kAbsent;
  std::size_t auxiliary_logits = kAbsent, logits = kAbsent;
  std::size_t classifier_input = 0;  // x_c.
  std::size_t count = 0;             // Floats of a frame.
};

}  // namespace hepar::cpu
