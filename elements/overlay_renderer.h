// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hepar {

enum class OverlayCorner { kTopLeft, kTopRight, kBottomLeft, kBottomRight };
enum class OverlayTheme { kDark, kLight, kHighContrast };

// How the overlay looks and which parts of the panel it has. "Research use only" is no part that
// can be switched off.
struct OverlayStyle {
  OverlayCorner corner = OverlayCorner::kTopLeft;
  OverlayTheme theme = OverlayTheme::kDark;
  bool panel = true;
  bool probabilities = true;
  bool trend = true;
  bool trust = true;
  bool latency = true;

  bool operator==(const OverlayStyle& other) const;
};

// One point of the trend curve.
struct TrendPoint {
  std::int64_t tick = 0;  // Tenths of a second of stream time.
  int level = 0;          // Expected grade, in percent of the highest grade; -1: no liver was seen.
  int grade = -1;         // The grade given, -1 for none.

  bool operator==(const TrendPoint& other) const;
};

// The results of the last kSeconds of one stream, one point for each tick.
class OverlayTrend {
 public:
  static constexpr int kSeconds = 20;
  static constexpr int kTicksPerSecond = 10;

  // `level` is the expected grade over the highest one, in [0,1]; empty where the view was none of
  // the liver, which leaves a gap. A step backwards in time starts afresh.
  void Add(double seconds, const std::optional<double>& level, int grade);
  void Clear() { points_.clear(); }
  const std::vector<TrendPoint>& points() const { return points_; }

 private:
  std::vector<TrendPoint> points_;
};

// What the panel says, rounded to what can be seen: equal content gives an equal picture, so that
// the owner need not draw it again.
struct PanelContent {
  enum class State {
    kWaiting,    // There is no result to show.
    kUncertain,  // A result without a grade.
    kNotLiver,   // A view that the model does not grade.
    kGraded,
  };

  State state = State::kWaiting;
  std::string label;  // Class name of `grade`.
  int grade = -1;
  std::vector<std::string> class_names;  // May be shorter than `percents`.
  std::vector<int> percents;             // One for each class, 0..100.
  int trust_percent = 0;
  int inference_tenths = 0;  // Tenths of a millisecond.
  bool fresh = true;         // False: carried over from an earlier frame.
  int age_tenths = 0;        // Tenths of a second since that frame.
  std::vector<TrendPoint> trend;

  bool operator==(const PanelContent& other) const;
};

// A gray picture that the decouplers made, to be shown to people.
struct OverlayView {
  std::string caption;
  bool color_map = false;  // False: shown in gray, as a scan.
  int size = 0;
  std::vector<std::uint8_t> pixels;  // size x size, row by row.
};

// A rectangle of frame pixels; it may reach outside the frame.
struct OverlayRect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// A picture to blend over a frame: premultiplied ARGB, one native 32-bit word a pixel, rows without
// padding. It lies inside the frame, and x and y are even, so that subsampled chroma lines up.
struct OverlayPatch {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> pixels;

  bool empty() const { return pixels.empty(); }
};

// The color of a grade out of `grade_count` in a theme, as 0xRRGGBB: blue, yellow, orange, red,
// chosen to stay apart for color-blind eyes and, by lightness, in gray.
std::uint32_t GradeColor(OverlayTheme theme, int grade, int grade_count);

// The color map of feature views, as 0xRRGGBB: from dark violet to yellow with rising lightness.
std::uint32_t MapColor(std::uint8_t value);

// Draws the parts of the overlay for frames of one size. Everything scales with that size; what
// does not fit is left out, least important first, and "Research use only" never.
//
// Not thread-safe, but may move between threads. Throws Error(kFailed) when Cairo cannot draw.
class OverlayRenderer {
 public:
  // Any size from 1x1 up.
  OverlayRenderer(int frame_width, int frame_height);
  ~OverlayRenderer();

  // The panel, or only the research line where the panel is off or has no room. Never empty.
  OverlayPatch DrawPanel(const OverlayStyle& style, const PanelContent& content) const;

  // A column of thumbnails at the side opposite to the panel; empty where there is no room.
  OverlayPatch DrawThumbnails(const OverlayStyle& style,
                              const std::vector<OverlayView>& views) const;

  // `view` stretched over `bounds`, in the colors of the map; the lower a value, the more of the
  // picture below shines through. Empty where the bounds lie outside the frame.
  OverlayPatch DrawOver(const OverlayView& view, const OverlayRect& bounds) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar
