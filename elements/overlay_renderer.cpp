// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay_renderer.h"

#include <pango/pangocairo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "models/error.h"

namespace hepar {
namespace {

constexpr char kResearchLine[] = "Research use only";
constexpr char kResearchAbbreviation[] = "RUO";

// All lengths below are in em, the size of the panel's text.
constexpr double kMinimumEm = 9.0;  // Pixels; smaller text cannot be read.
constexpr double kPanelWidth = 13.5;
constexpr double kPadding = 0.75;
constexpr double kHeadingHeight = 2.0;
constexpr double kRowHeight = 1.35;
constexpr double kGap = 0.45;
constexpr double kTrendHeight = 3.0;
constexpr double kFooterHeight = 1.6;
constexpr double kLabelWidth = 5.5;
constexpr double kValueWidth = 2.9;
constexpr double kSmallText = 0.9;

// A narrower frame gets no full panel: it would cover the scan.
constexpr double kLargestPanelShare = 0.6;
constexpr int kMostBars = 8;

struct Color {
  double red, green, blue, alpha;
};

constexpr Color Rgb(std::uint32_t rgb, double alpha = 1.0) {
  return {((rgb >> 16) & 255) / 255.0, ((rgb >> 8) & 255) / 255.0, (rgb & 255) / 255.0, alpha};
}

struct Theme {
  Color background;
  Color outline;
  Color text;
  Color muted;
  Color track;                          // What a bar runs on.
  double dimmed;                        // Opacity of the bars that do not lead.
  std::array<std::uint32_t, 4> grades;  // From normal to severe.
};

const Theme& ThemeOf(OverlayTheme theme) {
  static const Theme kDark = {Rgb(0x10151a, 0.82),
                              Rgb(0xffffff, 0.14),
                              Rgb(0xf2f5f7),
                              Rgb(0xa9b4bd),
                              Rgb(0xffffff, 0.12),
                              0.55,
                              {0x5bbdf5, 0xf0e442, 0xe08000, 0xdd4a1a}};
  static const Theme kLight = {Rgb(0xf7f9fa, 0.93),
                               Rgb(0x000000, 0.22),
                               Rgb(0x12181d),
                               Rgb(0x4c5963),
                               Rgb(0x000000, 0.11),
                               0.50,
                               {0x00629e, 0xb08d00, 0xd05c00, 0x8b0a50}};
  static const Theme kHighContrast = {Rgb(0x000000),
                                      Rgb(0xffffff),
                                      Rgb(0xffffff),
                                      Rgb(0xffffff),
                                      Rgb(0xffffff, 0.28),
                                      0.75,
                                      {0x5cc8ff, 0xfff000, 0xff8c00, 0xff4a30}};
  switch (theme) {
    case OverlayTheme::kLight:
      return kLight;
    case OverlayTheme::kHighContrast:
      return kHighContrast;
    case OverlayTheme::kDark:
      break;
  }
  return kDark;
}

int RoundDownToEven(double value) { return static_cast<int>(std::floor(value)) & ~1; }
int RoundUpToEven(double value) { return (static_cast<int>(std::ceil(value)) + 1) & ~1; }

struct CairoDeleter {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using CairoPtr = std::unique_ptr<cairo_t, CairoDeleter>;
using SurfacePtr = std::unique_ptr<cairo_surface_t, CairoDeleter>;

struct ObjectDeleter {
  void operator()(gpointer object) const { g_object_unref(object); }
};
using ContextPtr = std::unique_ptr<PangoContext, ObjectDeleter>;
using LayoutPtr = std::unique_ptr<PangoLayout, ObjectDeleter>;

void CheckStatus(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return;
  throw Error(ErrorKind::kFailed,
              std::string("Cairo could not draw the overlay: ") + cairo_status_to_string(status));
}

ContextPtr MakeContext() {
  // A font map of its own, since the default one belongs to the thread that asks for it.
  PangoFontMap* map = pango_cairo_font_map_new();
  pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map), 72.0);
  ContextPtr context(pango_font_map_create_context(map));
  g_object_unref(map);

  // The desktop's font settings must not change what is drawn, and subpixel colors are wrong on
  // video.
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_ON);
  pango_cairo_context_set_font_options(context.get(), options);
  cairo_font_options_destroy(options);
  return context;
}

enum class Align { kLeft, kCenter, kRight };

// Draws on the pixels of one patch; dimensions are in pixels.
class Canvas {
 public:
  Canvas(PangoContext* context, OverlayPatch* patch)
      : surface_(cairo_image_surface_create_for_data(
            reinterpret_cast<unsigned char*>(patch->pixels.data()), CAIRO_FORMAT_ARGB32,
            patch->width, patch->height, patch->width * 4)),
        cairo_(cairo_create(surface_.get())),
        layout_(pango_layout_new(context)) {
    CheckStatus(cairo_status(cairo_.get()));
    pango_layout_set_single_paragraph_mode(layout_.get(), TRUE);
    pango_layout_set_ellipsize(layout_.get(), PANGO_ELLIPSIZE_END);
  }

  // Ends drawing: after this the pixels are complete.
  void Finish() {
    CheckStatus(cairo_status(cairo_.get()));
    cairo_surface_flush(surface_.get());
  }

  cairo_t* cairo() { return cairo_.get(); }

  void SetColor(const Color& c) {
    cairo_set_source_rgba(cairo_.get(), c.red, c.green, c.blue, c.alpha);
  }

  void Rounded(double x, double y, double width, double height, double radius) {
    const double r = std::min({radius, width / 2, height / 2});
    cairo_t* cr = cairo_.get();
    cairo_new_sub_path(cr);
    cairo_arc(cr, x + width - r, y + r, r, -G_PI_2, 0);
    cairo_arc(cr, x + width - r, y + height - r, r, 0, G_PI_2);
    cairo_arc(cr, x + r, y + height - r, r, G_PI_2, G_PI);
    cairo_arc(cr, x + r, y + r, r, G_PI, 3 * G_PI_2);
    cairo_close_path(cr);
  }

  void FillRounded(double x, double y, double width, double height, double radius,
                   const Color& color) {
    if (width <= 0) return;
    SetColor(color);
    Rounded(x, y, width, height, radius);
    cairo_fill(cairo_.get());
  }

  // One line of text, centered between `y` and `y + height`; cut with an ellipsis where too long.
  void Text(const std::string& text, double x, double y, double width, double height, double size,
            bool bold, Align align, const Color& color) {
    SetText(text, size, bold);
    pango_layout_set_width(layout_.get(), static_cast<int>(std::ceil(width * PANGO_SCALE)));
    Place(x, y, width, height, align, color);
  }

  // The same, but shrunk where too long, for text of which nothing may be lost.
  void ShrunkText(const std::string& text, double x, double y, double width, double height,
                  double size, bool bold, Align align, const Color& color) {
    const double natural = TextWidth(text, size, bold);
    Text(text, x, y, width, height, natural > width ? size * width / natural * 0.98 : size, bold,
         align, color);
  }

  double TextWidth(const std::string& text, double size, bool bold) {
    SetText(text, size, bold);
    pango_layout_set_width(layout_.get(), -1);
    PangoRectangle logical;
    pango_layout_get_extents(layout_.get(), nullptr, &logical);
    return static_cast<double>(logical.width) / PANGO_SCALE;
  }

 private:
  void SetText(const std::string& text, double size, bool bold) {
    PangoFontDescription* font = pango_font_description_new();
    pango_font_description_set_family_static(font, "Sans");
    pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout_.get(), font);
    pango_font_description_free(font);
    // Class names come from bundles and metadata that anyone may have written.
    gchar* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
    pango_layout_set_text(layout_.get(), valid, -1);
    g_free(valid);
  }

  void Place(double x, double y, double width, double height, Align align, const Color& color) {
    PangoRectangle logical;
    pango_layout_get_extents(layout_.get(), nullptr, &logical);
    const double free_width = width - static_cast<double>(logical.width) / PANGO_SCALE;
    const double free_height = height - static_cast<double>(logical.height) / PANGO_SCALE;
    if (align == Align::kRight) x += free_width;
    if (align == Align::kCenter) x += free_width / 2;
    SetColor(color);
    cairo_move_to(cairo_.get(), x, std::round(y + free_height / 2));
    pango_cairo_show_layout(cairo_.get(), layout_.get());
  }

  SurfacePtr surface_;
  CairoPtr cairo_;
  LayoutPtr layout_;
};

// The rows under the heading, after those that do not fit are left out.
struct Rows {
  int bars = 0;
  bool trend = false;
  bool trust = false;
  bool latency = false;
  bool hint = false;  // Says why there is nothing else.

  double Height() const {
    double height = 0.0;
    if (bars > 0) height += bars * kRowHeight + kGap;
    if (trend) height += kRowHeight + kTrendHeight + kGap;
    if (trust) height += kRowHeight;
    if (latency) height += 2 * kRowHeight;
    if (trust || latency) height += kGap;
    if (hint) height += kRowHeight + kGap;
    return height;
  }
};

Rows ChooseRows(const OverlayStyle& style, const PanelContent& content, double height) {
  Rows rows;
  // Bars and trust are about a grade; a view without a liver has none.
  const bool liver = content.state == PanelContent::State::kGraded ||
                     content.state == PanelContent::State::kUncertain;
  rows.hint = !liver;
  if (content.state != PanelContent::State::kWaiting) {
    if (liver && style.probabilities) {
      rows.bars = std::min(static_cast<int>(content.percents.size()), kMostBars);
    }
    rows.trend = style.trend;
    rows.trust = liver && style.trust;
    rows.latency = style.latency;
  }
  if (rows.Height() > height) rows.trend = false;
  if (rows.Height() > height) rows.latency = false;
  if (rows.Height() > height) rows.trust = false;
  if (rows.Height() > height) rows.bars = 0;
  if (rows.Height() > height) rows.hint = false;
  return rows;
}

// The classes that get a bar: all, or the most probable ones where there are too many.
std::vector<int> BarClasses(const std::vector<int>& percents, int bars) {
  std::vector<int> classes(percents.size());
  std::iota(classes.begin(), classes.end(), 0);
  std::stable_sort(classes.begin(), classes.end(),
                   [&](int a, int b) { return percents[a] > percents[b]; });
  classes.resize(bars);
  std::sort(classes.begin(), classes.end());
  return classes;
}

// Class names are written in lower case in bundles; the panel's other words start with a capital.
std::string Capitalized(std::string text) {
  if (!text.empty()) text[0] = g_ascii_toupper(text[0]);
  return text;
}

std::string HeadingOf(const PanelContent& content) {
  switch (content.state) {
    case PanelContent::State::kWaiting:
      return "Waiting";
    case PanelContent::State::kUncertain:
      return "Uncertain";
    case PanelContent::State::kNotLiver:
      return "Not a liver view";
    case PanelContent::State::kGraded:
      break;
  }
  return Capitalized(content.label);
}

std::string Tenths(int tenths, const char* unit) {
  char text[32];
  if (tenths >= 1000) {
    std::snprintf(text, sizeof text, "%d %s", (tenths + 5) / 10, unit);
  } else {
    std::snprintf(text, sizeof text, "%d.%d %s", tenths / 10, tenths % 10, unit);
  }
  return text;
}

// Draws the full panel from top to bottom.
class PanelPainter {
 public:
  PanelPainter(Canvas* canvas, const OverlayStyle& style, const PanelContent& content, double em,
               double width)
      : canvas_(*canvas),
        style_(style),
        theme_(ThemeOf(style.theme)),
        content_(content),
        em_(em),
        left_(kPadding * em),
        width_(width - 2 * kPadding * em),
        y_(kPadding * em) {}

  void Paint(const Rows& rows) {
    Heading();
    if (rows.hint) Hint();
    if (rows.bars > 0) Probabilities(rows.bars);
    if (rows.trend) Trend();
    if (rows.trust) Trust();
    if (rows.latency) Latency();
    if (rows.trust || rows.latency) y_ += kGap * em_;
    Footer();
  }

 private:
  Color GradeOf(int grade) const {
    if (grade < 0) return theme_.muted;
    const int count = std::max<int>(content_.percents.size(), 1);
    return Rgb(GradeColor(style_.theme, grade, count));
  }

  void Heading() {
    const double height = 1.55 * em_;
    const double accent = 0.42 * em_;
    const bool graded = content_.state == PanelContent::State::kGraded;
    if (graded) {
      canvas_.FillRounded(left_, y_, accent, height, accent / 2, GradeOf(content_.grade));
    } else {
      canvas_.SetColor(theme_.muted);
      cairo_set_line_width(canvas_.cairo(), std::max(1.0, 0.1 * em_));
      canvas_.Rounded(left_ + 0.5, y_ + 0.5, accent - 1, height - 1, accent / 2);
      cairo_stroke(canvas_.cairo());
    }
    const double indent = accent + 0.5 * em_;
    const std::string text = HeadingOf(content_);
    if (graded) {  // A name that somebody chose, of any length.
      canvas_.Text(text, left_ + indent, y_, width_ - indent, height, 1.5 * em_, true, Align::kLeft,
                   theme_.text);
    } else {
      canvas_.ShrunkText(text, left_ + indent, y_, width_ - indent, height, 1.5 * em_, true,
                         Align::kLeft, theme_.text);
    }
    y_ += kHeadingHeight * em_;
  }

  void Row(const std::string& label, const std::string& value, bool strong) {
    const double height = kRowHeight * em_;
    canvas_.Text(label, left_, y_, kLabelWidth * em_, height, kSmallText * em_, strong,
                 Align::kLeft, strong ? theme_.text : theme_.muted);
    canvas_.Text(value, left_ + kLabelWidth * em_, y_, width_ - kLabelWidth * em_, height,
                 kSmallText * em_, strong, Align::kRight, theme_.text);
  }

  void Bar(int percent, const Color& color) {
    const double x = left_ + kLabelWidth * em_;
    const double width = width_ - (kLabelWidth + kValueWidth) * em_;
    const double height = std::max(3.0, 0.55 * em_);
    const double y = y_ + (kRowHeight * em_ - height) / 2;
    canvas_.FillRounded(x, y, width, height, height / 2, theme_.track);
    if (percent <= 0) return;
    cairo_save(canvas_.cairo());
    canvas_.Rounded(x, y, width, height, height / 2);
    cairo_clip(canvas_.cairo());
    canvas_.FillRounded(x, y, width * std::min(percent, 100) / 100, height, 0, color);
    cairo_restore(canvas_.cairo());
  }

  void Probabilities(int bars) {
    for (const int index : BarClasses(content_.percents, bars)) {
      const bool leads = index == content_.grade;
      const int percent = content_.percents[index];
      const bool named = index < static_cast<int>(content_.class_names.size());
      Row(named ? Capitalized(content_.class_names[index]) : "Class " + std::to_string(index),
          std::to_string(percent) + " %", leads);
      Color color = GradeOf(index);
      if (!leads) color.alpha = theme_.dimmed;
      Bar(percent, color);
      y_ += kRowHeight * em_;
    }
    y_ += kGap * em_;
  }

  void Trend() {
    Row("Trend", std::to_string(OverlayTrend::kSeconds) + " s", false);
    y_ += kRowHeight * em_;

    const double height = kTrendHeight * em_;
    const double dot = std::max(1.5, 0.25 * em_);
    const double top = y_ + dot;
    const double span = height - 2 * dot;
    cairo_t* cr = canvas_.cairo();
    cairo_set_line_width(cr, std::max(1.0, 0.06 * em_));
    canvas_.SetColor(theme_.track);
    const int grades = std::clamp<int>(content_.percents.size(), 2, kMostBars);
    for (int grade = 0; grade < grades; ++grade) {
      const double y = std::round(top + span * grade / (grades - 1)) + 0.5;
      cairo_move_to(cr, left_, y);
      cairo_line_to(cr, left_ + width_, y);
      cairo_stroke(cr);
    }
    if (!content_.trend.empty()) Curve(top, span, dot);
    y_ += height + kGap * em_;
  }

  void Curve(double top, double span, double dot) {
    constexpr int kTicks = OverlayTrend::kSeconds * OverlayTrend::kTicksPerSecond;
    // Points further apart are not joined: between them nobody knows.
    constexpr int kLongestGap = 2 * OverlayTrend::kTicksPerSecond;
    const std::vector<TrendPoint>& points = content_.trend;
    const double right = left_ + width_ - dot;
    const auto x_of = [&](const TrendPoint& point) {
      return right - (width_ - dot) * static_cast<double>(points.back().tick - point.tick) / kTicks;
    };
    const auto y_of = [&](const TrendPoint& point) {
      return top + span * (100 - point.level) / 100.0;
    };

    cairo_t* cr = canvas_.cairo();
    cairo_set_line_width(cr, std::max(1.4, 0.16 * em_));
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    const auto joined = [&points](std::size_t i) {
      return points[i].tick - points[i - 1].tick <= kLongestGap && points[i].level >= 0 &&
             points[i - 1].level >= 0;
    };
    for (std::size_t i = 1; i < points.size(); ++i) {
      if (!joined(i)) continue;
      canvas_.SetColor(GradeOf(points[i].grade));
      cairo_move_to(cr, x_of(points[i - 1]), y_of(points[i - 1]));
      cairo_line_to(cr, x_of(points[i]), y_of(points[i]));
      // Neighbors of one grade are one stroke, so that their joins do not show.
      while (i + 1 < points.size() && points[i + 1].grade == points[i].grade && joined(i + 1)) {
        ++i;
        cairo_line_to(cr, x_of(points[i]), y_of(points[i]));
      }
      cairo_stroke(cr);
    }
    if (points.back().level < 0) return;
    canvas_.SetColor(GradeOf(points.back().grade));
    cairo_arc(cr, right, y_of(points.back()), dot, 0, 2 * G_PI);
    cairo_fill(cr);
  }

  void Trust() {
    Row("Trust", std::to_string(content_.trust_percent) + " %", false);
    Bar(content_.trust_percent, theme_.muted);
    y_ += kRowHeight * em_;
  }

  void Latency() {
    Row("Inference", Tenths(content_.inference_tenths, "ms"), false);
    y_ += kRowHeight * em_;
    Row("Result", content_.fresh ? "this frame" : Tenths(content_.age_tenths, "s") + " old", false);
    y_ += kRowHeight * em_;
  }

  void Hint() {
    const bool waiting = content_.state == PanelContent::State::kWaiting;
    canvas_.ShrunkText(waiting ? "no result yet" : "unlike the scans it knows", left_, y_, width_,
                       kRowHeight * em_, kSmallText * em_, false, Align::kLeft, theme_.muted);
    y_ += (kRowHeight + kGap) * em_;
  }

  void Footer() {
    cairo_t* cr = canvas_.cairo();
    canvas_.SetColor(theme_.outline);
    cairo_set_line_width(cr, std::max(1.0, 0.06 * em_));
    const double y = std::round(y_) + 0.5;
    cairo_move_to(cr, left_, y);
    cairo_line_to(cr, left_ + width_, y);
    cairo_stroke(cr);
    canvas_.ShrunkText(kResearchLine, left_, y_ + 0.2 * em_, width_, (kFooterHeight - 0.2) * em_,
                       kSmallText * em_, true, Align::kCenter, theme_.text);
  }

  Canvas& canvas_;
  const OverlayStyle& style_;
  const Theme& theme_;
  const PanelContent& content_;
  const double em_;
  const double left_;
  const double width_;
  double y_;
};

void PaintBackground(Canvas* canvas, const Theme& theme, const OverlayPatch& patch, double em) {
  canvas->FillRounded(0, 0, patch.width, patch.height, 0.5 * em, theme.background);
  canvas->SetColor(theme.outline);
  const double line = std::max(1.0, 0.06 * em);
  cairo_set_line_width(canvas->cairo(), line);
  canvas->Rounded(line / 2, line / 2, patch.width - line, patch.height - line, 0.5 * em);
  cairo_stroke(canvas->cairo());
}

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
    // The scan must be readable under the strongest response.
    const std::uint32_t alpha = over ? 160 * value / 255 : 255;
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

// Stretches `surface` over a rectangle; edges do not fade into what is around.
void PaintStretched(Canvas* canvas, cairo_surface_t* surface, double x, double y, double width,
                    double height) {
  cairo_t* cr = canvas->cairo();
  cairo_save(cr);
  cairo_rectangle(cr, x, y, width, height);
  cairo_clip(cr);
  cairo_translate(cr, x, y);
  cairo_scale(cr, width / cairo_image_surface_get_width(surface),
              height / cairo_image_surface_get_height(surface));
  cairo_set_source_surface(cr, surface, 0, 0);
  // "Good" is what keeps a picture that shrinks from flickering, at many times the cost.
  const bool shrinks = width < cairo_image_surface_get_width(surface);
  cairo_pattern_set_filter(cairo_get_source(cr),
                           shrinks ? CAIRO_FILTER_GOOD : CAIRO_FILTER_BILINEAR);
  cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
  cairo_paint(cr);
  cairo_restore(cr);
}

}  // namespace

bool OverlayStyle::operator==(const OverlayStyle& other) const {
  return corner == other.corner && theme == other.theme && panel == other.panel &&
         probabilities == other.probabilities && trend == other.trend && trust == other.trust &&
         latency == other.latency;
}

bool TrendPoint::operator==(const TrendPoint& other) const {
  return tick == other.tick && level == other.level && grade == other.grade;
}

bool PanelContent::operator==(const PanelContent& other) const {
  return state == other.state && label == other.label && grade == other.grade &&
         class_names == other.class_names && percents == other.percents &&
         trust_percent == other.trust_percent && inference_tenths == other.inference_tenths &&
         fresh == other.fresh && age_tenths == other.age_tenths && trend == other.trend;
}

void OverlayTrend::Add(double seconds, const std::optional<double>& level, int grade) {
  TrendPoint point;
  point.tick = static_cast<std::int64_t>(std::floor(seconds * kTicksPerSecond));
  point.level = level ? static_cast<int>(std::lround(std::clamp(*level, 0.0, 1.0) * 100)) : -1;
  point.grade = grade;

  if (!points_.empty() && point.tick < points_.back().tick) points_.clear();
  if (!points_.empty() && point.tick == points_.back().tick) points_.pop_back();
  points_.push_back(point);
  const auto first = std::find_if(points_.begin(), points_.end(), [&](const TrendPoint& p) {
    return point.tick - p.tick <= kSeconds * kTicksPerSecond;
  });
  points_.erase(points_.begin(), first);
}

std::uint32_t GradeColor(OverlayTheme theme, int grade, int grade_count) {
  const auto& grades = ThemeOf(theme).grades;
  const int last = static_cast<int>(grades.size()) - 1;
  if (grade_count <= 1) return grades[0];
  const double place = static_cast<double>(grade) / (grade_count - 1);
  return grades[std::clamp(static_cast<int>(std::lround(place * last)), 0, last)];
}

std::uint32_t MapColor(std::uint8_t value) {
  // Evenly spaced along a path through color space on which lightness only rises.
  constexpr std::array<std::array<int, 3>, 5> kStops = {
      {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}}};
  constexpr int kSegments = static_cast<int>(kStops.size()) - 1;
  const int place = value * kSegments;
  const int segment = std::min(place / 255, kSegments - 1);
  const int rest = place - segment * 255;
  std::uint32_t rgb = 0;
  for (int channel = 0; channel < 3; ++channel) {
    const int from = kStops[segment][channel];
    const int to = kStops[segment + 1][channel];
    rgb = rgb << 8 | static_cast<std::uint32_t>((from * (255 - rest) + to * rest + 127) / 255);
  }
  return rgb;
}

struct OverlayRenderer::Impl {
  int frame_width;
  int frame_height;
  double em;
  int margin;
  ContextPtr context = MakeContext();

  bool AtLeft(const OverlayStyle& style) const {
    return style.corner == OverlayCorner::kTopLeft || style.corner == OverlayCorner::kBottomLeft;
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
    const bool top =
        style.corner == OverlayCorner::kTopLeft || style.corner == OverlayCorner::kTopRight;
    return PatchInCorner(width, height, AtLeft(style), top);
  }

  OverlayPatch DrawSmallPanel(const OverlayStyle& style, const PanelContent& content) const {
    OverlayPatch nothing;
    nothing.width = nothing.height = 1;
    nothing.pixels.resize(1);
    Canvas ruler(context.get(), &nothing);

    const double padding = std::min(0.4 * em, 0.1 * std::min(frame_width, frame_height));
    const double room_width = frame_width - 2 * margin - 2 * padding;
    const double room_height = frame_height - 2 * margin - 2 * padding;
    const double line = std::min(kRowHeight * em, room_height);
    const double text = std::min(kSmallText * em, room_height / 1.2);

    // Shrunk to two thirds the line can still be read; beyond that its abbreviation is of more use.
    const double full = ruler.TextWidth(kResearchLine, text, true);
    const std::string research = full * 2 / 3 <= room_width ? kResearchLine : kResearchAbbreviation;
    double width = ruler.TextWidth(research, text, true);

    const std::string heading = HeadingOf(content);
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
    PaintBackground(&canvas, theme, patch, std::min(em, 2 * padding));
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
  const double rows_room = (impl_->frame_height - 2 * impl_->margin) / em - kPadding -
                           kHeadingHeight - kFooterHeight - 0.3;
  if (!style.panel || width > kLargestPanelShare * impl_->frame_width || rows_room < 0) {
    return impl_->DrawSmallPanel(style, content);
  }

  const Rows rows = ChooseRows(style, content, rows_room);
  const double height = (kPadding + kHeadingHeight + rows.Height() + kFooterHeight + 0.15) * em;
  OverlayPatch patch = impl_->PatchForPanel(style, width, height);
  Canvas canvas(impl_->context.get(), &patch);
  PaintBackground(&canvas, ThemeOf(style.theme), patch, em);
  PanelPainter(&canvas, style, content, em, patch.width).Paint(rows);
  canvas.Finish();
  return patch;
}

OverlayPatch OverlayRenderer::DrawThumbnails(const OverlayStyle& style,
                                             const std::vector<OverlayView>& views) const {
  if (views.empty()) return {};
  const double em = impl_->em;
  const double padding = 0.4 * em;
  const double caption = kRowHeight * em;
  const double count = static_cast<double>(views.size());
  const double room = (impl_->frame_height - 2 * impl_->margin - padding) / count;
  const double side = std::floor(
      std::min({0.18 * impl_->frame_width, 0.24 * impl_->frame_height, room - padding - caption}));
  // Smaller, a picture shows nothing and its caption is cut.
  if (side < 4 * kMinimumEm) return {};

  const double step = side + caption + padding;
  const bool top =
      style.corner == OverlayCorner::kTopLeft || style.corner == OverlayCorner::kTopRight;
  OverlayPatch patch =
      impl_->PatchInCorner(side + 2 * padding, step * count + padding, !impl_->AtLeft(style), top);
  const Theme& theme = ThemeOf(style.theme);
  Canvas canvas(impl_->context.get(), &patch);
  PaintBackground(&canvas, theme, patch, em);
  double y = padding;
  for (const OverlayView& view : views) {
    PaintStretched(&canvas, ViewSurface(view, false).get(), padding, y, side, side);
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
  PaintStretched(&canvas, ViewSurface(view, true).get(), bounds.x - patch.x, bounds.y - patch.y,
                 bounds.width, bounds.height);
  canvas.Finish();
  return patch;
}

}  // namespace hepar
