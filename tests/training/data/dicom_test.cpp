// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dicom_file.h"

#include <gdcmFragment.h>
#include <gdcmImageChangeTransferSyntax.h>
#include <gdcmImageWriter.h>
#include <gdcmLookupTable.h>
#include <gdcmMediaStorage.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using Photometric = gdcm::PhotometricInterpretation;
using testing::HasSubstr;

constexpr int kColumns = 40;
constexpr int kRows = 32;

// What a test file is made of; `pixels` as they are stored.
struct DicomParts {
  Photometric::PIType photometric = Photometric::MONOCHROME2;
  gdcm::PixelFormat format = gdcm::PixelFormat::UINT8;
  gdcm::TransferSyntax::TSType syntax = gdcm::TransferSyntax::ExplicitVRLittleEndian;
  int frames = 1;
  bool is_planar = false;
  std::string pixels;
  std::vector<std::string> fragments;  // In place of pixels: already compressed.
  std::vector<std::pair<gdcm::Tag, std::string>> texts;
  gdcm::LookupTable* palette = nullptr;
};

void SetText(gdcm::DataSet& data, const gdcm::Tag& tag, std::string text,
             gdcm::VR::VRType type = gdcm::VR::DS) {
  if (text.size() % 2 == 1) text += type == gdcm::VR::UI ? '\0' : ' ';
  gdcm::DataElement element(tag);
  element.SetVR(type);
  element.SetByteValue(text.data(), static_cast<std::uint32_t>(text.size()));
  data.Replace(element);
}

void WriteDicom(const std::string& path, const DicomParts& parts) {
  gdcm::Trace::WarningOff();  // About parts that a real file would have.
  gdcm::ImageWriter writer;
  gdcm::SmartPointer<gdcm::Image> image = new gdcm::Image;
  image->SetNumberOfDimensions(3);
  image->SetDimension(0, kColumns);
  image->SetDimension(1, kRows);
  image->SetDimension(2, parts.frames);
  image->SetPixelFormat(parts.format);
  image->SetPhotometricInterpretation(Photometric(parts.photometric));
  image->SetTransferSyntax(gdcm::TransferSyntax::ExplicitVRLittleEndian);
  image->SetPlanarConfiguration(parts.is_planar ? 1 : 0);
  if (parts.palette != nullptr) image->SetLUT(*parts.palette);
  gdcm::DataElement pixels(gdcm::Tag(0x7fe0, 0x0010));
  pixels.SetByteValue(parts.pixels.data(), static_cast<std::uint32_t>(parts.pixels.size()));
  if (!parts.fragments.empty()) {
    gdcm::SmartPointer<gdcm::SequenceOfFragments> sequence = new gdcm::SequenceOfFragments;
    for (const auto& bytes : parts.fragments) {
      gdcm::Fragment fragment;
      fragment.SetByteValue(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
      sequence->AddFragment(fragment);
    }
    pixels.SetValue(*sequence);
    image->SetTransferSyntax(gdcm::TransferSyntax(parts.syntax));
  }
  image->SetDataElement(pixels);

  gdcm::DataSet& data = writer.GetFile().GetDataSet();
  SetText(data, gdcm::Tag(0x0008, 0x0016),
          gdcm::MediaStorage::GetMSString(gdcm::MediaStorage::UltrasoundMultiFrameImageStorage),
          gdcm::VR::UI);
  for (const auto& [tag, text] : parts.texts) SetText(data, tag, text);
  if (parts.syntax == gdcm::TransferSyntax::ExplicitVRLittleEndian || !parts.fragments.empty()) {
    writer.SetImage(*image);
  } else {
    gdcm::ImageChangeTransferSyntax change;
    change.SetTransferSyntax(gdcm::TransferSyntax(parts.syntax));
    change.SetInput(*image);
    ASSERT_TRUE(change.Change()) << parts.syntax;
    writer.SetImage(change.GetOutput());
  }
  writer.SetFileName(path.c_str());
  ASSERT_TRUE(writer.Write());
}

// `channels` different ramps, interleaved.
std::string Ramp(int channels, int frame = 0) {
  std::string pixels;
  for (int y = 0; y < kRows; ++y) {
    for (int x = 0; x < kColumns; ++x) {
      for (int c = 0; c < channels; ++c) {
        pixels += static_cast<char>(40 + 3 * x + (c + 1) * y / 2 + 20 * c + 10 * frame);
      }
    }
  }
  return pixels;
}

std::string Words(const std::vector<std::uint16_t>& values) {
  std::string pixels;
  for (int i = 0; i < kRows * kColumns; ++i) {
    const std::uint16_t value = values[i % values.size()];
    pixels += static_cast<char>(value & 0xff);
    pixels += static_cast<char>(value >> 8);
  }
  return pixels;
}

int Byte(const std::string& pixels, int i) { return static_cast<unsigned char>(pixels[i]); }

std::vector<cv::Mat> ReadFramesOf(const std::string& path, const std::vector<int>& frames) {
  std::vector<cv::Mat> pictures;
  ReadDicomFrames(path, frames,
                  [&](int, const cv::Mat& picture) { pictures.push_back(picture.clone()); });
  return pictures;
}

class DicomTest : public testing::Test {
 protected:
  cv::Mat Read(const DicomParts& parts, int frame = 0) {
    const std::string path = folder_ / "picture.dcm";
    WriteDicom(path, parts);
    return ReadFramesOf(path, {frame}).at(0);
  }

  const TempFolder folder_;
};

TEST_F(DicomTest, GrayOfEightBitsIsAsStoredInEveryLosslessSyntax) {
  for (const auto syntax :
       {gdcm::TransferSyntax::ExplicitVRLittleEndian, gdcm::TransferSyntax::RLELossless,
        gdcm::TransferSyntax::JPEGLosslessProcess14_1, gdcm::TransferSyntax::JPEGLSLossless,
        gdcm::TransferSyntax::JPEG2000Lossless}) {
    DicomParts parts;
    parts.pixels = Ramp(1);
    parts.syntax = syntax;
    const cv::Mat picture = Read(parts);
    ASSERT_EQ(picture.type(), CV_8UC1);
    ASSERT_EQ(picture.size(), cv::Size(kColumns, kRows));
    EXPECT_EQ(std::memcmp(picture.data, parts.pixels.data(), parts.pixels.size()), 0) << syntax;
  }
}

TEST_F(DicomTest, BaselineJpegIsNearWhatWasStored) {
  DicomParts parts;
  parts.pixels = Ramp(1);
  parts.syntax = gdcm::TransferSyntax::JPEGBaselineProcess1;
  const cv::Mat picture = Read(parts);
  const cv::Mat stored(kRows, kColumns, CV_8UC1, parts.pixels.data());
  EXPECT_LE(cv::norm(picture, stored, cv::NORM_INF), 4.0);
}

TEST_F(DicomTest, ColorComesAsBlueGreenRed) {
  for (const auto syntax :
       {gdcm::TransferSyntax::ExplicitVRLittleEndian, gdcm::TransferSyntax::RLELossless,
        gdcm::TransferSyntax::JPEGLosslessProcess14_1, gdcm::TransferSyntax::JPEG2000Lossless}) {
    DicomParts parts;
    parts.photometric = Photometric::RGB;
    parts.format.SetSamplesPerPixel(3);
    parts.pixels = Ramp(3);
    parts.syntax = syntax;
    const cv::Mat picture = Read(parts);
    ASSERT_EQ(picture.type(), CV_8UC3);
    for (int i = 0; i < kRows * kColumns; ++i) {
      const auto pixel = picture.at<cv::Vec3b>(i / kColumns, i % kColumns);
      for (int c = 0; c < 3; ++c) {
        ASSERT_EQ(pixel[2 - c], Byte(parts.pixels, 3 * i + c)) << syntax << ", pixel " << i;
      }
    }
  }
}

TEST_F(DicomTest, LumaAndChromaBecomeColor) {
  DicomParts parts;
  parts.photometric = Photometric::YBR_FULL;
  parts.format.SetSamplesPerPixel(3);
  // Pure red of the Y'CbCr of PS3.3 C.7.6.3.1.2.
  for (int i = 0; i < kRows * kColumns; ++i) parts.pixels += {'\x4c', '\x55', '\xff'};
  const auto pixel = Read(parts).at<cv::Vec3b>(5, 5);
  EXPECT_NEAR(pixel[0], 0, 2);
  EXPECT_NEAR(pixel[1], 0, 2);
  EXPECT_NEAR(pixel[2], 255, 2);
}

TEST_F(DicomTest, LumaWithHalfTheChromaBecomesColor) {
  DicomParts parts;
  parts.photometric = Photometric::YBR_FULL_422;
  parts.format.SetSamplesPerPixel(3);
  for (int i = 0; i < kRows * kColumns / 2; ++i) parts.pixels += {'\x4c', '\x4c', '\x55', '\xff'};
  const auto pixel = Read(parts).at<cv::Vec3b>(5, 5);
  EXPECT_NEAR(pixel[0], 0, 2);
  EXPECT_NEAR(pixel[1], 0, 2);
  EXPECT_NEAR(pixel[2], 255, 2);
}

TEST_F(DicomTest, LossyJpegIsShownAsItsStreamSays) {
  // OpenCV writes luma and chroma with a JFIF header; the file claims RGB.
  std::vector<unsigned char> jpeg;
  cv::imencode(".jpg", cv::Mat(kRows, kColumns, CV_8UC3, cv::Scalar(30, 90, 200)), jpeg);
  for (const auto photometric : {Photometric::RGB, Photometric::YBR_FULL_422}) {
    DicomParts parts;
    parts.photometric = photometric;
    parts.format.SetSamplesPerPixel(3);
    parts.syntax = gdcm::TransferSyntax::JPEGBaselineProcess1;
    parts.fragments = {std::string(jpeg.begin(), jpeg.end())};
    const auto pixel = Read(parts).at<cv::Vec3b>(5, 5);
    EXPECT_NEAR(pixel[0], 30, 3);
    EXPECT_NEAR(pixel[1], 90, 3);
    EXPECT_NEAR(pixel[2], 200, 3);
  }
}

TEST_F(DicomTest, ColorByPlanesIsInterleaved) {
  for (const auto syntax :
       {gdcm::TransferSyntax::ExplicitVRLittleEndian, gdcm::TransferSyntax::RLELossless}) {
    DicomParts parts;
    parts.photometric = Photometric::RGB;
    parts.format.SetSamplesPerPixel(3);
    parts.syntax = syntax;
    parts.is_planar = true;
    parts.frames = 2;
    for (const char level : {'\x10', '\x50', '\x70', '\x20', '\x40', '\x60'}) {
      parts.pixels += std::string(kRows * kColumns, level);
    }
    EXPECT_EQ(Read(parts).at<cv::Vec3b>(7, 9), cv::Vec3b(0x70, 0x50, 0x10)) << syntax;
    EXPECT_EQ(Read(parts, 1).at<cv::Vec3b>(7, 9), cv::Vec3b(0x60, 0x40, 0x20)) << syntax;
  }
}

TEST_F(DicomTest, PaletteIsApplied) {
  for (const int bits : {8, 16}) {
    gdcm::SmartPointer<gdcm::LookupTable> palette = new gdcm::LookupTable;
    palette->Allocate(8);
    for (int c = 0; c < 3; ++c) {
      const auto type = static_cast<gdcm::LookupTable::LookupTableType>(c);
      std::string entries;
      for (int i = 0; i < 256; ++i) {
        if (bits == 16) entries += static_cast<char>(7);  // Below what 8 bits show.
        entries += static_cast<char>(i + 50 * c);
      }
      palette->InitializeLUT(type, 256, 0, bits);
      palette->SetLUT(type, reinterpret_cast<const unsigned char*>(entries.data()),
                      static_cast<unsigned>(entries.size()));
    }
    DicomParts parts;
    parts.photometric = Photometric::PALETTE_COLOR;
    parts.palette = palette;
    parts.pixels = Ramp(1);
    const cv::Mat picture = Read(parts);
    ASSERT_EQ(picture.type(), CV_8UC3);
    for (int i = 0; i < kRows * kColumns; ++i) {
      const auto pixel = picture.at<cv::Vec3b>(i / kColumns, i % kColumns);
      for (int c = 0; c < 3; ++c) {
        ASSERT_EQ(pixel[2 - c], (Byte(parts.pixels, i) + 50 * c) % 256) << bits << " bits";
      }
    }
  }
}

TEST_F(DicomTest, Monochrome1IsInverted) {
  DicomParts parts;
  parts.photometric = Photometric::MONOCHROME1;
  parts.pixels = Ramp(1);
  const cv::Mat picture = Read(parts);
  ASSERT_EQ(picture.type(), CV_8UC1);
  EXPECT_EQ(picture.at<std::uint8_t>(0, 0), 255 - Byte(parts.pixels, 0));
}

TEST_F(DicomTest, StoredBitsFillTheWholeRange) {
  DicomParts parts;
  parts.format = gdcm::PixelFormat(1, 16, 12, 11, 0);
  parts.pixels = Words({0, 1024, 4095});
  cv::Mat picture = Read(parts);
  ASSERT_EQ(picture.type(), CV_16UC1);
  EXPECT_EQ(picture.at<std::uint16_t>(0, 0), 0);
  EXPECT_NEAR(picture.at<std::uint16_t>(0, 1), 65535.0 * 1024 / 4095, 1.0);
  EXPECT_EQ(picture.at<std::uint16_t>(0, 2), 65535);

  parts.format = gdcm::PixelFormat(1, 16, 16, 15, 1);
  parts.pixels = Words({0x8000, 0, 0x7fff});  // The least, zero and the greatest with a sign.
  picture = Read(parts);
  EXPECT_EQ(picture.at<std::uint16_t>(0, 0), 0);
  EXPECT_EQ(picture.at<std::uint16_t>(0, 1), 32768);
  EXPECT_EQ(picture.at<std::uint16_t>(0, 2), 65535);
}

TEST_F(DicomTest, WindowIsAppliedAfterTheRescaling) {
  DicomParts parts;
  parts.format = gdcm::PixelFormat(1, 16, 12, 11, 0);
  parts.pixels = Words({100, 200, 300, 400, 4000});
  parts.texts = {{gdcm::Tag(0x0028, 0x1050), "400.5\\7"},
                 {gdcm::Tag(0x0028, 0x1051), "401\\9"},
                 {gdcm::Tag(0x0028, 0x1052), "-200"},
                 {gdcm::Tag(0x0028, 0x1053), "2"}};
  // Twice the number less 200: the window shows 200 to 600.
  for (const bool inverted : {false, true}) {
    parts.photometric = inverted ? Photometric::MONOCHROME1 : Photometric::MONOCHROME2;
    const cv::Mat picture = Read(parts);
    const std::vector<double> levels = {0.0, 0.0, 0.5, 1.0, 1.0};
    for (int x = 0; x < 5; ++x) {
      const double expected = inverted ? 1.0 - levels[x] : levels[x];
      EXPECT_NEAR(picture.at<std::uint16_t>(0, x), 65535.0 * expected, 1.0) << x;
    }
  }
}

TEST_F(DicomTest, WholeWindowOverEightBitsChangesNothing) {
  DicomParts parts;
  parts.pixels = Ramp(1);
  parts.texts = {{gdcm::Tag(0x0028, 0x1050), "128"}, {gdcm::Tag(0x0028, 0x1051), "256"}};
  const cv::Mat picture = Read(parts);
  EXPECT_EQ(picture.at<std::uint16_t>(3, 4), 257 * Byte(parts.pixels, 3 * kColumns + 4));
}

TEST_F(DicomTest, EveryFrameOfACineCanBeRead) {
  for (const auto syntax :
       {gdcm::TransferSyntax::ExplicitVRLittleEndian, gdcm::TransferSyntax::RLELossless,
        gdcm::TransferSyntax::JPEGLosslessProcess14_1}) {
    DicomParts parts;
    parts.frames = 3;
    parts.syntax = syntax;
    for (int frame = 0; frame < 3; ++frame) parts.pixels += Ramp(1, frame);
    const std::string path = folder_ / "cine.dcm";
    WriteDicom(path, parts);
    EXPECT_EQ(CountDicomFrames(path), 3);
    const auto frames = ReadFramesOf(path, {2, 0});
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0].at<std::uint8_t>(0, 0), 60);
    EXPECT_EQ(frames[1].at<std::uint8_t>(0, 0), 40);
    ExpectError(ErrorKind::kDamaged, {"cine.dcm", "no frame 3", "holds 3"},
                [&] { ReadFramesOf(path, {3}); });
  }
}

TEST_F(DicomTest, CineGivesTheFramesAskedForToADataSet) {
  DicomParts parts;
  parts.frames = 4;
  for (int frame = 0; frame < 4; ++frame) parts.pixels += Ramp(1, frame);
  fs::create_directories(folder_ / "set/mild/A");
  WriteDicom(folder_ / "set/mild/A/cine", parts);  // DICOM files often have no extension.
  SourceOptions two;
  two.frames_per_video = 2;
  const auto dataset = LoadDataset(folder_ / "set", two);
  ASSERT_EQ(dataset.samples.size(), 2u);
  EXPECT_EQ(dataset.samples[0].frame, 1);
  EXPECT_EQ(dataset.samples[1].frame, 3);
  EXPECT_EQ(dataset.samples[1].patient, "A");

  PreprocessOptions options;
  options.size = 8;
  options.sector.kind = SectorRule::Kind::kFull;
  const PreparedDataset prepared(dataset, options);
  const double difference = cv::mean(prepared.image(1).pixels - prepared.image(0).pixels)[0];
  EXPECT_NEAR(difference, 20.0 / 255.0, 1e-4);
}

TEST_F(DicomTest, FilesCutShortAreErrorsAndNothingIsPrinted) {
  DicomParts parts;
  parts.frames = 2;
  parts.pixels = Ramp(1) + Ramp(1, 1);
  for (const auto syntax :
       {gdcm::TransferSyntax::ExplicitVRLittleEndian, gdcm::TransferSyntax::RLELossless,
        gdcm::TransferSyntax::JPEGLosslessProcess14_1}) {
    parts.syntax = syntax;
    const std::string whole = folder_ / "whole.dcm";
    WriteDicom(whole, parts);
    const auto size = fs::file_size(whole);
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    // Cut in the header, at the pixels and in them.
    for (const double share : {0.05, 0.3, 0.5, 0.8, 0.95}) {
      const std::string cut = folder_ / "cut.dcm";
      fs::copy_file(whole, cut, fs::copy_options::overwrite_existing);
      fs::resize_file(cut, static_cast<std::uintmax_t>(share * static_cast<double>(size)));
      ExpectError(ErrorKind::kDamaged, {"cut.dcm"}, [&] { ReadFramesOf(cut, {0, 1}); });
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  }
  const auto text = folder_.Write("text.dcm", "no picture");
  ExpectError(ErrorKind::kDamaged, {"text.dcm"}, [&] { ReadFramesOf(text, {0}); });
  ExpectError(ErrorKind::kDamaged, {"text.dcm"}, [&] { CountDicomFrames(text); });
  ExpectError(ErrorKind::kNotFound, {"none.dcm"}, [&] { ReadFramesOf(folder_ / "none.dcm", {0}); });
}

TEST_F(DicomTest, BytesChangedAtRandomNeverEndTheProgram) {
  cv::RNG rng(11);
  for (const auto syntax :
       {gdcm::TransferSyntax::ExplicitVRLittleEndian, gdcm::TransferSyntax::RLELossless,
        gdcm::TransferSyntax::JPEGBaselineProcess1, gdcm::TransferSyntax::JPEGLosslessProcess14_1,
        gdcm::TransferSyntax::JPEGLSLossless}) {
    DicomParts parts;
    parts.pixels = Ramp(1);
    parts.syntax = syntax;
    const std::string path = folder_ / "whole.dcm";
    WriteDicom(path, parts);
    std::ifstream file(path, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(file)), {});
    int refused = 0;
    for (int i = 0; i < 200; ++i) {
      std::string changed = whole;
      for (int k = 0; k < 8; ++k) {
        changed[rng.uniform(132, static_cast<int>(whole.size()))] = static_cast<char>(rng.next());
      }
      try {
        const auto frames = ReadFramesOf(folder_.Write("changed.dcm", changed), {0});
        EXPECT_FALSE(frames.at(0).empty());
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("changed.dcm"));
        ++refused;
      }
    }
    EXPECT_GT(refused, 20) << syntax;
  }
}

// The files of HEPAR_DATA_DIR/dicom.
class PublishedDicomTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("HEPAR_DATA_DIR");
    if (folder == nullptr || !fs::exists(fs::path(folder) / "dicom")) {
      GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has dicom/";
    }
    folder_ = (fs::path(folder) / "dicom").string() + "/";
  }

  cv::Mat Read(const std::string& name, int frame = 0) {
    return ReadFramesOf(folder_ + name, {frame}).at(0);
  }

  std::string folder_;
};

TEST_F(PublishedDicomTest, PowerDopplerIsYellowAndRed) {
  for (const char* name : {"US1_UNCI.dcm", "US1_RLE.dcm"}) {
    EXPECT_EQ(CountDicomFrames(folder_ + name), 1);
    const cv::Mat picture = Read(name);
    ASSERT_EQ(picture.size(), cv::Size(640, 480)) << name;
    const auto yellow = picture.at<cv::Vec3b>(160, 30);  // The top of the color bar.
    EXPECT_LT(yellow[0], 80) << name;
    EXPECT_GT(yellow[1], 180) << name;
    EXPECT_GT(yellow[2], 200) << name;
  }
  // One was stored with loss before, so they are alike but not equal.
  EXPECT_LT(cv::norm(Read("US1_UNCI.dcm"), Read("US1_RLE.dcm"), cv::NORM_L1) / (640 * 480 * 3),
            3.0);
}

TEST_F(PublishedDicomTest, PaletteShowsABlueBarOverAGrayScan) {
  EXPECT_EQ(CountDicomFrames(folder_ + "OBXXXX1A_rle_2frame.dcm"), 2);
  const cv::Mat picture = Read("OBXXXX1A_rle_2frame.dcm");
  ASSERT_EQ(picture.size(), cv::Size(800, 600));
  const auto bar = picture.at<cv::Vec3b>(30, 300);
  EXPECT_GT(bar[0], bar[1] + 20);
  EXPECT_GT(bar[1], bar[2] + 20);
  const auto tissue = picture.at<cv::Vec3b>(110, 450);
  EXPECT_GT(tissue[0], 100);
  EXPECT_EQ(tissue[0], tissue[1]);
  EXPECT_EQ(tissue[0], tissue[2]);
  // The second frame of this file holds the indices of the first from the other end.
  EXPECT_NE(cv::norm(picture, Read("OBXXXX1A_rle_2frame.dcm", 1), cv::NORM_INF), 0.0);
}

TEST_F(PublishedDicomTest, JpegCineIsGrayWithAGreenMark) {
  const std::string name = "examples_ybr_color.dcm";
  ASSERT_EQ(CountDicomFrames(folder_ + name), 30);
  for (const int frame : {0, 29}) {
    const cv::Mat picture = Read(name, frame);
    ASSERT_EQ(picture.size(), cv::Size(320, 240));
    const auto mark = picture.at<cv::Vec3b>(20, 190);
    EXPECT_GT(mark[1], mark[2] + 40) << frame;
    const auto tissue = cv::mean(picture(cv::Rect(120, 50, 100, 140)));
    EXPECT_NEAR(tissue[0], tissue[2], 3.0) << frame;
    EXPECT_GT(tissue[1], 10.0) << frame;
  }
}

TEST_F(PublishedDicomTest, ThreadsReadTheSamePictures) {
  const std::string name = "examples_ybr_color.dcm";
  const cv::Mat expected = Read(name, 7);
  std::vector<std::future<cv::Mat>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(std::async(std::launch::async, [&] { return Read(name, 7); }));
  }
  for (auto& other : others) {
    EXPECT_EQ(cv::norm(other.get(), expected, cv::NORM_INF), 0.0);
  }
}

}  // namespace
}  // namespace hepar
