// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/data/dataset.h"

namespace hepar {

// `data` with the samples of `extra` behind its own; the digest is of both. Throws Error(kMismatch)
// when their classes differ or a patient is in both.
Dataset Joined(const Dataset& data, const Dataset& extra);

// What an epoch shows of `part` and the `extra_count` samples from index `extra_begin` on: every
// one at least once, and of the scarcer of the two so many again, in turn, that the extra ones are
// `share` of all. Throws Error(kInvalid) unless 0 < share < 1 and neither is empty.
std::vector<int> Mixed(const std::vector<int>& part, int extra_begin, int extra_count,
                       double share);

}  // namespace hepar
