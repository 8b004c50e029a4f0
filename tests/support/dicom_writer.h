// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hepar {

// Bytes of DICOM files that no library would write.
class DicomWriter {
 public:
  explicit DicomWriter(bool is_explicit = true, bool is_big_endian = false)
      : is_explicit_(is_explicit), is_big_endian_(is_big_endian) {}

  std::string Number(std::uint32_t value, int size) const {
    std::string bytes;
    for (int i = 0; i < size; ++i) {
      bytes += static_cast<char>(value >> 8 * (is_big_endian_ ? size - 1 - i : i));
    }
    return bytes;
  }
  std::string Tag(std::uint32_t tag) const {
    return Number(tag >> 16, 2) + Number(tag & 0xffff, 2);
  }

  // `length` in place of the value's own.
  std::string Element(std::uint32_t tag, const std::string& type, std::string value,
                      std::uint32_t length = 0) const {
    if (value.size() % 2 == 1 && length == 0) value += type == "UI" || type == "OB" ? '\0' : ' ';
    if (length == 0) length = static_cast<std::uint32_t>(value.size());
    if (!is_explicit_) return Tag(tag) + Number(length, 4) + value;
    const bool is_long = type == "OB" || type == "OW" || type == "SQ" || type == "UN";
    return Tag(tag) + type + (is_long ? Number(0, 2) + Number(length, 4) : Number(length, 2)) +
           value;
  }
  std::string Words(std::uint32_t tag, const std::vector<std::uint32_t>& words,
                    const std::string& type = "US") const {
    std::string value;
    for (const std::uint32_t word : words) value += Number(word, 2);
    return Element(tag, type, value);
  }

  // A sequence, an item; of undefined length unless `is_defined`.
  std::string Sequence(std::uint32_t tag, const std::string& items, bool is_defined = false,
                       const std::string& type = "SQ") const {
    if (is_defined) return Element(tag, type, items, static_cast<std::uint32_t>(items.size()));
    return Element(tag, type, items + Tag(0xfffee0dd) + Number(0, 4), kUndefined);
  }
  std::string Item(const std::string& content, bool is_defined = false) const {
    if (is_defined) {
      return Tag(0xfffee000) + Number(static_cast<std::uint32_t>(content.size()), 4) + content;
    }
    return Tag(0xfffee000) + Number(kUndefined, 4) + content + Tag(0xfffee00d) + Number(0, 4);
  }

  // What says how large a gray picture of 8 bits is.
  std::string Shape(int columns, int rows, int samples = 1,
                    const std::string& photometric = "MONOCHROME2", int bits = 8,
                    int stored = 0) const {
    if (stored == 0) stored = bits;
    const auto word = [this](std::uint32_t tag, int value) {
      return Words(tag, {static_cast<std::uint32_t>(value)});
    };
    return word(0x00280002, samples) + Element(0x00280004, "CS", photometric) +
           (samples > 1 ? word(0x00280006, 0) : "") + word(0x00280010, rows) +
           word(0x00280011, columns) + word(0x00280100, bits) + word(0x00280101, stored) +
           word(0x00280102, stored - 1) + word(0x00280103, 0);
  }

  // Encapsulated pixel data; the table of offsets comes first.
  std::string Fragments(const std::vector<std::string>& fragments,
                        const std::vector<std::uint32_t>& offsets = {}) const {
    std::string table;
    for (const std::uint32_t offset : offsets) table += Number(offset, 4);
    std::string items = Item(table, true);
    for (const std::string& fragment : fragments) items += Item(fragment, true);
    return Element(0x7fe00010, "OB", items + Tag(0xfffee0dd) + Number(0, 4), kUndefined);
  }

  static std::string File(const std::string& syntax, const std::string& data) {
    const DicomWriter meta;
    return std::string(128, '\0') + "DICM" + meta.Element(0x00020010, "UI", syntax) + data;
  }

  static constexpr std::uint32_t kUndefined = 0xffffffff;

 private:
  bool is_explicit_, is_big_endian_;
};

constexpr char kImplicit[] = "1.2.840.10008.1.2";
constexpr char kExplicit[] = "1.2.840.10008.1.2.1";
constexpr char kDeflated[] = "1.2.840.10008.1.2.1.99";
constexpr char kBigEndian[] = "1.2.840.10008.1.2.2";
constexpr char kRle[] = "1.2.840.10008.1.2.5";
constexpr char kJpegBaseline[] = "1.2.840.10008.1.2.4.50";
constexpr char kJpeg2000Lossless[] = "1.2.840.10008.1.2.4.90";
constexpr char kMpeg4[] = "1.2.840.10008.1.2.4.102";

}  // namespace hepar
