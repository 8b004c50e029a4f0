// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// An end-to-end attack that measures robust accuracy: PGD on the cross-entropy from a random start.
struct RobustCheck {
  double epsilon = 8.0 / 255.0;  // Budget of every picture, in units of the [0,1] input.
  int steps = 10;                // Each a quarter of epsilon long.
};

}  // namespace hepar
