// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/panel_placer.h"

#include "elements/overlay/place_map.h"

namespace hepar {
namespace {

constexpr double kLookSeconds = 1.0;
constexpr double kFirstLookSeconds = 0.2;  // While no scan has been seen.
constexpr double kClearlyWorse = 0.08;     // In units of PlaceMap::Cost().
constexpr int kTimesToMove = 3;

// A full panel that costs more gives way to a compact one: it covers text, or is mostly over the
// scan.
constexpr double kCrowded = 0.3;

PanelPlace BestPlace(const PlaceMap& map, const PanelSizes& sizes, int margin) {
  const PanelPlace full = {map.Best(sizes.full.width, sizes.full.height, margin), false};
  if (map.Cost(full.rect) <= kCrowded) return full;
  const PanelPlace compact = {map.Best(sizes.compact.width, sizes.compact.height, margin), true};
  return map.Cost(compact.rect) < map.Cost(full.rect) ? compact : full;
}

}  // namespace

PanelPlace PanelPlacer::Place(double seconds, const GstVideoFrame& frame,
                              const OverlayRect& visible, const PanelSizes& sizes, int margin) {
  const bool same = place_ && sizes_ == sizes;
  const double since = seconds - looked_;
  const double pause = settled_ ? kLookSeconds : kFirstLookSeconds;
  if (same && since >= 0.0 && since < pause) return *place_;
  looked_ = seconds;

  const PlaceMap map(frame, visible);
  const PanelPlace best = BestPlace(map, sizes, margin);
  if (same && settled_) {
    const bool worse =
        map.has_scan() && map.Cost(place_->rect) > map.Cost(best.rect) + kClearlyWorse;
    worse_ = worse ? worse_ + 1 : 0;
    if (worse_ < kTimesToMove) return *place_;
  }
  place_ = best;
  sizes_ = sizes;
  settled_ = map.has_scan();
  worse_ = 0;
  return best;
}

}  // namespace hepar
