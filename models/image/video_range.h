// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

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

// The parts of that rule, for a frame that is not in this memory: a frame whose samples are to be
// counted at all, which ones (BrightnessBytesOf() of every kDarkRowStep-th row that are at most
// kDarkestLuma), and the decision.
constexpr int kDarkRowStep = 8;
constexpr int kDarkestLuma = 4;  // Of 255. Overshoot below 16 rarely goes this far.
bool MayShowFullRange(const FrameView& frame);
bool IsFullRange(std::ptrdiff_t dark, std::ptrdiff_t all);

}  // namespace hepar
