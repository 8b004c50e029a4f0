// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/panel.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <vector>

namespace hepar {
namespace {

// In em.
constexpr double kGap = 0.45;
constexpr double kTrendHeight = 3.0;
constexpr double kLabelWidth = 5.5;
constexpr double kValueGap = 0.4;  // Between a bar and its number.

constexpr int kMostBars = 8;

// The classes that get a bar: all of them, or the most probable ones if there are too many.
std::vector<int> BarClasses(const std::vector<int>& percents, int bars) {
  std::vector<int> classes(percents.size());
  std::iota(classes.begin(), classes.end(), 0);
  std::stable_sort(classes.begin(), classes.end(),
                   [&](int a, int b) { return percents[a] > percents[b]; });
  classes.resize(bars);
  std::sort(classes.begin(), classes.end());
  return classes;
}

// Bundles have class names in lower case; the other words of the panel start with a capital.
std::string Capitalized(std::string text) {
  if (!text.empty()) text[0] = g_ascii_toupper(text[0]);
  return text;
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

const char* HintOf(PanelContent::State state) {
  switch (state) {
    case PanelContent::State::kWaiting:
      return "no result yet";
    case PanelContent::State::kUnfamiliar:
      return "unfamiliar scanner or setting";
    default:
      return "unlike the scans it knows";
  }
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
        left_(kPanelPadding * em),
        width_(width - 2 * kPanelPadding * em),
        value_width_(canvas->TextWidth("100 %", kPanelSmallText * em, true) + kValueGap * em),
        y_(kPanelPadding * em) {}

  void Paint(const PanelRows& rows) {
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
      canvas_.SetColor(GradeOf(content_.grade));
      cairo_set_line_width(canvas_.cairo(), std::max(1.0, 0.1 * em_));
      canvas_.Rounded(left_ + 0.5, y_ + 0.5, accent - 1, height - 1, accent / 2);
      cairo_stroke(canvas_.cairo());
    }
    const double indent = accent + 0.5 * em_;
    const std::string text = PanelHeading(content_, "?");
    if (graded) {  // A class name may have any length.
      canvas_.Text(text, left_ + indent, y_, width_ - indent, height, 1.5 * em_, true, Align::kLeft,
                   theme_.text);
    } else {
      canvas_.ShrunkText(text, left_ + indent, y_, width_ - indent, height, 1.5 * em_, true,
                         Align::kLeft, theme_.text);
    }
    y_ += kPanelHeadingHeight * em_;
  }

  void Row(const std::string& label, const std::string& value, bool strong) {
    const double height = kPanelRowHeight * em_;
    canvas_.Text(label, left_, y_, kLabelWidth * em_, height, kPanelSmallText * em_, strong,
                 Align::kLeft, strong ? theme_.text : theme_.muted);
    canvas_.Text(value, left_ + kLabelWidth * em_, y_, width_ - kLabelWidth * em_, height,
                 kPanelSmallText * em_, strong, Align::kRight, theme_.text);
  }

  void Bar(int percent, const Color& color) {
    const double x = left_ + kLabelWidth * em_;
    const double width = width_ - kLabelWidth * em_ - value_width_;
    const double height = std::max(3.0, 0.55 * em_);
    const double y = y_ + (kPanelRowHeight * em_ - height) / 2;
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
      y_ += kPanelRowHeight * em_;
    }
    y_ += kGap * em_;
  }

  void Trend() {
    Row("Trend", std::to_string(OverlayTrend::kSeconds) + " s", false);
    y_ += kPanelRowHeight * em_;

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
    // Points that are further apart are not joined: nothing is known between them.
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
      // Neighbors of one grade are one stroke, so that their joins are invisible.
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
    y_ += kPanelRowHeight * em_;
  }

  void Latency() {
    Row("Inference", Tenths(content_.inference_tenths, "ms"), false);
    y_ += kPanelRowHeight * em_;
    Row("Result", content_.fresh ? "this frame" : Tenths(content_.age_tenths, "s") + " old", false);
    y_ += kPanelRowHeight * em_;
  }

  void Hint() {
    canvas_.ShrunkText(HintOf(content_.state), left_, y_, width_, kPanelRowHeight * em_,
                       kPanelSmallText * em_, false, Align::kLeft, theme_.muted);
    y_ += (kPanelRowHeight + kGap) * em_;
  }

  void Footer() {
    cairo_t* cr = canvas_.cairo();
    canvas_.SetColor(theme_.outline);
    cairo_set_line_width(cr, std::max(1.0, 0.06 * em_));
    const double y = std::round(y_) + 0.5;
    cairo_move_to(cr, left_, y);
    cairo_line_to(cr, left_ + width_, y);
    cairo_stroke(cr);
    canvas_.ShrunkText(kResearchLine, left_, y_ + 0.2 * em_, width_,
                       (kPanelFooterHeight - 0.2) * em_, kPanelSmallText * em_, true,
                       Align::kCenter, theme_.text);
  }

  Canvas& canvas_;
  const OverlayStyle& style_;
  const Theme& theme_;
  const PanelContent& content_;
  const double em_;
  const double left_;
  const double width_;
  const double value_width_;  // Of the widest number beside a bar, with the gap.
  double y_;
};

}  // namespace

double PanelRows::Height() const {
  double height = 0.0;
  if (bars > 0) height += bars * kPanelRowHeight + kGap;
  if (trend) height += kPanelRowHeight + kTrendHeight + kGap;
  if (trust) height += kPanelRowHeight;
  if (latency) height += 2 * kPanelRowHeight;
  if (trust || latency) height += kGap;
  if (hint) height += kPanelRowHeight + kGap;
  return height;
}

PanelRows ChoosePanelRows(const OverlayStyle& style, const PanelContent& content, double height) {
  PanelRows rows;
  // Bars and trust belong to a grade; an out-of-distribution view has none.
  const bool unfamiliar = content.state == PanelContent::State::kUnfamiliar;
  const bool liver = unfamiliar || content.state == PanelContent::State::kGraded ||
                     content.state == PanelContent::State::kUncertain;
  rows.hint = !liver || unfamiliar;
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

std::string PanelHeading(const PanelContent& content, const char* doubt) {
  switch (content.state) {
    case PanelContent::State::kWaiting:
      return "Waiting";
    case PanelContent::State::kUncertain:
      return "Uncertain";
    case PanelContent::State::kUnfamiliar:
      return content.grade < 0 ? "Unfamiliar" : Capitalized(content.label) + doubt;
    case PanelContent::State::kNotLiver:
      return "Not a liver view";
    case PanelContent::State::kGraded:
      break;
  }
  return Capitalized(content.label);
}

void PaintPanel(Canvas* canvas, const OverlayStyle& style, const PanelContent& content, double em,
                double width, const PanelRows& rows) {
  PanelPainter(canvas, style, content, em, width).Paint(rows);
}

}  // namespace hepar
