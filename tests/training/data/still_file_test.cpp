// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/still_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tiffio.h>
#include <unistd.h>

#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "models/error.h"
#include "models/image/luma.h"
#include "models/image/picture_limits.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/orientation.h"
#include "training/data/prepared_dataset.h"
#include "training/data/still_header.h"

namespace hepar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Speckle, so that nothing compresses to a few bytes, with a mark in one corner.
cv::Mat Scan(cv::Size size = {96, 64}, int type = CV_8UC3) {
  cv::Mat picture(size, type);
  cv::RNG rng(7);
  rng.fill(picture, cv::RNG::UNIFORM, 40, 120);
  cv::rectangle(picture, {0, 0, size.width / 4, size.height / 4}, cv::Scalar::all(250), -1);
  return picture;
}

std::string Encoded(const std::string& extension, const cv::Mat& picture,
                    const std::vector<int>& options = {}) {
  std::vector<unsigned char> bytes;
  cv::imencode(extension, picture, bytes, options);
  return {bytes.begin(), bytes.end()};
}

struct Read {
  std::vector<cv::Mat> frames;
  std::vector<std::string> warnings;
};

Read ReadAll(const std::string& path) {
  Read read;
  std::vector<int> all;
  for (int i = 0; i < CountStillFrames(path); ++i) all.push_back(i);
  ReadStill(
      path, all, [&](int, const cv::Mat& picture) { read.frames.push_back(picture.clone()); },
      [&](const std::string& line) { read.warnings.push_back(line); });
  return read;
}

// EXIF data that say nothing but an orientation.
std::string Exif(int orientation, bool big_endian) {
  const auto number = [big_endian](std::uint32_t value, int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) {
      bytes += static_cast<char>(value >> 8 * (big_endian ? size - 1 - i : i));
    }
    return bytes;
  };
  return (big_endian ? "MM" : "II") + number(42, 2) + number(8, 4) + number(1, 2) +
         number(0x0112, 2) + number(3, 2) + number(1, 4) +
         number(static_cast<std::uint32_t>(orientation), 2) + number(0, 2) + number(0, 4);
}

std::string BigNumber(std::size_t value, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

std::string WithExif(const std::string& extension, const std::string& file,
                     const std::string& exif) {
  if (extension == ".jpg") {
    const std::string segment = std::string("Exif\0\0", 6) + exif;
    return file.substr(0, 2) + "\xff\xe1" + BigNumber(segment.size() + 2, 2) + segment +
           file.substr(2);
  }
  if (extension == ".png") {  // Behind IHDR. Of a CRC that nobody checks, zeros.
    return file.substr(0, 33) + BigNumber(exif.size(), 4) + "eXIf" + exif + std::string(4, '\0') +
           file.substr(33);
  }
  std::string length;
  for (int i = 0; i < 4; ++i) length += static_cast<char>(exif.size() >> 8 * i);
  return file + "EXIF" + length + exif;  // WebP.
}

// Where a picture of 3 x 2 with these letters goes: as the standard draws the letter F.
cv::Mat Stored() { return (cv::Mat_<std::uint8_t>(2, 3) << 1, 2, 3, 4, 5, 6); }
std::vector<cv::Mat> ShownBy() {
  return {(cv::Mat_<std::uint8_t>(2, 3) << 1, 2, 3, 4, 5, 6),
          (cv::Mat_<std::uint8_t>(2, 3) << 3, 2, 1, 6, 5, 4),
          (cv::Mat_<std::uint8_t>(2, 3) << 6, 5, 4, 3, 2, 1),
          (cv::Mat_<std::uint8_t>(2, 3) << 4, 5, 6, 1, 2, 3),
          (cv::Mat_<std::uint8_t>(3, 2) << 1, 4, 2, 5, 3, 6),
          (cv::Mat_<std::uint8_t>(3, 2) << 4, 1, 5, 2, 6, 3),
          (cv::Mat_<std::uint8_t>(3, 2) << 6, 3, 5, 2, 4, 1),
          (cv::Mat_<std::uint8_t>(3, 2) << 3, 6, 2, 5, 1, 4)};
}

TEST(OrientationTest, EightWaysAreThoseOfTheStandard) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const cv::Mat shown = Upright(Stored(), orientation);
    const cv::Mat expected = ShownBy()[orientation - 1];
    ASSERT_EQ(shown.size(), expected.size()) << orientation;
    EXPECT_EQ(cv::norm(shown, expected, cv::NORM_INF), 0.0) << orientation;
  }
}

TEST(StillFileTest, ExifOrientationIsAppliedInEveryFormatThatHasIt) {
  const TempFolder folder;
  const cv::Mat picture = Scan();
  for (const std::string extension : {".jpg", ".png", ".webp"}) {
    const std::string file = Encoded(extension, picture);
    const cv::Mat plain = ReadAll(folder.Write("plain" + extension, file)).frames.at(0);
    for (int orientation = 0; orientation <= 9; ++orientation) {
      const std::string turned = WithExif(extension, file, Exif(orientation, orientation % 2 == 0));
      const cv::Mat read = ReadAll(folder.Write("turned" + extension, turned)).frames.at(0);
      const int known = orientation >= 1 && orientation <= 8 ? orientation : kUpright;
      const cv::Mat expected = Upright(plain, known);
      ASSERT_EQ(read.size(), expected.size()) << extension << orientation;
      EXPECT_EQ(cv::norm(read, expected, cv::NORM_INF), 0.0) << extension << orientation;
    }
  }
}

TEST(StillFileTest, WhatIsCutOffIsAnErrorInEveryFormat) {
  const TempFolder folder;
  for (const std::string extension :
       {".png", ".jpg", ".jp2", ".tif", ".bmp", ".pgm", ".ppm", ".webp"}) {
    const cv::Mat picture = Scan({160, 120}, extension == ".pgm" ? CV_8UC1 : CV_8UC3);
    const std::string file = Encoded(extension, picture);
    const auto whole = ReadAll(folder.Write("whole" + extension, file));
    EXPECT_EQ(whole.frames.at(0).size(), picture.size()) << extension;
    EXPECT_THAT(whole.warnings, IsEmpty()) << extension;
    for (const double share : {0.3, 0.6, 0.9}) {
      const auto path = folder.Write(
          "cut" + extension,
          file.substr(0, static_cast<std::size_t>(share * static_cast<double>(file.size()))));
      ExpectError(ErrorKind::kDamaged, {"cut" + extension}, [&] { ReadAll(path); });
    }
  }
}

TEST(StillFileTest, ProgressiveJpegThatLacksScansIsAnError) {
  const TempFolder folder;
  const std::string file = Encoded(".jpg", Scan({160, 120}), {cv::IMWRITE_JPEG_PROGRESSIVE, 1});
  EXPECT_THAT(ReadAll(folder.Write("whole.jpg", file)).warnings, IsEmpty());
  const std::size_t last_scan = file.rfind("\xff\xda");
  ExpectError(ErrorKind::kDamaged, {"cut.jpg", "cut off"},
              [&] { ReadAll(folder.Write("cut.jpg", file.substr(0, last_scan))); });
}

TEST(StillFileTest, WholeJpegWithoutItsEndIsReadWithAWarning) {
  const TempFolder folder;
  const std::string file = Encoded(".jpg", Scan());
  const Read whole = ReadAll(folder.Write("whole.jpg", file));
  const Read open = ReadAll(folder.Write("open.jpg", file.substr(0, file.size() - 2)));
  EXPECT_EQ(cv::norm(whole.frames.at(0), open.frames.at(0), cv::NORM_INF), 0.0);
  EXPECT_THAT(open.warnings, ElementsAre(HasSubstr("open.jpg")));
  EXPECT_THAT(ReadAll(folder.Write("more.jpg", file + "more bytes")).warnings, IsEmpty());
}

TEST(StillFileTest, DamageInTheMiddleOfAJpegIsSaid) {
  const TempFolder folder;
  std::string file = Encoded(".jpg", Scan({160, 120}));
  for (std::size_t i = 0; i < 40; ++i) file[file.size() / 2 + i] = '\0';
  const auto path = folder.Write("damaged.jpg", file);
  std::string said;
  try {
    for (const std::string& line : ReadAll(path).warnings) said += line;
  } catch (const Error& error) {
    said = error.what();
  }
  EXPECT_THAT(said, HasSubstr("damaged.jpg"));
}

TEST(StillFileTest, SizesAreReadFromHeadersAndBoundedBeforeDecoding) {
  const TempFolder folder;
  for (const std::string extension : {".png", ".jpg", ".jp2", ".bmp", ".pgm", ".webp"}) {
    const std::string file =
        Encoded(extension, Scan({200, 120}, extension == ".pgm" ? CV_8UC1 : CV_8UC3));
    const auto size = SizeInHeader(file);
    ASSERT_TRUE(size) << extension;
    EXPECT_EQ(size->width, 200u) << extension;
    EXPECT_EQ(size->height, 120u) << extension;
  }
  // A small file that asks for gigabytes.
  std::string png = Encoded(".png", Scan());
  png.replace(16, 8, BigNumber(30000, 4) + BigNumber(30000, 4));
  ExpectError(ErrorKind::kDamaged, {"bomb.png", "30000x30000", "4096"},
              [&] { ReadAll(folder.Write("bomb.png", png)); });
  ExpectError(ErrorKind::kDamaged, {"bomb.pgm", "4096"},
              [&] { ReadAll(folder.Write("bomb.pgm", "P5\n# by hand\n100000 100000\n255\n")); });
}

// Found by fuzzing: "RIFF!" ended the program.
TEST(StillFileTest, FileThatEndsInItsHeaderIsAnError) {
  const TempFolder folder;
  for (const char* extension : {".png", ".jpg", ".webp", ".bmp", ".jp2", ".pgm"}) {
    std::vector<unsigned char> file;
    ASSERT_TRUE(cv::imencode(extension, Scan({32, 32}, CV_8UC1), file)) << extension;
    for (std::size_t size = 0; size < 40; ++size) {
      const std::string head(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(ExifOrientation(head), kUpright) << extension << " " << size;
      EXPECT_NO_THROW(SizeInHeader(head)) << extension << " " << size;
      const std::string path = folder.Write("cut.png", head);
      EXPECT_THROW(ReadStill(path, {0}, [](int, const cv::Mat&) {}, {}), Error)
          << extension << " " << size;
    }
  }
}

TEST(StillFileTest, LargestSideIsThatOfThePreprocessor) {
  PreprocessOptions options;
  options.size = 32;
  options.sector.kind = SectorRule::Kind::kFull;
  Preprocessor preprocessor(options);
  const cv::Mat largest(16, kMaxPictureSide, CV_8UC1, cv::Scalar(9));
  EXPECT_NO_THROW(PreparePicture(largest, "a", 0, preprocessor));
  const cv::Mat larger(16, kMaxPictureSide + 1, CV_8UC1, cv::Scalar(9));
  ExpectError(ErrorKind::kDamaged, {"a: "}, [&] { PreparePicture(larger, "a", 0, preprocessor); });
}

void AddPage(TIFF* file, const cv::Mat& page, std::uint32_t kind, int orientation = 1) {
  TIFFSetField(file, TIFFTAG_SUBFILETYPE, kind);
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, page.cols);
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, page.rows);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, 8);
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, page.rows);
  TIFFSetField(file, TIFFTAG_ORIENTATION, orientation);
  for (int y = 0; y < page.rows; ++y) {
    TIFFWriteScanline(file, const_cast<std::uint8_t*>(page.ptr(y)), static_cast<std::uint32_t>(y),
                      0);
  }
  TIFFWriteDirectory(file);
}

TEST(TiffPagesTest, EachPageIsAFrameAndPreviewsAreNone) {
  const TempFolder folder;
  const std::string path = folder / "stack.tif";
  TIFF* file = TIFFOpen(path.c_str(), "w");
  for (const int level : {10, 20, 30}) {
    AddPage(file, cv::Mat(24, 32, CV_8UC1, cv::Scalar(level)), 0);
    AddPage(file, cv::Mat(6, 8, CV_8UC1, cv::Scalar(99)), FILETYPE_REDUCEDIMAGE);
  }
  TIFFClose(file);
  const Read read = ReadAll(path);
  ASSERT_EQ(read.frames.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(read.frames[i].at<std::uint8_t>(5, 5), 10 * (i + 1));
  ExpectError(ErrorKind::kDamaged, {"stack.tif", "frame 3"},
              [&] { ReadStill(path, {3}, [](int, const cv::Mat&) {}, {}); });
  ASSERT_EQ(truncate(path.c_str(), 1500), 0);
  ExpectError(ErrorKind::kDamaged, {"stack.tif"}, [&] { ReadAll(path); });
}

TEST(TiffPagesTest, OrientationIsApplied) {
  const TempFolder folder;
  const cv::Mat picture = Scan({32, 24}, CV_8UC1);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string path = folder / "turned.tif";
    TIFF* file = TIFFOpen(path.c_str(), "w");
    AddPage(file, picture, 0, orientation);
    TIFFClose(file);
    const cv::Mat read = ReadAll(path).frames.at(0);
    const cv::Mat expected = Upright(picture, orientation);
    ASSERT_EQ(read.size(), expected.size()) << orientation;
    EXPECT_EQ(cv::norm(read, expected, cv::NORM_INF), 0.0) << orientation;
  }
}

TEST(StillFileTest, NamesThatCamerasAndProgramsUseAreStills) {
  for (const char* name : {"a.JPG", "a.jfif", "a.jpe", "a.jp2", "a.dib", "a.pbm", "a.TIF"}) {
    EXPECT_TRUE(IsStill(name)) << name;
  }
  for (const char* name : {"a.txt", "a", "a.mp4"}) EXPECT_FALSE(IsStill(name)) << name;
}

}  // namespace
}  // namespace hepar
