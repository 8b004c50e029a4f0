// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/corruptions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <random>

#include "models/error.h"
#include "models/named_values.h"
#include "training/data/augmentation.h"

namespace hepar {
namespace {

constexpr NamedValue<Corruption> kNames[] = {
    {"speckle", Corruption::kSpeckle},    {"gain", Corruption::kGain},
    {"time-gain", Corruption::kTimeGain}, {"gamma", Corruption::kGamma},
    {"blur", Corruption::kBlur},          {"depth", Corruption::kDepth},
    {"crop", Corruption::kCrop},          {"jpeg", Corruption::kJpeg},
    {"overlay", Corruption::kOverlay}};

// What each corruption's strengths are, and in what. The second is near the most that
// augmentation's defaults do; the fifth leaves a picture that a person can still grade.
struct Scale {
  std::array<double, kCorruptionStrengths> sizes;
  const char* unit;
};

Scale ScaleOf(Corruption corruption) {
  switch (corruption) {
    case Corruption::kSpeckle:
      return {{0.05, 0.1, 0.2, 0.3, 0.4}, "standard deviation of the factor"};
    case Corruption::kGain:
      return {{0.04, 0.08, 0.12, 0.16, 0.2}, "gray level of 1, up or down"};
    case Corruption::kTimeGain:
      return {{0.04, 0.08, 0.12, 0.16, 0.2}, "gray level of 1 at top and bottom, opposite"};
    case Corruption::kGamma:
      return {{0.1, 0.2, 0.3, 0.45, 0.6}, "logarithm of the exponent, up or down"};
    case Corruption::kBlur:
      return {{0.004, 0.008, 0.012, 0.018, 0.025}, "standard deviation, of the side"};
    case Corruption::kDepth:
      return {{0.05, 0.1, 0.15, 0.2, 0.3}, "change of the depth, up or down"};
    case Corruption::kCrop:
      return {{0.05, 0.1, 0.15, 0.2, 0.3}, "of each side cut away"};
    case Corruption::kJpeg:
      return {{60, 40, 25, 15, 8}, "quality"};
    case Corruption::kOverlay:
      return {{1, 2, 3, 5, 8}, "calipers, each with a line of text"};
  }
  throw Error(ErrorKind::kInvalid, "unknown corruption");
}

// +1 or -1.
double SignOf(std::uint64_t seed) {
  std::mt19937_64 mix(seed);
  return mix() % 2 == 0 ? 1.0 : -1.0;
}

cv::Mat Crop(const cv::Mat& picture, double cut, std::uint64_t seed) {
  // Which part is left is drawn, for a sector is seldom missed evenly.
  std::mt19937_64 mix(seed);
  cv::RNG rng(mix());
  const auto start = [&](int side) {
    return std::min(static_cast<int>(rng.uniform(0.0, 1.0) * cut * side), side - 1);
  };
  const int width = std::max(1, static_cast<int>(std::lround((1.0 - cut) * picture.cols)));
  const int height = std::max(1, static_cast<int>(std::lround((1.0 - cut) * picture.rows)));
  const cv::Rect part(std::min(start(picture.cols), picture.cols - width),
                      std::min(start(picture.rows), picture.rows - height), width, height);
  cv::Mat stretched;
  cv::resize(picture(part), stretched, picture.size(), 0.0, 0.0, cv::INTER_LINEAR);
  return stretched;
}

cv::Mat Jpeg(const cv::Mat& frame, int quality) {
  cv::Mat bytes = frame;
  const bool deep = frame.depth() == CV_16U;
  if (deep) frame.convertTo(bytes, CV_8U, 1.0 / 257.0);
  std::vector<std::uint8_t> file;
  cv::imencode(".jpg", bytes, file, {cv::IMWRITE_JPEG_QUALITY, quality});
  cv::Mat read =
      cv::imdecode(file, frame.channels() == 3 ? cv::IMREAD_COLOR : cv::IMREAD_GRAYSCALE);
  if (deep) read.convertTo(read, CV_16U, 257.0);
  return read;
}

// Pairs of caliper crosses with a dotted line between and their measure in figures, in the middle
// of the frame, where the scan is. The first n are the same for every number of them.
cv::Mat Overlay(const cv::Mat& frame, int pairs, std::uint64_t seed) {
  cv::Mat drawn = frame.clone();
  std::mt19937_64 mix(seed);
  cv::RNG rng(mix());
  const double side = std::min(frame.cols, frame.rows);
  const double bright = frame.depth() == CV_16U ? 65535.0 : 255.0;
  const cv::Scalar white = cv::Scalar::all(bright);
  const int thick = std::max(1, static_cast<int>(side / 300.0));
  const int arm = std::max(2, static_cast<int>(side / 60.0));
  const auto place = [&] {
    return cv::Point(static_cast<int>(rng.uniform(0.25, 0.75) * frame.cols),
                     static_cast<int>(rng.uniform(0.2, 0.8) * frame.rows));
  };
  for (int i = 0; i < pairs; ++i) {
    const cv::Point from = place(), to = place();
    for (const cv::Point& end : {from, to}) {
      cv::drawMarker(drawn, end, white, cv::MARKER_CROSS, 2 * arm, thick);
    }
    const double length = cv::norm(to - from);
    for (double at = arm; at < length; at += 2.0 * arm) {
      const cv::Point dot(from.x + static_cast<int>((to.x - from.x) * at / length),
                          from.y + static_cast<int>((to.y - from.y) * at / length));
      cv::circle(drawn, dot, thick, white, cv::FILLED);
    }
    const std::string text = "D" + std::to_string(i + 1) + " " +
                             std::to_string(20 + static_cast<int>(100.0 * length / side)) + " mm";
    cv::putText(drawn, text, to + cv::Point(arm, -arm), cv::FONT_HERSHEY_SIMPLEX, side / 900.0,
                white, thick);
  }
  return drawn;
}

}  // namespace

std::vector<Corruption> AllCorruptions() {
  std::vector<Corruption> all;
  for (const auto& entry : kNames) all.push_back(entry.value);
  return all;
}

std::string ToString(Corruption corruption) { return NameOf(kNames, corruption); }

Corruption ParseCorruption(const std::string& name) { return ValueOf(kNames, name, "corruption"); }

double SizeOf(Corruption corruption, int strength) {
  if (strength < 1 || strength > kCorruptionStrengths) {
    throw Error(ErrorKind::kInvalid, "strength is " + std::to_string(strength) +
                                         ", expected 1 to " + std::to_string(kCorruptionStrengths));
  }
  return ScaleOf(corruption).sizes[strength - 1];
}

std::string UnitOf(Corruption corruption) { return ScaleOf(corruption).unit; }

bool CorruptsFrame(Corruption corruption) {
  return corruption == Corruption::kJpeg || corruption == Corruption::kOverlay;
}

cv::Mat CorruptPicture(const cv::Mat& picture, Corruption corruption, int strength,
                       std::uint64_t seed) {
  const double size = SizeOf(corruption, strength), sign = SignOf(seed);
  PictureChange change;
  switch (corruption) {
    case Corruption::kSpeckle:
      change.speckle = size;
      change.speckle_seed = std::mt19937_64(seed)();
      break;
    case Corruption::kGain:
      change.gain = sign * size;
      break;
    case Corruption::kTimeGain:
      for (int knob = 0; knob < PictureChange::kTimeGainKnobs; ++knob) {
        change.time_gain[knob] =
            sign * size * (2.0 * knob / (PictureChange::kTimeGainKnobs - 1) - 1.0);
      }
      break;
    case Corruption::kGamma:
      change.exponent = std::exp(sign * size);
      break;
    case Corruption::kBlur:
      change.blur_pixels = size * picture.cols;
      break;
    case Corruption::kDepth:
      change.depth = 1.0 + sign * size;
      break;
    case Corruption::kCrop:
      if (picture.type() == CV_32FC1 || picture.type() == CV_32FC3) {
        return Crop(picture, size, seed);
      }
      break;
    case Corruption::kJpeg:
    case Corruption::kOverlay:
      throw Error(ErrorKind::kInvalid,
                  "corruption '" + ToString(corruption) + "' is of frames, not prepared pictures");
  }
  return ApplyChange(picture, change);
}

cv::Mat CorruptFrame(const cv::Mat& frame, Corruption corruption, int strength,
                     std::uint64_t seed) {
  const int size = static_cast<int>(SizeOf(corruption, strength));
  if (frame.type() != CV_8UC1 && frame.type() != CV_8UC3 && frame.type() != CV_16UC1) {
    throw Error(ErrorKind::kInvalid, "frame to corrupt is " + cv::typeToString(frame.type()) +
                                         ", expected CV_8UC1, CV_8UC3 or CV_16UC1");
  }
  switch (corruption) {
    case Corruption::kJpeg:
      return Jpeg(frame, size);
    case Corruption::kOverlay:
      return Overlay(frame, size, seed);
    default:
      throw Error(ErrorKind::kInvalid,
                  "corruption '" + ToString(corruption) + "' is of prepared pictures, not frames");
  }
}

}  // namespace hepar
