// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "elements/overlay/blend.h"
#include "elements/overlay/overlay_renderer.h"
#include "elements/overlay/panel_placer.h"
#include "elements/overlay/view_source.h"

namespace hepar {

struct OverlaySettings {
  ViewChoice view = ViewChoice::kNone;
  OverlayStyle style;
};

// What is known of one frame.
struct OverlayInput {
  // Stream time in seconds. Empty: the frame follows the one before at the frame rate.
  std::optional<double> time;
  // The result to show, without its trend. Empty: there is none.
  std::optional<PanelContent> result;
  // The result's expected grade over the highest grade, in [0,1]; empty for no liver view.
  std::optional<double> level;
  // The inference that travels with the frame; may be null.
  std::shared_ptr<FrameInference> inference;
};

// The visible part of a frame: all of it, or the rectangle of a crop meta, aligned to whole chroma
// samples.
OverlayRect VisibleRect(const GstVideoFrame& frame);

// What is drawn over one stream: its trend, its views, and the pictures of both, which are drawn
// again only when they change. Not thread-safe.
class StreamOverlay {
 public:
  explicit StreamOverlay(const GstVideoInfo& info) : info_(info) {}

  // The frame rate changed and nothing else.
  void set_info(const GstVideoInfo& info) { info_ = info; }

  // The time of the last frame in seconds: its own, or made up.
  double now() const { return now_; }

  // Draws over `frame`, which is mapped for reading and writing. With `picture`, the scan is there
  // at the left, and the panel gets the strip to its right (elements/overlay/beside.h). Throws
  // Error(kFailed) when it cannot draw. When only the views fail, they are left out from then on,
  // and the exception is returned, once.
  std::exception_ptr Draw(const OverlaySettings& settings, const OverlayInput& input,
                          GstVideoFrame* frame, const OverlayRect* picture = nullptr);

 private:
  struct PanelKey {
    OverlayStyle style;
    PanelContent content;
    std::optional<PanelPlace> place;
  };
  struct ViewsKey {
    ViewChoice view;
    OverlayStyle style;
  };

  double FrameSeconds() const;
  OverlayStyle FindPlace(OverlayStyle style, const GstVideoFrame& frame);
  void UpdatePanel(const OverlayStyle& style, const OverlayInput& input);
  std::exception_ptr UpdateViews(const OverlaySettings& settings, const OverlayInput& input);
  void DrawViews(const OverlaySettings& settings);
  void ForgetViews();

  GstVideoInfo info_;
  double now_ = 0.0;
  OverlayRect visible_;
  OverlayRect picture_;  // All of it, or what a strip leaves.
  std::unique_ptr<OverlayRenderer> renderer_;
  PanelPlacer placer_;
  std::optional<PanelPlace> place_;  // Of the panel; empty: in the corner of its style.
  std::optional<std::pair<OverlayStyle, PanelSizes>> sizes_;  // The sizes of panels of a style.
  OverlayTrend trend_;
  std::optional<PanelKey> panel_key_;  // What `panel_` shows.
  BlendPatch panel_;

  ViewSource source_;
  std::optional<ViewsKey> views_key_;  // What `views_` shows of the source's frame.
  BlendPatch views_, legend_;
  bool views_failed_ = false;
};

}  // namespace hepar
