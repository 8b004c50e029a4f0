// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/overlay_renderer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "elements/overlay/canvas.h"
#include "elements/overlay/panel.h"
#include "models/error.h"
#include "models/saliency/color_map.h"

namespace hepar {
namespace {

constexpr double kMinimumEm = 9.0;  // Pixels; smaller text cannot be read.

// A narrower or lower frame gets no full panel, only a compact one: it would cover the scan.
constexpr double kLargestPanelShare = 0.34;

int RoundDownToEven(double value) { return static_cast<int>(std::floor(value)) & ~1; }
int RoundUpToEven(double value) { return (static_cast<int>(std::ceil(value)) + 1) & ~1; }

SurfacePtr ViewSurface(const OverlayView& view, bool over) {
  if (view.size <= 0 || view.pixels.size() != static_cast<std::size_t>(view.size) * view.size) {
    throw Error(ErrorKind::kInvalid,
                "the view \"" + view.caption + "\" has " + std::to_string(view.pixels.size()) +
                    " pixels, expected the square of its size " + std::to_string(view.size));
  }
  std::array<std::uint32_t, 256> words;
  for (int value = 0; value < 256; ++value) {
    std::uint32_t rgb = static_cast<std::uint32_t>(value) * 0x010101;
    if (over || view.color_map) rgb = MapColor(static_cast<std::uint8_t>(value));
    const std::uint32_t alpha = over ? MapOpacity(static_cast<std::uint8_t>(value)) : 255;
    words[value] = alpha << 24 | (((rgb >> 16) & 255) * alpha / 255) << 16 |
                   (((rgb >> 8) & 255) * alpha / 255) << 8 | (rgb & 255) * alpha / 255;
  }

  SurfacePtr surface(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, view.size, view.size));
  CheckStatus(cairo_surface_status(surface.get()));
  unsigned char* data = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int y = 0; y < view.size; ++y) {
    auto* row = reinterpret_cast<std::uint32_t*>(data + static_cast<std::ptrdiff_t>(y) * stride);
    const std::uint8_t* source = view.pixels.data() + static_cast<std::size_t>(y) * view.size;
    std::transform(source, source + view.size, row, [&](std::uint8_t v) { return words[v]; });
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

}  // namespace

struct OverlayRenderer::Impl {
  int frame_width;
  int frame_height;
  double em;
  int margin;
  ContextPtr context = MakeContext();

  bool AtLeft(const OverlayStyle& style) const {
    return style.corner != OverlayCorner::kTopRight && style.corner != OverlayCorner::kBottomRight;
  }

  bool AtTop(const OverlayStyle& style) const {
    return style.corner != OverlayCorner::kBottomLeft &&
           style.corner != OverlayCorner::kBottomRight;
  }

  // An empty picture in a corner of the frame.
  OverlayPatch PatchInCorner(double width, double height, bool left, bool top) const {
    OverlayPatch patch;
    patch.width = std::min(RoundUpToEven(width), frame_width);
    patch.height = std::min(RoundUpToEven(height), frame_height);
    patch.x = left ? margin : RoundDownToEven(frame_width - margin - patch.width);
    patch.y = top ? margin : RoundDownToEven(frame_height - margin - patch.height);
    patch.x = std::clamp(patch.x, 0, RoundDownToEven(frame_width - patch.width));
    patch.y = std::clamp(patch.y, 0, RoundDownToEven(frame_height - patch.height));
    patch.pixels.resize(static_cast<std::size_t>(patch.width) * patch.height);
    return patch;
  }

  OverlayPatch PatchForPanel(const OverlayStyle& style, double width, double height) const {
    return PatchInCorner(width, height, AtLeft(style), AtTop(style));
  }

  OverlayPatch DrawSmallPanel(const OverlayStyle& style, const PanelContent& content) const {
    OverlayPatch nothing;
    nothing.width = nothing.height = 1;
    nothing.pixels.resize(1);
    Canvas ruler(context.get(), &nothing);

    const double padding = std::min(0.4 * em, 0.1 * std::min(frame_width, frame_height));
    const double room_width = frame_width - 2 * margin - 2 * padding;
    const double room_height = frame_height - 2 * margin - 2 * padding;
    const double line = std::min(kPanelRowHeight * em, room_height);
    const double text = std::min(kPanelSmallText * em, room_height / 1.2);

    // Shrunk to two thirds, the line is still readable. Below that, the abbreviation is better.
    const double full = ruler.TextWidth(kResearchLine, text, true);
    const std::string research = full * 2 / 3 <= room_width ? kResearchLine : kResearchAbbreviation;
    double width = ruler.TextWidth(research, text, true);

    const std::string heading = PanelHeading(content, ", unfamiliar");
    const double indent = 0.7 * em;
    const double heading_text = 1.1 * em;
    const double heading_width = ruler.TextWidth(heading, heading_text, true);
    const bool has_heading = style.panel && 1.5 * em + line <= room_height &&
                             heading_width * 2 / 3 + indent <= room_width;
    double height = line;
    if (has_heading) {
      width = std::max(width, heading_width + indent);
      height += 1.5 * em;
    }
    width = std::min(width, room_width);

    const Theme& theme = ThemeOf(style.theme);
    OverlayPatch patch =
        PatchForPanel(style, std::ceil(width) + 2 * padding, std::ceil(height) + 2 * padding);
    Canvas canvas(context.get(), &patch);
    canvas.PaintBackground(theme, patch, std::min(em, 2 * padding));
    width = patch.width - 2 * padding;
    double y = padding;
    if (has_heading) {
      const bool graded = content.state == PanelContent::State::kGraded;
      const int count = std::max<int>(content.percents.size(), 1);
      canvas.FillRounded(padding, y, 0.35 * em, 1.3 * em, 0.17 * em,
                         graded ? Rgb(GradeColor(style.theme, content.grade, count)) : theme.muted);
      canvas.ShrunkText(heading, padding + indent, y, width - indent, 1.3 * em, heading_text, true,
                        Align::kLeft, theme.text);
      y += 1.5 * em;
    }
    canvas.ShrunkText(research, padding, y, width, patch.height - padding - y, text, true,
                      Align::kCenter, theme.text);
    canvas.Finish();
    return patch;
  }
};

OverlayRenderer::OverlayRenderer(int frame_width, int frame_height)
    : impl_(std::make_unique<Impl>()) {
  impl_->frame_width = frame_width;
  impl_->frame_height = frame_height;
  impl_->em = std::max(kMinimumEm, std::min(frame_height / 42.0, frame_width / 56.0));
  const bool tiny = std::min(frame_width, frame_height) < 8 * kMinimumEm;
  impl_->margin = tiny ? 0 : RoundUpToEven(0.6 * impl_->em);
}

OverlayRenderer::~OverlayRenderer() = default;

OverlayPatch OverlayRenderer::DrawPanel(const OverlayStyle& style,
                                        const PanelContent& content) const {
  const double em = impl_->em;
  const double width = kPanelWidth * em;
  const double rows_room = (impl_->frame_height - 2 * impl_->margin) / em - kPanelPadding -
                           kPanelHeadingHeight - kPanelFooterHeight - 0.3;
  if (!style.panel || style.compact || width > kLargestPanelShare * impl_->frame_width ||
      rows_room < 0) {
    return impl_->DrawSmallPanel(style, content);
  }

  const PanelRows rows = ChoosePanelRows(style, content, rows_room);
  const double height =
      (kPanelPadding + kPanelHeadingHeight + rows.Height() + kPanelFooterHeight + 0.15) * em;
  OverlayPatch patch = impl_->PatchForPanel(style, width, height);
  Canvas canvas(impl_->context.get(), &patch);
  canvas.PaintBackground(ThemeOf(style.theme), patch, em);
  PaintPanel(&canvas, style, content, em, patch.width, rows);
  canvas.Finish();
  return patch;
}

OverlayRect OverlayRenderer::LargestPanel(const OverlayStyle& style) const {
  // The most rows, and the longest headings of a compact panel.
  PanelContent graded, doubtful;
  graded.state = PanelContent::State::kUnfamiliar;
  graded.grade = 0;
  graded.label = "moderate";
  graded.percents = {100, 0, 0, 0};
  doubtful.state = PanelContent::State::kNotLiver;
  OverlayRect largest;
  for (const PanelContent& content : {graded, doubtful}) {
    const OverlayPatch patch = DrawPanel(style, content);
    largest.width = std::max(largest.width, patch.width);
    largest.height = std::max(largest.height, patch.height);
  }
  return largest;
}

int OverlayRenderer::margin() const { return impl_->margin; }

OverlayPatch OverlayRenderer::DrawThumbnails(const OverlayStyle& style,
                                             const std::vector<OverlayView>& views) const {
  if (views.empty()) return {};
  const double em = impl_->em;
  const double padding = 0.4 * em;
  const double caption = kPanelRowHeight * em;
  const double count = static_cast<double>(views.size());
  const double room = (impl_->frame_height - 2 * impl_->margin - padding) / count;
  const double side = std::floor(
      std::min({0.18 * impl_->frame_width, 0.24 * impl_->frame_height, room - padding - caption}));
  // A smaller picture shows nothing, and its caption does not fit.
  if (side < 4 * kMinimumEm) return {};

  const double step = side + caption + padding;
  OverlayPatch patch = impl_->PatchInCorner(side + 2 * padding, step * count + padding,
                                            !impl_->AtLeft(style), impl_->AtTop(style));
  const Theme& theme = ThemeOf(style.theme);
  Canvas canvas(impl_->context.get(), &patch);
  canvas.PaintBackground(theme, patch, em);
  double y = padding;
  for (const OverlayView& view : views) {
    canvas.PaintStretched(ViewSurface(view, false).get(), padding, y, side, side);
    canvas.Text(view.caption, padding, y + side, side, caption, 0.8 * em, false, Align::kCenter,
                theme.text);
    y += step;
  }
  canvas.Finish();
  return patch;
}

OverlayPatch OverlayRenderer::DrawOver(const OverlayView& view, const OverlayRect& bounds) const {
  const int left = std::max(0, bounds.x);
  const int top = std::max(0, bounds.y);
  const int right = std::min(impl_->frame_width, bounds.x + bounds.width);
  const int bottom = std::min(impl_->frame_height, bounds.y + bounds.height);
  if (left >= right || top >= bottom) return {};

  OverlayPatch patch;
  patch.x = left & ~1;
  patch.y = top & ~1;
  patch.width = right - patch.x;
  patch.height = bottom - patch.y;
  patch.pixels.resize(static_cast<std::size_t>(patch.width) * patch.height);
  Canvas canvas(impl_->context.get(), &patch);
  canvas.PaintStretched(ViewSurface(view, true).get(), bounds.x - patch.x, bounds.y - patch.y,
                        bounds.width, bounds.height);
  canvas.Finish();
  return patch;
}

OverlayPatch OverlayRenderer::DrawLegend(const OverlayStyle& style,
                                         const std::string& caption) const {
  const double em = impl_->em;
  const double padding = 0.4 * em;
  const double text = 0.8 * em;
  const double row = kPanelRowHeight * em;
  const double width = 11.0 * em;
  const double height = 2.5 * row + 2 * padding;
  if (width + 2 * padding > kLargestPanelShare * impl_->frame_width ||
      height > impl_->frame_height - 2 * impl_->margin) {
    return {};
  }
  OverlayPatch patch =
      impl_->PatchInCorner(width + 2 * padding, height, !impl_->AtLeft(style), impl_->AtTop(style));
  const Theme& theme = ThemeOf(style.theme);
  Canvas canvas(impl_->context.get(), &patch);
  canvas.PaintBackground(theme, patch, em);
  canvas.ShrunkText(caption, padding, padding, width, row, text, true, Align::kLeft, theme.text);

  // The map's own colors, each once, from left to right.
  constexpr int kColors = 256;
  SurfacePtr bar(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, kColors, 1));
  CheckStatus(cairo_surface_status(bar.get()));
  auto* words = reinterpret_cast<std::uint32_t*>(cairo_image_surface_get_data(bar.get()));
  for (int value = 0; value < kColors; ++value) {
    words[value] = 0xff000000 | MapColor(static_cast<std::uint8_t>(value));
  }
  cairo_surface_mark_dirty(bar.get());
  canvas.PaintStretched(bar.get(), padding, padding + row, width, 0.5 * row);
  const double y = padding + 1.5 * row;
  canvas.Text("none", padding, y, width, row, text, false, Align::kLeft, theme.text);
  canvas.Text("speaks for it most", padding, y, width, row, text, false, Align::kRight, theme.text);
  canvas.Finish();
  return patch;
}

}  // namespace hepar
