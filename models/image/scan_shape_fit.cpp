// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/scan_shape_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hepar {
namespace {

// Pixels (of the work picture) that a boundary point may lie off the boundary.
constexpr double kTolerance = 1.2;

// The most frequent value within the tolerance, and its count. Of two values with similar counts
// the larger, because shadows move boundary points inward only.
std::pair<double, int> OuterMode(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<int> counts(values.size());
  int most = 0;
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < values.size(); ++begin) {
    while (end < values.size() && values[end] <= values[begin] + 2 * kTolerance) ++end;
    counts[begin] = static_cast<int>(end - begin);
    most = std::max(most, counts[begin]);
  }
  for (std::size_t begin = values.size(); begin-- > 0;) {
    if (counts[begin] < 0.7 * most) continue;
    // Move on to the local maximum.
    while (begin > 0 && counts[begin - 1] >= counts[begin]) --begin;
    return {values[begin + counts[begin] / 2], counts[begin]};
  }
  return {0.0, 0};
}

struct SlopeRange {
  double low;
  double high;
};

struct ScoredSide {
  Side side = {};
  double score = 0.0;
};

// The boundary of a region towards the frame's left or right border.
struct Profile {
  std::vector<int> rows;       // Those with a boundary, increasing.
  std::vector<double> inward;  // Distance of the boundary in each of them from the border.
  std::vector<int> cut;        // Rows that are cut off by the frame.
  int FilledRows() const { return static_cast<int>(rows.size() + cut.size()); }
};

// The line with the most boundary points on it and few outside it: shadows move the boundary inward
// only, and only marks are outside.
ScoredSide FitLine(const Profile& profile, SlopeRange slopes) {
  const std::vector<int>& rows = profile.rows;
  const std::vector<double>& inward = profile.inward;
  constexpr std::size_t kSamples = 40;
  const std::size_t stride = std::max<std::size_t>(1, rows.size() / kSamples);
  ScoredSide best;
  for (std::size_t i = 0; i < rows.size(); i += stride) {
    for (std::size_t j = i + stride; j < rows.size(); j += stride) {
      const double slope = (inward[j] - inward[i]) / (rows[j] - rows[i]);
      if (slope < slopes.low || slope > slopes.high) continue;
      const Side side = {inward[i] - slope * (rows[i] + 0.5), slope};
      const double tolerance = kTolerance * std::hypot(1.0, slope);
      int on = 0;
      int outside = 0;
      for (std::size_t k = 0; k < rows.size(); ++k) {
        const double off = inward[k] - side.At(rows[k] + 0.5);
        on += std::abs(off) <= tolerance;
        outside += off < -tolerance;
      }
      int beyond = 0;
      for (int y : profile.cut) beyond += side.At(y + 0.5) > tolerance;
      const double score = on - 0.3 * outside - beyond;
      if (score > best.score) best = {side, score};
    }
  }
  return best;
}

// Least squares over the boundary points near the line.
Side Refine(const Profile& profile, const Side& line) {
  const double tolerance = kTolerance * std::hypot(1.0, line.slope);
  double n = 0, sy = 0, sd = 0, syy = 0, syd = 0;
  for (std::size_t i = 0; i < profile.rows.size(); ++i) {
    const double y = profile.rows[i] + 0.5;
    const double d = profile.inward[i];
    if (std::abs(d - line.At(y)) > tolerance) continue;
    n += 1;
    sy += y;
    sd += d;
    syy += y * y;
    syd += y * d;
  }
  const double spread = n * syy - sy * sy;
  if (spread <= 0) return line;
  const double slope = (n * syd - sy * sd) / spread;
  return {(sd - slope * sy) / n, slope};
}

// For boundaries that no line fits: a vertical side with nearly all of the region inside.
std::optional<Side> BoundingSide(const Profile& profile) {
  const std::size_t outliers = profile.FilledRows() / 50;
  if (profile.cut.size() > outliers) return std::nullopt;
  std::vector<double> inward = profile.inward;
  if (inward.size() <= outliers) return std::nullopt;
  const auto low = inward.begin() + static_cast<std::ptrdiff_t>(outliers);
  std::nth_element(inward.begin(), low, inward.end());
  return Side{*low, 0.0};
}

std::optional<cv::Point2d> Meet(const std::optional<Side>& left, const std::optional<Side>& right,
                                double width) {
  if (!left || !right) return std::nullopt;
  constexpr double kMinOpening = 0.14;  // Radians. Less is a rectangle.
  if (std::atan(-left->slope) + std::atan(-right->slope) < kMinOpening) return std::nullopt;
  const double y = (width - left->offset - right->offset) / (left->slope + right->slope);
  return cv::Point2d(left->At(y), y);
}

void FitSides(const cv::Mat& region, ScanShape* shape) {
  Profile left;
  Profile right;
  const auto add = [](int y, int inward, Profile* profile) {
    if (inward == 0) {
      profile->cut.push_back(y);
      return;
    }
    profile->rows.push_back(y);
    profile->inward.push_back(inward);
  };
  for (int y = 0; y < region.rows; ++y) {
    const std::optional<Span> span = SpanOf(region, y);
    if (!span) continue;
    add(y, span->from_left, &left);
    add(y, span->from_right, &right);
  }

  // A scan widens with depth or keeps its width. No probe covers more than 70 degrees to a side.
  constexpr SlopeRange kAnySlope = {-2.75, 0.05};
  constexpr SlopeRange kUpright = {-0.02, 0.02};
  constexpr double kAlmostUpright = 0.12;
  ScoredSide left_line = FitLine(left, kAnySlope);
  ScoredSide right_line = FitLine(right, kAnySlope);
  // Upright sides are far more common than slightly slanted ones.
  const auto prefer = [](const Profile& profile, SlopeRange slopes, double share,
                         ScoredSide* line) {
    const ScoredSide other = FitLine(profile, slopes);
    if (other.score > 0 && other.score >= share * line->score) *line = other;
  };
  if (std::abs(left_line.side.slope) < kAlmostUpright) prefer(left, kUpright, 0.6, &left_line);
  if (std::abs(right_line.side.slope) < kAlmostUpright) prefer(right, kUpright, 0.6, &right_line);
  // Most scans are symmetric. The side with the higher score constrains the other, of which a
  // shadow may leave little.
  constexpr double kMirror = 0.08;
  ScoredSide* weaker = left_line.score < right_line.score ? &left_line : &right_line;
  const double slope = (weaker == &left_line ? right_line : left_line).side.slope;
  if (std::abs(weaker->side.slope - slope) > kMirror) {
    prefer(weaker == &left_line ? left : right, {slope - kMirror, slope + kMirror}, 0.2, weaker);
  }

  const auto side = [](const Profile& profile, const ScoredSide& line) -> std::optional<Side> {
    if (line.score >= std::max(6.0, 0.12 * profile.FilledRows())) return Refine(profile, line.side);
    return BoundingSide(profile);
  };
  shape->left = side(left, left_line);
  shape->right = side(right, right_line);
  shape->apex = Meet(shape->left, shape->right, region.cols);
}

// The ends of the region along one ray (or column): points in order of depth.
struct Chord {
  cv::Point2d first;
  cv::Point2d last;
};

std::vector<Chord> CutByRays(const cv::Mat& region, const ScanShape& shape) {
  const double from = std::atan(-shape.right->slope);
  const double to = -std::atan(-shape.left->slope);
  const double reach =
      std::hypot(region.cols, region.rows) + std::hypot(shape.apex->x, shape.apex->y);
  constexpr int kRays = 128;
  std::vector<Chord> chords;
  for (int ray = 0; ray < kRays; ++ray) {
    const double angle = from + (to - from) * (ray + 0.5) / kRays;
    const cv::Point2d step(std::sin(angle), std::cos(angle));
    Chord chord;
    bool hit = false;
    for (int i = 0; i < reach; ++i) {
      const cv::Point2d at = *shape.apex + (i + 0.5) * step;
      if (at.y >= region.rows) break;
      if (at.x < 0 || at.y < 0 || at.x >= region.cols) continue;
      if (region.at<std::uint8_t>(static_cast<int>(at.y), static_cast<int>(at.x)) == 0) continue;
      if (!hit) chord.first = at - 0.5 * step;
      chord.last = at + 0.5 * step;
      hit = true;
    }
    if (hit) chords.push_back(chord);
  }
  return chords;
}

std::vector<Chord> CutByColumns(const cv::Mat& region) {
  std::vector<Chord> chords;
  for (int x = 0; x < region.cols; ++x) {
    int first = 0;
    while (first < region.rows && region.at<std::uint8_t>(first, x) == 0) ++first;
    if (first == region.rows) continue;
    int last = region.rows - 1;
    while (region.at<std::uint8_t>(last, x) == 0) --last;
    chords.push_back({cv::Point2d(x + 0.5, first), cv::Point2d(x + 0.5, last + 1.0)});
  }
  return chords;
}

// `sign` is 1 for the bottom and -1 for the top, so that larger values are always further outward.
std::optional<End> FitEnd(const std::vector<cv::Point2d>& points, cv::Size size,
                          const std::optional<cv::Point2d>& apex, int sign) {
  std::vector<double> heights;
  std::vector<double> radii;
  for (const cv::Point2d& point : points) {
    // Points within a pixel of the border are cut off by the frame.
    if (point.y < 1.5 || point.y > size.height - 1.5 || point.x < 1.5 ||
        point.x > size.width - 1.5) {
      continue;
    }
    heights.push_back(sign * point.y);
    if (apex) radii.push_back(sign * cv::norm(point - *apex));
  }
  // Mostly cut off by the frame: no visible end.
  if (heights.empty() || 20 * heights.size() < 3 * points.size()) return std::nullopt;

  const auto [height, height_count] = OuterMode(heights);
  const auto [radius, radius_count] = OuterMode(radii);
  const int support = std::max(height_count, radius_count);
  const bool is_arc = apex && radius_count >= height_count;
  const double share = support / static_cast<double>(heights.size());
  if (share >= 0.25) return End{is_arc, sign * (is_arc ? radius : height), share >= 0.5};
  // No value dominates, as in a scan that fades out: keep nearly all points.
  std::vector<double>& values = apex ? radii : heights;
  const auto outer = values.begin() + static_cast<std::ptrdiff_t>(values.size() * 49 / 50);
  std::nth_element(values.begin(), outer, values.end());
  return End{apex.has_value(), sign * *outer, false};
}

}  // namespace

std::optional<Span> SpanOf(const cv::Mat& region, int y) {
  const std::uint8_t* row = region.ptr(y);
  int first = 0;
  while (first < region.cols && row[first] == 0) ++first;
  if (first == region.cols) return std::nullopt;
  int last = region.cols - 1;
  while (row[last] == 0) --last;
  return Span{first, region.cols - 1 - last};
}

ScanShape FitShape(const cv::Mat& region) {
  ScanShape shape;
  FitSides(region, &shape);
  const std::vector<Chord> chords = shape.apex ? CutByRays(region, shape) : CutByColumns(region);
  std::vector<cv::Point2d> firsts;
  std::vector<cv::Point2d> lasts;
  for (const Chord& chord : chords) {
    firsts.push_back(chord.first);
    lasts.push_back(chord.last);
  }
  shape.top = FitEnd(firsts, region.size(), shape.apex, -1);
  shape.bottom = FitEnd(lasts, region.size(), shape.apex, 1);
  return shape;
}

}  // namespace hepar
