// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hepar {

// The value of a data element (PS3.5, 7.1), a view into the file.
struct DicomElement {
  std::string_view value;
  std::string_view type;  // Value representation; empty where the encoding is implicit.
  bool is_big_endian = false;

  // The number of 16 bits at place `index` of the value; none behind its end.
  std::optional<std::uint16_t> Word(std::size_t index) const;
  // The byte at place `index` of a value of 8-bit numbers: words (OW) keep two of them, the first
  // in the low half (PS3.5, 8.1.1), so that big endian exchanges neighbors. None behind its end.
  std::optional<std::uint8_t> Byte(std::size_t index) const;
};

// The data set of a file, or an item of a sequence.
struct DicomItem {
  std::map<std::uint32_t, DicomElement> elements;  // By tag, group << 16 | element.
  // Only those that say how pixels are to be shown (look-up tables, functional groups) and what
  // they show (the regions of ultrasound).
  std::map<std::uint32_t, std::vector<DicomItem>> sequences;

  const DicomElement* Find(std::uint32_t tag) const;
  // A text without the padding at its end; "" where there is none.
  std::string Text(std::uint32_t tag) const;
  std::optional<std::uint16_t> Word(std::uint32_t tag, std::size_t index = 0) const;
  // The first number of a text (DS, IS) that may hold several; none for what is no finite number.
  std::optional<double> Number(std::uint32_t tag) const;
  // All numbers of such a text; empty where one of them is no finite number.
  std::vector<double> Numbers(std::uint32_t tag) const;
  // A number of 32 bits (UL), and a floating-point number of 64 (FD).
  std::optional<std::uint32_t> Long(std::uint32_t tag) const;
  std::optional<double> Double(std::uint32_t tag) const;
  // The first item of a sequence; null where there is none.
  const DicomItem* First(std::uint32_t sequence) const;
};

// A fragment of encapsulated pixel data (PS3.5, A.4).
struct DicomFragment {
  std::string_view bytes;
  std::uint64_t offset = 0;  // Of its item, from the first fragment's item on.
};

enum class DicomCoding { kNative, kRle, kJpeg, kJpeg2000, kVideo };

struct DicomFile {
  std::string transfer_syntax;
  DicomCoding coding = DicomCoding::kNative;
  DicomItem data;
  bool has_pixels = false;
  std::string_view offset_table;          // The basic one, as stored.
  std::vector<DicomFragment> fragments;   // Empty for native pixels.
  std::size_t ignored_bytes = 0;          // Behind the data set, when they are not all zero.
  std::unique_ptr<std::string> inflated;  // What views point into where the file is deflated.
};

// Reads the elements of a DICOM file (PS3.10) from its bytes, which must outlive the result: every
// uncompressed transfer syntax and the encapsulated ones that can be shown. Sequences of type UN
// and undefined length are read as CP-246 says (PS3.5, 6.2.2, note 2). GDCM's own parser asserts on
// damaged files, which would end the program. `name` stands for the file in messages. Throws
// Error(kDamaged), naming what is wrong, and where a transfer syntax is not read, what converts it.
DicomFile ReadDicomElements(std::string_view bytes, const std::string& name);

}  // namespace hepar
