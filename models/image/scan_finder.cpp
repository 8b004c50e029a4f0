// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/scan_finder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <vector>

#include "models/image/scan_shape.h"
#include "models/image/scan_shape_fit.h"

namespace hepar {
namespace {

// The search runs on a picture whose longer side is at most this. The outline is fitted over many
// rows, so the result is still accurate to a pixel of the full frame.
constexpr int kWorkSide = 320;
// A pixel belongs to the scan when it is this much brighter than the background (of 255).
constexpr int kThreshold = 5;
// Largest brightness of a background. Where the darkest part of a frame is brighter, the scan fills
// the frame.
constexpr int kMaxBackground = 35;
// The scan covers at least this share of the frame.
constexpr double kMinArea = 0.04;

int OddSize(double size) {
  return std::max(1, 2 * static_cast<int>(std::lround((size - 1) / 2)) + 1);
}

cv::Mat Disk(double diameter) {
  const int size = OddSize(diameter);
  return cv::getStructuringElement(cv::MORPH_ELLIPSE, {size, size});
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

// Compact regions brighter than the background. Removes text, traces and scales, which are thin,
// and window borders, which are perfectly flat, as tissue never is.
cv::Mat FindRegions(const cv::Mat& work) {
  // Sizes of structuring elements are for a work picture of 240 lines.
  const double unit = std::min(work.cols, work.rows) / 240.0;
  cv::Mat regions;
  cv::threshold(work, regions, std::min(kMaxBackground, Percentile(work, 0.02)) + kThreshold, 255,
                cv::THRESH_BINARY);
  cv::Mat highest;
  cv::Mat lowest;
  const cv::Mat neighbors = cv::Mat::ones(5, 5, CV_8UC1);
  cv::dilate(work, highest, neighbors);
  cv::erode(work, lowest, neighbors);
  regions.setTo(0, highest - lowest <= 1);
  cv::morphologyEx(regions, regions, cv::MORPH_CLOSE, Disk(3 * unit));
  cv::morphologyEx(regions, regions, cv::MORPH_OPEN, Disk(11 * unit));
  return regions;
}

// Share of the region inside the shape, 0..1.
double ShareInside(const ScanShape& shape, const cv::Mat& region) {
  const cv::Mat drawn = DrawShape(shape, region.size(), region.cols, 1.0, 0.0);
  return static_cast<double>(cv::countNonZero(region & drawn)) / cv::countNonZero(region);
}

// Whether a region spans the scan from side to side in most of its rows.
bool FillsWidth(const ScanShape& shape, const cv::Mat& region) {
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

// Whether a region may be another part of a scan: between its sides, and either not beyond a clear
// end or as wide as the scan.
bool MayContinue(const ScanShape& scan, const cv::Mat& region) {
  constexpr double kNearlyAll = 0.95;
  ScanShape strip = scan;
  strip.top.reset();
  strip.bottom.reset();
  if (ShareInside(strip, region) < kNearlyAll) return false;
  if (FillsWidth(scan, region)) return true;
  if (scan.top && scan.top->is_clear) strip.top = scan.top;
  if (scan.bottom && scan.bottom->is_clear) strip.bottom = scan.bottom;
  return ShareInside(strip, region) >= kNearlyAll;
}

// Candidates for the scan, in the order to try them; none where no region is large enough. First
// the largest region with others that continue it, because fluid (an eye's vitreous, a full
// bladder) is black and may split a scan; then the largest region alone.
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
  const ScanShape shape = FitShape(alone);
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

// Whether the shape contains nearly all of the scan, and the scan fills much of the shape.
bool Explains(const ScanShape& shape, const cv::Mat& scan) {
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

}  // namespace

int SearchFactor(cv::Size frame) {
  return (std::max(frame.width, frame.height) + kWorkSide - 1) / kWorkSide;
}

cv::Size SearchSize(cv::Size frame) {
  const int factor = SearchFactor(frame);
  return {std::max(1, frame.width / factor), std::max(1, frame.height / factor)};
}

cv::Mat SearchPicture(const cv::Mat& luma) {
  const int factor = SearchFactor(luma.size());
  if (factor == 1) return luma;
  const cv::Size size = SearchSize(luma.size());
  cv::Mat small;
  cv::resize(luma(cv::Rect(0, 0, size.width * factor, size.height * factor)), small, size, 0, 0,
             cv::INTER_AREA);
  return small;
}

cv::Mat FindScan(const cv::Mat& work, cv::Size frame) {
  const int factor = SearchFactor(frame);
  const std::vector<cv::Mat> candidates = FindCandidates(FindRegions(work));
  if (candidates.empty()) return {};

  // Excludes what the scanner draws along the boundary.
  const double inset = std::max(1.0, std::max(frame.width, frame.height) / 320.0);
  for (const cv::Mat& scan : candidates) {
    const ScanShape shape = FitShape(scan);
    if (Explains(shape, scan)) return DrawShape(shape, frame, work.cols, factor, inset);
  }
  return DrawHull(candidates.back(), frame, factor);
}

}  // namespace hepar
