// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "elements/overlay/overlay_patch.h"
#include "elements/overlay/panel_content.h"

namespace hepar {

// A picture of the model's making, for people to look at.
struct OverlayView {
  std::string caption;
  bool color_map = false;  // False: shown in gray, as a scan.
  int size = 0;
  std::vector<std::uint8_t> pixels;  // size x size, row by row.
};

// Draws the parts of the overlay for frames of one size. Of the styles' corners, kAuto stands for
// the upper left one here: where there is room is for the caller to find. Everything scales with
// that size. Parts that do not fit are left out, the least important first, but never "Research use
// only".
//
// Not thread-safe, but may move between threads. Throws Error(kFailed) if Cairo cannot draw.
class OverlayRenderer {
 public:
  // Any size from 1x1 up.
  OverlayRenderer(int frame_width, int frame_height);
  ~OverlayRenderer();

  // The panel, or only "Research use only" if the panel is disabled or does not fit. Never empty.
  OverlayPatch DrawPanel(const OverlayStyle& style, const PanelContent& content) const;

  // How large the panel gets at most with the usual names of the grades, whatever the result.
  OverlayRect LargestPanel(const OverlayStyle& style) const;

  // How far the parts keep from the edge of the frame, in pixels.
  int margin() const;

  // A column of thumbnails on the side opposite the panel. Empty if they do not fit.
  OverlayPatch DrawThumbnails(const OverlayStyle& style,
                              const std::vector<OverlayView>& views) const;

  // `view` stretched over `bounds`, in the colors of the map. The lower a value, the more
  // transparent it is. Empty if the bounds lie outside the frame.
  OverlayPatch DrawOver(const OverlayView& view, const OverlayRect& bounds) const;

  // What the colors of a saliency map mean, with `caption` above: in the corner of the panel's edge
  // on the side opposite it. Empty if it does not fit.
  OverlayPatch DrawLegend(const OverlayStyle& style, const std::string& caption) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar
