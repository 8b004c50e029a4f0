// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hepar {

// The pixels of a DICOM file and the attributes that say how to display them (PS3.3, C.7.6.3 and
// C.11).
struct DicomContent {
  std::string transfer_syntax;
  bool is_big_endian = false;
  int columns = 0, rows = 0, frames = 0;
  int samples = 0;                          // 1, or 3 for color.
  int bits_allocated = 0, bits_stored = 0;  // 8 or 16, and the lowest of them in use.
  bool is_signed = false;
  bool is_planar = false;   // Color by planes; never in JPEG.
  std::string photometric;  // One that DICOM has for `samples`.
  double slope = 1.0, intercept = 0.0;
  std::optional<double> window_center, window_width;  // The first window; both or neither.

  // For PALETTE COLOR: red, green and blue from the number `palette_first` on.
  std::vector<std::array<std::uint8_t, 3>> palette;
  int palette_first = 0;

  // Views into the file: one of them is empty.
  std::string_view pixels;                  // Of the size that the members above give.
  std::vector<std::string_view> fragments;  // Compressed: those of one frame, or one a frame.
};

// Reads a DICOM file (PS3.10) from its bytes, which must outlive the result. Everything that the
// result promises is checked, and so are the run lengths or the headers of compressed frames:
// GDCM's own parser asserts on damaged files, which would end the program. `name` stands for the
// file in messages. Throws Error(kDamaged), naming what is wrong.
DicomContent ParseDicom(std::string_view bytes, const std::string& name);

}  // namespace hepar
