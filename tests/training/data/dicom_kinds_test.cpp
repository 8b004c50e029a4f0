// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "tests/support/dicom_writer.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/dicom_file.h"

namespace hepar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kColumns = 32;
constexpr int kRows = 40;  // JPEG 2000 takes 32 at least.
constexpr std::uint32_t kPixels = 0x7fe00010;

std::string Ramp(int samples = 1, int frame = 0) {
  std::string pixels;
  for (int i = 0; i < kRows * kColumns * samples; ++i) {
    pixels += static_cast<char>(30 + (7 * i + 40 * frame) % 200);
  }
  return pixels;
}

std::string Jpeg(int frame = 0) {
  std::string pixels = Ramp(1, frame);
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", cv::Mat(kRows, kColumns, CV_8UC1, pixels.data()), bytes);
  return {bytes.begin(), bytes.end()};
}

std::string Jpeg2000() {
  std::string pixels = Ramp();
  std::vector<unsigned char> bytes;
  cv::imencode(".jp2", cv::Mat(kRows, kColumns, CV_8UC1, pixels.data()), bytes);
  return {bytes.begin(), bytes.end()};
}

// Run-length coded without a run.
std::string Rle(int frame = 0) {
  const std::string pixels = Ramp(1, frame);
  std::string stream = DicomWriter().Number(1, 4) + DicomWriter().Number(64, 4);
  stream.resize(64, '\0');
  for (std::size_t at = 0; at < pixels.size(); at += 128) {
    stream += '\x7f' + pixels.substr(at, 128);
  }
  return stream.size() % 2 == 1 ? stream + '\0' : stream;
}

// Pieces of even length, the last of what is left.
std::vector<std::string> Cut(const std::string& stream, std::size_t pieces) {
  const std::size_t size = stream.size() / pieces / 2 * 2;
  std::vector<std::string> cut;
  for (std::size_t i = 0; i < pieces; ++i) {
    cut.push_back(stream.substr(i * size, i + 1 < pieces ? size : std::string::npos));
  }
  return cut;
}

class DicomKindsTest : public testing::Test {
 protected:
  struct Outcome {
    std::vector<cv::Mat> frames;
    std::vector<std::string> warnings;
  };

  Outcome Read(const std::string& syntax, const std::string& data) {
    const std::string path = folder_.Write("a.dcm", DicomWriter::File(syntax, data));
    Outcome outcome;
    const auto warn = [&](const std::string& line) { outcome.warnings.push_back(line); };
    std::vector<int> all;
    for (int i = 0; i < CountDicomFrames(path); ++i) all.push_back(i);
    ReadDicomFrames(
        path, all, [&](int, const cv::Mat& picture) { outcome.frames.push_back(picture.clone()); },
        warn);
    return outcome;
  }

  void ExpectRamp(const std::string& syntax, const std::string& data, int frames = 1) {
    const Outcome outcome = Read(syntax, data);
    ASSERT_EQ(outcome.frames.size(), static_cast<std::size_t>(frames));
    for (int frame = 0; frame < frames; ++frame) {
      std::string pixels = Ramp(1, frame);
      const cv::Mat expected(kRows, kColumns, CV_8UC1, pixels.data());
      ASSERT_EQ(outcome.frames[frame].type(), CV_8UC1);
      EXPECT_EQ(cv::norm(outcome.frames[frame], expected, cv::NORM_INF), 0.0) << frame;
    }
    EXPECT_THAT(outcome.warnings, IsEmpty());
  }

  void ExpectDamaged(const std::string& syntax, const std::string& data, const std::string& part) {
    ExpectError(ErrorKind::kDamaged, {"a.dcm", part}, [&] { Read(syntax, data); });
  }

  const TempFolder folder_;
  const DicomWriter explicit_;
  const DicomWriter implicit_{false};
  const DicomWriter big_{true, true};
  const std::string shape_ = explicit_.Shape(kColumns, kRows);
  const std::string native_ = shape_ + explicit_.Element(kPixels, "OB", Ramp());
};

TEST_F(DicomKindsTest, SequencesWhoseTypeGotLostAreReadWhateverIsInThem) {
  const std::string inner =
      implicit_.Element(0x00080060, "CS", "US") + implicit_.Element(0x00091010, "LO", "private ");
  const std::string nested = implicit_.Sequence(0x00091020, implicit_.Item(inner));
  for (const std::string& content :
       {inner, nested,
        nested + implicit_.Sequence(0x00091021, implicit_.Item(inner, true), true)}) {
    for (const bool is_defined : {false, true}) {
      const std::string items =
          implicit_.Item(content, is_defined) + implicit_.Item(content, !is_defined);
      const std::string unknown = explicit_.Element(
          0x00091030, "UN", items + explicit_.Tag(0xfffee0dd) + explicit_.Number(0, 4),
          DicomWriter::kUndefined);
      ExpectRamp(kExplicit, unknown + native_);
    }
  }
  // In big endian the inside is little endian all the same.
  const std::string unknown = big_.Element(
      0x00091030, "UN", implicit_.Item(inner) + implicit_.Tag(0xfffee0dd) + implicit_.Number(0, 4),
      DicomWriter::kUndefined);
  ExpectRamp(kBigEndian,
             unknown + big_.Shape(kColumns, kRows) + big_.Element(kPixels, "OB", Ramp()));
  // In implicit files, and left explicit by those who know no better.
  ExpectRamp(kImplicit, implicit_.Sequence(0x00091030, implicit_.Item(nested)) +
                            implicit_.Shape(kColumns, kRows) +
                            implicit_.Element(kPixels, "OW", Ramp()));
  const std::string kept = explicit_.Item(explicit_.Element(0x00080060, "CS", "US") +
                                          explicit_.Element(0x00091010, "LO", "private "));
  ExpectRamp(kExplicit, explicit_.Element(0x00091030, "UN",
                                          kept + explicit_.Tag(0xfffee0dd) + explicit_.Number(0, 4),
                                          DicomWriter::kUndefined) +
                            native_);
}

TEST_F(DicomKindsTest, CompressedIconIsNotThePicture) {
  const std::string icon = explicit_.Item(explicit_.Shape(4, 4) + explicit_.Fragments({Jpeg()}));
  ExpectRamp(kRle, explicit_.Sequence(0x00880200, icon) + shape_ + explicit_.Fragments({Rle()}));
}

TEST_F(DicomKindsTest, FragmentsFindTheirFrames) {
  const std::string three = shape_ + explicit_.Element(0x00280008, "IS", "3");
  std::vector<std::string> fragments;
  std::vector<std::uint32_t> offsets;
  std::string extended;
  std::uint32_t offset = 0;
  for (int frame = 0; frame < 3; ++frame) {
    offsets.push_back(offset);
    extended += explicit_.Number(offset, 4) + explicit_.Number(0, 4);
    for (const std::string& piece : Cut(Rle(frame), static_cast<std::size_t>(2 + frame % 2))) {
      fragments.push_back(piece);
      offset += 8 + static_cast<std::uint32_t>(piece.size());
    }
  }
  ExpectRamp(kRle, three + explicit_.Fragments(fragments, offsets), 3);
  ExpectRamp(kRle, three + explicit_.Fragments(fragments), 3);
  ExpectRamp(kRle, three + explicit_.Fragments(fragments, {0, 4, 8}), 3);  // A table that lies.
  ExpectRamp(kRle,
             three + explicit_.Element(0x7fe00001, "UN", extended) + explicit_.Fragments(fragments),
             3);
  ExpectRamp(kRle, three + explicit_.Fragments({Rle(0), Rle(1), Rle(2)}), 3);
  ExpectRamp(kRle, shape_ + explicit_.Fragments(Cut(Rle(), 3)));
  for (const char* open : {"", "0", "  "}) {
    const std::string data = shape_ + explicit_.Element(0x00280008, "IS", open);
    ExpectRamp(kRle, data + explicit_.Fragments(fragments, offsets), 3);
    ExpectRamp(kRle, data + explicit_.Fragments(fragments), 3);
  }
  ExpectDamaged(kRle,
                shape_ + explicit_.Element(0x00280008, "IS", "4") + explicit_.Fragments(fragments),
                "says 4");
}

TEST_F(DicomKindsTest, JpegIsReadWithWhatWritersPutAroundIt) {
  const std::string jpeg = Jpeg();
  const auto read = [&](const std::vector<std::string>& fragments) {
    return Read(kJpegBaseline, shape_ + explicit_.Fragments(fragments));
  };
  const cv::Mat expected = read({jpeg}).frames.at(0);
  const auto expect_same = [&](const Outcome& outcome) {
    ASSERT_EQ(outcome.frames.size(), 1u);
    EXPECT_EQ(cv::norm(outcome.frames[0], expected, cv::NORM_INF), 0.0);
  };
  for (const std::string& variant :
       {jpeg + std::string(7, '\0'), jpeg + "more bytes", jpeg + "\xff",
        jpeg.substr(0, 2) + std::string(3, '\xff') + jpeg.substr(2),
        jpeg.substr(0, jpeg.size() - 2) + std::string(4, '\xff') + "\xd9"}) {
    const Outcome outcome = read({variant});
    expect_same(outcome);
    EXPECT_THAT(outcome.warnings, IsEmpty());
  }
  expect_same(read(Cut(jpeg, 4)));
  const Outcome open = read({jpeg.substr(0, jpeg.size() - 2)});
  expect_same(open);
  EXPECT_THAT(open.warnings, ElementsAre(HasSubstr("a.dcm")));
}

TEST_F(DicomKindsTest, JpegOfWhichAPartIsMissingIsDamaged) {
  const std::string jpeg = Jpeg();
  for (const double share : {0.4, 0.7, 0.95}) {
    const auto size = static_cast<std::size_t>(share * static_cast<double>(jpeg.size()));
    for (const std::string end : {"", "\xff\xd9"}) {
      ExpectDamaged(kJpegBaseline, shape_ + explicit_.Fragments({jpeg.substr(0, size) + end}),
                    "frame 0");
    }
  }
}

TEST_F(DicomKindsTest, Jpeg2000IsReadInBoxesAndInPieces) {
  const std::string boxed = Jpeg2000();
  const std::string stream = boxed.substr(boxed.find("\xff\x4f\xff\x51"));
  for (const auto& fragments : {std::vector<std::string>{stream},
                                {boxed},
                                Cut(stream, 3),
                                {stream + std::string(6, '\0')}}) {
    const Outcome outcome = Read(kJpeg2000Lossless, shape_ + explicit_.Fragments(fragments));
    ASSERT_EQ(outcome.frames.size(), 1u);
    // OpenCV's writer is lossy, so its reader says what was written.
    const std::vector<unsigned char> bytes(boxed.begin(), boxed.end());
    const cv::Mat expected = cv::imdecode(bytes, cv::IMREAD_GRAYSCALE);
    EXPECT_LE(cv::norm(outcome.frames[0], expected, cv::NORM_INF), 1.0);
  }
  ExpectDamaged(kJpeg2000Lossless,
                shape_ + explicit_.Fragments({stream.substr(0, stream.size() / 2)}), "frame 0");
}

TEST_F(DicomKindsTest, PixelsMayBeLongerThanThePicture) {
  for (const std::size_t more : {1u, 2u, 128u, 700u}) {
    ExpectRamp(kExplicit,
               shape_ + explicit_.Element(kPixels, "OB", Ramp() + std::string(more, '\0')));
  }
  ExpectDamaged(kExplicit, shape_ + explicit_.Element(kPixels, "OB", Ramp().substr(2)), "expected");
  const Outcome two =
      Read(kExplicit, shape_ + explicit_.Element(kPixels, "OB", Ramp() + Ramp(1, 1)));
  EXPECT_EQ(two.frames.size(), 1u);
  EXPECT_THAT(two.warnings, ElementsAre(HasSubstr("2 frames")));
}

TEST_F(DicomKindsTest, NumberOfFramesMayBeOpenAndThePixelsSay) {
  const std::string three = explicit_.Element(kPixels, "OB", Ramp() + Ramp(1, 1) + Ramp(1, 2));
  for (const char* open : {"", "0", " 0 ", "  "}) {
    const std::string data = shape_ + explicit_.Element(0x00280008, "IS", open);
    ExpectRamp(kExplicit, data + explicit_.Element(kPixels, "OB", Ramp()));
    ExpectRamp(kExplicit, data + three, 3);
  }
  ExpectRamp(kExplicit, shape_ + explicit_.Element(0x00280008, "IS", " 3 ") + three, 3);
  for (const char* wrong : {"-1", "x", "1.5", "999999999"}) {
    ExpectDamaged(kExplicit, shape_ + explicit_.Element(0x00280008, "IS", wrong) + three, "frames");
  }
}

TEST_F(DicomKindsTest, BytesBehindTheDataSetAreNoneOfIt) {
  for (const std::size_t zeros : {1u, 4u, 7u, 8u, 512u}) {
    ExpectRamp(kExplicit, native_ + std::string(zeros, '\0'));
    ExpectRamp(kRle, shape_ + explicit_.Fragments({Rle()}) + std::string(zeros, '\0'));
  }
  ExpectRamp(kExplicit, native_ + explicit_.Element(0xfffcfffc, "OB", std::string(64, '\0')));
  for (const std::string more : {"x", "garbage that is no element", "\x10\x00\xe0\x7f"}) {
    const Outcome outcome = Read(kExplicit, native_ + more);
    EXPECT_EQ(outcome.frames.size(), 1u);
    EXPECT_THAT(outcome.warnings, ElementsAre(HasSubstr("behind its data set")));
  }
  ExpectDamaged(kExplicit, shape_ + "garbage that is no element", "damaged");
}

TEST_F(DicomKindsTest, WordsOfBigEndianKeepTheOrderOfBytes) {
  const auto swapped = [](std::string bytes) {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) std::swap(bytes[i], bytes[i + 1]);
    return bytes;
  };
  ExpectRamp(kBigEndian, big_.Shape(kColumns, kRows) + big_.Element(kPixels, "OB", Ramp()));
  ExpectRamp(kBigEndian,
             big_.Shape(kColumns, kRows) + big_.Element(kPixels, "OW", swapped(Ramp())));
  const std::string color = Ramp(3);
  const auto shape = [](const DicomWriter& writer) {
    return writer.Shape(kColumns, kRows, 3, "RGB");
  };
  const cv::Mat expected =
      Read(kExplicit, shape(explicit_) + explicit_.Element(kPixels, "OB", color)).frames.at(0);
  const cv::Mat words =
      Read(kBigEndian, shape(big_) + big_.Element(kPixels, "OW", swapped(color))).frames.at(0);
  EXPECT_EQ(cv::norm(words, expected, cv::NORM_INF), 0.0);
  // Frames of an odd number of bytes share a word.
  const std::string odd = Ramp().substr(0, 15);
  const Outcome two = Read(kBigEndian, big_.Shape(5, 3) + big_.Element(0x00280008, "IS", "2") +
                                           big_.Element(kPixels, "OW", swapped(odd + odd)));
  ASSERT_EQ(two.frames.size(), 2u);
  EXPECT_EQ(cv::norm(two.frames[0], two.frames[1], cv::NORM_INF), 0.0);
}

TEST_F(DicomKindsTest, LookUpTablesOfValuesOfInterestAreApplied) {
  for (const bool is_inverted : {false, true}) {
    for (const int bits : {8, 12, 16}) {
      for (const bool is_packed : {false, true}) {
        if (is_packed && bits != 8) continue;
        std::vector<std::uint32_t> entries;
        std::string bytes;
        for (int i = 0; i < 256; ++i) {
          entries.push_back(static_cast<std::uint32_t>((255 - i) * ((1 << bits) - 1) / 255));
          bytes += static_cast<char>(entries.back());
        }
        const std::string item =
            explicit_.Item(explicit_.Words(0x00283002, {256, 0, static_cast<std::uint32_t>(bits)}) +
                           (is_packed ? explicit_.Element(0x00283006, "OW", bytes)
                                      : explicit_.Words(0x00283006, entries)));
        const std::string shape =
            explicit_.Shape(kColumns, kRows, 1, is_inverted ? "MONOCHROME1" : "MONOCHROME2");
        const cv::Mat shown = Read(kExplicit, shape + explicit_.Sequence(0x00283010, item) +
                                                  explicit_.Element(kPixels, "OB", Ramp()))
                                  .frames.at(0);
        ASSERT_EQ(shown.type(), CV_16UC1);
        const int stored = static_cast<unsigned char>(Ramp()[5]);
        EXPECT_NEAR(shown.at<std::uint16_t>(0, 5) / 257.0, is_inverted ? stored : 255 - stored, 0.6)
            << bits << is_packed;
      }
    }
  }
}

TEST_F(DicomKindsTest, ModalityTableComesBeforeTheWindow) {
  std::vector<std::uint32_t> entries;
  for (std::uint32_t i = 0; i < 256; ++i) entries.push_back(1000 + 4 * i);
  const std::string table =
      explicit_.Sequence(0x00283000, explicit_.Item(explicit_.Words(0x00283002, {256, 0, 16}) +
                                                    explicit_.Words(0x00283006, entries, "OW")));
  const std::string pixels = explicit_.Element(kPixels, "OB", Ramp());
  const int stored = static_cast<unsigned char>(Ramp()[5]);
  const cv::Mat alone = Read(kExplicit, shape_ + table + pixels).frames.at(0);
  EXPECT_NEAR(alone.at<std::uint16_t>(0, 5), 1000 + 4 * stored, 1);
  const std::string window = explicit_.Element(0x00281050, "DS", "1510") +
                             explicit_.Element(0x00281051, "DS", "1020") +
                             explicit_.Element(0x00281056, "CS", "LINEAR_EXACT");
  const cv::Mat windowed = Read(kExplicit, shape_ + window + table + pixels).frames.at(0);
  EXPECT_NEAR(windowed.at<std::uint16_t>(0, 5) / 65535.0, stored / 255.0, 1e-3);
}

TEST_F(DicomKindsTest, WindowFunctionsAreThoseOfTheStandard) {
  const auto level = [&](const std::string& function) {
    const std::string window = explicit_.Element(0x00281050, "DS", "100") +
                               explicit_.Element(0x00281051, "DS", "80") +
                               explicit_.Element(0x00281056, "CS", function);
    const cv::Mat shown =
        Read(kExplicit, shape_ + window + explicit_.Element(kPixels, "OB", Ramp())).frames.at(0);
    return shown.at<std::uint16_t>(0, 9) / 65535.0;
  };
  const double stored = static_cast<unsigned char>(Ramp()[9]);
  ASSERT_NEAR(stored, 93.0, 1.0);
  EXPECT_NEAR(level("LINEAR"), (stored - 99.5) / 79.0 + 0.5, 1e-4);
  EXPECT_NEAR(level("LINEAR_EXACT"), (stored - 100.0) / 80.0 + 0.5, 1e-4);
  EXPECT_NEAR(level("SIGMOID"), 1.0 / (1.0 + std::exp(-4.0 * (stored - 100.0) / 80.0)), 1e-4);
}

TEST_F(DicomKindsTest, FunctionalGroupsGiveEachFrameItsWindow) {
  const auto group = [&](const char* center) {
    return explicit_.Item(
        explicit_.Sequence(0x00289132, explicit_.Item(explicit_.Element(0x00281050, "DS", center) +
                                                      explicit_.Element(0x00281051, "DS", "1"))));
  };
  const std::string data = shape_ + explicit_.Element(0x00280008, "IS", "2") +
                           explicit_.Sequence(0x52009230, group("10") + group("250")) +
                           explicit_.Element(kPixels, "OB", Ramp() + Ramp());
  const Outcome outcome = Read(kExplicit, data);
  ASSERT_EQ(outcome.frames.size(), 2u);
  EXPECT_EQ(outcome.frames[0].at<std::uint16_t>(0, 5), 65535);
  EXPECT_EQ(outcome.frames[1].at<std::uint16_t>(0, 5), 0);
}

TEST_F(DicomKindsTest, DeflatedFilesAreRead) {
  std::string packed(native_.size() + 100, '\0');
  z_stream stream = {};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string data = native_;
  stream.next_in = reinterpret_cast<unsigned char*>(data.data());
  stream.avail_in = static_cast<unsigned>(data.size());
  stream.next_out = reinterpret_cast<unsigned char*>(packed.data());
  stream.avail_out = static_cast<unsigned>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  ExpectRamp(kDeflated, packed);
  ExpectDamaged(kDeflated, packed.substr(0, packed.size() / 2), "deflated");
}

TEST_F(DicomKindsTest, PalettesInSegmentsAreUnfolded) {
  // One entry, a line up to 255 in 8-bit colors of 16 bits, and for blue the same line twice over
  // by reference.
  const std::vector<std::uint32_t> rising = {0, 1, 0, 1, 255, 255 * 257};
  std::string palette;
  for (std::uint32_t c = 0; c < 3; ++c) {
    palette += explicit_.Words(0x00281101 + c, {256, 0, 16});
  }
  for (std::uint32_t c = 0; c < 3; ++c) palette += explicit_.Words(0x00281221 + c, rising, "OW");
  const std::string shape = explicit_.Shape(kColumns, kRows, 1, "PALETTE COLOR");
  const std::string pixels = explicit_.Element(kPixels, "OB", Ramp());
  const cv::Mat shown = Read(kExplicit, shape + palette + pixels).frames.at(0);
  for (int x = 0; x < kColumns; ++x) {
    const int stored = static_cast<unsigned char>(Ramp()[static_cast<std::size_t>(x)]);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(shown.at<cv::Vec3b>(0, x)[c], stored, 1) << x;
  }
  // Two halves, the second a repetition of the first segments.
  const std::vector<std::uint32_t> twice = {0, 1, 0, 1, 127, 127 * 257, 2, 2, 0, 0};
  std::string repeated;
  for (std::uint32_t c = 0; c < 3; ++c) {
    repeated += explicit_.Words(0x00281101 + c, {256, 0, 16});
  }
  for (std::uint32_t c = 0; c < 3; ++c) repeated += explicit_.Words(0x00281221 + c, twice, "OW");
  const cv::Mat again = Read(kExplicit, shape + repeated + pixels).frames.at(0);
  for (int x = 0; x < kColumns; ++x) {
    const int stored = static_cast<unsigned char>(Ramp()[static_cast<std::size_t>(x)]);
    EXPECT_NEAR(again.at<cv::Vec3b>(0, x)[0], stored % 128, 1) << x;
  }
  ExpectDamaged(kExplicit,
                shape + repeated.substr(0, repeated.size() - 4) + explicit_.Number(9999, 2) +
                    explicit_.Number(0, 2) + pixels,
                "palette");
}

TEST_F(DicomKindsTest, PartialRangeOfLumaIsStretched) {
  const auto read = [&](const std::string& four) {
    std::string pixels;
    for (int i = 0; i < kRows * kColumns / 2; ++i) pixels += four;
    return Read(kExplicit, explicit_.Shape(kColumns, kRows, 3, "YBR_PARTIAL_422") +
                               explicit_.Element(kPixels, "OB", pixels))
        .frames.at(0)
        .at<cv::Vec3b>(3, 3);
  };
  EXPECT_EQ(read("\x10\x10\x80\x80"), cv::Vec3b(0, 0, 0));
  EXPECT_EQ(read("\xeb\xeb\x80\x80"), cv::Vec3b(255, 255, 255));
  const cv::Vec3b red = read("\x51\x51\x5a\xf0");
  EXPECT_NEAR(red[0], 0, 3);
  EXPECT_NEAR(red[1], 0, 3);
  EXPECT_NEAR(red[2], 255, 3);
}

TEST_F(DicomKindsTest, VideosInDicomAreDecoded) {
  const std::string clip = folder_ / "clip.avi";
  {
    cv::VideoWriter video(clip, cv::VideoWriter::fourcc('m', 'p', '4', 'v'), 25.0, {64, 48});
    ASSERT_TRUE(video.isOpened());
    for (int i = 0; i < 6; ++i) {
      video.write(cv::Mat(48, 64, CV_8UC3, cv::Scalar::all(40 + 30 * i)));
    }
  }
  std::ifstream file(clip, std::ios::binary);
  const std::string stream((std::istreambuf_iterator<char>(file)), {});
  const std::string shape =
      explicit_.Element(0x00280008, "IS", "6") + explicit_.Shape(64, 48, 3, "YBR_PARTIAL_420");
  for (const auto& fragments : {std::vector<std::string>{stream}, Cut(stream, 3)}) {
    const Outcome outcome = Read(kMpeg4, shape + explicit_.Fragments(fragments));
    ASSERT_EQ(outcome.frames.size(), 6u);
    for (int i = 0; i < 6; ++i) EXPECT_NEAR(cv::mean(outcome.frames[i])[0], 40 + 30 * i, 6.0);
  }
}

TEST_F(DicomKindsTest, WhatHoldsNoPictureHasNoFrame) {
  const std::string path = folder_.Write(
      "report.dcm", DicomWriter::File(kExplicit, explicit_.Element(0x00080060, "CS", "SR")));
  EXPECT_EQ(CountDicomFrames(path), 0);
  ExpectError(ErrorKind::kDamaged, {"report.dcm", "without a picture"},
              [&] { ReadDicomFrames(path, {0}, [](int, const cv::Mat&) {}); });
  ExpectDamaged(kExplicit, shape_, "no pixel data");
}

TEST_F(DicomKindsTest, SizesThatLieAreRefusedBeforeAnythingIsDecoded) {
  const std::string large = explicit_.Shape(65535, 65535);
  ExpectDamaged(kRle, large + explicit_.Fragments({Rle()}), "4096");
  ExpectDamaged(kJpegBaseline, large + explicit_.Fragments({Jpeg()}), "4096");
  ExpectDamaged(kJpegBaseline, explicit_.Shape(4000, 4000) + explicit_.Fragments({Jpeg()}),
                "frame 0");
  ExpectDamaged(kRle, explicit_.Shape(4000, 4000) + explicit_.Fragments({Rle()}), "frame 0");
}

TEST_F(DicomKindsTest, SyntaxThatIsNotReadNamesWhatConvertsIt) {
  ExpectDamaged("1.2.840.10008.1.2.4.201", native_, "gdcmconv");
}

}  // namespace
}  // namespace hepar
