// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Checks of the compressed frames of DICOM files: whether a decoder can take them for what the file
// says of its pictures.
#pragma once

#include <optional>
#include <string_view>

#include "training/data/dicom_parser.h"

namespace hepar {

// PS3.5, annex G: up to 15 segments of one byte of each pixel, run-length coded.
bool IsRle(std::string_view frame, const DicomContent& content);

// What a JPEG stream says of its own coding.
struct JpegStream {
  bool is_dct = false;         // Lossy.
  std::optional<bool> is_ybr;  // Whether its colors are luma and chroma, where it says so.
};

// ITU-T T.81 and T.87, annex B: the segments up to the first scan, and the end of the picture.
// Empty for a stream that is damaged or of another shape than `content`.
std::optional<JpegStream> ReadJpegStream(std::string_view frame, const DicomContent& content);

// ITU-T T.800, annex A: the main header's size segment comes first.
bool IsJpeg2000(std::string_view frame, const DicomContent& content);

}  // namespace hepar
