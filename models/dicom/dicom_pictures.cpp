// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/dicom_pictures.h"

#include <gdcmByteValue.h>
#include <gdcmFragment.h>
#include <gdcmImage.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "models/dicom/jpeg_check.h"
#include "models/error.h"

namespace hepar {
namespace {

Error Damaged(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kDamaged, path + ": " + what);
}

// What GDCM has to say goes into errors, not to a terminal that belongs to someone else.
void SilenceGdcm() {
  static std::once_flag once;
  std::call_once(once, [] {
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
  });
}

int DepthOf(const DicomContent& content) {
  return content.shape.bits_allocated == 8 ? CV_8U : CV_16U;
}

cv::Mat NewFrame(const DicomContent& content) {
  return cv::Mat(content.shape.rows, content.shape.columns,
                 CV_MAKETYPE(DepthOf(content), content.shape.samples));
}

// What GDCM needs to decode one frame, and nothing else of the file.
void Describe(const DicomContent& content, const std::string& stream, gdcm::Image& image) {
  image.SetNumberOfDimensions(2);
  image.SetDimension(0, static_cast<unsigned>(content.shape.columns));
  image.SetDimension(1, static_cast<unsigned>(content.shape.rows));
  image.SetPixelFormat(gdcm::PixelFormat(static_cast<unsigned short>(content.shape.samples),
                                         static_cast<unsigned short>(content.shape.bits_allocated),
                                         static_cast<unsigned short>(content.bits_stored),
                                         static_cast<unsigned short>(content.bits_stored - 1),
                                         content.is_signed ? 1 : 0));
  // The palette is applied here, so to GDCM its numbers are gray levels.
  const std::string photometric =
      content.photometric == "PALETTE COLOR" ? "MONOCHROME2" : content.photometric;
  image.SetPhotometricInterpretation(gdcm::PhotometricInterpretation(
      gdcm::PhotometricInterpretation::GetPIType(photometric.c_str())));
  image.SetPlanarConfiguration(content.is_planar ? 1 : 0);
  image.SetTransferSyntax(gdcm::TransferSyntax::GetTSType(content.file.transfer_syntax.c_str()));
  gdcm::DataElement pixels(gdcm::Tag(0x7fe0, 0x0010));
  pixels.SetVR(gdcm::VR::OB);
  auto* sequence = new gdcm::SequenceOfFragments;
  pixels.SetValue(*sequence);  // Which owns it from now on.
  gdcm::Fragment fragment;
  fragment.SetByteValue(stream.data(), static_cast<std::uint32_t>(stream.size()));
  sequence->AddFragment(fragment);
  image.SetDataElement(pixels);
}

// The bytes of a compressed frame, color by pixels or by planes as they are stored.
cv::Mat Decompress(const DicomContent& content, int number, const std::string& path,
                   const Warn& warn) {
  const std::string what = "its compressed frame " + std::to_string(number);
  const auto stream = JoinFrame(content.compressed[static_cast<std::size_t>(number)],
                                content.file.coding, content.shape);
  if (!stream) throw Damaged(path, what + " is damaged");
  if (stream->is_dct) {
    const JpegState state = CheckJpeg(stream->bytes);
    if (!state.damage.empty()) throw Damaged(path, what + " is damaged: " + state.damage);
    const std::string oddity = stream->has_end ? state.oddity : "lacks the mark of its end";
    if (!oddity.empty() && warn) warn(path + ": " + what + " " + oddity);
  }
  cv::Mat frame = NewFrame(content);
  const std::size_t bytes = frame.total() * frame.elemSize();
  try {
    gdcm::Image image;
    Describe(content, stream->bytes, image);
    if (image.GetBufferLength() == bytes && image.GetBuffer(reinterpret_cast<char*>(frame.data))) {
      return frame;
    }
  } catch (const std::exception&) {
    throw Damaged(path, what + " cannot be decoded");
  }
  throw Damaged(path, "its pixel data is damaged");
}

// A native frame as it is stored, but for the order of bytes and shared chroma.
cv::Mat NativeFrame(const DicomContent& content, int number) {
  cv::Mat frame = NewFrame(content);
  const std::uint64_t each = NativeFrameBytes(content);
  const auto first = static_cast<std::size_t>(each * static_cast<std::uint64_t>(number));
  const DicomElement& pixels = content.pixels;
  const bool is_422 = each != frame.total() * frame.elemSize();
  cv::Mat stored =
      is_422 ? cv::Mat(content.shape.rows, content.shape.columns, CV_MAKETYPE(DepthOf(content), 2))
             : frame;
  if (content.shape.bits_allocated == 8) {
    for (std::size_t i = 0; i < each; ++i) {
      stored.data[i] = pixels.Byte(first + i).value_or(0);
    }
  } else {
    auto* words = reinterpret_cast<std::uint16_t*>(stored.data);
    for (std::size_t i = 0; i < each / 2; ++i) words[i] = pixels.Word(first / 2 + i).value_or(0);
  }
  if (!is_422) return frame;
  // PS3.3, C.7.6.3.1.2: two of luma, then the chroma of both.
  const auto expand = [&](auto* to, const auto* from) {
    for (std::size_t i = 0; i < frame.total(); ++i) {
      const std::size_t pair = i / 2 * 4;
      to[3 * i] = from[pair + i % 2];
      to[3 * i + 1] = from[pair + 2];
      to[3 * i + 2] = from[pair + 3];
    }
  };
  if (content.shape.bits_allocated == 8) {
    expand(frame.data, stored.data);
  } else {
    expand(reinterpret_cast<std::uint16_t*>(frame.data),
           reinterpret_cast<const std::uint16_t*>(stored.data));
  }
  return frame;
}

// Color by pixels.
cv::Mat Interleaved(const DicomContent& content, const cv::Mat& frame) {
  if (!content.is_planar) return frame;
  const std::size_t plane = frame.total() * frame.elemSize1();
  std::vector<cv::Mat> planes;
  for (int c = 0; c < content.shape.samples; ++c) {
    planes.emplace_back(frame.rows, frame.cols, DepthOf(content),
                        frame.data + plane * static_cast<std::size_t>(c));
  }
  cv::Mat merged;
  cv::merge(planes, merged);
  return merged;
}

// The gray level, 0 to 1, that a stored number is shown as.
double GrayOf(const DicomContent& content, const DicomScale& scale, unsigned raw) {
  const int span = 1 << content.bits_stored;
  int value = static_cast<int>(raw) & (span - 1);
  if (content.is_signed && value >= span / 2) value -= span;
  const int lowest = content.is_signed ? -span / 2 : 0;
  const double level = scale.LevelOf(value, lowest, lowest + span - 1);
  return content.photometric == "MONOCHROME1" ? 1.0 - level : level;
}

// A frame of one number a pixel, each number mapped once.
template <typename Stored, typename Shown, typename Function>
cv::Mat MapPixels(const cv::Mat& stored, int type, const Function& function) {
  std::vector<Shown> table(std::size_t{1} << (8 * sizeof(Stored)));
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = function(static_cast<unsigned>(i));
  cv::Mat shown(stored.size(), type);
  for (int y = 0; y < stored.rows; ++y) {
    const auto* from = stored.ptr<Stored>(y);
    auto* to = shown.ptr<Shown>(y);
    for (int x = 0; x < stored.cols; ++x) to[x] = table[from[x]];
  }
  return shown;
}

// Whether gray levels are shown as they are stored.
bool IsPlain(const DicomContent& content, const DicomScale& scale) {
  return content.bits_stored == 8 && content.shape.bits_allocated == 8 && !content.is_signed &&
         scale.is_identity();
}

cv::Mat ShowGray(const cv::Mat& stored, const DicomContent& content, int frame) {
  const DicomScale& scale = content.scale(frame);
  if (IsPlain(content, scale)) {
    return MapPixels<std::uint8_t, std::uint8_t>(stored, CV_8UC1, [&](unsigned raw) {
      return static_cast<std::uint8_t>(content.photometric == "MONOCHROME1" ? 255 - raw : raw);
    });
  }
  const auto level = [&](unsigned raw) {
    return static_cast<std::uint16_t>(std::lround(65535.0 * GrayOf(content, scale, raw)));
  };
  return stored.depth() == CV_8U ? MapPixels<std::uint8_t, std::uint16_t>(stored, CV_16UC1, level)
                                 : MapPixels<std::uint16_t, std::uint16_t>(stored, CV_16UC1, level);
}

cv::Mat ShowPalette(const cv::Mat& stored, const DicomContent& content) {
  const DicomPalette& palette = *content.palette;
  const int last = static_cast<int>(palette.colors.size()) - 1;
  const auto color = [&](unsigned raw) {
    const int span = 1 << content.bits_stored;
    int value = static_cast<int>(raw) & (span - 1);
    if (content.is_signed && value >= span / 2) value -= span;
    const auto& [red, green, blue] =
        palette.colors[static_cast<std::size_t>(std::clamp(value - palette.first, 0, last))];
    return cv::Vec3b(blue, green, red);
  };
  return stored.depth() == CV_8U ? MapPixels<std::uint8_t, cv::Vec3b>(stored, CV_8UC3, color)
                                 : MapPixels<std::uint16_t, cv::Vec3b>(stored, CV_8UC3, color);
}

cv::Mat ShowColor(const cv::Mat& stored, const DicomContent& content) {
  cv::Mat eight = stored;
  if (stored.depth() != CV_8U) {
    stored.convertTo(eight, CV_8U, 255.0 / ((1 << content.bits_stored) - 1));
  }
  if (content.photometric == "YBR_PARTIAL_422") {
    // PS3.3, C.7.6.3.1.2: luma in 16 to 235, chroma in 16 to 240.
    cv::Mat luma_wide, wide;
    eight.convertTo(wide, CV_8U, 255.0 / 224.0, 128.0 - 128.0 * 255.0 / 224.0);
    eight.convertTo(luma_wide, CV_8U, 255.0 / 219.0, -16.0 * 255.0 / 219.0);
    cv::mixChannels(std::vector<cv::Mat>{luma_wide}, std::vector<cv::Mat>{wide}, {0, 0});
    eight = wide;
  }
  cv::Mat shown;
  if (content.photometric.compare(0, 8, "YBR_FULL") == 0 ||
      content.photometric == "YBR_PARTIAL_422") {
    cv::Mat swapped(eight.size(), CV_8UC3);  // OpenCV's order is Y, Cr, Cb.
    cv::mixChannels(std::vector<cv::Mat>{eight}, std::vector<cv::Mat>{swapped}, {0, 0, 1, 2, 2, 1});
    cv::cvtColor(swapped, shown, cv::COLOR_YCrCb2BGR);
  } else {  // RGB, and the transforms of JPEG 2000, which the decoder has undone.
    cv::cvtColor(eight, shown, cv::COLOR_RGB2BGR);
  }
  return shown;
}

}  // namespace

DicomPictures::DicomPictures(std::string bytes, std::string name, Warn warn)
    : bytes_(std::make_unique<const std::string>(std::move(bytes))),
      name_(std::move(name)),
      warn_(std::move(warn)),
      content_(ParseDicom(*bytes_, name_, warn_)) {
  SilenceGdcm();
  if (content_.frames == 0) {
    throw Damaged(name_, "is a DICOM file without a picture, such as a directory or a report");
  }
}

int DicomPictures::type() const {
  if (content_.shape.samples == 3 || content_.palette || !content_.video.empty()) return CV_8UC3;
  const bool is_plain =
      std::all_of(content_.scales.begin(), content_.scales.end(),
                  [this](const DicomScale& scale) { return IsPlain(content_, scale); });
  return is_plain ? CV_8UC1 : CV_16UC1;
}

cv::Mat DicomPictures::Picture(int frame) const {
  if (!content_.video.empty()) throw Damaged(name_, "holds a video, not single frames");
  if (frame < 0 || frame >= content_.frames) {
    throw Damaged(name_, "has no frame " + std::to_string(frame) + "; it holds " +
                             std::to_string(content_.frames) + ", counted from 0");
  }
  const cv::Mat stored = Interleaved(content_, content_.compressed.empty()
                                                   ? NativeFrame(content_, frame)
                                                   : Decompress(content_, frame, name_, warn_));
  if (content_.shape.samples == 3) return ShowColor(stored, content_);
  return content_.palette ? ShowPalette(stored, content_) : ShowGray(stored, content_, frame);
}

}  // namespace hepar
