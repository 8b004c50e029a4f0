// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/dicom_elements.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

constexpr std::size_t kPreamble = 128;
constexpr std::size_t kMaxInflated = std::size_t{1} << 30;
constexpr std::uint32_t kUndefined = 0xffffffff;
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxItems = 100000;

constexpr std::uint32_t kTransferSyntax = 0x00020010;
constexpr std::uint32_t kPixelData = 0x7fe00010;
constexpr std::uint32_t kItem = 0xfffee000;
constexpr std::uint32_t kItemEnd = 0xfffee00d;
constexpr std::uint32_t kSequenceEnd = 0xfffee0dd;

// Modality and VOI LUT; shared and per-frame functional groups, and of these the frame VOI LUT and
// the pixel value transformation; the regions of ultrasound.
constexpr std::array<std::uint32_t, 7> kKeptSequences = {
    0x00283000, 0x00283010, 0x52009229, 0x52009230, 0x00289132, 0x00289145, 0x00186011};

// Value representations of a 16-bit and of a 32-bit length (PS3.5, 7.1.2).
constexpr std::string_view kShort = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS";
constexpr std::string_view kLong = "OBODOFOLOVOWSQSVUCUNURUTUV";

bool IsOneOf(std::string_view list, std::string_view pair) {
  for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
    if (list.substr(i, 2) == pair) return true;
  }
  return false;
}

bool IsZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::uint32_t NumberOf(std::string_view bytes, std::size_t at, int size, bool big_endian) {
  std::uint32_t number = 0;
  for (int i = 0; i < size; ++i) {
    const int place = big_endian ? i : size - 1 - i;
    number = number << 8 | static_cast<unsigned char>(bytes[at + place]);
  }
  return number;
}

// The number that a text begins with, behind spaces and a plus sign.
std::optional<double> FiniteNumber(std::string_view text) {
  const std::size_t start = std::min(text.find_first_not_of(" +"), text.size());
  double number = 0.0;
  const auto result = std::from_chars(text.data() + start, text.data() + text.size(), number);
  if (result.ec != std::errc() || !std::isfinite(number)) return std::nullopt;
  return number;
}

// How elements are written.
struct Encoding {
  bool is_explicit = true;
  bool is_big_endian = false;
};

struct Syntax {
  Encoding encoding;
  DicomCoding coding = DicomCoding::kNative;
  bool is_deflated = false;
};

std::optional<Syntax> SyntaxOf(const std::string& uid) {
  constexpr std::string_view kRoot = "1.2.840.10008.1.2";
  if (uid.compare(0, kRoot.size(), kRoot) != 0) return std::nullopt;
  const std::string_view rest = std::string_view(uid).substr(kRoot.size());
  if (rest.empty()) return Syntax{{false, false}};
  if (rest == ".1") return Syntax{};
  if (rest == ".1.99") return Syntax{{}, DicomCoding::kNative, true};
  if (rest == ".2") return Syntax{{true, true}};
  if (rest == ".5") return Syntax{{}, DicomCoding::kRle};
  for (const std::string_view jpeg : {".4.50", ".4.51", ".4.57", ".4.70", ".4.80", ".4.81"}) {
    if (rest == jpeg) return Syntax{{}, DicomCoding::kJpeg};
  }
  if (rest == ".4.90" || rest == ".4.91") return Syntax{{}, DicomCoding::kJpeg2000};
  // MPEG-2, MPEG-4 and HEVC, whole or, with ".1", in fragments.
  if (rest.substr(0, 5) == ".4.10" && rest.size() >= 6 && rest[5] >= '0' && rest[5] <= '8' &&
      (rest.size() == 6 || rest.substr(6) == ".1")) {
    return Syntax{{}, DicomCoding::kVideo};
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  DicomFile Read() {
    if (bytes_.size() < kPreamble + 4 || bytes_.substr(kPreamble, 4) != "DICM") {
      throw Damaged("is no DICOM file");
    }
    std::size_t at = ReadMetaInformation();
    if (is_deflated_) {
      Inflate(at);
      at = 0;
    }
    ReadDataSet(at);
    return std::move(file_);
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

  std::uint32_t TagAt(std::size_t at, const Encoding& encoding) const {
    return NumberOf(bytes_, at, 2, encoding.is_big_endian) << 16 |
           NumberOf(bytes_, at + 2, 2, encoding.is_big_endian);
  }

  // Group 0002, always explicit little endian. Returns where the data set begins.
  std::size_t ReadMetaInformation() {
    std::size_t at = kPreamble + 4;
    DicomItem meta;
    while (at + 8 <= bytes_.size() && TagAt(at, {}) >> 16 == 2) {
      at = ReadElement(at, bytes_.size(), 0, {}, &meta);
    }
    file_.transfer_syntax = meta.Text(kTransferSyntax);
    const auto syntax = SyntaxOf(file_.transfer_syntax);
    if (!syntax) {
      throw Damaged("has the transfer syntax '" + file_.transfer_syntax +
                    "'; expected an uncompressed one, RLE, JPEG, JPEG-LS, JPEG 2000, MPEG-2, "
                    "MPEG-4 or HEVC; 'gdcmconv --raw' (GDCM) and 'dcmconv' (DCMTK) convert others");
    }
    encoding_ = syntax->encoding;
    file_.coding = syntax->coding;
    is_deflated_ = syntax->is_deflated;
    return at;
  }

  // PS3.5, A.5: all behind the meta information is one deflated stream without a header.
  void Inflate(std::size_t at) {
    auto inflated = std::make_unique<std::string>();
    std::vector<char> block(1 << 16);
    z_stream stream = {};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Damaged("cannot be inflated");
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes_.data() + at));
    stream.avail_in =
        static_cast<unsigned>(std::min<std::size_t>(bytes_.size() - at, std::size_t{0xffffffff}));
    int state = Z_OK;
    while (state == Z_OK && inflated->size() <= kMaxInflated) {
      stream.next_out = reinterpret_cast<unsigned char*>(block.data());
      stream.avail_out = static_cast<unsigned>(block.size());
      state = inflate(&stream, Z_NO_FLUSH);
      inflated->append(block.data(), block.size() - stream.avail_out);
    }
    inflateEnd(&stream);
    if (inflated->size() > kMaxInflated) {
      throw Damaged("inflates to more than " + std::to_string(kMaxInflated >> 20) + " MiB");
    }
    if (state != Z_STREAM_END) {
      throw Damaged("is a damaged DICOM file, whose deflated data set is cut short or changed");
    }
    file_.inflated = std::move(inflated);
    bytes_ = *file_.inflated;
  }

  // The outermost elements. Writers leave zeros or other bytes behind the last one; pixels that
  // were read whole are not worth less for it.
  void ReadDataSet(std::size_t at) {
    std::uint32_t last = 0;
    while (at < bytes_.size()) {
      const bool is_short = bytes_.size() - at < 8;
      const std::uint32_t tag = is_short ? 0 : TagAt(at, encoding_);
      if (tag == 0 && IsZero(bytes_.substr(at))) return;
      if (!file_.has_pixels) {
        at = ReadElement(at, bytes_.size(), 0, encoding_, &file_.data);
        continue;
      }
      bool is_element = !is_short && tag > std::max(last, kPixelData);
      try {
        if (is_element) at = ReadElement(at, bytes_.size(), 0, encoding_, &file_.data);
      } catch (const Error&) {
        is_element = false;
      }
      if (!is_element) {
        file_.ignored_bytes = bytes_.size() - at;
        return;
      }
      last = tag;
    }
  }

  // The elements from `at`, to `end` or, in an item of undefined length, to its delimiter. Those of
  // an item that nobody asks for go to none. Returns what follows.
  std::size_t ReadElements(std::size_t at, std::size_t end, int depth, bool is_delimited,
                           const Encoding& encoding, DicomItem* into) {
    while (at < end) {
      if (is_delimited && end - at >= 8 && TagAt(at, encoding) == kItemEnd) return at + 8;
      at = ReadElement(at, end, depth, encoding, into);
    }
    if (is_delimited) throw DamagedAt(kItemEnd);
    return at;
  }

  std::size_t ReadElement(std::size_t at, std::size_t end, int depth, const Encoding& encoding,
                          DicomItem* into) {
    if (end - at < 8) throw Damaged("is a damaged DICOM file, cut short in an element");
    const std::uint32_t tag = TagAt(at, encoding);
    if (tag >> 16 == 0xfffe) throw DamagedAt(tag);
    std::string_view type;
    std::uint32_t length = 0;
    if (!encoding.is_explicit) {
      length = NumberOf(bytes_, at + 4, 4, false);
      at += 8;
    } else {
      type = bytes_.substr(at + 4, 2);
      if (IsOneOf(kShort, type)) {
        length = NumberOf(bytes_, at + 6, 2, encoding.is_big_endian);
        at += 8;
      } else if (IsOneOf(kLong, type) && end - at >= 12) {
        length = NumberOf(bytes_, at + 8, 4, encoding.is_big_endian);
        at += 12;
      } else {
        throw DamagedAt(tag);
      }
    }
    if (tag == kPixelData && depth == 0) {
      file_.has_pixels = true;
      if ((length == kUndefined) == (file_.coding == DicomCoding::kNative)) throw DamagedAt(tag);
      if (length == kUndefined) return ReadFragments(at, end, encoding, true);
    }
    if (length == kUndefined) {
      // Encapsulated pixels of an icon.
      if (type == "OB" || type == "OW") return ReadFragments(at, end, encoding, false);
      if (encoding.is_explicit && type != "SQ" && type != "UN") throw DamagedAt(tag);
      if (type != "UN") return ReadSequence(at, end, depth + 1, true, encoding, tag, into);
      return ReadUnknown(at, end, depth + 1, encoding, tag, into);
    }
    if (length > end - at) throw DamagedAt(tag);
    // Where types are not said, only the known sequences are looked into.
    const bool is_kept =
        std::find(kKeptSequences.begin(), kKeptSequences.end(), tag) != kKeptSequences.end();
    if (type == "SQ" || (type.empty() && is_kept)) {
      ReadSequence(at, at + length, depth + 1, false, encoding, tag, into);
    }
    const DicomElement element = {bytes_.substr(at, length), type, encoding.is_big_endian};
    if (into != nullptr && !into->elements.emplace(tag, element).second) throw DamagedAt(tag);
    return at + length;
  }

  // A sequence whose type got lost is implicit little endian inside, whatever is around it. Some
  // writers leave it as it was.
  std::size_t ReadUnknown(std::size_t at, std::size_t end, int depth, const Encoding& around,
                          std::uint32_t tag, DicomItem* into) {
    try {
      return ReadSequence(at, end, depth, true, {false, false}, tag, into);
    } catch (const Error&) {
      if (into != nullptr) into->sequences.erase(tag);
      return ReadSequence(at, end, depth, true, around, tag, into);
    }
  }

  std::size_t ReadSequence(std::size_t at, std::size_t end, int depth, bool is_delimited,
                           const Encoding& encoding, std::uint32_t tag, DicomItem* parent) {
    if (depth > kMaxDepth) throw DamagedAt(tag);
    const bool is_kept =
        parent != nullptr &&
        std::find(kKeptSequences.begin(), kKeptSequences.end(), tag) != kKeptSequences.end();
    while (is_delimited || at < end) {
      if (end - at < 8) throw DamagedAt(tag);
      const std::uint32_t item = TagAt(at, encoding);
      const std::uint32_t length = NumberOf(bytes_, at + 4, 4, encoding.is_big_endian);
      at += 8;
      if (is_delimited && item == kSequenceEnd) return at;
      if (item != kItem || (length != kUndefined && length > end - at)) throw DamagedAt(tag);
      DicomItem* into = nullptr;
      if (is_kept) {
        auto& items = parent->sequences[tag];
        if (items.size() == kMaxItems) throw DamagedAt(tag);
        into = &items.emplace_back();
      }
      const bool is_open = length == kUndefined;
      at = ReadElements(at, is_open ? end : at + length, depth, is_open, encoding, into);
    }
    return at;
  }

  // Encapsulated pixel data (PS3.5, A.4).
  std::size_t ReadFragments(std::size_t at, std::size_t end, const Encoding& encoding,
                            bool is_kept) {
    bool is_table = true;  // The first item says where frames begin.
    std::size_t first = 0;
    while (end - at >= 8) {
      const std::uint32_t tag = TagAt(at, encoding);
      const std::uint32_t length = NumberOf(bytes_, at + 4, 4, encoding.is_big_endian);
      const std::size_t item = at;
      at += 8;
      if (tag == kSequenceEnd) return at;
      if (tag != kItem || length > end - at) throw DamagedAt(kPixelData);
      const std::string_view bytes = bytes_.substr(at, length);
      at += length;
      if (is_table) {
        first = at;
        if (is_kept) file_.offset_table = bytes;
      } else if (is_kept) {
        file_.fragments.push_back({bytes, item - first});
      }
      is_table = false;
    }
    throw DamagedAt(kPixelData);
  }

  std::string_view bytes_;
  const std::string& name_;
  Encoding encoding_;
  bool is_deflated_ = false;
  DicomFile file_;
};

}  // namespace

std::optional<std::uint16_t> DicomElement::Word(std::size_t index) const {
  if (value.size() / 2 <= index) return std::nullopt;
  return static_cast<std::uint16_t>(NumberOf(value, 2 * index, 2, is_big_endian));
}

std::optional<std::uint8_t> DicomElement::Byte(std::size_t index) const {
  const std::size_t place = is_big_endian && type == "OW" ? index ^ 1 : index;
  if (place >= value.size()) return std::nullopt;
  return static_cast<std::uint8_t>(value[place]);
}

const DicomElement* DicomItem::Find(std::uint32_t tag) const {
  const auto found = elements.find(tag);
  return found == elements.end() ? nullptr : &found->second;
}

std::string DicomItem::Text(std::uint32_t tag) const {
  const DicomElement* element = Find(tag);
  std::string text(element == nullptr ? std::string_view() : element->value);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.pop_back();
  return text;
}

std::optional<std::uint16_t> DicomItem::Word(std::uint32_t tag, std::size_t index) const {
  const DicomElement* element = Find(tag);
  return element == nullptr ? std::nullopt : element->Word(index);
}

std::optional<double> DicomItem::Number(std::uint32_t tag) const {
  const std::string text = Text(tag);
  return FiniteNumber(std::string_view(text).substr(0, text.find('\\')));
}

std::vector<double> DicomItem::Numbers(std::uint32_t tag) const {
  const std::string text = Text(tag);
  std::vector<double> numbers;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\\', at), text.size());
    const auto number = FiniteNumber(std::string_view(text).substr(at, end - at));
    if (!number) return {};
    numbers.push_back(*number);
    at = end + 1;
  }
  return numbers;
}

std::optional<std::uint32_t> DicomItem::Long(std::uint32_t tag) const {
  const DicomElement* element = Find(tag);
  if (element == nullptr || element->value.size() < 4) return std::nullopt;
  return NumberOf(element->value, 0, 4, element->is_big_endian);
}

std::optional<double> DicomItem::Double(std::uint32_t tag) const {
  const DicomElement* element = Find(tag);
  if (element == nullptr || element->value.size() < 8) return std::nullopt;
  const bool is_big = element->is_big_endian;
  const std::uint64_t high = NumberOf(element->value, is_big ? 0 : 4, 4, is_big);
  const std::uint64_t bits = high << 32 | NumberOf(element->value, is_big ? 4 : 0, 4, is_big);
  double number = 0.0;
  std::memcpy(&number, &bits, sizeof number);
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

const DicomItem* DicomItem::First(std::uint32_t sequence) const {
  const auto found = sequences.find(sequence);
  return found == sequences.end() || found->second.empty() ? nullptr : &found->second.front();
}

DicomFile ReadDicomElements(std::string_view bytes, const std::string& name) {
  return Reader(bytes, name).Read();
}

}  // namespace hepar
