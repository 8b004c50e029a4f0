// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/device_preprocessor.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/support/scan_pictures.h"

// On the CPU, where the same operators run as on a GPU.
namespace hepar {
namespace {

constexpr PixelFormat kFormats[] = {
    PixelFormat::kGray8, PixelFormat::kGray16Le, PixelFormat::kRgb,  PixelFormat::kBgr,
    PixelFormat::kRgbx,  PixelFormat::kBgrx,     PixelFormat::kRgba, PixelFormat::kBgra,
    PixelFormat::kI420,  PixelFormat::kNv12,     PixelFormat::kYuy2, PixelFormat::kUyvy};

struct Matrix {
  double kr, kb;
};
constexpr Matrix kBt601 = {0.299, 0.114}, kBt709 = {0.2126, 0.0722}, kBt2020 = {0.2627, 0.0593};

struct OwnedFrame {
  std::vector<std::uint8_t> planes[3];
  FrameView view;
};

// A gray scan with some color, in the given format. Rows are padded, as those of video memory.
OwnedFrame Encode(const cv::Mat& gray, PixelFormat format, bool limited = false,
                  const Matrix& matrix = kBt601) {
  OwnedFrame frame;
  FrameView& view = frame.view;
  view.format = format;
  view.width = gray.cols;
  view.height = gray.rows;
  view.limited_range = limited;
  view.kr = matrix.kr;
  view.kb = matrix.kb;
  for (int i = 0; i < 3; ++i) {
    view.strides[i] = 4 * gray.cols + 24;
    frame.planes[i].resize(static_cast<std::size_t>(view.strides[i]) * (gray.rows + 1));
    view.planes[i] = frame.planes[i].data();
  }
  const SampleLayout& layout = CheckedLayout(view);
  cv::RNG random(7);
  const bool is_gray16 = layout.model == ColorModel::kGray16;
  const int components = layout.model == ColorModel::kGray8 || is_gray16
                             ? 1
                             : static_cast<int>(layout.components.size());
  for (int y = 0; y < gray.rows; ++y) {
    for (int x = 0; x < gray.cols; ++x) {
      const int level = gray.at<std::uint8_t>(y, x);
      for (int i = 0; i < components; ++i) {
        const Component& c = layout.components[i];
        std::uint8_t* sample = &frame.planes[c.plane][(y >> c.y_shift) * view.strides[c.plane] +
                                                      (x >> c.x_shift) * c.step + c.offset];
        const bool is_chroma = layout.model == ColorModel::kYCbCr && i > 0;
        int value = limited && layout.model != ColorModel::kRgb ? 16 + level * 219 / 255 : level;
        if (is_chroma) value = 128 + (level > 0 ? random.uniform(-40, 40) : 0);
        if (layout.model == ColorModel::kRgb && level > 0) value += random.uniform(-20, 20);
        sample[is_gray16 ? 1 : 0] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
        if (is_gray16) sample[0] = static_cast<std::uint8_t>(random.uniform(0, 256));
      }
    }
  }
  return frame;
}

PreprocessOptions Options(int size, int channels, const std::string& sector = "auto") {
  PreprocessOptions options;
  options.size = size;
  options.channels = channels;
  options.sector = SectorRule::Parse(sector);
  return options;
}

cv::Mat Scan(cv::Size size = {640, 480},
             const hepar::testing::Fan& fan = hepar::testing::kCurvedArray,
             std::uint64_t seed = 1) {
  cv::Mat picture = hepar::testing::Speckle(hepar::testing::FanMask(size, fan), 90, seed);
  hepar::testing::BurnIn(&picture);
  return picture;
}

// The largest difference of the two pictures' pixels.
double Difference(const PreparedImage& expected, const DevicePreprocessor::Prepared& got) {
  const int channels = expected.pixels.channels();
  EXPECT_EQ(got.pixels.sizes().vec(),
            (std::vector<int64_t>{1, channels, expected.pixels.rows, expected.pixels.cols}));
  const cv::Mat pixels = expected.pixels.isContinuous() ? expected.pixels : expected.pixels.clone();
  const auto wanted = torch::from_blob(pixels.data, {pixels.rows, pixels.cols, channels});
  return (got.pixels[0].permute({1, 2, 0}) - wanted).abs().max().item<double>();
}

void ExpectEqual(const PreprocessOptions& options, const FrameView& view) {
  const PreparedImage expected = Preprocessor(options).Process(view);
  const auto got = DevicePreprocessor(options, torch::kCPU).Process(view);
  EXPECT_EQ(got.bounds, expected.bounds);
  EXPECT_EQ(got.frame_width, expected.frame_width);
  EXPECT_EQ(got.frame_height, expected.frame_height);
  EXPECT_LT(Difference(expected, got), 2e-6);
  EXPECT_EQ(got.pixels.suggest_memory_format(), at::MemoryFormat::ChannelsLast);
}

TEST(DevicePreprocessorTest, EveryFormatRangeAndMatrixGivesThePreprocessorsPixels) {
  const cv::Mat scan = Scan();
  for (const PixelFormat format : kFormats) {
    const bool has_matrix = format >= PixelFormat::kI420;
    for (const bool limited : {false, true}) {
      for (const Matrix& matrix : {kBt601, kBt709, kBt2020}) {
        const OwnedFrame frame = Encode(scan, format, limited, matrix);
        for (const int channels : {1, 3}) {
          SCOPED_TRACE("format " + std::to_string(static_cast<int>(format)) +
                       (limited ? " limited, kr " : " full, kr ") + std::to_string(matrix.kr) +
                       ", channels " + std::to_string(channels));
          ExpectEqual(Options(224, channels), frame.view);
        }
        if (!has_matrix) break;
      }
    }
  }
}

TEST(DevicePreprocessorTest, OddSizesAndAxesThatGrowGiveThePreprocessorsPixels) {
  for (const cv::Size size : {cv::Size(641, 479), cv::Size(1281, 723), cv::Size(317, 239)}) {
    const double scale = size.width / 640.0;
    hepar::testing::Fan fan = hepar::testing::kCurvedArray;
    fan.apex *= scale;
    fan.inner *= scale;
    fan.outer *= scale;
    const OwnedFrame frame = Encode(Scan(size, fan), PixelFormat::kNv12, true, kBt709);
    for (const int side : {96, 224, 600}) {
      SCOPED_TRACE(std::to_string(size.width) + " to " + std::to_string(side));
      ExpectEqual(Options(side, 1), frame.view);
      ExpectEqual(Options(side, 3, "full"), frame.view);
      ExpectEqual(Options(side, 1, "31,17,200,151"), frame.view);
    }
  }
}

TEST(DevicePreprocessorTest, AWrongRangeIsFoundAndTheSectorFollowsTheStream) {
  const hepar::testing::Fan fans[] = {hepar::testing::kCurvedArray, hepar::testing::kPhasedArray};
  Preprocessor on_host(Options(112, 1));
  DevicePreprocessor on_device(Options(112, 1), torch::kCPU);
  for (int i = 0; i < 60; ++i) {
    SCOPED_TRACE(i);
    OwnedFrame frame =
        Encode(Scan({640, 480}, fans[i / 30], static_cast<std::uint64_t>(i)), PixelFormat::kGray8);
    frame.view.limited_range = true;  // Wrong: black is 0.
    const PreparedImage expected = on_host.Process(frame.view);
    const auto got = on_device.Process(frame.view);
    ASSERT_EQ(got.bounds, expected.bounds);
    ASSERT_LT(Difference(expected, got), 2e-6);
    ASSERT_EQ(on_device.has_wrong_range(), on_host.has_wrong_range());
  }
  EXPECT_TRUE(on_device.has_wrong_range());
  on_device.Reset();
  EXPECT_FALSE(on_device.has_wrong_range());
}

TEST(DevicePreprocessorTest, RefusesWhatThePreprocessorRefuses) {
  EXPECT_THROW(DevicePreprocessor(Options(0, 1), torch::kCPU), Error);
  EXPECT_THROW(DevicePreprocessor(Options(224, 2), torch::kCPU), Error);
  OwnedFrame frame = Encode(Scan(), PixelFormat::kNv12);
  frame.view.strides[1] = 10;
  EXPECT_THROW(DevicePreprocessor(Options(224, 1), torch::kCPU).Process(frame.view), Error);
  frame = Encode(Scan(), PixelFormat::kGray8);
  EXPECT_THROW(
      DevicePreprocessor(Options(224, 1, "700,500,20,20"), torch::kCPU).Process(frame.view), Error);
}

}  // namespace
}  // namespace hepar
