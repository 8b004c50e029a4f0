// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sector.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

// The search runs on a picture whose longer side is at most this; what it measures is fitted over
// many rows, so the result is good to a pixel of the full frame all the same.
constexpr int kWorkSide = 320;
// A pixel belongs to the scan when it is this much brighter than the background (of 255).
constexpr int kThreshold = 5;
// A background is no brighter than this; where the darkest part of a frame is, the scan fills it.
constexpr int kMaxBackground = 35;
// The scan covers at least this share of the frame.
constexpr double kMinArea = 0.04;
// Pixels (of the work picture) that a boundary point may lie off the boundary.
constexpr double kTolerance = 1.2;

// Coordinates below are continuous: pixel i covers [i, i + 1).

// The straight side of a scan: distance inward from the frame's left or right border at height y.
struct Side {
  double offset;
  double slope;
  double At(double y) const { return offset + slope * y; }
};

// How a scan ends at the top or the bottom: on a circle about the apex or at a fixed height.
struct End {
  bool is_arc;
  double value;   // The radius or the height.
  bool is_clear;  // Most of the scan is seen to end there, so that nothing beyond belongs to it.
};

struct Shape {
  // A side that the frame cuts is absent.
  std::optional<Side> left;
  std::optional<Side> right;
  // Where the sides meet; absent when they are parallel, or either is.
  std::optional<cv::Point2d> apex;
  std::optional<End> top;
  std::optional<End> bottom;
};

int OddSize(double size) {
  return std::max(1, 2 * static_cast<int>(std::lround((size - 1) / 2)) + 1);
}

cv::Mat Disc(double diameter) {
  const int size = OddSize(diameter);
  return cv::getStructuringElement(cv::MORPH_ELLIPSE, {size, size});
}

// The work picture: `luma` averaged over blocks of `factor` pixels.
cv::Mat Shrink(const cv::Mat& luma, int factor) {
  const cv::Size size(std::max(1, luma.cols / factor), std::max(1, luma.rows / factor));
  if (factor == 1) return luma;
  cv::Mat small;
  cv::resize(luma(cv::Rect(0, 0, size.width * factor, size.height * factor)), small, size, 0, 0,
             cv::INTER_AREA);
  return small;
}

// The level below which the given share of the pixels lies.
int Percentile(const cv::Mat& image, double share) {
  std::array<int, 256> histogram = {};
  for (int y = 0; y < image.rows; ++y) {
    const std::uint8_t* row = image.ptr(y);
    for (int x = 0; x < image.cols; ++x) ++histogram[row[x]];
  }
  const double wanted = share * static_cast<double>(image.total());
  int level = 0;
  for (double seen = histogram[0]; seen <= wanted && level < 255; seen += histogram[level]) ++level;
  return level;
}

// Compact regions brighter than the background. Text, traces and scales are thin and go; so does
// the flat chrome of a program's window, as tissue is never perfectly flat.
cv::Mat FindRegions(const cv::Mat& work) {
  // Sizes of structuring elements are for a work picture of 240 lines.
  const double unit = std::min(work.cols, work.rows) / 240.0;
  cv::Mat regions;
  cv::threshold(work, regions, std::min(kMaxBackground, Percentile(work, 0.02)) + kThreshold, 255,
                cv::THRESH_BINARY);
  cv::Mat highest;
  cv::Mat lowest;
  const cv::Mat neighbours = cv::Mat::ones(5, 5, CV_8UC1);
  cv::dilate(work, highest, neighbours);
  cv::erode(work, lowest, neighbours);
  regions.setTo(0, highest - lowest <= 1);
  cv::morphologyEx(regions, regions, cv::MORPH_CLOSE, Disc(3 * unit));
  cv::morphologyEx(regions, regions, cv::MORPH_OPEN, Disc(11 * unit));
  return regions;
}

// The most frequent value within the tolerance, and how often it occurs; of two about equally
// frequent values the larger, because shadows move boundary points inward only.
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
    // The window is as full as any further out: climb to its local peak.
    while (begin > 0 && counts[begin - 1] >= counts[begin]) --begin;
    return {values[begin + counts[begin] / 2], counts[begin]};
  }
  return {0.0, 0};
}

// Slopes that a side may have.
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
  std::vector<int> cut;        // Rows where the region goes on beyond the frame.
  int FilledRows() const { return static_cast<int>(rows.size() + cut.size()); }
};

// The line that has most of the boundary on it and little outside it: shadows move the boundary
// inward only, and only marks lie outside.
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

// Least squares over the part of the boundary that lies on the line.
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

// Where no line fits: straight down, with nearly all of the region inside.
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
  constexpr double kMinOpening = 0.14;  // Radians; less is a rectangle.
  if (std::atan(-left->slope) + std::atan(-right->slope) < kMinOpening) return std::nullopt;
  const double y = (width - left->offset - right->offset) / (left->slope + right->slope);
  return cv::Point2d(left->At(y), y);
}

// Where a row of a region begins and ends: distances from the frame's left and right border.
struct Span {
  int from_left;
  int from_right;
};

std::optional<Span> SpanOf(const cv::Mat& region, int y) {
  const std::uint8_t* row = region.ptr(y);
  int first = 0;
  while (first < region.cols && row[first] == 0) ++first;
  if (first == region.cols) return std::nullopt;
  int last = region.cols - 1;
  while (row[last] == 0) --last;
  return Span{first, region.cols - 1 - last};
}

void FitSides(const cv::Mat& region, Shape* shape) {
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

  // A scan widens with depth or keeps its width; no probe sees beyond 70 degrees aside.
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
  // And most scans are symmetric: the side that shows better tells where to look for the other, of
  // which a shadow may leave little.
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

std::vector<Chord> CutByRays(const cv::Mat& region, const Shape& shape) {
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

// `sign` is 1 for the bottom and -1 for the top, so that outward is always towards larger values.
std::optional<End> FitEnd(const std::vector<cv::Point2d>& points, cv::Size size,
                          const std::optional<cv::Point2d>& apex, int sign) {
  std::vector<double> heights;
  std::vector<double> radii;
  for (const cv::Point2d& point : points) {
    // Within a pixel of the border it is the frame that cuts, which says nothing.
    if (point.y < 1.5 || point.y > size.height - 1.5 || point.x < 1.5 ||
        point.x > size.width - 1.5) {
      continue;
    }
    heights.push_back(sign * point.y);
    if (apex) radii.push_back(sign * cv::norm(point - *apex));
  }
  // Mostly cut by the frame: no end to see.
  if (heights.empty() || 20 * heights.size() < 3 * points.size()) return std::nullopt;

  const auto [height, height_count] = OuterMode(heights);
  const auto [radius, radius_count] = OuterMode(radii);
  const int support = std::max(height_count, radius_count);
  const bool is_arc = apex && radius_count >= height_count;
  const double share = support / static_cast<double>(heights.size());
  if (share >= 0.25) return End{is_arc, sign * (is_arc ? radius : height), share >= 0.5};
  // Nothing dominates (a scan that fades out): keep nearly all of it.
  std::vector<double>& values = apex ? radii : heights;
  const auto outer = values.begin() + static_cast<std::ptrdiff_t>(values.size() * 49 / 50);
  std::nth_element(values.begin(), outer, values.end());
  return End{apex.has_value(), sign * *outer, false};
}

Shape FitShape(const cv::Mat& region) {
  Shape shape;
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

// The pixels of a shape found on the work picture at `scale` times its size, smaller by `inset`
// pixels along each boundary that is not the frame's own.
cv::Mat DrawShape(const Shape& shape, cv::Size size, double work_width, double scale,
                  double inset) {
  double top = 0.0;
  double bottom = size.height;
  if (shape.top && !shape.top->is_arc) top = shape.top->value * scale + inset;
  if (shape.bottom && !shape.bottom->is_arc) bottom = shape.bottom->value * scale - inset;

  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  // Sets the pixels of a row whose centres lie in [from, to].
  const auto fill = [&](int y, double from, double to, std::uint8_t value) {
    const int first = static_cast<int>(std::ceil(std::max(from, 0.0) - 0.5));
    const int last = static_cast<int>(std::floor(std::min<double>(to, size.width) - 0.5));
    if (first <= last) std::fill(mask.ptr(y) + first, mask.ptr(y) + last + 1, value);
  };
  // Half the width at height y of the circle that an end lies on; nothing above and below it.
  const auto half_chord = [&](double radius, double y) -> std::optional<double> {
    const double square =
        radius * radius - (y - shape.apex->y * scale) * (y - shape.apex->y * scale);
    if (radius <= 0 || square < 0) return std::nullopt;
    return std::sqrt(square);
  };

  for (int row = 0; row < size.height; ++row) {
    const double y = row + 0.5;
    if (y < top || y > bottom) continue;
    double left = 0.0;
    double right = size.width;
    if (shape.left) {
      left = shape.left->At(y / scale) * scale + inset * std::hypot(1.0, shape.left->slope);
    }
    if (shape.right) {
      right = (work_width - shape.right->At(y / scale)) * scale -
              inset * std::hypot(1.0, shape.right->slope);
    }
    if (shape.bottom && shape.bottom->is_arc) {
      const auto half = half_chord(shape.bottom->value * scale - inset, y);
      if (!half) continue;
      left = std::max(left, shape.apex->x * scale - *half);
      right = std::min(right, shape.apex->x * scale + *half);
    }
    fill(row, left, right, 255);
    if (shape.top && shape.top->is_arc) {
      const auto half = half_chord(shape.top->value * scale + inset, y);
      if (half) fill(row, shape.apex->x * scale - *half, shape.apex->x * scale + *half, 0);
    }
  }
  return mask;
}

// How much of the region the shape holds, 0..1.
double ShareInside(const Shape& shape, const cv::Mat& region) {
  const cv::Mat drawn = DrawShape(shape, region.size(), region.cols, 1.0, 0.0);
  return static_cast<double>(cv::countNonZero(region & drawn)) / cv::countNonZero(region);
}

// Whether a region goes from one side to the other in most of its rows.
bool FillsWidth(const Shape& shape, const cv::Mat& region) {
  constexpr double kNear = 3.0;
  int rows = 0;
  int full = 0;
  for (int y = 0; y < region.rows; ++y) {
    const std::optional<Span> span = SpanOf(region, y);
    if (!span) continue;
    const double left = span->from_left - (shape.left ? shape.left->At(y + 0.5) : 0.0);
    const double right = span->from_right - (shape.right ? shape.right->At(y + 0.5) : 0.0);
    ++rows;
    full += std::abs(left) <= kNear && std::abs(right) <= kNear;
  }
  return 2 * full > rows;
}

// Whether a region may be another part of a scan: between its sides, and either not beyond an end
// that is clear to see or as wide as the scan.
bool MayContinue(const Shape& scan, const cv::Mat& region) {
  constexpr double kNearlyAll = 0.95;
  Shape strip = scan;
  strip.top.reset();
  strip.bottom.reset();
  if (ShareInside(strip, region) < kNearlyAll) return false;
  if (FillsWidth(scan, region)) return true;
  if (scan.top && scan.top->is_clear) strip.top = scan.top;
  if (scan.bottom && scan.bottom->is_clear) strip.bottom = scan.bottom;
  return ShareInside(strip, region) >= kNearlyAll;
}

// What may be the scan, in the order to be tried; nothing where no region is large enough. First
// the largest region with others that continue it, as an eye's vitreous or a full bladder is black
// and may cut a scan in two; then the largest region alone.
std::vector<cv::Mat> FindCandidates(const cv::Mat& regions) {
  cv::Mat labels;
  cv::Mat stats;
  cv::Mat centroids;
  const int count = cv::connectedComponentsWithStats(regions, labels, stats, centroids, 8, CV_32S);
  int largest = 0;
  for (int i = 1; i < count; ++i) {
    if (largest == 0 ||
        stats.at<int>(i, cv::CC_STAT_AREA) > stats.at<int>(largest, cv::CC_STAT_AREA)) {
      largest = i;
    }
  }
  if (largest == 0) return {};
  const int area = stats.at<int>(largest, cv::CC_STAT_AREA);
  if (area < kMinArea * static_cast<double>(regions.total())) return {};
  const cv::Mat alone = labels == largest;
  const Shape shape = FitShape(alone);
  cv::Mat joined;
  for (int i = 1; i < count; ++i) {
    if (i == largest || stats.at<int>(i, cv::CC_STAT_AREA) < 0.1 * area) continue;
    const cv::Mat part = labels == i;
    if (!MayContinue(shape, part)) continue;
    if (joined.empty()) joined = alone.clone();
    joined |= part;
  }
  if (joined.empty()) return {alone};
  return {joined, alone};
}

// Whether the shape holds nearly all of the scan, and the scan a fair part of the shape.
bool Explains(const Shape& shape, const cv::Mat& scan) {
  const cv::Mat drawn = DrawShape(shape, scan.size(), scan.cols, 1.0, 0.0);
  const int both = cv::countNonZero(drawn & scan);
  return both >= 0.93 * cv::countNonZero(scan) && both >= 0.4 * cv::countNonZero(drawn);
}

cv::Mat DrawHull(const cv::Mat& scan, cv::Size size, double scale) {
  cv::Mat inner;
  cv::erode(scan, inner, cv::Mat());
  std::vector<cv::Point> points;
  cv::findNonZero(inner, points);
  std::vector<cv::Point> hull;
  if (!points.empty()) cv::convexHull(points, hull);
  for (cv::Point& point : hull) {
    point.x = static_cast<int>((point.x + 0.5) * scale);
    point.y = static_cast<int>((point.y + 0.5) * scale);
  }
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  if (!hull.empty()) cv::fillConvexPoly(mask, hull, cv::Scalar(255));
  return mask;
}

Sector WholeFrame(cv::Size size) {
  return {cv::Rect(cv::Point(0, 0), size), cv::Mat(size, CV_8UC1, cv::Scalar(255))};
}

std::optional<Sector> FindScanSector(const cv::Mat& luma) {
  const int factor = (std::max(luma.cols, luma.rows) + kWorkSide - 1) / kWorkSide;
  const cv::Mat work = Shrink(luma, factor);
  const std::vector<cv::Mat> candidates = FindCandidates(FindRegions(work));
  if (candidates.empty()) return std::nullopt;

  // Keeps clear of what the scanner draws along the boundary.
  const double inset = std::max(1.0, std::max(luma.cols, luma.rows) / 320.0);
  Sector sector;
  for (const cv::Mat& scan : candidates) {
    const Shape shape = FitShape(scan);
    if (!Explains(shape, scan)) continue;
    sector.mask = DrawShape(shape, luma.size(), work.cols, factor, inset);
    break;
  }
  if (sector.mask.empty()) sector.mask = DrawHull(candidates.back(), luma.size(), factor);
  sector.bounds = cv::boundingRect(sector.mask);
  if (sector.bounds.empty()) return std::nullopt;
  return sector;
}

Sector FixedSector(cv::Size size, const SectorRule& rule) {
  const cv::Rect bounds = rule.fixed & cv::Rect(cv::Point(0, 0), size);
  if (bounds.empty()) {
    throw Error(ErrorKind::kMismatch,
                "sector " + rule.ToString() + " lies outside the " + std::to_string(size.width) +
                    "x" + std::to_string(size.height) + " frame; choose one inside it or \"auto\"");
  }
  Sector sector = {bounds, cv::Mat::zeros(size, CV_8UC1)};
  sector.mask(bounds).setTo(255);
  return sector;
}

// Like FindSector, but nothing where a scan was looked for and not found.
std::optional<Sector> TryFindSector(const cv::Mat& luma, const SectorRule& rule) {
  if (luma.empty() || luma.type() != CV_8UC1) {
    throw Error(ErrorKind::kInvalid, "the sector finder needs a picture with one 8-bit channel");
  }
  switch (rule.kind) {
    case SectorRule::Kind::kFull:
      return WholeFrame(luma.size());
    case SectorRule::Kind::kFixed:
      return FixedSector(luma.size(), rule);
    case SectorRule::Kind::kAuto:
      break;
  }
  return FindScanSector(luma);
}

// Intersection over union of two masks of one size.
double Overlap(const Sector& a, const Sector& b) {
  const int both = cv::countNonZero(a.mask & b.mask);
  const int either = cv::countNonZero(a.mask | b.mask);
  return either == 0 ? 0.0 : static_cast<double>(both) / either;
}

bool Agree(const Sector& a, const Sector& b) {
  constexpr double kSame = 0.93;
  return Overlap(a, b) >= kSame;
}

}  // namespace

SectorRule SectorRule::Parse(const std::string& text) {
  SectorRule rule;
  if (text == "auto") return rule;
  if (text == "full") {
    rule.kind = Kind::kFull;
    return rule;
  }
  // Far beyond any frame, and far from overflow.
  constexpr int kMaxCoordinate = 65535;
  std::array<int, 4> numbers = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  bool valid = true;
  for (std::size_t i = 0; i < numbers.size() && valid; ++i) {
    if (i > 0) valid = at != end && *at++ == ',';
    if (!valid) break;
    const auto [stop, error] = std::from_chars(at, end, numbers[i]);
    valid = error == std::errc() && numbers[i] >= (i < 2 ? 0 : 1) && numbers[i] <= kMaxCoordinate;
    at = stop;
  }
  if (!valid || at != end) {
    throw Error(ErrorKind::kInvalid,
                "sector \"" + text +
                    "\" is none of \"auto\", \"full\" and \"x,y,w,h\" in pixels (w and h above 0)");
  }
  rule.kind = Kind::kFixed;
  rule.fixed = cv::Rect(numbers[0], numbers[1], numbers[2], numbers[3]);
  return rule;
}

std::string SectorRule::ToString() const {
  switch (kind) {
    case Kind::kAuto:
      return "auto";
    case Kind::kFull:
      return "full";
    case Kind::kFixed:
      break;
  }
  return std::to_string(fixed.x) + "," + std::to_string(fixed.y) + "," +
         std::to_string(fixed.width) + "," + std::to_string(fixed.height);
}

Sector FindSector(const cv::Mat& luma, const SectorRule& rule) {
  std::optional<Sector> sector = TryFindSector(luma, rule);
  return sector ? *std::move(sector) : WholeFrame(luma.size());
}

SectorTracker::SectorTracker(const SectorRule& rule) : rule_(rule) {}

const Sector& SectorTracker::Update(cv::Size size, const std::function<cv::Mat()>& luma) {
  if (current_.mask.size() != size) {
    Reset();
    std::optional<Sector> first = TryFindSector(luma(), rule_);
    found_ = first.has_value();
    current_ = found_ ? *std::move(first) : WholeFrame(size);
    return current_;
  }
  if (rule_.kind != SectorRule::Kind::kAuto) return current_;
  // While all is calm a look at every fourth frame is enough.
  constexpr int kCalmInterval = 4;
  ++frame_count_;
  if (disagreements_ == 0 && frame_count_ % kCalmInterval != 0) return current_;

  // A frame without a scan (frozen, black, between two views) is no reason to give one up.
  std::optional<Sector> found = TryFindSector(luma(), rule_);
  if (!found || Agree(*found, current_)) {
    disagreements_ = 0;
    return current_;
  }
  disagreements_ = disagreements_ > 0 && Agree(*found, candidate_) ? disagreements_ + 1 : 1;
  candidate_ = *std::move(found);

  // A probe that loses contact leaves less to see for a while; a scan that reaches beyond the
  // sector is there for certain.
  constexpr int kPatience = 5;
  constexpr int kShrinkPatience = 25;
  const int outside = cv::countNonZero(candidate_.mask & ~current_.mask);
  const bool shrinks = found_ && outside < 0.02 * cv::countNonZero(candidate_.mask);
  if (disagreements_ >= (shrinks ? kShrinkPatience : kPatience)) {
    current_ = std::move(candidate_);
    candidate_ = Sector();
    found_ = true;
    disagreements_ = 0;
  }
  return current_;
}

void SectorTracker::Reset() {
  current_ = Sector();
  candidate_ = Sector();
  found_ = false;
  frame_count_ = 0;
  disagreements_ = 0;
}

}  // namespace hepar
