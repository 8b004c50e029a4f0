// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/preprocess.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <string>

#include "models/error.h"
#include "models/image/luma.h"

namespace hepar {
namespace {

constexpr int kMaxSize = 4096;

const PreprocessOptions& Checked(const PreprocessOptions& options) {
  if (options.size < 1 || options.size > kMaxSize) {
    throw Error(ErrorKind::kInvalid, "network input size is " + std::to_string(options.size) +
                                         ", expected 1 to " + std::to_string(kMaxSize));
  }
  if (options.channels != 1 && options.channels != 3) {
    throw Error(ErrorKind::kInvalid, "network input has " + std::to_string(options.channels) +
                                         " channels, expected 1 (luma) or 3 (RGB)");
  }
  return options;
}

// Averages along the axes that shrink, then interpolates along those that grow; cv::resize with
// INTER_AREA does not average at all as soon as one axis grows.
cv::Mat ResizeToSquare(const cv::Mat& image, int size) {
  cv::Mat shrunk;
  cv::resize(image, shrunk, {std::min(image.cols, size), std::min(image.rows, size)}, 0, 0,
             cv::INTER_AREA);
  if (shrunk.cols == size && shrunk.rows == size) return shrunk;
  cv::Mat grown;
  cv::resize(shrunk, grown, {size, size}, 0, 0, cv::INTER_LINEAR);
  return grown;
}

}  // namespace

Preprocessor::Preprocessor(const PreprocessOptions& options)
    : options_(Checked(options)), tracker_(options.sector) {}

PreparedImage Preprocessor::Process(const FrameView& frame) {
  cv::Mat picture;
  cv::Mat luma;
  if (options_.channels == 3) {
    picture = FrameToRgb(frame);
    cv::cvtColor(picture, luma, cv::COLOR_RGB2GRAY);
  } else {
    picture = luma = FrameToLuma(frame);
  }
  cv::Mat luma8;
  luma.convertTo(luma8, CV_8U, 255.0);
  const Sector& sector = tracker_.Update(luma8);

  cv::Mat masked = cv::Mat::zeros(sector.bounds.size(), picture.type());
  picture(sector.bounds).copyTo(masked, sector.mask(sector.bounds));
  return {ResizeToSquare(masked, options_.size), sector.bounds, frame.width, frame.height};
}

void Preprocessor::Reset() { tracker_.Reset(); }

}  // namespace hepar
