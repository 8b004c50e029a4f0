// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/dicom/dicom_elements.h"

namespace hepar {

// A look-up table (PS3.3, C.11.1.1.1 and C.11.2.1.1): numbers below `first` give the first entry,
// those above the last entry the last.
struct DicomLut {
  int first = 0;
  int largest = 0;  // What the bits of an entry can say.
  std::vector<std::uint16_t> entries;

  double LevelOf(double value) const;  // 0 to 1.
  double EntryOf(double value) const;
};

// From stored numbers to gray levels: the modality's transformation, then the VOI's.
struct DicomScale {
  enum class Window { kLinear, kLinearExact, kSigmoid };

  double slope = 1.0, intercept = 0.0;
  std::optional<DicomLut> modality;  // In place of slope and intercept.
  std::optional<DicomLut> voi;       // In place of the window.
  Window window = Window::kLinear;
  std::optional<double> center, width;  // The first window; both or neither.

  // Without any of these the whole range of the stored numbers is shown as it is.
  bool is_identity() const { return !modality && !voi && !center && slope > 0.0; }
  // The level, 0 to 1, of a stored number out of `lowest`..`highest`.
  double LevelOf(int stored, int lowest, int highest) const;
};

// What a data set, or an item of a functional group, says of it; what it does not say is left as it
// is. `is_signed` is that of the stored pixels. Throws Error(kDamaged) for a table that is cut
// short; `name` stands for the file in messages.
void ReadScale(const DicomItem& item, bool is_signed, const std::string& name, DicomScale* scale);

// The table of PALETTE COLOR (PS3.3, C.7.6.3.1.5 and .6), whole or in segments (C.7.9.2): red,
// green and blue from the number `first` on.
struct DicomPalette {
  int first = 0;
  std::vector<std::array<std::uint8_t, 3>> colors;
};
DicomPalette ReadPalette(const DicomItem& item, bool is_signed, const std::string& name);

}  // namespace hepar
