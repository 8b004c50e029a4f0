// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/dicom_parser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "models/error.h"
#include "models/image/picture_limits.h"

namespace hepar {
namespace {

constexpr int kMaxFrames = 100000;

constexpr std::uint32_t kSamples = 0x00280002;
constexpr std::uint32_t kPhotometric = 0x00280004;
constexpr std::uint32_t kPlanar = 0x00280006;
constexpr std::uint32_t kFrames = 0x00280008;
constexpr std::uint32_t kRows = 0x00280010;
constexpr std::uint32_t kColumns = 0x00280011;
constexpr std::uint32_t kBitsAllocated = 0x00280100;
constexpr std::uint32_t kBitsStored = 0x00280101;
constexpr std::uint32_t kHighBit = 0x00280102;
constexpr std::uint32_t kSign = 0x00280103;
constexpr std::uint32_t kPixelData = 0x7fe00010;
constexpr std::uint32_t kSharedGroups = 0x52009229;
constexpr std::uint32_t kFrameGroups = 0x52009230;
constexpr std::uint32_t kFrameVoiLut = 0x00289132;
constexpr std::uint32_t kPixelTransformation = 0x00289145;

class Parser {
 public:
  Parser(std::string_view bytes, const std::string& name, const Warn& warn)
      : name_(name), warn_(warn) {
    content_.file = ReadDicomElements(bytes, name);
  }

  DicomContent Parse() {
    // A directory, a report, a presentation state, a document.
    if (!file().has_pixels && data().Find(kRows) == nullptr) return std::move(content_);
    if (!file().has_pixels) throw Damaged("holds no pixel data");
    if (file().ignored_bytes > 0) {
      Odd(std::to_string(file().ignored_bytes) + " bytes behind its data set are not looked at");
    }
    if (file().coding == DicomCoding::kVideo) {
      ReadVideo();
      return std::move(content_);
    }
    ReadShape();
    if (content_.photometric == "PALETTE COLOR") {
      content_.palette = ReadPalette(data(), content_.is_signed, name_);
    }
    if (file().coding == DicomCoding::kNative) {
      ReadNative();
    } else {
      ReadCompressed();
    }
    ReadScales();
    return std::move(content_);
  }

 private:
  const DicomFile& file() const { return content_.file; }
  const DicomItem& data() const { return content_.file.data; }

  Error Damaged(const std::string& what) const {
    return Error(ErrorKind::kDamaged, name_ + ": " + what);
  }

  void Odd(const std::string& what) const {
    if (warn_) warn_(name_ + ": " + what);
  }

  int Word(std::uint32_t tag) const {
    const auto word = data().Word(tag);
    if (word) return *word;
    const auto number = [](std::uint32_t value) {
      std::string digits;
      for (int shift = 12; shift >= 0; shift -= 4)
        digits += "0123456789abcdef"[value >> shift & 15];
      return digits;
    };
    throw Damaged("is a damaged DICOM file, cut short or changed at (" + number(tag >> 16) + "," +
                  number(tag & 0xffff) + ")");
  }

  // 1 where the file does not speak of frames, 0 where it leaves open how many there are.
  int FramesSaid() const {
    if (data().Find(kFrames) == nullptr) return 1;
    const std::string text = data().Text(kFrames);
    if (text.find_first_not_of(' ') == std::string::npos) return 0;
    const double frames = data().Number(kFrames).value_or(-1.0);
    if (!(frames >= 0.0 && frames <= kMaxFrames) || frames != std::floor(frames)) {
      throw Damaged("says that it has '" + text + "' frames");
    }
    return static_cast<int>(frames);
  }

  void ReadVideo() {
    content_.frames = std::max(1, FramesSaid());
    for (const DicomFragment& fragment : file().fragments) content_.video += fragment.bytes;
    if (content_.video.empty()) throw Damaged("holds no video");
  }

  void ReadShape() {
    DicomShape& shape = content_.shape;
    shape.samples = Word(kSamples);
    shape.rows = Word(kRows);
    shape.columns = Word(kColumns);
    shape.bits_allocated = Word(kBitsAllocated);
    content_.bits_stored = Word(kBitsStored);
    content_.is_signed = data().Word(kSign).value_or(0) == 1;
    content_.photometric = data().Text(kPhotometric);
    // JPEG has an order of its own, whatever the file says.
    content_.is_planar =
        shape.samples > 1 && data().Word(kPlanar).value_or(0) == 1 &&
        (file().coding == DicomCoding::kNative || file().coding == DicomCoding::kRle);
    const int bits = shape.bits_allocated;
    const int stored = content_.bits_stored;
    if ((bits != 8 && bits != 16) || stored < 1 || stored > bits || Word(kHighBit) != stored - 1 ||
        (shape.samples != 1 && shape.samples != 3)) {
      throw Damaged("has " + std::to_string(shape.samples) + " samples of " +
                    std::to_string(stored) + " in " + std::to_string(bits) +
                    " bits a pixel, expected 1 or 3 of 8 or 16 bits, the lowest used");
    }
    if (shape.rows < 1 || shape.columns < 1) throw Damaged("is a picture without pixels");
    CheckPictureSize(name_, static_cast<std::uint64_t>(shape.columns),
                     static_cast<std::uint64_t>(shape.rows));
    constexpr std::array<std::string_view, 3> kOne = {"MONOCHROME1", "MONOCHROME2",
                                                      "PALETTE COLOR"};
    constexpr std::array<std::string_view, 6> kThree = {
        "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT"};
    const auto is_in = [this](const auto& names) {
      return std::find(names.begin(), names.end(), content_.photometric) != names.end();
    };
    if (!(shape.samples == 1 ? is_in(kOne) : is_in(kThree))) {
      throw Damaged("has the photometric interpretation '" + content_.photometric + "' of " +
                    std::to_string(shape.samples) +
                    " samples, expected MONOCHROME1 or 2, PALETTE COLOR, RGB, YBR_FULL or "
                    "YBR_PARTIAL; 'gdcmconv' (GDCM) and 'dcmconv' (DCMTK) convert others");
    }
  }

  // In this order, what comes later wins: the data set, what is shared by all frames, the frame.
  void ReadScales() {
    DicomScale all;
    ReadScale(data(), content_.is_signed, name_, &all);
    const auto add_groups = [this](const DicomItem& groups, DicomScale* scale) {
      for (const std::uint32_t tag : {kPixelTransformation, kFrameVoiLut}) {
        const DicomItem* item = groups.First(tag);
        if (item != nullptr) ReadScale(*item, content_.is_signed, name_, scale);
      }
    };
    if (const DicomItem* shared = data().First(kSharedGroups)) add_groups(*shared, &all);
    content_.scales = {all};
    const auto groups = data().sequences.find(kFrameGroups);
    if (groups == data().sequences.end() ||
        groups->second.size() != static_cast<std::size_t>(content_.frames)) {
      return;
    }
    content_.scales.clear();
    for (const DicomItem& of_frame : groups->second) {
      content_.scales.push_back(all);
      add_groups(of_frame, &content_.scales.back());
    }
  }

  void ReadNative() {
    content_.pixels = *data().Find(kPixelData);
    const std::uint64_t size = content_.pixels.value.size();
    const std::uint64_t each = NativeFrameBytes(content_);
    content_.frames = FramesSaid();
    if (content_.frames == 0) {
      content_.frames = static_cast<int>(
          std::min<std::uint64_t>(std::max<std::uint64_t>(1, size / each), kMaxFrames));
    }
    const std::uint64_t expected = each * static_cast<std::uint64_t>(content_.frames);
    if (size < expected) {
      throw Damaged("holds " + std::to_string(size) + " bytes of pixels, expected " +
                    std::to_string(expected));
    }
    if (size - expected >= each) {
      Odd("holds pixels of " + std::to_string(size / each) + " frames, but says that it has " +
          std::to_string(content_.frames) + "; the others are not looked at");
    }
  }

  void ReadCompressed() {
    const int said = FramesSaid();
    content_.compressed = GroupFragments(file(), said, name_);
    content_.frames = static_cast<int>(content_.compressed.size());
    if (content_.frames < 1) throw Damaged("holds 0 compressed frames");
    bool is_ybr_known = false;
    for (std::size_t i = 0; i < content_.compressed.size(); ++i) {
      const auto stream = JoinFrame(content_.compressed[i], file().coding, content_.shape);
      if (!stream) throw Damaged("its compressed frame " + std::to_string(i) + " is damaged");
      // Many writers of lossy JPEG say RGB of what is luma and chroma, so the stream has the word.
      if (content_.shape.samples == 3 && stream->is_dct && stream->is_ybr && !is_ybr_known) {
        content_.photometric = *stream->is_ybr ? "YBR_FULL" : "RGB";
        is_ybr_known = true;
      }
    }
  }

  const std::string& name_;
  const Warn& warn_;
  DicomContent content_;
};

}  // namespace

std::uint64_t NativeFrameBytes(const DicomContent& content) {
  // In 4:2:2 two pixels share their chroma.
  const bool is_422 =
      content.photometric == "YBR_FULL_422" || content.photometric == "YBR_PARTIAL_422";
  return static_cast<std::uint64_t>(content.shape.rows) *
         static_cast<std::uint64_t>(content.shape.columns) *
         static_cast<std::uint64_t>((is_422 ? 2 : content.shape.samples) *
                                    (content.shape.bits_allocated / 8));
}

DicomContent ParseDicom(std::string_view bytes, const std::string& name, const Warn& warn) {
  return Parser(bytes, name, warn).Parse();
}

}  // namespace hepar
