// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/view_source.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hepar {
namespace {

// Older views belong to another picture than the one that they lie beside or over.
constexpr double kViewHoldSeconds = 1.0;

// How many frames to watch for an inference that may still end.
constexpr std::size_t kMostPending = 32;

}  // namespace

bool IsOver(ViewChoice choice) {
  return choice == ViewChoice::kOverSpecific || choice == ViewChoice::kOverCommon ||
         choice == ViewChoice::kSaliency;
}

bool IsReady(const FrameInference& frame, ViewChoice choice) {
  return choice == ViewChoice::kSaliency ? frame.explained() : frame.decoupled();
}

std::vector<OverlayView> TakeViews(FrameInference* frame, ViewChoice choice) {
  struct Kind {
    ViewChoice choice;
    FeatureView feature;
    const char* caption;
    bool color_map;
  };
  static constexpr Kind kKinds[] = {
      {ViewChoice::kSpecific, FeatureView::kSpecific, "Specific", true},
      {ViewChoice::kCommon, FeatureView::kCommon, "Common", true},
      {ViewChoice::kReconstruction, FeatureView::kReconstruction, "Reconstruction", false},
      {ViewChoice::kOverSpecific, FeatureView::kSpecific, "Specific", true},
      {ViewChoice::kOverCommon, FeatureView::kCommon, "Common", true},
  };
  std::vector<OverlayView> views;
  if (choice == ViewChoice::kSaliency) {
    const SaliencyMap& map = frame->Saliency();
    const std::string& answer = frame->engine().spec().class_names[map.answer];
    views.push_back({"Saliency: " + answer, true, map.size, HeatOf(map)});
    return views;
  }
  for (const Kind& kind : kKinds) {
    if (kind.choice != choice && (choice != ViewChoice::kAll || IsOver(kind.choice))) continue;
    if (!frame->has(kind.feature)) continue;
    hepar::GrayPicture picture = frame->View(kind.feature);
    views.push_back({kind.caption, kind.color_map, picture.size, std::move(picture.pixels)});
  }
  return views;
}

OverlayRect ScaledBounds(const FrameInference& frame, const OverlayRect& visible) {
  const double scale_x = static_cast<double>(visible.width) / std::max(frame.frame_width(), 1);
  const double scale_y = static_cast<double>(visible.height) / std::max(frame.frame_height(), 1);
  const cv::Rect& bounds = frame.bounds();
  const int left = static_cast<int>(std::lround(bounds.x * scale_x));
  const int top = static_cast<int>(std::lround(bounds.y * scale_y));
  return {left, top, static_cast<int>(std::lround((bounds.x + bounds.width) * scale_x)) - left,
          static_cast<int>(std::lround((bounds.y + bounds.height) * scale_y)) - top};
}

bool ViewSource::Update(double now, std::shared_ptr<FrameInference> frame, ViewChoice choice) {
  // What is ready for one choice need not be for another.
  if (std::exchange(choice_, choice) != choice) Clear();
  const auto outdated = [now](const Pending& pending) {
    return std::abs(now - pending.time) > kViewHoldSeconds;
  };
  pending_.erase(std::remove_if(pending_.begin(), pending_.end(), outdated), pending_.end());
  if (outdated(shown_)) shown_.frame = nullptr;

  const bool known = frame == nullptr || frame == shown_.frame ||
                     std::any_of(pending_.begin(), pending_.end(),
                                 [&](const Pending& p) { return p.frame == frame; });
  if (!known) pending_.push_back({now, std::move(frame)});
  if (pending_.size() > kMostPending) pending_.pop_front();

  const auto newest = std::find_if(pending_.rbegin(), pending_.rend(), [choice](const Pending& p) {
    return IsReady(*p.frame, choice);
  });
  if (newest == pending_.rend()) return false;
  shown_ = *newest;
  pending_.erase(pending_.begin(), newest.base());
  return true;
}

void ViewSource::Clear() {
  pending_.clear();
  shown_ = Pending();
}

}  // namespace hepar
