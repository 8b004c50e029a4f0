// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dicom_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "models/error.h"
#include "training/data/dicom_codestream.h"

namespace hepar {
namespace {

constexpr std::size_t kPreamble = 128;
constexpr std::uint32_t kUndefined = 0xffffffff;
constexpr int kMaxDepth = 32;
constexpr int kMaxFrames = 100000;

constexpr std::uint32_t kTransferSyntax = 0x00020010;
constexpr std::uint32_t kSamples = 0x00280002;
constexpr std::uint32_t kPhotometric = 0x00280004;
constexpr std::uint32_t kFrames = 0x00280008;
constexpr std::uint32_t kRows = 0x00280010;
constexpr std::uint32_t kColumns = 0x00280011;
constexpr std::uint32_t kPlanar = 0x00280006;
constexpr std::uint32_t kBitsAllocated = 0x00280100;
constexpr std::uint32_t kBitsStored = 0x00280101;
constexpr std::uint32_t kHighBit = 0x00280102;
constexpr std::uint32_t kSign = 0x00280103;
constexpr std::uint32_t kWindowCenter = 0x00281050;
constexpr std::uint32_t kWindowWidth = 0x00281051;
constexpr std::uint32_t kIntercept = 0x00281052;
constexpr std::uint32_t kSlope = 0x00281053;
constexpr std::uint32_t kPaletteDescriptor = 0x00281101;  // Of red; green and blue follow.
constexpr std::uint32_t kPalette = 0x00281201;
constexpr std::uint32_t kPixelData = 0x7fe00010;
constexpr std::uint32_t kItem = 0xfffee000;
constexpr std::uint32_t kItemEnd = 0xfffee00d;
constexpr std::uint32_t kSequenceEnd = 0xfffee0dd;

// Value representations of a 16-bit and of a 32-bit length (PS3.5, 7.1.2).
constexpr std::string_view kShort = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS";
constexpr std::string_view kLong = "OBODOFOLOVOWSQSVUCUNURUTUV";

bool IsOneOf(std::string_view list, std::string_view pair) {
  for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
    if (list.substr(i, 2) == pair) return true;
  }
  return false;
}

enum class Coding { kNative, kRle, kJpeg, kJpeg2000 };

struct Syntax {
  bool is_explicit = true;
  bool is_big_endian = false;
  Coding coding = Coding::kNative;
};

std::uint64_t FramePixels(const DicomContent& content) {
  return static_cast<std::uint64_t>(content.rows) * content.columns;
}

class Parser {
 public:
  Parser(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  DicomContent Parse() {
    if (bytes_.size() < kPreamble + 4 || bytes_.substr(kPreamble, 4) != "DICM") {
      throw Damaged("is no DICOM file");
    }
    const std::size_t data = ReadMetaInformation();
    ReadElements(data, bytes_.size(), 0, false);
    ReadShape();
    ReadScale();
    if (content_.photometric == "PALETTE COLOR") ReadPalette();
    if (!has_pixels_) throw Damaged("holds no pixel data");
    if (syntax_.coding == Coding::kNative) {
      ReadNative();
    } else {
      CheckFragments();
    }
    return std::move(content_);
  }

 private:
  Error Damaged(const std::string& what) const {
    return Error(ErrorKind::kDamaged, name_ + ": " + what);
  }

  Error DamagedAt(std::uint32_t tag) const {
    std::array<char, 16> text = {};
    std::snprintf(text.data(), text.size(), "(%04x,%04x)", tag >> 16, tag & 0xffff);
    return Damaged(std::string("is a damaged DICOM file, cut short or changed at ") + text.data());
  }

  // A number of 2 or 4 bytes that lies in the file.
  std::uint32_t Number(std::size_t at, int size, bool big_endian) const {
    std::uint32_t number = 0;
    for (int i = 0; i < size; ++i) {
      const int place = big_endian ? i : size - 1 - i;
      number = number << 8 | static_cast<unsigned char>(bytes_[at + place]);
    }
    return number;
  }

  std::uint32_t TagAt(std::size_t at) const {
    return Number(at, 2, syntax_.is_big_endian) << 16 | Number(at + 2, 2, syntax_.is_big_endian);
  }

  std::string Text(std::uint32_t tag) const {
    const auto found = elements_.find(tag);
    std::string text(found == elements_.end() ? std::string_view() : found->second);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.pop_back();
    return text;
  }

  std::uint64_t Word(std::uint32_t tag, int index = 0) const {
    const auto found = elements_.find(tag);
    const std::size_t offset = 2 * static_cast<std::size_t>(index);
    if (found == elements_.end() || found->second.size() < offset + 2) throw DamagedAt(tag);
    return Number(static_cast<std::size_t>(found->second.data() - bytes_.data()) + offset, 2,
                  syntax_.is_big_endian);
  }

  // Group 0002, always explicit little endian. Returns where the data set begins.
  std::size_t ReadMetaInformation() {
    std::size_t at = kPreamble + 4;
    while (at + 8 <= bytes_.size() && TagAt(at) >> 16 == 2) {
      at = ReadElement(at, bytes_.size(), 0);
    }
    const std::string syntax = Text(kTransferSyntax);
    if (syntax == "1.2.840.10008.1.2") {
      syntax_.is_explicit = false;
    } else if (syntax == "1.2.840.10008.1.2.2") {
      syntax_.is_big_endian = true;
    } else if (syntax == "1.2.840.10008.1.2.5") {
      syntax_.coding = Coding::kRle;
    } else if (syntax == "1.2.840.10008.1.2.4.90" || syntax == "1.2.840.10008.1.2.4.91") {
      syntax_.coding = Coding::kJpeg2000;
    } else if (syntax == "1.2.840.10008.1.2.4.50" || syntax == "1.2.840.10008.1.2.4.51" ||
               syntax == "1.2.840.10008.1.2.4.57" || syntax == "1.2.840.10008.1.2.4.70" ||
               syntax == "1.2.840.10008.1.2.4.80" || syntax == "1.2.840.10008.1.2.4.81") {
      syntax_.coding = Coding::kJpeg;
    } else if (syntax != "1.2.840.10008.1.2.1") {
      throw Damaged("has the transfer syntax '" + syntax +
                    "'; expected an uncompressed one, RLE, JPEG, JPEG-LS or JPEG 2000");
    }
    content_.transfer_syntax = syntax;
    content_.is_big_endian = syntax_.is_big_endian;
    elements_.clear();
    return at;
  }

  // The elements from `at`, to `end` or, in an item of undefined length, to its delimiter. Returns
  // what follows.
  std::size_t ReadElements(std::size_t at, std::size_t end, int depth, bool is_delimited) {
    while (at < end) {
      if (is_delimited && end - at >= 8 && TagAt(at) == kItemEnd) return at + 8;
      at = ReadElement(at, end, depth);
    }
    if (is_delimited) throw DamagedAt(kItemEnd);
    return at;
  }

  std::size_t ReadElement(std::size_t at, std::size_t end, int depth) {
    if (end - at < 8) throw Damaged("is a damaged DICOM file, cut short in an element");
    const std::uint32_t tag = TagAt(at);
    if (tag >> 16 == 0xfffe) throw DamagedAt(tag);
    std::string_view type;
    std::uint32_t length = 0;
    if (!syntax_.is_explicit) {
      length = Number(at + 4, 4, false);
      at += 8;
    } else {
      type = bytes_.substr(at + 4, 2);
      if (IsOneOf(kShort, type)) {
        length = Number(at + 6, 2, syntax_.is_big_endian);
        at += 8;
      } else if (IsOneOf(kLong, type) && end - at >= 12) {
        length = Number(at + 8, 4, syntax_.is_big_endian);
        at += 12;
      } else {
        throw DamagedAt(tag);
      }
    }
    if (tag == kPixelData && depth == 0) {
      // A second one would be read in place of the one that is checked.
      if (has_pixels_) throw DamagedAt(tag);
      has_pixels_ = true;
      if ((length == kUndefined) == (syntax_.coding == Coding::kNative)) throw DamagedAt(tag);
      if (length == kUndefined) return ReadFragments(at, end);
    }
    if (length == kUndefined) {
      if (syntax_.is_explicit && type != "SQ" && type != "UN") throw DamagedAt(tag);
      return ReadSequence(at, end, depth + 1, true, tag);
    }
    if (length > end - at) throw DamagedAt(tag);
    if (type == "SQ") ReadSequence(at, at + length, depth + 1, false, tag);
    if (depth == 0 && !elements_.emplace(tag, bytes_.substr(at, length)).second) {
      throw DamagedAt(tag);
    }
    return at + length;
  }

  std::size_t ReadSequence(std::size_t at, std::size_t end, int depth, bool is_delimited,
                           std::uint32_t parent) {
    if (depth > kMaxDepth) throw DamagedAt(parent);
    while (is_delimited || at < end) {
      if (end - at < 8) throw DamagedAt(parent);
      const std::uint32_t tag = TagAt(at);
      const std::uint32_t length = Number(at + 4, 4, syntax_.is_big_endian);
      at += 8;
      if (is_delimited && tag == kSequenceEnd) return at;
      if (tag != kItem || (length != kUndefined && length > end - at)) throw DamagedAt(parent);
      const bool is_open = length == kUndefined;
      at = ReadElements(at, is_open ? end : at + length, depth, is_open);
    }
    return at;
  }

  // Encapsulated pixel data (PS3.5, A.4).
  std::size_t ReadFragments(std::size_t at, std::size_t end) {
    bool is_table = true;  // The first item is the table of frame offsets.
    while (end - at >= 8) {
      const std::uint32_t tag = TagAt(at);
      const std::uint32_t length = Number(at + 4, 4, false);
      at += 8;
      if (tag == kSequenceEnd) return at;
      if (tag != kItem || length > end - at) throw DamagedAt(kPixelData);
      if (is_table) {
        if (length % 4 != 0) throw DamagedAt(kPixelData);
      } else {
        content_.fragments.push_back(bytes_.substr(at, length));
      }
      is_table = false;
      at += length;
    }
    throw DamagedAt(kPixelData);
  }

  std::uint64_t WordOr0(std::uint32_t tag) const {
    return elements_.count(tag) > 0 ? Word(tag) : 0;
  }

  void ReadShape() {
    content_.samples = static_cast<int>(Word(kSamples));
    content_.rows = static_cast<int>(Word(kRows));
    content_.columns = static_cast<int>(Word(kColumns));
    content_.bits_allocated = static_cast<int>(Word(kBitsAllocated));
    content_.bits_stored = static_cast<int>(Word(kBitsStored));
    content_.is_signed = WordOr0(kSign) == 1;
    content_.photometric = Text(kPhotometric);
    // JPEG has its own order, whatever the file declares.
    content_.is_planar = content_.samples > 1 && WordOr0(kPlanar) == 1 &&
                         (syntax_.coding == Coding::kNative || syntax_.coding == Coding::kRle);
    content_.frames = 1;
    if (elements_.count(kFrames) > 0) {
      const double frames = FirstNumber(kFrames).value_or(0.0);
      if (!(frames >= 1.0 && frames <= kMaxFrames)) {
        throw Damaged("declares '" + Text(kFrames) + "' frames");
      }
      content_.frames = static_cast<int>(frames);
    }
    const int bits = content_.bits_allocated;
    const int stored = content_.bits_stored;
    if ((bits != 8 && bits != 16) || stored < 1 || stored > bits ||
        Word(kHighBit) != static_cast<std::uint64_t>(stored - 1) ||
        (content_.samples != 1 && content_.samples != 3)) {
      throw Damaged("has " + std::to_string(content_.samples) + " samples of " +
                    std::to_string(stored) + " in " + std::to_string(bits) +
                    " bits a pixel, expected 1 or 3 of 8 or 16 bits, the lowest used");
    }
    if (content_.rows < 1 || content_.columns < 1) throw Damaged("is a picture without pixels");
    constexpr std::array<std::string_view, 3> kOne = {"MONOCHROME1", "MONOCHROME2",
                                                      "PALETTE COLOR"};
    constexpr std::array<std::string_view, 5> kThree = {"RGB", "YBR_FULL", "YBR_FULL_422",
                                                        "YBR_ICT", "YBR_RCT"};
    const auto is_in = [this](const auto& names) {
      return std::find(names.begin(), names.end(), content_.photometric) != names.end();
    };
    if (!(content_.samples == 1 ? is_in(kOne) : is_in(kThree))) {
      throw Damaged("has the photometric interpretation '" + content_.photometric + "' of " +
                    std::to_string(content_.samples) +
                    " samples, expected MONOCHROME1 or 2, PALETTE COLOR, RGB or YBR_FULL");
    }
  }

  // The first number of a text (DS, IS) that may hold several.
  std::optional<double> FirstNumber(std::uint32_t tag) const {
    std::string text = Text(tag);
    text = text.substr(0, text.find('\\'));
    const std::size_t start = std::min(text.find_first_not_of(" +"), text.size());
    double number = 0.0;
    const auto result = std::from_chars(text.data() + start, text.data() + text.size(), number);
    if (result.ec != std::errc() || !std::isfinite(number)) return std::nullopt;
    return number;
  }

  void ReadScale() {
    content_.slope = FirstNumber(kSlope).value_or(1.0);
    content_.intercept = FirstNumber(kIntercept).value_or(0.0);
    const auto center = FirstNumber(kWindowCenter);
    const auto width = FirstNumber(kWindowWidth);
    if (!center || !width || *width < 1.0) return;
    content_.window_center = center;
    content_.window_width = width;
  }

  void ReadPalette() {
    const std::uint64_t size = Word(kPaletteDescriptor, 0);
    const int entries = size == 0 ? 65536 : static_cast<int>(size);  // 16 bits cannot say 65536.
    const auto first = static_cast<std::uint16_t>(Word(kPaletteDescriptor, 1));
    content_.palette_first = content_.is_signed ? static_cast<std::int16_t>(first) : first;
    content_.palette.resize(entries);
    int largest = 0;
    std::vector<std::array<int, 3>> colors(entries);
    for (int c = 0; c < 3; ++c) {
      const std::uint64_t bits = Word(kPaletteDescriptor + c, 2);
      const auto found = elements_.find(kPalette + c);
      if (Word(kPaletteDescriptor + c, 0) != size || (bits != 8 && bits != 16) ||
          found == elements_.end() || found->second.size() < entries * bits / 8) {
        throw Damaged("its palette is incomplete, or in segments, which are not read");
      }
      for (int i = 0; i < entries; ++i) {
        colors[i][c] = bits == 16 ? static_cast<int>(Word(kPalette + c, i))
                                  : 257 * static_cast<unsigned char>(found->second[i]);
        largest = std::max(largest, colors[i][c]);
      }
    }
    // Some writers put 8-bit colors into 16-bit entries.
    const int shift = largest > 255 ? 8 : 0;
    for (int i = 0; i < entries; ++i) {
      for (int c = 0; c < 3; ++c) {
        content_.palette[i][c] = static_cast<std::uint8_t>(colors[i][c] >> shift);
      }
    }
  }

  void ReadNative() {
    // In 4:2:2 two pixels share their chroma.
    const int samples = content_.photometric == "YBR_FULL_422" ? 2 : content_.samples;
    const std::uint64_t expected =
        FramePixels(content_) * samples * (content_.bits_allocated / 8) * content_.frames;
    const std::string_view pixels = elements_.at(kPixelData);
    if (pixels.size() < expected || pixels.size() > expected + 1) {
      throw Damaged("holds " + std::to_string(pixels.size()) + " bytes of pixels, expected " +
                    std::to_string(expected));
    }
    content_.pixels = pixels.substr(0, expected);
  }

  void CheckFragments() {
    std::vector<std::string_view> frames = content_.fragments;
    std::string joined;
    if (content_.frames == 1) {
      for (const std::string_view fragment : frames) joined += fragment;
      frames = {joined};
    }
    if (frames.size() != static_cast<std::size_t>(content_.frames)) {
      throw Damaged("holds " + std::to_string(frames.size()) + " compressed frames, but declares " +
                    std::to_string(content_.frames));
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const bool is_sound = syntax_.coding == Coding::kRle    ? IsRle(frames[i], content_)
                            : syntax_.coding == Coding::kJpeg ? AddJpegFrame(frames[i])
                                                              : IsJpeg2000(frames[i], content_);
      if (!is_sound) throw Damaged("its compressed frame " + std::to_string(i) + " is damaged");
    }
    // Many writers of lossy JPEG declare luma and chroma as RGB, so the stream decides.
    if (content_.samples == 3 && jpeg_.is_dct && jpeg_.is_ybr) {
      content_.photometric = *jpeg_.is_ybr ? "YBR_FULL" : "RGB";
    }
  }

  // Records the coding that the stream declares; false for a damaged stream.
  bool AddJpegFrame(std::string_view frame) {
    const auto stream = ReadJpegStream(frame, content_);
    if (!stream) return false;
    jpeg_.is_dct = jpeg_.is_dct || stream->is_dct;
    if (stream->is_ybr) jpeg_.is_ybr = stream->is_ybr;
    return true;
  }

  std::string_view bytes_;
  const std::string& name_;
  Syntax syntax_;
  std::map<std::uint32_t, std::string_view> elements_;  // Of the outermost level.
  bool has_pixels_ = false;
  JpegStream jpeg_;  // Of all frames.
  DicomContent content_;
};

}  // namespace

DicomContent ParseDicom(std::string_view bytes, const std::string& name) {
  return Parser(bytes, name).Parse();
}

}  // namespace hepar
