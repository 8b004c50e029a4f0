// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/augmentation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

// The gray level below which added gain fades out, so that dark pixels stay dark, as under
// the log compression of a scanner, and 0 stays 0.
constexpr float kKneeLevel = 0.06f;
constexpr int kTimeGainKnobs = PictureChange::kTimeGainKnobs;
constexpr double kLeastBlur = 0.2;  // Pixels; a narrower kernel is 1 to two decimals.
// Standard deviations of the speckle grain, pixels: wider across the beam than along it.
constexpr double kSpeckleAcross = 1.2;
constexpr double kSpeckleAlong = 0.8;
constexpr int kSpeckleKernel = 7;

// Everything random about one picture. All of it is drawn whatever the options are, so that
// switching one change off leaves the others as they were.
PictureChange DrawFor(const AugmentationOptions& options, std::uint64_t seed) {
  // cv::RNG starts neighboring seeds with nearly equal numbers.
  std::mt19937_64 mix(seed);
  cv::RNG rng(mix());
  const auto about_0 = [&rng](double most) { return most * rng.uniform(-1.0, 1.0); };
  PictureChange draw;
  draw.degrees = about_0(options.rotate_degrees);
  draw.zoom = 1.0 + about_0(options.zoom);
  draw.shift_x = about_0(options.shift);
  draw.shift_y = about_0(options.shift);
  draw.flip = rng.uniform(0.0, 1.0) < options.flip_probability;
  draw.gain = about_0(options.gain);
  draw.exponent = std::exp(about_0(options.gamma));
  for (double& knob : draw.time_gain) knob = about_0(options.time_gain);
  draw.blur_pixels = options.blur_pixels * rng.uniform(0.0, 1.0);
  draw.speckle = options.speckle;
  draw.speckle_seed = rng.next();
  draw.depth = 1.0 + about_0(options.depth);
  draw.sector_angle = 1.0 + about_0(options.sector_angle);
  return draw;
}

void CheckRange(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorKind::kInvalid, std::string("augmentation ") + name + " is " +
                                       std::to_string(value) + ", expected " + std::to_string(low) +
                                       " to " + std::to_string(high));
}

void Check(const cv::Mat& picture) {
  if (picture.empty() || (picture.type() != CV_32FC1 && picture.type() != CV_32FC3)) {
    throw Error(ErrorKind::kInvalid,
                "picture to augment is " +
                    (picture.empty() ? std::string("empty") : cv::typeToString(picture.type())) +
                    ", expected CV_32FC1 or CV_32FC3");
  }
}

void Check(const AugmentationOptions& options) {
  CheckRange("rotate_degrees", options.rotate_degrees, 0.0, 180.0);
  CheckRange("zoom", options.zoom, 0.0, 0.9);
  CheckRange("shift", options.shift, 0.0, 1.0);
  CheckRange("flip_probability", options.flip_probability, 0.0, 1.0);
  CheckRange("gain", options.gain, 0.0, 1.0);
  CheckRange("gamma", options.gamma, 0.0, 3.0);
  CheckRange("time_gain", options.time_gain, 0.0, 1.0);
  CheckRange("speckle", options.speckle, 0.0, 1.0);
  CheckRange("blur_pixels", options.blur_pixels, 0.0, 20.0);
  CheckRange("depth", options.depth, 0.0, 0.5);
  CheckRange("sector_angle", options.sector_angle, 0.0, 0.5);
}

// The sector as a prepared picture shows it, in pixels.
struct Fan {
  cv::Mat inside;  // CV_8UC1: 255 in the sector, which is convex.
  double axis;     // x of the middle beam.
  double apex;     // y where the beams meet, far above when they are parallel.
  double top;      // y from which depth is counted.
};

// From the first and the last of a row's pixels that are not 0, for every row that has any.
std::vector<cv::Point> Ends(const cv::Mat& inside) {
  std::vector<cv::Point> ends;
  for (int y = 0; y < inside.rows; ++y) {
    const auto* row = inside.ptr<std::uint8_t>(y);
    const auto* end = row + inside.cols;
    const auto* first = std::find(row, end, 255);
    if (first == end) continue;
    const auto* last = end - 1;
    while (*last == 0) --last;
    ends.emplace_back(static_cast<int>(first - row), y);
    ends.emplace_back(static_cast<int>(last - row), y);
  }
  return ends;
}

std::optional<Fan> FindFan(const cv::Mat& picture) {
  // Where the sides of a sector are seen: below the probe, above the arc at the bottom.
  constexpr double kUpper = 0.2;
  constexpr double kLower = 0.6;
  cv::Mat outside;
  cv::inRange(picture, cv::Scalar::all(0), cv::Scalar::all(0), outside);
  const auto ends = Ends(~outside);
  if (ends.empty()) return std::nullopt;

  std::vector<cv::Point> outline;
  cv::convexHull(ends, outline);
  Fan fan;
  fan.inside = cv::Mat::zeros(picture.size(), CV_8UC1);
  cv::fillConvexPoly(fan.inside, outline, 255);
  const auto rows = Ends(fan.inside);  // Two points a row.
  const int height = static_cast<int>(rows.size() / 2);
  const auto upper = static_cast<std::size_t>(kUpper * height);
  const auto lower = static_cast<std::size_t>(kLower * height);
  const double upper_width = rows[2 * upper + 1].x - rows[2 * upper].x + 1;
  const double lower_width = rows[2 * lower + 1].x - rows[2 * lower].x + 1;
  const double upper_y = rows[2 * upper].y;
  const double lower_y = rows[2 * lower].y;
  fan.axis = 0.25 * (rows[2 * upper].x + rows[2 * upper + 1].x + rows[2 * lower].x +
                     rows[2 * lower + 1].x);
  // Sides that meet farther than this above the picture are as good as parallel.
  const double farthest = -1e4 * picture.rows;
  const double widening = lower_width - upper_width;
  fan.apex = widening > 0.0
                 ? std::max(farthest, upper_y - upper_width * (lower_y - upper_y) / widening)
                 : farthest;
  fan.top = std::max<double>(rows.front().y, fan.apex);
  return fan;
}

// What another depth of view and another angle of the sector would show, in one resampling.
cv::Mat MoveEchoes(const cv::Mat& picture, const PictureChange& change) {
  if (change.depth == 1.0 && change.sector_angle == 1.0) return picture;
  const auto fan = FindFan(picture);
  if (!fan) return picture;
  cv::Mat from_x(picture.size(), CV_32FC1);
  cv::Mat from_y(picture.size(), CV_32FC1);
  for (int y = 0; y < picture.rows; ++y) {
    const double source_y = fan->top + (y - fan->top) * change.depth;
    // A beam's distance from the axis grows as that from the apex.
    const double along = y > fan->top ? (source_y - fan->apex) / (y - fan->apex) : 1.0;
    const double across = along * change.sector_angle;
    for (int x = 0; x < picture.cols; ++x) {
      from_x.at<float>(y, x) = static_cast<float>(fan->axis + (x - fan->axis) * across);
      from_y.at<float>(y, x) = static_cast<float>(source_y);
    }
  }
  cv::Mat resampled;
  cv::remap(picture, resampled, from_x, from_y, cv::INTER_LINEAR, cv::BORDER_CONSTANT,
            cv::Scalar::all(0));
  cv::Mat moved = cv::Mat::zeros(picture.size(), picture.type());
  resampled.copyTo(moved, fan->inside);
  return moved;
}

// Rotation and zoom about the center, then shift, then mirror, in one resampling.
cv::Mat MoveProbe(const cv::Mat& picture, const PictureChange& change) {
  cv::Matx23d move = cv::getRotationMatrix2D(
      {0.5f * static_cast<float>(picture.cols - 1), 0.5f * static_cast<float>(picture.rows - 1)},
      change.degrees, change.zoom);
  move(0, 2) += change.shift_x * picture.cols;
  move(1, 2) += change.shift_y * picture.rows;
  if (change.flip) {
    for (int i = 0; i < 3; ++i) move(0, i) = -move(0, i);
    move(0, 2) += picture.cols - 1;
  }
  // Resampling by nothing would still round.
  if (move == cv::Matx23d(1, 0, 0, 0, 1, 0)) return picture.clone();
  cv::Mat moved;
  cv::warpAffine(picture, moved, move, picture.size(), cv::INTER_LINEAR, cv::BORDER_CONSTANT,
                 cv::Scalar::all(0));
  return moved;
}

// The added level of each row: what the gain knob adds everywhere and the time-gain knobs add at
// their depth, with half-cosines between them.
std::vector<float> AddedLevels(const PictureChange& change, int rows) {
  std::vector<float> levels(rows);
  for (int y = 0; y < rows; ++y) {
    const double place = (y + 0.5) / rows * (kTimeGainKnobs - 1);
    const int knob = std::min(static_cast<int>(place), kTimeGainKnobs - 2);
    const double weight = 0.5 - 0.5 * std::cos(CV_PI * (place - knob));
    const double curve =
        (1.0 - weight) * change.time_gain[knob] + weight * change.time_gain[knob + 1];
    levels[y] = static_cast<float>(change.gain + curve);
  }
  return levels;
}

// Factors about 1 for the pixels of a picture.
cv::Mat SpeckleFactors(cv::RNG rng, double deviation, cv::Size size) {
  cv::Mat noise(size, CV_32FC1);
  rng.fill(noise, cv::RNG::NORMAL, 0.0, 1.0);
  const cv::Mat across = cv::getGaussianKernel(kSpeckleKernel, kSpeckleAcross);
  const cv::Mat along = cv::getGaussianKernel(kSpeckleKernel, kSpeckleAlong);
  // A filter with kernel k leaves white noise with the deviation |k|.
  const double left = cv::norm(across) * cv::norm(along);
  cv::sepFilter2D(noise, noise, CV_32F, across * (deviation / left), along, {-1, -1}, 1.0);
  return noise;
}

// The intensity changes of one row in a single pass over its pixels.
void ChangeLevels(float* row, int pixels, int channels, float added, const float* factors) {
  for (int x = 0; x < pixels; ++x) {
    const float factor = factors == nullptr ? 1.0f : factors[x];
    for (int c = 0; c < channels; ++c) {
      float& value = row[x * channels + c];
      const float raised = value + added * value / (value + kKneeLevel);
      value = std::clamp(raised * factor, 0.0f, 1.0f);
    }
  }
}

}  // namespace

cv::Mat Augment(const cv::Mat& picture, const AugmentationOptions& options, std::uint64_t seed) {
  Check(picture);
  Check(options);
  return ApplyChange(picture, DrawFor(options, seed));
}

cv::Mat ApplyChange(const cv::Mat& picture, const PictureChange& change) {
  Check(picture);
  cv::Mat changed = MoveProbe(MoveEchoes(picture, change), change);
  cv::Mat outside;
  cv::inRange(changed, cv::Scalar::all(0), cv::Scalar::all(0), outside);
  if (change.blur_pixels >= kLeastBlur) cv::GaussianBlur(changed, changed, {}, change.blur_pixels);
  if (change.exponent != 1.0) cv::pow(changed, change.exponent, changed);
  const auto added = AddedLevels(change, changed.rows);
  cv::Mat factors;
  if (change.speckle > 0.0) {
    factors = SpeckleFactors(cv::RNG(change.speckle_seed), change.speckle, changed.size());
  }
  for (int y = 0; y < changed.rows; ++y) {
    ChangeLevels(changed.ptr<float>(y), changed.cols, changed.channels(), added[y],
                 factors.empty() ? nullptr : factors.ptr<float>(y));
  }
  // The blur spreads past the edge, and cv::pow makes of 0 something that is only nearly 0.
  changed.setTo(cv::Scalar::all(0), outside);
  return changed;
}

}  // namespace hepar
