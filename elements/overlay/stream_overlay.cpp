// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/stream_overlay.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace hepar {
namespace {

// For streams that have neither timestamps nor a frame rate.
constexpr double kDefaultFrameSeconds = 0.04;

}  // namespace

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

std::exception_ptr StreamOverlay::Draw(const OverlaySettings& settings, const OverlayInput& input,
                                       GstVideoFrame* frame, const OverlayRect* picture) {
  now_ = input.time.value_or(now_ + FrameSeconds());
  const OverlayRect visible = picture != nullptr ? OverlayRect{0, 0, GST_VIDEO_FRAME_WIDTH(frame),
                                                               GST_VIDEO_FRAME_HEIGHT(frame)}
                                                 : VisibleRect(*frame);
  const OverlayRect& shown = picture != nullptr ? *picture : visible;
  if (renderer_ == nullptr || !(visible == visible_) || !(shown == picture_)) {
    visible_ = visible;
    picture_ = shown;
    renderer_ = std::make_unique<OverlayRenderer>(visible.width, visible.height);
    placer_.Reset();
    sizes_.reset();
    panel_key_.reset();
    views_key_.reset();
  }

  OverlaySettings placed = settings;
  placed.style = FindPlace(settings.style, *frame);
  std::exception_ptr error = UpdateViews(placed, input);
  UpdatePanel(placed.style, input);
  Blend(views_, frame);
  Blend(legend_, frame);
  Blend(panel_, frame);  // On top, so that no view hides it.
  return error;
}

double StreamOverlay::FrameSeconds() const {
  const int rate = GST_VIDEO_INFO_FPS_N(&info_);
  return rate > 0 ? static_cast<double>(GST_VIDEO_INFO_FPS_D(&info_)) / rate : kDefaultFrameSeconds;
}

// Finds the panel's place on a frame that nothing has been drawn on. Returns the style with the
// corner that is closest to it.
OverlayStyle StreamOverlay::FindPlace(OverlayStyle style, const GstVideoFrame& frame) {
  if (!(picture_ == visible_)) {
    const bool at_bottom =
        style.corner == OverlayCorner::kBottomLeft || style.corner == OverlayCorner::kBottomRight;
    style.corner = at_bottom ? OverlayCorner::kBottomRight : OverlayCorner::kTopRight;
    const int margin = renderer_->margin();
    place_ = PanelPlace{
        {picture_.width, margin, visible_.width - picture_.width, visible_.height - 2 * margin},
        false};
    return style;
  }
  if (style.corner != OverlayCorner::kAuto) {
    place_.reset();
    return style;
  }
  if (!sizes_ || !(sizes_->first == style)) {
    OverlayStyle compact = style;
    compact.compact = true;
    sizes_ = std::make_pair(
        style, PanelSizes{renderer_->LargestPanel(style), renderer_->LargestPanel(compact)});
  }
  place_ = placer_.Place(now_, frame, visible_, sizes_->second, renderer_->margin());
  style.compact = place_->compact;
  const OverlayRect& rect = place_->rect;
  const bool left = 2 * rect.x + rect.width <= visible_.width;
  const bool top = 2 * rect.y + rect.height <= visible_.height;
  style.corner = left ? (top ? OverlayCorner::kTopLeft : OverlayCorner::kBottomLeft)
                      : (top ? OverlayCorner::kTopRight : OverlayCorner::kBottomRight);
  return style;
}

void StreamOverlay::UpdatePanel(const OverlayStyle& style, const OverlayInput& input) {
  PanelContent content;
  if (input.result) {
    content = *input.result;
    trend_.Add(now_, input.level, content.grade);
    if (style.panel && style.trend) content.trend = trend_.points();
  }
  if (panel_key_ && panel_key_->style == style && panel_key_->content == content &&
      panel_key_->place == place_) {
    return;
  }
  OverlayPatch patch = renderer_->DrawPanel(style, content);
  if (place_) {
    // A panel that is lower than the largest keeps to the edge that is closer.
    const bool top =
        style.corner == OverlayCorner::kTopLeft || style.corner == OverlayCorner::kTopRight;
    const OverlayRect& rect = place_->rect;
    const int y = top ? rect.y : rect.y + rect.height - patch.height;
    patch.y = std::clamp(y, 0, visible_.height - patch.height) & ~1;
    if (!(picture_ == visible_)) {
      const int x = rect.x + (rect.width - patch.width) / 2;
      patch.x = std::clamp((x + 1) & ~1, 0, (visible_.width - patch.width) & ~1);
    }
  }
  panel_ = MakeBlend(std::move(patch), info_, visible_.x, visible_.y);
  panel_key_ = PanelKey{style, std::move(content), place_};
}

std::exception_ptr StreamOverlay::UpdateViews(const OverlaySettings& settings,
                                              const OverlayInput& input) {
  if (settings.view == ViewChoice::kNone || views_failed_) {
    ForgetViews();
    return nullptr;
  }
  try {
    if (source_.Update(now_, input.inference, settings.view)) views_key_.reset();
    if (source_.current() == nullptr) {
      views_.clear();
      legend_.clear();
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
  legend_.clear();
  if (!views.empty()) {
    const OverlayPatch patch =
        IsOver(settings.view)
            ? renderer_->DrawOver(views.front(), ScaledBounds(*source_.current(), picture_))
            : renderer_->DrawThumbnails(settings.style, views);
    views_ = MakeBlend(patch, info_, visible_.x, visible_.y);
    if (settings.view == ViewChoice::kSaliency) {
      legend_ = MakeBlend(renderer_->DrawLegend(settings.style, views.front().caption), info_,
                          visible_.x, visible_.y);
    }
  }
  views_key_ = ViewsKey{settings.view, settings.style};
}

void StreamOverlay::ForgetViews() {
  source_.Clear();
  views_.clear();
  legend_.clear();
  views_key_.reset();
}

}  // namespace hepar
