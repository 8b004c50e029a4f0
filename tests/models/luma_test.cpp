// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/luma.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

using testing::HasSubstr;

// A frame with its own memory. Each row is followed by padding.
struct OwnedFrame {
  std::vector<std::uint8_t> bytes[3];
  FrameView view;
};

struct Matrix {
  double kr;
  double kb;
};
constexpr Matrix kBt601 = {0.299, 0.114};
constexpr Matrix kBt709 = {0.2126, 0.0722};
constexpr Matrix kBt2020 = {0.2627, 0.0593};

constexpr int kPadding = 13;

void AddPlane(OwnedFrame* frame, int plane, int row_bytes, int rows) {
  frame->bytes[plane].assign(static_cast<std::size_t>(row_bytes + kPadding) * rows, 0xAB);
  frame->view.planes[plane] = frame->bytes[plane].data();
  frame->view.strides[plane] = row_bytes + kPadding;
}

std::uint8_t* At(OwnedFrame* frame, int plane, int y, int byte) {
  return &frame->bytes[plane][y * frame->view.strides[plane] + byte];
}

std::uint8_t Level(double value, bool limited) {
  return static_cast<std::uint8_t>(std::lround(limited ? 16 + 219 * value : 255 * value));
}

std::uint8_t Chroma(double value, bool limited) {
  return static_cast<std::uint8_t>(
      std::min(255L, std::lround(128 + (limited ? 224 : 255) * value)));
}

// Encodes an R'G'B' picture in [0,1]. The chroma of a group of pixels is that of its first pixel.
OwnedFrame Encode(const cv::Mat& rgb, PixelFormat format, bool limited = false,
                  Matrix matrix = kBt601) {
  const int width = rgb.cols;
  const int height = rgb.rows;
  const int half_width = (width + 1) / 2;
  const int half_height = (height + 1) / 2;
  OwnedFrame frame;
  frame.view.format = format;
  frame.view.width = width;
  frame.view.height = height;
  frame.view.limited_range = limited;
  frame.view.kr = matrix.kr;
  frame.view.kb = matrix.kb;

  const auto y_of = [&](int y, int x) {
    const cv::Vec3f& p = rgb.at<cv::Vec3f>(y, x);
    return matrix.kr * p[0] + (1 - matrix.kr - matrix.kb) * p[1] + matrix.kb * p[2];
  };
  const auto cb_of = [&](int y, int x) {
    return Chroma((rgb.at<cv::Vec3f>(y, x)[2] - y_of(y, x)) / (2 * (1 - matrix.kb)), limited);
  };
  const auto cr_of = [&](int y, int x) {
    return Chroma((rgb.at<cv::Vec3f>(y, x)[0] - y_of(y, x)) / (2 * (1 - matrix.kr)), limited);
  };
  const auto fill_packed = [&](int step, int red, int green, int blue) {
    AddPlane(&frame, 0, width * step, height);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const cv::Vec3f& p = rgb.at<cv::Vec3f>(y, x);
        *At(&frame, 0, y, x * step + red) = Level(p[0], limited);
        *At(&frame, 0, y, x * step + green) = Level(p[1], limited);
        *At(&frame, 0, y, x * step + blue) = Level(p[2], limited);
      }
    }
  };
  const auto fill_y_plane = [&] {
    AddPlane(&frame, 0, width, height);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) *At(&frame, 0, y, x) = Level(y_of(y, x), limited);
    }
  };
  const auto fill_422 = [&](int luma, int cb, int cr) {
    AddPlane(&frame, 0, 4 * half_width, height);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        *At(&frame, 0, y, 2 * x + luma) = Level(y_of(y, x), limited);
      }
      for (int x = 0; x < half_width; ++x) {
        *At(&frame, 0, y, 4 * x + cb) = cb_of(y, 2 * x);
        *At(&frame, 0, y, 4 * x + cr) = cr_of(y, 2 * x);
      }
    }
  };

  switch (format) {
    case PixelFormat::kGray8:
      fill_y_plane();
      break;
    case PixelFormat::kGray16Le:
      AddPlane(&frame, 0, 2 * width, height);
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          const double value = y_of(y, x);
          const long level = std::lround(limited ? 256 * (16 + 219 * value) : 65535 * value);
          *At(&frame, 0, y, 2 * x) = static_cast<std::uint8_t>(level & 255);
          *At(&frame, 0, y, 2 * x + 1) = static_cast<std::uint8_t>(level >> 8);
        }
      }
      break;
    case PixelFormat::kRgb:
      fill_packed(3, 0, 1, 2);
      break;
    case PixelFormat::kBgr:
      fill_packed(3, 2, 1, 0);
      break;
    case PixelFormat::kRgbx:
    case PixelFormat::kRgba:
      fill_packed(4, 0, 1, 2);
      break;
    case PixelFormat::kBgrx:
    case PixelFormat::kBgra:
      fill_packed(4, 2, 1, 0);
      break;
    case PixelFormat::kI420:
      fill_y_plane();
      AddPlane(&frame, 1, half_width, half_height);
      AddPlane(&frame, 2, half_width, half_height);
      for (int y = 0; y < half_height; ++y) {
        for (int x = 0; x < half_width; ++x) {
          *At(&frame, 1, y, x) = cb_of(2 * y, 2 * x);
          *At(&frame, 2, y, x) = cr_of(2 * y, 2 * x);
        }
      }
      break;
    case PixelFormat::kNv12:
      fill_y_plane();
      AddPlane(&frame, 1, 2 * half_width, half_height);
      for (int y = 0; y < half_height; ++y) {
        for (int x = 0; x < half_width; ++x) {
          *At(&frame, 1, y, 2 * x) = cb_of(2 * y, 2 * x);
          *At(&frame, 1, y, 2 * x + 1) = cr_of(2 * y, 2 * x);
        }
      }
      break;
    case PixelFormat::kYuy2:
      fill_422(0, 1, 3);
      break;
    case PixelFormat::kUyvy:
      fill_422(1, 0, 2);
      break;
  }
  return frame;
}

constexpr PixelFormat kColorFormats[] = {PixelFormat::kRgb,  PixelFormat::kBgr,  PixelFormat::kRgbx,
                                         PixelFormat::kBgrx, PixelFormat::kRgba, PixelFormat::kBgra,
                                         PixelFormat::kI420, PixelFormat::kNv12, PixelFormat::kYuy2,
                                         PixelFormat::kUyvy};

// Colors that are constant over 2x2 groups, so that subsampling chroma is lossless. An odd size.
cv::Mat ColorPicture() {
  cv::Mat rgb(21, 17, CV_32FC3);
  for (int y = 0; y < rgb.rows; ++y) {
    for (int x = 0; x < rgb.cols; ++x) {
      const float u = static_cast<float>(x / 2) / 8.0f;
      const float v = static_cast<float>(y / 2) / 10.0f;
      rgb.at<cv::Vec3f>(y, x) = {u, v, 1.0f - 0.5f * (u + v)};
    }
  }
  return rgb;
}

cv::Mat Uniform(float red, float green, float blue) {
  return cv::Mat(16, 16, CV_32FC3, cv::Scalar(red, green, blue));
}

cv::Mat LumaOf(const cv::Mat& rgb) {
  cv::Mat luma(rgb.size(), CV_32FC1);
  for (int y = 0; y < rgb.rows; ++y) {
    for (int x = 0; x < rgb.cols; ++x) {
      const cv::Vec3f& p = rgb.at<cv::Vec3f>(y, x);
      luma.at<float>(y, x) = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
    }
  }
  return luma;
}

double Difference(const cv::Mat& a, const cv::Mat& b) { return cv::norm(a, b, cv::NORM_INF); }

void ExpectInvalid(const FrameView& view, const std::string& cause) {
  try {
    FrameToLuma(view);
    FAIL() << "accepted a view with " << cause;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr(cause));
  }
  EXPECT_THROW(FrameToRgb(view), Error);
}

TEST(LumaTest, WeighsThePrimariesByBt601) {
  const auto luma = [](float red, float green, float blue) {
    return FrameToLuma(Encode(Uniform(red, green, blue), PixelFormat::kRgb).view).at<float>(0, 0);
  };
  EXPECT_NEAR(luma(1, 0, 0), 0.299, 1e-6);
  EXPECT_NEAR(luma(0, 1, 0), 0.587, 1e-6);
  EXPECT_NEAR(luma(0, 0, 1), 0.114, 1e-6);
  EXPECT_NEAR(luma(0.2f, 0.4f, 0.6f), 0.363, 1e-6);
}

TEST(LumaTest, GrayStaysAsItIsInEveryFormat) {
  const float gray = 102.0f / 255.0f;
  std::vector<PixelFormat> formats(std::begin(kColorFormats), std::end(kColorFormats));
  formats.push_back(PixelFormat::kGray8);
  formats.push_back(PixelFormat::kGray16Le);
  for (PixelFormat format : formats) {
    SCOPED_TRACE(static_cast<int>(format));
    for (Matrix matrix : {kBt601, kBt709, kBt2020}) {
      const OwnedFrame frame = Encode(Uniform(gray, gray, gray), format, false, matrix);
      EXPECT_LT(Difference(FrameToLuma(frame.view), cv::Mat(16, 16, CV_32FC1, cv::Scalar(gray))),
                1e-5);
    }
  }
}

TEST(LumaTest, EveryColorFormatMatrixAndRangeGivesTheSameLuma) {
  const cv::Mat rgb = ColorPicture();
  const cv::Mat expected = LumaOf(rgb);
  for (PixelFormat format : kColorFormats) {
    for (Matrix matrix : {kBt601, kBt709, kBt2020}) {
      for (bool limited : {false, true}) {
        SCOPED_TRACE(testing::Message() << "format " << static_cast<int>(format) << " kr "
                                        << matrix.kr << " limited " << limited);
        const cv::Mat luma = FrameToLuma(Encode(rgb, format, limited, matrix).view);
        ASSERT_EQ(luma.type(), CV_32FC1);
        // At most half a level of luma and of each chroma.
        EXPECT_LT(Difference(luma, expected), 1.0 / 219);
      }
    }
  }
}

TEST(LumaTest, EveryColorFormatMatrixAndRangeGivesTheSameRgb) {
  const cv::Mat rgb = ColorPicture();
  for (PixelFormat format : kColorFormats) {
    for (Matrix matrix : {kBt601, kBt709, kBt2020}) {
      for (bool limited : {false, true}) {
        SCOPED_TRACE(testing::Message() << "format " << static_cast<int>(format) << " kr "
                                        << matrix.kr << " limited " << limited);
        const cv::Mat decoded = FrameToRgb(Encode(rgb, format, limited, matrix).view);
        ASSERT_EQ(decoded.type(), CV_32FC3);
        EXPECT_LT(Difference(decoded, rgb), 2.0 / 219);
      }
    }
  }
}

TEST(LumaTest, TakingBt709AsBt601WouldShow) {
  OwnedFrame frame = Encode(Uniform(0, 1, 0), PixelFormat::kI420, false, kBt709);
  EXPECT_NEAR(FrameToLuma(frame.view).at<float>(0, 0), 0.587, 0.005);
  frame.view.kr = kBt601.kr;
  frame.view.kb = kBt601.kb;
  EXPECT_NEAR(FrameToLuma(frame.view).at<float>(0, 0), 0.7152, 0.005);
}

TEST(LumaTest, LimitedRangeIsExpandedAndClipped) {
  for (PixelFormat format : {PixelFormat::kGray8, PixelFormat::kI420, PixelFormat::kRgb}) {
    SCOPED_TRACE(static_cast<int>(format));
    OwnedFrame frame = Encode(Uniform(0, 0, 0), format, true);
    const auto luma_of_bytes = [&](std::uint8_t value) {
      std::fill(frame.bytes[0].begin(), frame.bytes[0].end(), value);
      return FrameToLuma(frame.view).at<float>(3, 5);
    };
    EXPECT_FLOAT_EQ(luma_of_bytes(0), 0.0f);
    EXPECT_FLOAT_EQ(luma_of_bytes(16), 0.0f);
    EXPECT_NEAR(luma_of_bytes(126), 110.0 / 219, 1e-6);
    EXPECT_FLOAT_EQ(luma_of_bytes(235), 1.0f);
    EXPECT_FLOAT_EQ(luma_of_bytes(255), 1.0f);
  }
}

TEST(LumaTest, Gray16KeepsWhatEightBitsWouldLose) {
  const float step = 1.0f / 4096;
  const cv::Mat low = FrameToLuma(Encode(Uniform(0.5f, 0.5f, 0.5f), PixelFormat::kGray16Le).view);
  const cv::Mat high = FrameToLuma(
      Encode(Uniform(0.5f + step, 0.5f + step, 0.5f + step), PixelFormat::kGray16Le).view);
  EXPECT_NEAR(high.at<float>(0, 0) - low.at<float>(0, 0), step, 2e-5);
}

TEST(LumaTest, Gray16LimitedRangeRunsFrom16To235Times256) {
  const cv::Mat luma =
      FrameToLuma(Encode(Uniform(0.25f, 0.25f, 0.25f), PixelFormat::kGray16Le, true).view);
  EXPECT_NEAR(luma.at<float>(0, 0), 0.25, 2e-5);
}

TEST(LumaTest, OddSizesReadTheLastGroupOfChroma) {
  cv::Mat rgb = ColorPicture();
  rgb.col(rgb.cols - 1).setTo(cv::Scalar(1, 0, 0));
  rgb.row(rgb.rows - 1).setTo(cv::Scalar(0, 0, 1));
  for (PixelFormat format : {PixelFormat::kI420, PixelFormat::kNv12}) {
    const cv::Mat decoded = FrameToRgb(Encode(rgb, format).view);
    EXPECT_LT(Difference(decoded, rgb), 2.0 / 255) << static_cast<int>(format);
  }
}

TEST(LumaTest, RefusesSizesOutOfRange) {
  OwnedFrame frame = Encode(Uniform(0, 0, 0), PixelFormat::kGray8);
  for (int side : {15, 4097, 0, -16}) {
    FrameView view = frame.view;
    view.width = side;
    view.strides[0] = 5000;
    ExpectInvalid(view, "expected 16x16 to 4096x4096");
    view = frame.view;
    view.height = side;
    ExpectInvalid(view, "expected 16x16 to 4096x4096");
  }
}

TEST(LumaTest, RefusesAStrideShorterThanARow) {
  const struct {
    PixelFormat format;
    int plane;
    int row;  // Bytes of a row of 17 pixels.
  } cases[] = {
      {PixelFormat::kGray8, 0, 17}, {PixelFormat::kGray16Le, 0, 34}, {PixelFormat::kRgb, 0, 51},
      {PixelFormat::kBgra, 0, 68},  {PixelFormat::kI420, 1, 9},      {PixelFormat::kI420, 2, 9},
      {PixelFormat::kNv12, 1, 18},  {PixelFormat::kYuy2, 0, 36},     {PixelFormat::kUyvy, 0, 36}};
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(c.format) << " plane " << c.plane);
    OwnedFrame frame = Encode(ColorPicture(), c.format);
    frame.view.strides[c.plane] = c.row;
    EXPECT_NO_THROW(FrameToLuma(frame.view));
    frame.view.strides[c.plane] = c.row - 1;
    ExpectInvalid(frame.view, "stride of " + std::to_string(c.row - 1));
    frame.view.strides[c.plane] = -c.row;
    ExpectInvalid(frame.view, "stride");
  }
}

TEST(LumaTest, RefusesMissingPlanesUnknownFormatsAndBadMatrices) {
  OwnedFrame frame = Encode(ColorPicture(), PixelFormat::kI420);
  FrameView view = frame.view;
  view.planes[2] = nullptr;
  ExpectInvalid(view, "plane 2 is missing");

  view = frame.view;
  view.format = static_cast<PixelFormat>(99);
  ExpectInvalid(view, "pixel format number 99");

  for (double kr : {0.0, -0.2, 0.9, std::numeric_limits<double>::quiet_NaN()}) {
    view = frame.view;
    view.kr = kr;
    ExpectInvalid(view, "color matrix");
  }
}

}  // namespace
}  // namespace hepar
