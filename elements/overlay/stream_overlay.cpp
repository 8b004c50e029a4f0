// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/stream_overlay.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace hepar {
namespace {

// For streams that have neither timestamps nor a frame rate.
constexpr double kDefaultFrameSeconds = 0.04;

// The visible part of the frame: all of it, or the rectangle of a crop meta, aligned to whole
// chroma samples.
OverlayRect VisibleRect(const GstVideoFrame& frame) {
  const int width = GST_VIDEO_FRAME_WIDTH(&frame);
  const int height = GST_VIDEO_FRAME_HEIGHT(&frame);
  const GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(frame.buffer);
  if (crop == nullptr) return {0, 0, width, height};
  const gint64 left = (static_cast<gint64>(crop->x) + 1) & ~gint64{1};
  const gint64 top = (static_cast<gint64>(crop->y) + 1) & ~gint64{1};
  const gint64 right = std::min<gint64>(static_cast<gint64>(crop->x) + crop->width, width);
  const gint64 bottom = std::min<gint64>(static_cast<gint64>(crop->y) + crop->height, height);
  if (left >= right || top >= bottom) return {0, 0, width, height};
  return {static_cast<int>(left), static_cast<int>(top), static_cast<int>(right - left),
          static_cast<int>(bottom - top)};
}

}  // namespace

std::exception_ptr StreamOverlay::Draw(const OverlaySettings& settings, const OverlayInput& input,
                                       GstVideoFrame* frame) {
  now_ = input.time.value_or(now_ + FrameSeconds());
  const OverlayRect visible = VisibleRect(*frame);
  if (renderer_ == nullptr || !(visible == visible_)) {
    visible_ = visible;
    renderer_ = std::make_unique<OverlayRenderer>(visible.width, visible.height);
    panel_key_.reset();
    views_key_.reset();
  }

  std::exception_ptr error = UpdateViews(settings, input);
  UpdatePanel(settings.style, input);
  Blend(views_, frame);
  Blend(panel_, frame);  // On top, so that no view hides it.
  return error;
}

double StreamOverlay::FrameSeconds() const {
  const int rate = GST_VIDEO_INFO_FPS_N(&info_);
  return rate > 0 ? static_cast<double>(GST_VIDEO_INFO_FPS_D(&info_)) / rate : kDefaultFrameSeconds;
}

void StreamOverlay::UpdatePanel(const OverlayStyle& style, const OverlayInput& input) {
  PanelContent content;
  if (input.result) {
    content = *input.result;
    trend_.Add(now_, input.level, content.grade);
    if (style.panel && style.trend) content.trend = trend_.points();
  }
  if (panel_key_ && panel_key_->style == style && panel_key_->content == content) return;
  panel_ = MakeBlend(renderer_->DrawPanel(style, content), info_, visible_.x, visible_.y);
  panel_key_ = PanelKey{style, std::move(content)};
}

std::exception_ptr StreamOverlay::UpdateViews(const OverlaySettings& settings,
                                              const OverlayInput& input) {
  if (settings.view == ViewChoice::kNone || views_failed_) {
    ForgetViews();
    return nullptr;
  }
  try {
    if (source_.Update(now_, input.inference)) views_key_.reset();
    if (source_.current() == nullptr) {
      views_.clear();
    } else if (!views_key_ || views_key_->view != settings.view ||
               !(views_key_->style == settings.style)) {
      DrawViews(settings);
    }
  } catch (...) {
    views_failed_ = true;
    ForgetViews();
    return std::current_exception();
  }
  return nullptr;
}

void StreamOverlay::DrawViews(const OverlaySettings& settings) {
  const std::vector<OverlayView> views = TakeViews(source_.current(), settings.view);
  views_.clear();
  if (!views.empty()) {
    const OverlayPatch patch =
        IsOver(settings.view)
            ? renderer_->DrawOver(views.front(), ScaledBounds(*source_.current(), visible_))
            : renderer_->DrawThumbnails(settings.style, views);
    views_ = MakeBlend(patch, info_, visible_.x, visible_.y);
  }
  views_key_ = ViewsKey{settings.view, settings.style};
}

void StreamOverlay::ForgetViews() {
  source_.Clear();
  views_.clear();
  views_key_.reset();
}

}  // namespace hepar
