// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sector_tracker.h"

#include <optional>
#include <utility>

#include "models/image/scan_finder.h"

namespace hepar {
namespace {

// Intersection over union of two masks of one size.
double Overlap(const Sector& a, const Sector& b) {
  const int both = cv::countNonZero(a.mask & b.mask);
  const int either = cv::countNonZero(a.mask | b.mask);
  return either == 0 ? 0.0 : static_cast<double>(both) / either;
}

bool Agree(const Sector& a, const Sector& b) {
  constexpr double kSame = 0.93;
  return Overlap(a, b) >= kSame;
}

}  // namespace

SectorTracker::SectorTracker(const SectorRule& rule) : rule_(rule) {}

const Sector& SectorTracker::Update(cv::Size size, const std::function<cv::Mat()>& luma) {
  return UpdateBySearchPicture(size, [&luma] { return SearchPicture(luma()); });
}

const Sector& SectorTracker::UpdateBySearchPicture(cv::Size size,
                                                   const std::function<cv::Mat()>& search_picture) {
  if (current_.mask.size() != size) {
    Reset();
    std::optional<Sector> first = TryFindSector(size, search_picture, rule_);
    found_ = first.has_value();
    current_ = found_ ? *std::move(first) : WholeFrame(size);
    return current_;
  }
  if (rule_.kind != SectorRule::Kind::kAuto) return current_;
  // In steady state every fourth frame is examined.
  constexpr int kSteadyInterval = 4;
  ++frame_count_;
  if (disagreements_ == 0 && frame_count_ % kSteadyInterval != 0) return current_;

  // A frame without a scan (black, or between two views) does not invalidate the sector.
  std::optional<Sector> found = TryFindSector(size, search_picture, rule_);
  if (!found || Agree(*found, current_)) {
    disagreements_ = 0;
    return current_;
  }
  disagreements_ = disagreements_ > 0 && Agree(*found, candidate_) ? disagreements_ + 1 : 1;
  candidate_ = *std::move(found);

  // A probe that loses contact shows a smaller scan for a while, so shrinking takes more frames. A
  // scan that extends beyond the sector is certain.
  constexpr int kPatience = 5;
  constexpr int kShrinkPatience = 25;
  const int outside = cv::countNonZero(candidate_.mask & ~current_.mask);
  const bool shrinks = found_ && outside < 0.02 * cv::countNonZero(candidate_.mask);
  if (disagreements_ >= (shrinks ? kShrinkPatience : kPatience)) {
    current_ = std::move(candidate_);
    candidate_ = Sector();
    found_ = true;
    disagreements_ = 0;
  }
  return current_;
}

void SectorTracker::Reset() {
  current_ = Sector();
  candidate_ = Sector();
  found_ = false;
  frame_count_ = 0;
  disagreements_ = 0;
}

}  // namespace hepar
