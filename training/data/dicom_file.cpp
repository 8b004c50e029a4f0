// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dicom_file.h"

#include <gdcmByteValue.h>
#include <gdcmFragment.h>
#include <gdcmImage.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <string_view>

#include "models/error.h"
#include "models/file_io.h"
#include "training/data/dicom_parser.h"
#include "training/data/file_name.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxFileBytes = 4ull << 30;
// A color cine of one minute takes a third of it; a damaged header may declare any number.
constexpr std::uint64_t kMaxPixelBytes = 4ull << 30;

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

int TypeOf(const DicomContent& content) {
  return CV_MAKETYPE(content.bits_allocated == 8 ? CV_8U : CV_16U, content.samples);
}

std::uint64_t FrameBytes(const DicomContent& content) {
  return static_cast<std::uint64_t>(content.rows) * content.columns * CV_ELEM_SIZE(TypeOf(content));
}

// What GDCM needs to decode the pixels, and nothing else of the file.
void Describe(const DicomContent& content, gdcm::Image& image) {
  image.SetNumberOfDimensions(3);
  image.SetDimension(0, content.columns);
  image.SetDimension(1, content.rows);
  image.SetDimension(2, content.frames);
  image.SetPixelFormat(gdcm::PixelFormat(static_cast<unsigned short>(content.samples),
                                         static_cast<unsigned short>(content.bits_allocated),
                                         static_cast<unsigned short>(content.bits_stored),
                                         static_cast<unsigned short>(content.bits_stored - 1),
                                         content.is_signed ? 1 : 0));
  // The palette is applied here, so to GDCM its numbers are gray levels.
  const std::string photometric =
      content.photometric == "PALETTE COLOR" ? "MONOCHROME2" : content.photometric;
  image.SetPhotometricInterpretation(gdcm::PhotometricInterpretation(
      gdcm::PhotometricInterpretation::GetPIType(photometric.c_str())));
  image.SetPlanarConfiguration(content.is_planar ? 1 : 0);
  image.SetTransferSyntax(gdcm::TransferSyntax::GetTSType(content.transfer_syntax.c_str()));
  image.SetNeedByteSwap(content.is_big_endian);
  gdcm::DataElement pixels(gdcm::Tag(0x7fe0, 0x0010));
  pixels.SetVR(gdcm::VR::OB);
  if (content.fragments.empty()) {
    pixels.SetByteValue(content.pixels.data(), static_cast<std::uint32_t>(content.pixels.size()));
  } else {
    auto* sequence = new gdcm::SequenceOfFragments;
    pixels.SetValue(*sequence);  // Which owns it from now on.
    for (const std::string_view bytes : content.fragments) {
      gdcm::Fragment fragment;
      fragment.SetByteValue(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
      sequence->AddFragment(fragment);
    }
  }
  image.SetDataElement(pixels);
}

// The pixels of all frames, color by pixels or by planes as they are stored.
std::vector<char> Decode(const DicomContent& content, const std::string& path) {
  const std::uint64_t bytes = FrameBytes(content) * content.frames;
  if (bytes > kMaxPixelBytes) {
    throw Damaged(path, "has " + std::to_string(bytes >> 20) + " MiB of pixels, expected up to " +
                            std::to_string(kMaxPixelBytes >> 20));
  }
  try {
    gdcm::Image image;
    Describe(content, image);
    std::vector<char> pixels(bytes);
    if (image.GetBufferLength() == bytes && image.GetBuffer(pixels.data())) return pixels;
  } catch (const std::exception&) {
    throw Damaged(path, "its pixel data cannot be decoded");
  }
  throw Damaged(path, "its pixel data is damaged");
}

// One frame of what Decode() gives, which must outlive it; color by pixels.
cv::Mat FrameOf(const DicomContent& content, std::vector<char>& pixels, int frame) {
  char* begin = pixels.data() + FrameBytes(content) * frame;
  if (!content.is_planar) return {content.rows, content.columns, TypeOf(content), begin};
  std::vector<cv::Mat> planes;
  for (int c = 0; c < content.samples; ++c) {
    planes.emplace_back(content.rows, content.columns, CV_MAT_DEPTH(TypeOf(content)),
                        begin + FrameBytes(content) / content.samples * c);
  }
  cv::Mat merged;
  cv::merge(planes, merged);
  return merged;
}

// The gray level, 0 to 1, that a stored number is shown as.
double GrayOf(const DicomContent& content, unsigned raw) {
  const int span = 1 << content.bits_stored;
  int value = static_cast<int>(raw) & (span - 1);
  if (content.is_signed && value >= span / 2) value -= span;
  double level;
  if (content.window_center) {
    const double modality = content.slope * value + content.intercept;
    const double width = *content.window_width;
    const double offset = modality - (*content.window_center - 0.5);
    level = width > 1.0 ? offset / (width - 1.0) + 0.5 : (offset > 0.0 ? 1.0 : 0.0);
  } else {
    // The stretch to the whole range undoes what the rescaling does.
    level = static_cast<double>(value + (content.is_signed ? span / 2 : 0)) / (span - 1);
  }
  level = std::clamp(level, 0.0, 1.0);
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

cv::Mat ShowGray(const cv::Mat& stored, const DicomContent& content) {
  const bool is_plain = content.bits_stored == 8 && !content.is_signed && !content.window_center;
  if (is_plain && stored.depth() == CV_8U) {
    return MapPixels<std::uint8_t, std::uint8_t>(stored, CV_8UC1, [&](unsigned raw) {
      return static_cast<std::uint8_t>(content.photometric == "MONOCHROME1" ? 255 - raw : raw);
    });
  }
  const auto level = [&](unsigned raw) {
    return static_cast<std::uint16_t>(std::lround(65535.0 * GrayOf(content, raw)));
  };
  return stored.depth() == CV_8U ? MapPixels<std::uint8_t, std::uint16_t>(stored, CV_16UC1, level)
                                 : MapPixels<std::uint16_t, std::uint16_t>(stored, CV_16UC1, level);
}

cv::Mat ShowPalette(const cv::Mat& stored, const DicomContent& content) {
  const auto color = [&](unsigned raw) {
    const int last = static_cast<int>(content.palette.size()) - 1;
    const int value = static_cast<int>(raw & ((1u << content.bits_stored) - 1));
    const auto& [red, green, blue] =
        content.palette[std::clamp(value - content.palette_first, 0, last)];
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
  cv::Mat shown;
  if (content.photometric == "YBR_FULL" || content.photometric == "YBR_FULL_422") {
    cv::Mat swapped(eight.size(), CV_8UC3);  // OpenCV's order is Y, Cr, Cb.
    cv::mixChannels(std::vector<cv::Mat>{eight}, std::vector<cv::Mat>{swapped}, {0, 0, 1, 2, 2, 1});
    cv::cvtColor(swapped, shown, cv::COLOR_YCrCb2BGR);
  } else {  // RGB, and the transforms of JPEG 2000, which the decoder has undone.
    cv::cvtColor(eight, shown, cv::COLOR_RGB2BGR);
  }
  return shown;
}

}  // namespace

bool IsDicom(const std::string& path) {
  const std::string extension = ExtensionOf(path);
  if (extension == ".dcm" || extension == ".dicom") return true;
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> magic = {};
  file.seekg(128);
  file.read(magic.data(), magic.size());
  return file && std::string_view(magic.data(), magic.size()) == "DICM";
}

int CountDicomFrames(const std::string& path) {
  return ParseDicom(ReadFile(path, kMaxFileBytes), path).frames;
}

std::vector<cv::Mat> ReadDicomFrames(const std::string& path, const std::vector<int>& frames) {
  SilenceGdcm();
  const std::string bytes = ReadFile(path, kMaxFileBytes);
  const DicomContent content = ParseDicom(bytes, path);
  std::vector<char> pixels = Decode(content, path);
  std::vector<cv::Mat> pictures;
  for (const int frame : frames) {
    if (frame < 0 || frame >= content.frames) {
      throw Damaged(path, "has no frame " + std::to_string(frame) + "; it holds " +
                              std::to_string(content.frames) + ", counted from 0");
    }
    const cv::Mat stored = FrameOf(content, pixels, frame);
    pictures.push_back(content.samples == 3       ? ShowColor(stored, content)
                       : !content.palette.empty() ? ShowPalette(stored, content)
                                                  : ShowGray(stored, content));
  }
  return pictures;
}

}  // namespace hepar
