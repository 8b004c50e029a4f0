// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <array>
#include <opencv2/core.hpp>

#include "models/image/frame_view.h"
#include "models/image/preprocess.h"
#include "models/image/sample_tables.h"
#include "models/image/sector_tracker.h"

namespace hepar {

// Preprocessor for frames in the memory of a device: the same steps as LibTorch operators, so that
// the frame never reaches the host. Its pixels differ from Preprocessor's by rounding, at most
// 2e-6. The sector is searched on the host, on a picture of at most 320 pixels a side that the
// device makes of every fourth frame; whether the range is marked wrongly, one sum tells.
//
// Work is queued on the device's current stream. Not thread-safe: one per stream of frames.
class DevicePreprocessor {
 public:
  // Throws Error(kInvalid) as Preprocessor.
  DevicePreprocessor(const PreprocessOptions& options, const torch::Device& device);

  struct Prepared {
    torch::Tensor pixels;  // (1, channels, size, size) float32 on the device, channels-last.
    cv::Rect bounds;       // As in PreparedImage.
    int frame_width = 0, frame_height = 0;
  };

  // The planes of `frame` are addresses in the device's memory, which must stay valid until the
  // queued work is done. Throws as Preprocessor::Process(), and LibTorch's exceptions.
  Prepared Process(const FrameView& frame);
  void Reset();

  bool has_wrong_range() const { return has_wrong_range_; }

 private:
  // What depends on the frame's sector and format alone, on the device.
  struct Geometry {
    cv::Rect bounds;
    torch::Tensor mask;                                        // (height, width) float, 0 or 1.
    torch::Tensor rows, columns;                               // (size, height), (width, size).
    std::array<torch::Tensor, 3> sample_rows, sample_columns;  // Of each component; or undefined.
  };

  bool ShowsFullRangeHere(const FrameView& frame) const;
  torch::Tensor Samples(const FrameView& frame, const Component& component) const;
  torch::Tensor Channels(const FrameView& frame, int channels, const Geometry& geometry) const;
  cv::Mat SearchPictureOf(const FrameView& frame) const;
  Geometry MakeGeometry(const FrameView& frame, const cv::Rect& bounds, const cv::Mat& mask) const;

  const PreprocessOptions options_;
  const torch::Device device_;
  SectorTracker tracker_;
  bool has_wrong_range_ = false;
  cv::Mat mask_;  // That of geometry_.
  PixelFormat format_ = PixelFormat::kGray8;
  Geometry geometry_;
};

}  // namespace hepar
