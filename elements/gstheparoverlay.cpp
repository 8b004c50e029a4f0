// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparoverlay
 * @title: heparoverlay
 * @short_description: Draws the severity of fatty liver over the scan
 * @see_also: heparclassify, hepardecouple
 *
 * Draws what heparclassify found into the picture: the grade, the probability of each grade, how
 * the grade went over the last 20 seconds, the trust in it, how long the inference took, and how
 * old a result is that was carried over from an earlier frame. A frame without a result is shown as
 * "Waiting", one that could not be graded as "Uncertain", and a view that the model does not know
 * as "Not a liver view", without probabilities. "Research use only" is always shown.
 *
 * The feature maps and the reconstruction that the decouplers made can be shown beside or over the
 * scan. The overlay never starts an inference: it shows the views of the newest frame that was
 * decoupled, for at most one second, and none before.
 *
 * Text and panel scale with the frame. Frames are changed in place, in their own format and
 * colorimetry; metadata stay on the buffer, and frames that come late are drawn, not dropped.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparsimsrc ! heparclassify model=liver.hepar ! heparoverlay view=all \
 *   ! videoconvert ! autovideosink
 * ]| Shows a simulated scan with its severity and all views beside it.
 *
 * Since: 0.1
 */

#include "elements/gstheparoverlay.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "elements/error_message.h"
#include "elements/gstheparframemeta.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/overlay_renderer.h"
#include "elements/video_view.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_overlay_debug);
#define GST_CAT_DEFAULT gst_hepar_overlay_debug

namespace {

using hepar::FeatureView;
using hepar::FrameInference;
using hepar::OverlayCorner;
using hepar::OverlayPatch;
using hepar::OverlayRect;
using hepar::OverlayRenderer;
using hepar::OverlayStyle;
using hepar::OverlayTheme;
using hepar::OverlayTrend;
using hepar::OverlayView;
using hepar::PanelContent;

enum class View { kNone, kSpecific, kCommon, kReconstruction, kAll, kOverSpecific, kOverCommon };

struct Settings {
  View view = View::kNone;
  OverlayStyle style;
};

// Views older than this are of another picture than the one they lie beside or over.
constexpr double kViewHoldSeconds = 1.0;
// How many frames to watch for the inference that may still reach them.
constexpr std::size_t kMostPending = 32;

// One component of a patch in the format of the frame, such that
// sample = (sample * keep + add) / 255.
struct BlendComponent {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> keep;
  std::vector<std::uint32_t> add;
};

// Blended here and not by GstVideoOverlayComposition, which takes every frame for video range and
// converts the picture anew for each frame.
using BlendPatch = std::vector<BlendComponent>;

// A component as a linear function of R', G', B' in [0,1].
struct ComponentRule {
  float offset;
  float red, green, blue;
};

ComponentRule RuleOf(const GstVideoInfo& info, int component) {
  const GstVideoFormatInfo* format = info.finfo;
  GstVideoColorRange range = info.colorimetry.range;
  // As the rest of the plugin reads it: Y'CbCr that says nothing is video range.
  if (range == GST_VIDEO_COLOR_RANGE_UNKNOWN) {
    range = GST_VIDEO_FORMAT_INFO_IS_YUV(format) ? GST_VIDEO_COLOR_RANGE_16_235
                                                 : GST_VIDEO_COLOR_RANGE_0_255;
  }
  gint offsets[GST_VIDEO_MAX_COMPONENTS];
  gint scales[GST_VIDEO_MAX_COMPONENTS];
  gst_video_color_range_offsets(range, format, offsets, scales);
  const auto scale = static_cast<float>(scales[component]);
  ComponentRule rule = {static_cast<float>(offsets[component]), 0.f, 0.f, 0.f};

  if (component == GST_VIDEO_COMP_A) {
    rule.offset = 255.f;  // What is drawn is opaque.
    return rule;
  }
  if (GST_VIDEO_FORMAT_INFO_IS_RGB(format)) {
    (component == GST_VIDEO_COMP_R   ? rule.red
     : component == GST_VIDEO_COMP_G ? rule.green
                                     : rule.blue) = scale;
    return rule;
  }

  gdouble matrix_kr = 0.299;
  gdouble matrix_kb = 0.114;
  gst_video_color_matrix_get_Kr_Kb(info.colorimetry.matrix, &matrix_kr, &matrix_kb);
  const auto kr = static_cast<float>(matrix_kr);
  const auto kb = static_cast<float>(matrix_kb);
  const float kg = 1.f - kr - kb;
  if (component == GST_VIDEO_COMP_Y) {
    rule.red = scale * kr;
    rule.green = scale * kg;
    rule.blue = scale * kb;
  } else if (component == GST_VIDEO_COMP_U) {
    rule.blue = scale / 2.f;
    rule.red = -rule.blue * kr / (1.f - kb);
    rule.green = -rule.blue * kg / (1.f - kb);
  } else {
    rule.red = scale / 2.f;
    rule.green = -rule.red * kg / (1.f - kr);
    rule.blue = -rule.red * kb / (1.f - kr);
  }
  return rule;
}

// Sums of the premultiplied pixels of one sample.
struct PixelSum {
  std::uint32_t alpha = 0, red = 0, green = 0, blue = 0;

  void Add(std::uint32_t word) {
    alpha += word >> 24;
    red += (word >> 16) & 255;
    green += (word >> 8) & 255;
    blue += word & 255;
  }
};

// The samples of one component; kStepX x kStepY pixels share one.
template <int kStepX, int kStepY>
void FillComponent(const OverlayPatch& patch, const ComponentRule& rule, BlendComponent* result) {
  std::size_t at = 0;
  for (int y = 0; y < patch.height; y += kStepY) {
    const int rows = std::min(kStepY, patch.height - y);
    const std::uint32_t* top = &patch.pixels[static_cast<std::size_t>(y) * patch.width];
    for (int x = 0; x < patch.width; x += kStepX, ++at) {
      const int columns = std::min(kStepX, patch.width - x);
      PixelSum sum;
      for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < columns; ++column) {
          sum.Add(top[static_cast<std::size_t>(row) * patch.width + x + column]);
        }
      }
      const auto count = static_cast<std::uint32_t>(rows * columns);
      const std::uint32_t alpha = (sum.alpha + count / 2) / count;
      // Premultiplied, so the colors are already weighted by alpha; only the offset is not.
      const float add =
          rule.offset * static_cast<float>(alpha) +
          (rule.red * static_cast<float>(sum.red) + rule.green * static_cast<float>(sum.green) +
           rule.blue * static_cast<float>(sum.blue)) /
              static_cast<float>(count);
      result->keep[at] = 255 - alpha;
      result->add[at] = static_cast<std::uint32_t>(std::max(add, 0.f) + 0.5f);
    }
  }
}

BlendComponent MakeComponent(const OverlayPatch& patch, const GstVideoInfo& info, int component) {
  const int sub_x = GST_VIDEO_FORMAT_INFO_W_SUB(info.finfo, component);
  const int sub_y = GST_VIDEO_FORMAT_INFO_H_SUB(info.finfo, component);
  const ComponentRule rule = RuleOf(info, component);

  BlendComponent result;
  result.x = patch.x >> sub_x;
  result.y = patch.y >> sub_y;
  result.width = GST_VIDEO_SUB_SCALE(sub_x, patch.width);
  result.height = GST_VIDEO_SUB_SCALE(sub_y, patch.height);
  result.keep.resize(static_cast<std::size_t>(result.width) * result.height);
  result.add.resize(result.keep.size());
  if (sub_y > 0) {
    FillComponent<2, 2>(patch, rule, &result);  // I420, NV12: no format is halved downwards only.
  } else if (sub_x > 0) {
    FillComponent<2, 1>(patch, rule, &result);
  } else {
    FillComponent<1, 1>(patch, rule, &result);
  }
  return result;
}

// Converts once what is blended into many frames. `x` and `y`, both even, say where the patch's
// origin lies in the frame.
BlendPatch MakeBlend(OverlayPatch patch, const GstVideoInfo& info, int x, int y) {
  BlendPatch blend;
  if (patch.empty()) return blend;
  patch.x += x;
  patch.y += y;
  const int components = static_cast<int>(GST_VIDEO_INFO_N_COMPONENTS(&info));
  for (int component = 0; component < components; ++component) {
    blend.push_back(MakeComponent(patch, info, component));
  }
  return blend;
}

template <typename Sample>
void BlendRow(Sample* row, std::ptrdiff_t step, const std::uint32_t* keep, const std::uint32_t* add,
              int width, std::uint32_t largest) {
  for (int x = 0; x < width; ++x) {
    Sample& sample = row[x * step];
    const std::uint32_t blended = (sample * keep[x] + add[x] + 127) / 255;
    sample = static_cast<Sample>(std::min(blended, largest));
  }
}

void Blend(const BlendPatch& blend, GstVideoFrame* frame) {
  for (std::size_t i = 0; i < blend.size(); ++i) {
    const BlendComponent& component = blend[i];
    const int index = static_cast<int>(i);
    const int step = GST_VIDEO_FRAME_COMP_PSTRIDE(frame, index);
    const bool wide = GST_VIDEO_FRAME_COMP_DEPTH(frame, index) > 8;
    auto* row = static_cast<guint8*>(GST_VIDEO_FRAME_COMP_DATA(frame, index));
    const std::ptrdiff_t stride = GST_VIDEO_FRAME_COMP_STRIDE(frame, index);
    row += component.y * stride + static_cast<std::ptrdiff_t>(component.x) * step;
    for (int y = 0; y < component.height; ++y, row += stride) {
      const std::uint32_t* keep = &component.keep[static_cast<std::size_t>(y) * component.width];
      const std::uint32_t* add = &component.add[static_cast<std::size_t>(y) * component.width];
      if (wide) {
        BlendRow(reinterpret_cast<guint16*>(row), step / 2, keep, add, component.width, 65535);
      } else if (step == 1) {
        BlendRow(row, 1, keep, add, component.width, 255);  // Known step, so that it vectorizes.
      } else {
        BlendRow(row, step, keep, add, component.width, 255);
      }
    }
  }
}

// The part of the frame that is shown: all of it, or what a crop meta leaves, on whole chroma
// samples.
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

int ToPercent(double share) {
  // Written by anyone, so it may be no number.
  return std::isfinite(share) ? static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * 100))
                              : 0;
}

// Rounded up, so that no age and no time is shown as none.
int ToTenths(GstClockTime time, GstClockTime unit) {
  const GstClockTime tenth = unit / 10;
  return static_cast<int>(std::min<GstClockTime>(time / tenth + (time % tenth != 0), 9999999));
}

PanelContent MakeContent(const GstHeparSeverity& severity) {
  PanelContent content;
  const int classes = static_cast<int>(severity.probabilities.size());
  const bool graded = severity.grade >= 0 && severity.grade < classes;
  content.state = graded                                       ? PanelContent::State::kGraded
                  : severity.state == GstHeparState::kNotLiver ? PanelContent::State::kNotLiver
                                                               : PanelContent::State::kUncertain;
  content.grade = graded ? severity.grade : -1;
  content.label = severity.label;
  content.class_names = severity.class_names;
  for (const double probability : severity.probabilities) {
    content.percents.push_back(ToPercent(probability));
  }
  content.trust_percent = ToPercent(severity.trust);
  content.inference_tenths = ToTenths(severity.inference_time, GST_MSECOND);
  content.fresh = severity.fresh;
  content.age_tenths = severity.fresh ? 0 : ToTenths(severity.age, GST_SECOND);
  return content;
}

// The expected grade over the highest one.
double LevelOf(const std::vector<double>& probabilities) {
  double level = 0.0;
  for (std::size_t i = 1; i < probabilities.size(); ++i) {
    level +=
        probabilities[i] * static_cast<double>(i) / static_cast<double>(probabilities.size() - 1);
  }
  return std::isfinite(level) ? level : 0.0;
}

bool IsOver(View view) { return view == View::kOverSpecific || view == View::kOverCommon; }

// What the view asks for and the frame's model has.
std::vector<OverlayView> TakeViews(FrameInference* frame, View view) {
  struct Kind {
    View view;
    FeatureView feature;
    const char* caption;
    bool color_map;
  };
  static constexpr Kind kKinds[] = {
      {View::kSpecific, FeatureView::kSpecific, "Specific", true},
      {View::kCommon, FeatureView::kCommon, "Common", true},
      {View::kReconstruction, FeatureView::kReconstruction, "Reconstruction", false},
      {View::kOverSpecific, FeatureView::kSpecific, "Specific", true},
      {View::kOverCommon, FeatureView::kCommon, "Common", true},
  };
  std::vector<OverlayView> views;
  for (const Kind& kind : kKinds) {
    if (kind.view != view && (view != View::kAll || IsOver(kind.view))) continue;
    if (!frame->has(kind.feature)) continue;
    hepar::GrayPicture picture = frame->View(kind.feature);
    views.push_back({kind.caption, kind.color_map, picture.size, std::move(picture.pixels)});
  }
  return views;
}

// Where the part of the frame that the network saw lies in a frame that may have been scaled since.
OverlayRect ScaledBounds(const FrameInference& frame, const OverlayRect& visible) {
  const double scale_x = static_cast<double>(visible.width) / std::max(frame.frame_width(), 1);
  const double scale_y = static_cast<double>(visible.height) / std::max(frame.frame_height(), 1);
  const cv::Rect& bounds = frame.bounds();
  const int left = static_cast<int>(std::lround(bounds.x * scale_x));
  const int top = static_cast<int>(std::lround(bounds.y * scale_y));
  return {left, top, static_cast<int>(std::lround((bounds.x + bounds.width) * scale_x)) - left,
          static_cast<int>(std::lround((bounds.y + bounds.height) * scale_y)) - top};
}

// What is drawn over one stream, kept as long as it says the same. Used by the streaming thread
// only.
class StreamOverlay {
 public:
  explicit StreamOverlay(const GstVideoInfo& info) : info_(info) {}

  // Draws over `frame`, whose buffer carries the metadata. `time` is its stream time in seconds;
  // without one it is taken to follow the frame before at the frame rate. Throws hepar::Error when
  // it cannot draw. Returns the reason when only the views failed, which are left out from then on.
  std::optional<hepar::Error> Draw(const Settings& settings, std::optional<double> time,
                                   GstVideoFrame* frame) {
    now_ = time.value_or(now_ + FrameSeconds());
    const OverlayRect visible = VisibleRect(*frame);
    if (renderer_ == nullptr || visible.x != visible_.x || visible.y != visible_.y ||
        visible.width != visible_.width || visible.height != visible_.height) {
      visible_ = visible;
      renderer_ = std::make_unique<OverlayRenderer>(visible.width, visible.height);
      panel_key_.reset();
      views_key_.reset();
    }

    const std::optional<hepar::Error> error = UpdateViews(settings, frame->buffer);
    UpdatePanel(settings.style, frame->buffer);
    Blend(views_, frame);
    Blend(panel_, frame);  // On top: no view may hide it.
    return error;
  }

 private:
  struct PanelKey {
    OverlayStyle style;
    PanelContent content;
  };
  struct ViewsKey {
    View view;
    OverlayStyle style;
  };
  struct Pending {
    double time;
    std::shared_ptr<FrameInference> frame;
  };

  double FrameSeconds() const {
    const int rate = GST_VIDEO_INFO_FPS_N(&info_);
    return rate > 0 ? static_cast<double>(GST_VIDEO_INFO_FPS_D(&info_)) / rate : 0.04;
  }

  void UpdatePanel(const OverlayStyle& style, GstBuffer* buffer) {
    PanelContent content;
    GstHeparSeverity severity;
    if (gst_buffer_get_hepar_severity(buffer, &severity)) {
      content = MakeContent(severity);
      std::optional<double> level;
      if (content.state != PanelContent::State::kNotLiver) level = LevelOf(severity.probabilities);
      trend_.Add(now_, level, content.grade);
      if (style.panel && style.trend) content.trend = trend_.points();
    }
    if (panel_key_ && panel_key_->style == style && panel_key_->content == content) return;
    panel_ = MakeBlend(renderer_->DrawPanel(style, content), info_, visible_.x, visible_.y);
    panel_key_ = PanelKey{style, std::move(content)};
  }

  std::optional<hepar::Error> UpdateViews(const Settings& settings, GstBuffer* buffer) {
    if (settings.view == View::kNone || views_failed_) {
      ForgetViews();
      return std::nullopt;
    }
    try {
      if (ChooseFrame(buffer)) views_key_.reset();
      if (shown_.frame == nullptr) {
        views_.clear();
      } else if (!views_key_ || views_key_->view != settings.view ||
                 !(views_key_->style == settings.style)) {
        DrawViews(settings);
      }
    } catch (...) {
      const hepar::Error error = hepar::CurrentError();
      views_failed_ = true;
      ForgetViews();
      return error;
    }
    return std::nullopt;
  }

  // Finds the newest frame that was decoupled: this one, or an earlier one whose inference was
  // still running when it came by. Returns true when it is another than before.
  bool ChooseFrame(GstBuffer* buffer) {
    const auto outdated = [this](const Pending& pending) {
      return std::abs(now_ - pending.time) > kViewHoldSeconds;
    };
    pending_.erase(std::remove_if(pending_.begin(), pending_.end(), outdated), pending_.end());
    if (outdated(shown_)) shown_.frame = nullptr;

    std::shared_ptr<FrameInference> frame = gst_buffer_get_hepar_frame(buffer);
    const bool known = frame == nullptr || frame == shown_.frame ||
                       std::any_of(pending_.begin(), pending_.end(),
                                   [&](const Pending& p) { return p.frame == frame; });
    if (!known) pending_.push_back({now_, std::move(frame)});
    if (pending_.size() > kMostPending) pending_.pop_front();

    const auto newest = std::find_if(pending_.rbegin(), pending_.rend(),
                                     [](const Pending& p) { return p.frame->decoupled(); });
    if (newest == pending_.rend()) return false;
    shown_ = *newest;
    pending_.erase(pending_.begin(), newest.base());
    return true;
  }

  void DrawViews(const Settings& settings) {
    const std::vector<OverlayView> views = TakeViews(shown_.frame.get(), settings.view);
    views_.clear();
    if (!views.empty()) {
      const OverlayPatch patch =
          IsOver(settings.view)
              ? renderer_->DrawOver(views.front(), ScaledBounds(*shown_.frame, visible_))
              : renderer_->DrawThumbnails(settings.style, views);
      views_ = MakeBlend(patch, info_, visible_.x, visible_.y);
    }
    views_key_ = ViewsKey{settings.view, settings.style};
  }

  void ForgetViews() {
    pending_.clear();
    shown_.frame = nullptr;
    views_.clear();
    views_key_.reset();
  }

  GstVideoInfo info_;
  double now_ = 0.0;
  OverlayRect visible_;
  std::unique_ptr<OverlayRenderer> renderer_;
  OverlayTrend trend_;
  std::optional<PanelKey> panel_key_;  // What `panel_` shows.
  BlendPatch panel_;

  std::deque<Pending> pending_;  // Oldest first; none was decoupled when last asked.
  Pending shown_ = {};
  std::optional<ViewsKey> views_key_;  // What `views_` shows of `shown_`.
  BlendPatch views_;
  bool views_failed_ = false;
};

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparOverlayPrivate {
  std::mutex mutex;  // Guards settings, which any thread may set at any time.
  Settings settings;
  // Made at the first frame, forgotten with the stream. Needs no lock: the base class changes caps
  // and handles serialized events on the streaming thread, and stops when that has ended.
  std::unique_ptr<StreamOverlay> overlay;
};

struct _GstHeparOverlay {
  GstVideoFilter parent;
  GstHeparOverlayPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparOverlay, gst_hepar_overlay, GST_TYPE_VIDEO_FILTER,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_overlay_debug, "heparoverlay", 0,
                                                "Severity overlay"))
GST_ELEMENT_REGISTER_DEFINE(heparoverlay, "heparoverlay", GST_RANK_NONE, GST_TYPE_HEPAR_OVERLAY)

enum {
  PROP_VIEW = 1,
  PROP_POSITION,
  PROP_THEME,
  PROP_SHOW_PANEL,
  PROP_SHOW_PROBABILITIES,
  PROP_SHOW_TREND,
  PROP_SHOW_TRUST,
  PROP_SHOW_LATENCY
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));

static GType gst_hepar_overlay_view_get_type() {
  static const GEnumValue kValues[] = {
      {static_cast<gint>(View::kNone), "No view", "none"},
      {static_cast<gint>(View::kSpecific), "Feat1, the specific features, beside the scan",
       "specific"},
      {static_cast<gint>(View::kCommon), "Feat2, the common features, beside the scan", "common"},
      {static_cast<gint>(View::kReconstruction), "The reconstruction beside the scan",
       "reconstruction"},
      {static_cast<gint>(View::kAll), "All three beside the scan", "all"},
      {static_cast<gint>(View::kOverSpecific), "Feat1, the specific features, over the scan",
       "over-specific"},
      {static_cast<gint>(View::kOverCommon), "Feat2, the common features, over the scan",
       "over-common"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparOverlayView", kValues);
  return type;
}

static GType gst_hepar_overlay_position_get_type() {
  static const GEnumValue kValues[] = {
      {static_cast<gint>(OverlayCorner::kTopLeft), "Top left corner", "top-left"},
      {static_cast<gint>(OverlayCorner::kTopRight), "Top right corner", "top-right"},
      {static_cast<gint>(OverlayCorner::kBottomLeft), "Bottom left corner", "bottom-left"},
      {static_cast<gint>(OverlayCorner::kBottomRight), "Bottom right corner", "bottom-right"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparOverlayPosition", kValues);
  return type;
}

static GType gst_hepar_overlay_theme_get_type() {
  static const GEnumValue kValues[] = {
      {static_cast<gint>(OverlayTheme::kDark), "Light text on a dark panel", "dark"},
      {static_cast<gint>(OverlayTheme::kLight), "Dark text on a light panel", "light"},
      {static_cast<gint>(OverlayTheme::kHighContrast), "White text on an opaque black panel",
       "high-contrast"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparOverlayTheme", kValues);
  return type;
}

static Settings gst_hepar_overlay_get_settings(GstHeparOverlay* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->settings;
}

static void gst_hepar_overlay_set_property(GObject* object, guint id, const GValue* value,
                                           GParamSpec* pspec) noexcept {
  GstHeparOverlayPrivate* priv = GST_HEPAR_OVERLAY(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  Settings& settings = priv->settings;

  switch (id) {
    case PROP_VIEW:
      settings.view = static_cast<View>(g_value_get_enum(value));
      break;
    case PROP_POSITION:
      settings.style.corner = static_cast<OverlayCorner>(g_value_get_enum(value));
      break;
    case PROP_THEME:
      settings.style.theme = static_cast<OverlayTheme>(g_value_get_enum(value));
      break;
    case PROP_SHOW_PANEL:
      settings.style.panel = g_value_get_boolean(value);
      break;
    case PROP_SHOW_PROBABILITIES:
      settings.style.probabilities = g_value_get_boolean(value);
      break;
    case PROP_SHOW_TREND:
      settings.style.trend = g_value_get_boolean(value);
      break;
    case PROP_SHOW_TRUST:
      settings.style.trust = g_value_get_boolean(value);
      break;
    case PROP_SHOW_LATENCY:
      settings.style.latency = g_value_get_boolean(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_overlay_get_property(GObject* object, guint id, GValue* value,
                                           GParamSpec* pspec) noexcept {
  const Settings settings = gst_hepar_overlay_get_settings(GST_HEPAR_OVERLAY(object));

  switch (id) {
    case PROP_VIEW:
      g_value_set_enum(value, static_cast<gint>(settings.view));
      break;
    case PROP_POSITION:
      g_value_set_enum(value, static_cast<gint>(settings.style.corner));
      break;
    case PROP_THEME:
      g_value_set_enum(value, static_cast<gint>(settings.style.theme));
      break;
    case PROP_SHOW_PANEL:
      g_value_set_boolean(value, settings.style.panel);
      break;
    case PROP_SHOW_PROBABILITIES:
      g_value_set_boolean(value, settings.style.probabilities);
      break;
    case PROP_SHOW_TREND:
      g_value_set_boolean(value, settings.style.trend);
      break;
    case PROP_SHOW_TRUST:
      g_value_set_boolean(value, settings.style.trust);
      break;
    case PROP_SHOW_LATENCY:
      g_value_set_boolean(value, settings.style.latency);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static gboolean gst_hepar_overlay_stop(GstBaseTransform* base) noexcept {
  GST_HEPAR_OVERLAY(base)->priv->overlay.reset();
  return TRUE;
}

static gboolean gst_hepar_overlay_set_info(GstVideoFilter* filter, GstCaps* incaps,
                                           GstVideoInfo* /*in_info*/, GstCaps* /*outcaps*/,
                                           GstVideoInfo* /*out_info*/) noexcept {
  GST_INFO_OBJECT(filter, "drawing on %" GST_PTR_FORMAT, static_cast<void*>(incaps));
  GST_HEPAR_OVERLAY(filter)->priv->overlay.reset();
  return TRUE;
}

static gboolean gst_hepar_overlay_sink_event(GstBaseTransform* base, GstEvent* event) noexcept {
  const GstEventType type = GST_EVENT_TYPE(event);
  if (type == GST_EVENT_FLUSH_STOP || type == GST_EVENT_SEGMENT) {
    GST_DEBUG_OBJECT(base, "forgetting the trend at %s", gst_event_type_get_name(type));
    GST_HEPAR_OVERLAY(base)->priv->overlay.reset();
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_overlay_parent_class)->sink_event(base, event);
}

static std::optional<double> gst_hepar_overlay_stream_time(GstBaseTransform* base,
                                                           GstBuffer* buffer) {
  if (base->segment.format != GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID(buffer)) return {};
  const guint64 time =
      gst_segment_to_stream_time(&base->segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (!GST_CLOCK_TIME_IS_VALID(time)) return {};
  return static_cast<double>(time) / GST_SECOND;
}

static GstFlowReturn gst_hepar_overlay_transform_frame_ip(GstVideoFilter* filter,
                                                          GstVideoFrame* frame) noexcept {
  auto* self = GST_HEPAR_OVERLAY(filter);
  GstHeparOverlayPrivate* priv = self->priv;
  try {
    const Settings settings = gst_hepar_overlay_get_settings(self);
    if (priv->overlay == nullptr) priv->overlay = std::make_unique<StreamOverlay>(frame->info);
    const std::optional<hepar::Error> error = priv->overlay->Draw(
        settings, gst_hepar_overlay_stream_time(GST_BASE_TRANSFORM(filter), frame->buffer), frame);
    if (error) hepar::PostWarning(GST_ELEMENT(self), *error);
  } catch (...) {
    // A picture without its "Research use only" must not go on.
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    return GST_FLOW_ERROR;
  }
  return GST_FLOW_OK;
}

static void gst_hepar_overlay_finalize(GObject* object) noexcept {
  delete GST_HEPAR_OVERLAY(object)->priv;
  G_OBJECT_CLASS(gst_hepar_overlay_parent_class)->finalize(object);
}

static void gst_hepar_overlay_init(GstHeparOverlay* self) {
  self->priv = new GstHeparOverlayPrivate;
  // GstVideoFilter switches this on, but late frames are to be seen with their severity too.
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void gst_hepar_overlay_class_init(GstHeparOverlayClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  auto* filter_class = GST_VIDEO_FILTER_CLASS(klass);

  object_class->set_property = gst_hepar_overlay_set_property;
  object_class->get_property = gst_hepar_overlay_get_property;
  object_class->finalize = gst_hepar_overlay_finalize;

  const Settings defaults;
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_MUTABLE_PLAYING);

  /**
   * GstHeparOverlay:view:
   *
   * Which pictures that the decouplers made are shown, and where. "over-" lays one over the part of
   * the scan that the network saw, in colors from dark violet (low) to yellow (high); the others
   * stand in a column at the side opposite to the panel.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_VIEW,
      g_param_spec_enum("view", "View", "Feature views to show beside or over the scan",
                        gst_hepar_overlay_view_get_type(), static_cast<gint>(defaults.view),
                        flags));
  /**
   * GstHeparOverlay:position:
   *
   * The corner of the picture that the panel stands in.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_POSITION,
      g_param_spec_enum("position", "Position", "Corner of the picture that the panel stands in",
                        gst_hepar_overlay_position_get_type(),
                        static_cast<gint>(defaults.style.corner), flags));
  /**
   * GstHeparOverlay:theme:
   *
   * The colors of the panel. In each the grades can be told apart by color-blind eyes and in
   * gray.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_THEME,
      g_param_spec_enum("theme", "Theme", "Colors of the panel", gst_hepar_overlay_theme_get_type(),
                        static_cast<gint>(defaults.style.theme), flags));
  /**
   * GstHeparOverlay:show-panel:
   *
   * Whether the panel is shown. Without it "Research use only" still is.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_PANEL,
      g_param_spec_boolean("show-panel", "Show panel",
                           "Whether to show the panel; \"Research use only\" is always shown",
                           defaults.style.panel, flags));
  /**
   * GstHeparOverlay:show-probabilities:
   *
   * Whether the panel has a bar for the probability of each grade.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_PROBABILITIES,
      g_param_spec_boolean("show-probabilities", "Show probabilities",
                           "Whether to show the probability of each grade",
                           defaults.style.probabilities, flags));
  /**
   * GstHeparOverlay:show-trend:
   *
   * Whether the panel has the curve of the expected grade over the last 20 seconds.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_TREND,
      g_param_spec_boolean("show-trend", "Show trend",
                           "Whether to show how the grade went over the last 20 seconds",
                           defaults.style.trend, flags));
  /**
   * GstHeparOverlay:show-trust:
   *
   * Whether the panel shows the trust in the grade.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_TRUST,
      g_param_spec_boolean("show-trust", "Show trust", "Whether to show the trust in the grade",
                           defaults.style.trust, flags));
  /**
   * GstHeparOverlay:show-latency:
   *
   * Whether the panel shows the time that the inference took and the age of the result.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_LATENCY,
      g_param_spec_boolean("show-latency", "Show latency",
                           "Whether to show the inference time and the age of the result",
                           defaults.style.latency, flags));

  gst_type_mark_as_plugin_api(gst_hepar_overlay_view_get_type(), static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(gst_hepar_overlay_position_get_type(),
                              static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(gst_hepar_overlay_theme_get_type(),
                              static_cast<GstPluginAPIFlags>(0));

  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "Liver severity overlay",
                                        "Filter/Editor/Video",
                                        "Draws the severity of fatty liver over the scan, for "
                                        "research use only",
                                        "The gst-hepar Authors");

  transform_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_overlay_stop);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_hepar_overlay_sink_event);
  filter_class->set_info = GST_DEBUG_FUNCPTR(gst_hepar_overlay_set_info);
  filter_class->transform_frame_ip = GST_DEBUG_FUNCPTR(gst_hepar_overlay_transform_frame_ip);
}
