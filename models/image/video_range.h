// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/image/frame_view.h"

namespace hepar {

// Whether a frame that is said to be in video range (black 16) shows that it is not: a part of its
// luma that no overshoot of a filter or a codec explains (2 % of the samples) is as dark as 4 or
// less. Scanner captures are often encoded in full range and left unmarked, which players take for
// video range; the black around the sector then gives them away, which expanding the range would
// clip and a grade by brightness suffer from.
//
// Reads every eighth row. False for a frame in full range and for R'G'B'. `frame` must be valid, as
// FrameReader checks it.
bool ShowsFullRange(const FrameView& frame);

}  // namespace hepar
