// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/cine_header.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hepar {
namespace {

constexpr std::uint32_t kDisplayRate = 0x00082144;
constexpr std::uint32_t kCineRate = 0x00180040;
constexpr std::uint32_t kFrameTime = 0x00181063;
constexpr std::uint32_t kFrameTimeVector = 0x00181065;
constexpr std::uint32_t kIncrementPointer = 0x00280009;
constexpr std::uint32_t kAspectRatio = 0x00280034;
constexpr std::uint32_t kBurnedIn = 0x00280301;
constexpr std::uint32_t kRegions = 0x00186011;
constexpr std::uint32_t kSpatialFormat = 0x00186012;
constexpr std::uint32_t kDataType = 0x00186014;
constexpr std::uint32_t kMinX = 0x00186018, kMinY = 0x0018601a;
constexpr std::uint32_t kMaxX = 0x0018601c, kMaxY = 0x0018601e;
constexpr std::uint32_t kUnitsX = 0x00186024, kUnitsY = 0x00186026;
constexpr std::uint32_t kDeltaX = 0x0018602c, kDeltaY = 0x0018602e;

constexpr int k2d = 1, kTissue = 1, kCentimeters = 3;
constexpr int kMinSide = 16;
constexpr double kDefaultRate = 25.0;
constexpr double kMinMs = 0.1, kMaxMs = 3.6e6;

bool IsFrameTime(double ms) { return ms >= kMinMs && ms <= kMaxMs; }

class HeaderReader {
 public:
  HeaderReader(const DicomContent& content, const std::string& name, const Warn& warn)
      : content_(content), data_(content.file.data), name_(name), warn_(warn) {}

  CineHeader Read() const {
    CineHeader header;
    header.times = Times();
    header.region = Region();
    const std::string burned_in = data_.Text(kBurnedIn);
    if (burned_in == "YES" || burned_in == "NO") {
      header.has_burned_in_annotation = burned_in == "YES";
    }
    // Vertical first (PS3.3, C.7.6.3.1.7).
    const auto aspect = data_.Numbers(kAspectRatio);
    const auto is_side = [](double side) {
      return side >= 1.0 && side <= 1e6 && side == std::floor(side);
    };
    if (aspect.size() == 2 && is_side(aspect[0]) && is_side(aspect[1])) {
      header.aspect_height = static_cast<int>(aspect[0]);
      header.aspect_width = static_cast<int>(aspect[1]);
    }
    return header;
  }

 private:
  void Odd(const std::string& what) const {
    if (warn_) warn_(name_ + ": " + what);
  }

  CineTimes Constant(double ms) const {
    CineTimes times;
    times.rate = 1000.0 / ms;
    for (int i = 0; i <= content_.frames; ++i) {
      times.begins.push_back(std::llround(ms * 1e6 * i));
    }
    return times;
  }

  std::optional<CineTimes> ByFrameTime() const {
    if (data_.Find(kFrameTime) == nullptr) return std::nullopt;
    const double ms = data_.Number(kFrameTime).value_or(0.0);
    if (IsFrameTime(ms)) return Constant(ms);
    Odd("has the frame time '" + data_.Text(kFrameTime) + "', which is not used");
    return std::nullopt;
  }

  // Times since the picture before; 0 for the first one.
  std::optional<CineTimes> ByVector() const {
    if (data_.Find(kFrameTimeVector) == nullptr) return std::nullopt;
    const std::vector<double> steps = data_.Numbers(kFrameTimeVector);
    const bool is_sound = steps.size() == static_cast<std::size_t>(content_.frames) &&
                          std::all_of(steps.begin() + 1, steps.end(), IsFrameTime);
    if (!is_sound) {
      Odd("has a frame time vector that does not hold a time for each of its " +
          std::to_string(content_.frames) + " pictures, and is not used");
      return std::nullopt;
    }
    if (std::all_of(steps.begin() + 1, steps.end(), [&](double s) { return s == steps[1]; })) {
      return Constant(steps[1]);
    }
    CineTimes times;
    double ms = 0.0;
    times.begins.push_back(0);
    for (std::size_t i = 1; i < steps.size(); ++i) {
      ms += steps[i];
      times.begins.push_back(std::llround(ms * 1e6));
    }
    // Nothing says how long the last picture is shown.
    ms += ms / static_cast<double>(steps.size() - 1);
    times.begins.push_back(std::llround(ms * 1e6));
    return times;
  }

  CineTimes Times() const {
    if (content_.frames <= 1) return {{0}, std::nullopt};
    // A tag, as two numbers of 16 bits.
    const auto group = data_.Word(kIncrementPointer, 0), element = data_.Word(kIncrementPointer, 1);
    const std::uint32_t pointer = group && element ? std::uint32_t{*group} << 16 | *element : 0;
    auto times = pointer == kFrameTimeVector ? ByVector() : ByFrameTime();
    if (!times) times = pointer == kFrameTimeVector ? ByFrameTime() : ByVector();
    if (times) return *times;
    for (const std::uint32_t tag : {kCineRate, kDisplayRate}) {
      const double rate = data_.Number(tag).value_or(0.0);
      if (rate > 0.0 && IsFrameTime(1000.0 / rate)) return Constant(1000.0 / rate);
    }
    Odd("does not say how fast its pictures follow each other; they are shown at 25 a second");
    return Constant(1000.0 / kDefaultRate);
  }

  std::optional<ScanRegion> Region() const {
    std::optional<ScanRegion> best;
    const auto regions = data_.sequences.find(kRegions);
    if (regions == data_.sequences.end()) return best;
    for (const DicomItem& item : regions->second) {
      if (item.Word(kSpatialFormat) != k2d || item.Word(kDataType) != kTissue) continue;
      const auto region = RegionOf(item);
      if (region && (!best || region->bounds.area() > best->bounds.area())) best = region;
    }
    return best;
  }

  std::optional<ScanRegion> RegionOf(const DicomItem& item) const {
    const auto left = item.Long(kMinX), top = item.Long(kMinY);
    const auto right = item.Long(kMaxX), bottom = item.Long(kMaxY);  // The last pixels inside.
    const auto columns = static_cast<std::uint32_t>(content_.shape.columns);
    const auto rows = static_cast<std::uint32_t>(content_.shape.rows);
    if (!left || !top || !right || !bottom || *right >= columns || *bottom >= rows ||
        *left > *right || *top > *bottom || *right - *left + 1 < kMinSide ||
        *bottom - *top + 1 < kMinSide) {
      Odd("has an ultrasound region that is no part of its picture, and is not used");
      return std::nullopt;
    }
    ScanRegion region;
    region.bounds =
        cv::Rect(cv::Point(static_cast<int>(*left), static_cast<int>(*top)),
                 cv::Point(static_cast<int>(*right) + 1, static_cast<int>(*bottom) + 1));
    const auto millimeters = [&](std::uint32_t units,
                                 std::uint32_t delta) -> std::optional<double> {
      const double size = std::abs(item.Double(delta).value_or(0.0));
      if (item.Word(units) != kCentimeters || size == 0.0) return std::nullopt;
      return 10.0 * size;
    };
    region.pixel_width_mm = millimeters(kUnitsX, kDeltaX);
    region.pixel_height_mm = millimeters(kUnitsY, kDeltaY);
    return region;
  }

  const DicomContent& content_;
  const DicomItem& data_;
  const std::string& name_;
  const Warn& warn_;
};

}  // namespace

std::optional<double> ScanRegion::depth_mm() const {
  if (!pixel_height_mm) return std::nullopt;
  return *pixel_height_mm * bounds.height;
}

CineHeader ReadCineHeader(const DicomContent& content, const std::string& name, const Warn& warn) {
  return HeaderReader(content, name, warn).Read();
}

}  // namespace hepar
