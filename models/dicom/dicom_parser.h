// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/dicom/dicom_elements.h"
#include "models/dicom/dicom_frames.h"
#include "models/dicom/dicom_lut.h"
#include "models/warn.h"

namespace hepar {

// The pixels of a DICOM file and what says how to show them (PS3.3, C.7.6.3 and C.11).
struct DicomContent {
  DicomFile file;  // What the views below point into, beside the bytes that were given.
  DicomShape shape;
  int frames = 0;       // 0: the file is sound but holds no picture. Of a video what the file says.
  int bits_stored = 0;  // Of 8 or 16 allocated, the lowest in use.
  bool is_signed = false;
  bool is_planar = false;               // Color by planes; never in JPEG.
  std::string photometric;              // One that DICOM has for shape.samples.
  std::vector<DicomScale> scales;       // One for all frames, or one for each.
  std::optional<DicomPalette> palette;  // For PALETTE COLOR.

  // Of what the file's coding says, one is not empty.
  DicomElement pixels;     // Native: at least as long as the numbers above say.
  DicomFrames compressed;  // One for each frame; sound, as far as its headers go.
  std::string video;       // The stream of MPEG-2, MPEG-4 or HEVC.

  const DicomScale& scale(int frame) const {
    return scales[scales.size() > 1 ? static_cast<std::size_t>(frame) : 0];
  }
};

// Reads a DICOM file (PS3.10) from its bytes, which must outlive the result. Everything that the
// result promises is checked, and so are the run lengths or the headers of compressed frames, and
// the size of the picture, before anything is decoded. Where NumberOfFrames is empty or 0, the
// pixels say how many there are. What is odd but harmless goes to `warn`. `name` stands for the
// file in messages. Throws Error(kDamaged), naming what is wrong.
DicomContent ParseDicom(std::string_view bytes, const std::string& name, const Warn& warn = {});

// How many bytes a native frame takes.
std::uint64_t NativeFrameBytes(const DicomContent& content);

}  // namespace hepar
