// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/image/frame_view.h"

namespace hepar {

// Detects frames that are marked as video range (black is 16) but hold full range: at least 2 % of
// the luma samples are 4 or less, more than the overshoot of a filter or codec explains. Scanner
// captures are often encoded in full range without a mark, and players then assume video range.
// Expanding their range would clip the black around the sector and falsify brightness, which grades
// depend on.
//
// Reads every eighth row. False for frames marked as full range and for R'G'B'. `frame` must be
// valid, as FrameReader requires.
bool ShowsFullRange(const FrameView& frame);

}  // namespace hepar
