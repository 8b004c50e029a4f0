// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/dicom/dicom_elements.h"

namespace hepar {

// What compressed frames must agree with.
struct DicomShape {
  int columns = 0, rows = 0, samples = 0, bits_allocated = 0;
};

// The pieces of each compressed frame, in order.
using DicomFrames = std::vector<std::vector<std::string_view>>;

// Says which fragments make up which frame: by the extended or the basic table of offsets (PS3.5,
// A.4; PS3.3, C.7.6.3.1.8) where one fits, else one fragment each, else by where streams begin.
// `count` is 0 where the file does not say how many frames there are. Throws Error(kDamaged) where
// nothing fits; `name` stands for the file.
DicomFrames GroupFragments(const DicomFile& file, int count, const std::string& name);

// A compressed frame as a decoder takes it.
struct DicomStream {
  std::string bytes;           // From the first byte of the stream to its last, without fill bytes.
  bool is_dct = false;         // A lossy JPEG of 8 bits.
  bool has_end = true;         // False for one of those without the mark of its end.
  std::optional<bool> is_ybr;  // Where a JPEG stream says what its colors are.
};

// Joins the pieces of a frame and checks run lengths or the headers of its stream against `shape`:
// decoders trust both. None where they are damaged.
std::optional<DicomStream> JoinFrame(const std::vector<std::string_view>& pieces,
                                     DicomCoding coding, const DicomShape& shape);

}  // namespace hepar
