// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/preprocess.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <string>

#include "models/error.h"
#include "models/image/luma.h"
#include "models/image/masked_resize.h"
#include "models/image/video_range.h"

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

}  // namespace

Preprocessor::Preprocessor(const PreprocessOptions& options)
    : options_(Checked(options)), tracker_(options.sector) {}

PreparedImage Preprocessor::Process(const FrameView& given) {
  FrameView frame = given;
  if (has_wrong_range_) frame.limited_range = false;
  std::optional<FrameReader> reader(std::in_place, frame, options_.channels);
  if (ShowsFullRange(frame)) {
    has_wrong_range_ = true;
    tracker_.Reset();  // Its state comes from frames whose dark parts were clipped.
    frame.limited_range = false;
    reader.emplace(frame, options_.channels);
  }
  const Sector& sector = tracker_.Update({frame.width, frame.height}, [&frame] {
    cv::Mat luma;
    FrameToLuma(frame).convertTo(luma, CV_8U, 255.0);
    return luma;
  });

  // Area-averages along axes that shrink, then interpolates along axes that grow.
  const int size = options_.size;
  cv::Mat pixels =
      ResizeMasked(*reader, options_.channels, sector,
                   {std::min(sector.bounds.width, size), std::min(sector.bounds.height, size)});
  if (pixels.cols != size || pixels.rows != size) {
    cv::Mat grown;
    cv::resize(pixels, grown, {size, size}, 0, 0, cv::INTER_LINEAR);
    pixels = grown;
  }
  return {pixels, sector.bounds, frame.width, frame.height};
}

void Preprocessor::Reset() {
  tracker_.Reset();
  has_wrong_range_ = false;
}

}  // namespace hepar
