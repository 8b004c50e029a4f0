// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/dicom_lut.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "models/error.h"

namespace hepar {
namespace {

constexpr std::uint32_t kWindowCenter = 0x00281050;
constexpr std::uint32_t kWindowWidth = 0x00281051;
constexpr std::uint32_t kWindowFunction = 0x00281056;
constexpr std::uint32_t kIntercept = 0x00281052;
constexpr std::uint32_t kSlope = 0x00281053;
constexpr std::uint32_t kModalityLuts = 0x00283000;
constexpr std::uint32_t kLutDescriptor = 0x00283002;
constexpr std::uint32_t kLutData = 0x00283006;
constexpr std::uint32_t kVoiLuts = 0x00283010;
constexpr std::uint32_t kPaletteDescriptor = 0x00281101;  // Of red; green and blue follow.
constexpr std::uint32_t kPalette = 0x00281201;
constexpr std::uint32_t kSegmentedPalette = 0x00281221;

struct Descriptor {
  int entries, first, bits;
};

std::optional<Descriptor> ReadDescriptor(const DicomItem& item, std::uint32_t tag, bool is_signed) {
  const auto entries = item.Word(tag, 0), first = item.Word(tag, 1), bits = item.Word(tag, 2);
  if (!entries || !first || !bits) return std::nullopt;
  const std::string_view type = item.Find(tag)->type;
  const bool has_sign = type == "SS" || (type != "US" && is_signed);
  return Descriptor{*entries == 0 ? 65536 : *entries,  // 16 bits cannot say 65536.
                    has_sign ? static_cast<std::int16_t>(*first) : *first, *bits};
}

std::vector<std::uint16_t> WordsOf(const DicomElement& element) {
  std::vector<std::uint16_t> words;
  for (std::size_t i = 0; i < element.value.size() / 2; ++i) words.push_back(*element.Word(i));
  return words;
}

std::vector<std::uint16_t> BytesOf(const DicomElement& element) {
  std::vector<std::uint16_t> bytes;
  for (std::size_t i = 0; i < element.value.size(); ++i) {
    bytes.push_back(element.Byte(i).value_or(0));
  }
  return bytes;
}

DicomLut ReadLut(const DicomItem& item, bool is_signed, const std::string& name) {
  const auto descriptor = ReadDescriptor(item, kLutDescriptor, is_signed);
  const DicomElement* data = item.Find(kLutData);
  if (!descriptor || data == nullptr || descriptor->bits < 8 || descriptor->bits > 16) {
    throw Error(ErrorKind::kDamaged, name +
                                         ": its look-up table has no descriptor, no data, or "
                                         "entries of other than 8 to 16 bits");
  }
  DicomLut lut;
  lut.first = descriptor->first;
  lut.largest = (1 << descriptor->bits) - 1;
  // Entries of 8 bits may lie two in a word.
  const auto entries = static_cast<std::size_t>(descriptor->entries);
  lut.entries = data->value.size() / 2 >= entries ? WordsOf(*data) : BytesOf(*data);
  if (lut.entries.size() < entries || (data->value.size() / 2 < entries && descriptor->bits != 8)) {
    throw Error(ErrorKind::kDamaged, name + ": its look-up table has " +
                                         std::to_string(data->value.size()) + " bytes for " +
                                         std::to_string(entries) + " entries");
  }
  lut.entries.resize(entries);
  return lut;
}

// PS3.3, C.7.9.2.2: segments of entries one by one, lines from the last entry to another, and
// repetitions of segments before. `words` are of the width of the entries.
std::vector<std::uint16_t> Unfold(const std::vector<std::uint16_t>& words, std::size_t entries,
                                  bool offsets_in_bytes, const Error& damaged) {
  std::vector<std::uint16_t> all;
  const auto at = [&](std::size_t i) -> std::size_t {
    if (i >= words.size()) throw damaged;
    return words[i];
  };
  // Discrete and linear segments, from word `i`; gives what follows.
  const auto unfold = [&](std::size_t i) {
    const std::size_t kind = at(i), length = at(i + 1);
    if (kind > 1 || all.size() + length > entries) throw damaged;
    if (kind == 0) {
      for (std::size_t k = 0; k < length; ++k) {
        all.push_back(static_cast<std::uint16_t>(at(i + 2 + k)));
      }
      return i + 2 + length;
    }
    if (all.empty() || length == 0) throw damaged;
    const double from = all.back(), to = static_cast<double>(at(i + 2));
    for (std::size_t k = 1; k <= length; ++k) {
      all.push_back(static_cast<std::uint16_t>(
          std::lround(from + (to - from) * static_cast<double>(k) / static_cast<double>(length))));
    }
    return i + 3;
  };
  std::size_t i = 0;
  while (all.size() < entries) {
    if (at(i) != 2) {
      i = unfold(i);
      continue;
    }
    // An offset of 32 bits in bytes, the least significant part first.
    const int bits = offsets_in_bytes ? 8 : 16;
    const std::size_t segments = at(i + 1);
    std::size_t offset = 0;
    const std::size_t parts = offsets_in_bytes ? 4 : 2;
    for (std::size_t k = parts; k > 0; --k) offset = offset << bits | at(i + 1 + k);
    std::size_t from = offsets_in_bytes ? offset : offset / 2;
    for (std::size_t k = 0; k < segments; ++k) from = unfold(from);
    i += 2 + parts;
  }
  return all;
}

}  // namespace

double DicomLut::EntryOf(double value) const {
  const double last = static_cast<double>(entries.size()) - 1.0;
  const double place = std::clamp(std::round(value) - first, 0.0, last);
  return entries[static_cast<std::size_t>(place)];
}

double DicomLut::LevelOf(double value) const { return std::min(1.0, EntryOf(value) / largest); }

double DicomScale::LevelOf(int stored, int lowest, int highest) const {
  const double value = modality ? modality->EntryOf(stored) : slope * stored + intercept;
  double level = 0.0;
  if (voi) {
    level = voi->LevelOf(value);
  } else if (center) {
    const double offset = value - *center;
    switch (window) {  // PS3.3, C.11.2.1.2 and C.11.2.1.3.
      case Window::kLinear:
        level =
            *width > 1.0 ? (offset + 0.5) / (*width - 1.0) + 0.5 : (offset + 0.5 > 0.0 ? 1.0 : 0.0);
        break;
      case Window::kLinearExact:
        level = offset / *width + 0.5;
        break;
      case Window::kSigmoid:
        level = 1.0 / (1.0 + std::exp(-4.0 * offset / *width));
        break;
    }
  } else if (modality) {
    level = value / modality->largest;
  } else {
    // The stretch to the whole range undoes what the rescaling does, but for its direction.
    level = static_cast<double>(stored - lowest) / (highest - lowest);
    if (slope < 0.0) level = 1.0 - level;
  }
  return std::clamp(level, 0.0, 1.0);
}

void ReadScale(const DicomItem& item, bool is_signed, const std::string& name, DicomScale* scale) {
  if (const auto slope = item.Number(kSlope)) scale->slope = *slope;
  if (const auto intercept = item.Number(kIntercept)) scale->intercept = *intercept;
  if (const DicomItem* lut = item.First(kModalityLuts)) {
    scale->modality = ReadLut(*lut, is_signed, name);
  }
  if (const DicomItem* lut = item.First(kVoiLuts)) scale->voi = ReadLut(*lut, is_signed, name);
  const auto center = item.Number(kWindowCenter), width = item.Number(kWindowWidth);
  const std::string function = item.Text(kWindowFunction);
  const auto window = function == "SIGMOID"        ? DicomScale::Window::kSigmoid
                      : function == "LINEAR_EXACT" ? DicomScale::Window::kLinearExact
                                                   : DicomScale::Window::kLinear;
  const double least = window == DicomScale::Window::kLinear ? 1.0 : 0.0;
  if (!center || !width || *width < least || *width <= 0.0) return;
  scale->window = window;
  scale->center = center;
  scale->width = width;
}

DicomPalette ReadPalette(const DicomItem& item, bool is_signed, const std::string& name) {
  const Error damaged(ErrorKind::kDamaged, name + ": its palette is incomplete or damaged");
  DicomPalette palette;
  std::array<std::vector<std::uint16_t>, 3> channels;
  int largest = 0;
  std::size_t size = 0;
  for (std::uint32_t c = 0; c < 3; ++c) {
    const auto descriptor = ReadDescriptor(item, kPaletteDescriptor + c, is_signed);
    if (!descriptor || (descriptor->bits != 8 && descriptor->bits != 16)) throw damaged;
    const auto entries = static_cast<std::size_t>(descriptor->entries);
    if (c > 0 && entries != size) throw damaged;
    size = entries;
    if (c == 0) palette.first = descriptor->first;
    const bool is_narrow = descriptor->bits == 8;
    const DicomElement* whole = item.Find(kPalette + c);
    const DicomElement* segments = item.Find(kSegmentedPalette + c);
    if (whole == nullptr && segments == nullptr) throw damaged;
    const DicomElement& data = whole != nullptr ? *whole : *segments;
    channels[c] = is_narrow ? BytesOf(data) : WordsOf(data);
    if (whole == nullptr) channels[c] = Unfold(channels[c], size, is_narrow, damaged);
    if (channels[c].size() < size) throw damaged;
    for (std::size_t i = 0; i < size; ++i) {
      if (is_narrow) channels[c][i] = static_cast<std::uint16_t>(257 * channels[c][i]);
      largest = std::max<int>(largest, channels[c][i]);
    }
  }
  // Some writers put 8-bit colors into 16-bit entries.
  const int shift = largest > 255 ? 8 : 0;
  for (std::size_t i = 0; i < size; ++i) {
    std::array<std::uint8_t, 3> color = {};
    for (std::size_t c = 0; c < 3; ++c) {
      color[c] = static_cast<std::uint8_t>(channels[c][i] >> shift);
    }
    palette.colors.push_back(color);
  }
  return palette;
}

}  // namespace hepar
