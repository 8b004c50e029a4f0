// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/mat_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <matio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

constexpr int kFrames = 3;
constexpr int kHeight = 20;
constexpr int kWidth = 30;

int Level(int patient, int frame, int y, int x) {
  return (41 * patient + 17 * frame + 5 * y + x) % 251;
}

// Makes the values of a file; what a test wants otherwise it changes.
struct MatParts {
  std::string variable = "data";
  std::vector<std::string> fields = {"id", "class", "fat", "images"};
  std::vector<double> ids = {1, 7, 12, 55};
  std::vector<double> fats = {4, 5, 50, 80};
  bool frames_last = false;
  bool column = false;  // Of structs, instead of a row.
  mat_ft version = MAT_FT_MAT5;
  matio_compression compression = MAT_COMPRESSION_NONE;
  std::function<matvar_t*(const std::string& field, int patient)> make;  // Null: the usual one.
};

matvar_t* Number(double value) {
  std::size_t dims[] = {1, 1};
  return Mat_VarCreate(nullptr, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, dims, &value, 0);
}

matvar_t* SmallNumber(double value) {
  std::size_t dims[] = {1, 1};
  auto small = static_cast<std::uint8_t>(value);
  return Mat_VarCreate(nullptr, MAT_C_UINT8, MAT_T_UINT8, 2, dims, &small, 0);
}

matvar_t* Text(const char* text) {
  std::size_t dims[] = {1, std::char_traits<char>::length(text)};
  return Mat_VarCreate(nullptr, MAT_C_CHAR, MAT_T_UTF8, 2, dims, const_cast<char*>(text), 0);
}

matvar_t* Images(int patient, bool frames_last) {
  std::vector<std::size_t> dims = {kFrames, kHeight, kWidth};
  if (frames_last) dims = {kHeight, kWidth, kFrames};
  std::vector<std::uint8_t> pixels(kFrames * kHeight * kWidth);
  for (int f = 0; f < kFrames; ++f) {
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const int place =
            frames_last ? y + kHeight * (x + kWidth * f) : f + kFrames * (y + kHeight * x);
        pixels[place] = static_cast<std::uint8_t>(Level(patient, f, y, x));
      }
    }
  }
  return Mat_VarCreate(nullptr, MAT_C_UINT8, MAT_T_UINT8, 3, dims.data(), pixels.data(), 0);
}

void WriteMat(const std::string& path, const MatParts& parts) {
  std::vector<const char*> names;
  for (const auto& field : parts.fields) names.push_back(field.c_str());
  std::size_t dims[] = {parts.column ? parts.ids.size() : 1, parts.column ? 1 : parts.ids.size()};
  matvar_t* data = Mat_VarCreateStruct(parts.variable.c_str(), 2, dims, names.data(),
                                       static_cast<unsigned>(names.size()));
  ASSERT_NE(data, nullptr);
  for (int i = 0; i < static_cast<int>(parts.ids.size()); ++i) {
    for (const auto& field : parts.fields) {
      matvar_t* value = parts.make ? parts.make(field, i) : nullptr;
      if (value == nullptr) {
        value = field == "id"      ? Number(parts.ids[i])
                : field == "fat"   ? SmallNumber(parts.fats[i])
                : field == "class" ? SmallNumber(parts.fats[i] >= 5)
                                   : Images(i, parts.frames_last);
      }
      Mat_VarSetStructFieldByName(data, field.c_str(), i, value);
    }
  }
  mat_t* file = Mat_CreateVer(path.c_str(), nullptr, parts.version);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(Mat_VarWrite(file, data, parts.compression), 0);
  Mat_Close(file);
  Mat_VarFree(data);
}

class MatFileTest : public testing::Test {
 protected:
  std::string Write(const MatParts& parts, const std::string& name = "set.mat") {
    // Else a file of level 7.3 goes on where the old one ended.
    fs::remove(folder_ / name);
    WriteMat(folder_ / name, parts);
    return folder_ / name;
  }

  void ExpectUsual(const MatParts& parts, const std::string& what) {
    SCOPED_TRACE(what);
    const auto patients = ReadMatFile(Write(parts));
    ASSERT_EQ(patients.size(), 4u);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(patients[i].id, parts.ids[i]);
      EXPECT_EQ(patients[i].fat, parts.fats[i]);
      ASSERT_EQ(patients[i].frames.size(), static_cast<std::size_t>(kFrames));
      for (int f = 0; f < kFrames; ++f) {
        const cv::Mat& frame = patients[i].frames[f];
        ASSERT_EQ(frame.size(), cv::Size(kWidth, kHeight));
        for (int y = 0; y < kHeight; ++y) {
          for (int x = 0; x < kWidth; ++x) {
            ASSERT_EQ(frame.at<std::uint8_t>(y, x), Level(i, f, y, x));
          }
        }
      }
    }
  }

  void ExpectDamaged(const MatParts& parts, const std::vector<std::string>& messages) {
    ExpectError(ErrorKind::kDamaged, messages, [&] { ReadMatFile(Write(parts)); });
  }

  const TempFolder folder_;
};

TEST_F(MatFileTest, ReadsEveryLayoutAndVersion) {
  MatParts parts;
  ExpectUsual(parts, "as published");
  parts.compression = MAT_COMPRESSION_ZLIB;
  ExpectUsual(parts, "compressed");
  parts.frames_last = true;
  ExpectUsual(parts, "frames last");
  parts.column = true;
  ExpectUsual(parts, "a column of structs");
  parts.fields = {"images", "fat", "id"};
  ExpectUsual(parts, "other order of the fields, no class");
  parts.make = [&](const std::string& field, int i) {
    return field == "id"    ? SmallNumber(parts.ids[i])
           : field == "fat" ? Number(parts.fats[i])
                            : nullptr;
  };
  ExpectUsual(parts, "other types of the numbers");
}

TEST_F(MatFileTest, ReadsLevelSevenPointThree) {
  const TempFolder folder;
  mat_t* probe = Mat_CreateVer((folder / "probe.mat").c_str(), nullptr, MAT_FT_MAT73);
  if (probe == nullptr) GTEST_SKIP() << "this libmatio is built without HDF5";
  Mat_Close(probe);
  MatParts parts;
  parts.version = MAT_FT_MAT73;
  ExpectUsual(parts, "7.3");
}

TEST_F(MatFileTest, PatientOfOneFrameIsRead) {
  MatParts parts;
  parts.make = [](const std::string& field, int) -> matvar_t* {
    if (field != "images") return nullptr;
    std::vector<std::uint8_t> pixels(kHeight * kWidth, 9);
    std::size_t dims[] = {kHeight, kWidth};
    return Mat_VarCreate(nullptr, MAT_C_UINT8, MAT_T_UINT8, 2, dims, pixels.data(), 0);
  };
  const auto patients = ReadMatFile(Write(parts));
  ASSERT_EQ(patients[2].frames.size(), 1u);
  EXPECT_EQ(patients[2].frames[0].size(), cv::Size(kWidth, kHeight));
}

TEST_F(MatFileTest, MissingOrStrangeFieldsAreNamed) {
  MatParts parts;
  parts.variable = "other";
  ExpectDamaged(parts, {"set.mat", "no readable variable 'data'"});
  for (const std::string missing : {"id", "fat", "images"}) {
    parts = {};
    parts.fields.erase(std::find(parts.fields.begin(), parts.fields.end(), missing));
    ExpectDamaged(parts, {"set.mat", "no field '" + missing + "'"});

    parts = {};
    parts.make = [&](const std::string& field, int i) -> matvar_t* {
      return field == missing && i == 2 ? Text("seven") : nullptr;
    };
    ExpectDamaged(parts, {"set.mat", "data(3)", "'" + missing + "'"});

    parts.make = [&](const std::string& field, int i) -> matvar_t* {
      std::size_t dims[] = {0, 0};
      return field == missing && i == 1
                 ? Mat_VarCreate(nullptr, MAT_C_UINT8, MAT_T_UINT8, 2, dims, nullptr, 0)
                 : nullptr;
    };
    ExpectDamaged(parts, {"set.mat", "data(2)", "'" + missing + "' is empty"});
  }
}

TEST_F(MatFileTest, NumbersOutOfRangeAndPicturesOfAnotherTypeAreErrors) {
  MatParts parts;
  parts.ids[1] = 1.5;
  ExpectDamaged(parts, {"data(2)", "id is 1.5"});
  parts.ids[1] = 1;
  ExpectDamaged(parts, {"data(2)", "id 1 of another patient"});
  parts = {};
  parts.fats[3] = 101;
  ExpectDamaged(parts, {"data(4)", "fat is 101", "0 to 100"});
  parts = {};
  parts.make = [](const std::string& field, int) -> matvar_t* {
    std::vector<double> pixels(kFrames * kHeight * kWidth, 3.0);
    std::size_t dims[] = {kFrames, kHeight, kWidth};
    return field == "images"
               ? Mat_VarCreate(nullptr, MAT_C_DOUBLE, MAT_T_DOUBLE, 3, dims, pixels.data(), 0)
               : nullptr;
  };
  ExpectDamaged(parts, {"data(1)", "3x20x30", "not uint8"});
  parts.make = [](const std::string& field, int) -> matvar_t* {
    std::vector<std::uint8_t> pixels(kFrames * kHeight * kWidth, 3);
    std::size_t dims[] = {kHeight, kFrames, kWidth};
    return field == "images"
               ? Mat_VarCreate(nullptr, MAT_C_UINT8, MAT_T_UINT8, 3, dims, pixels.data(), 0)
               : nullptr;
  };
  ExpectDamaged(parts, {"data(1)", "20x3x30", "frames x height x width"});
}

TEST_F(MatFileTest, FilesThatAreNoneOrCutShortAreErrors) {
  ExpectError(ErrorKind::kNotFound, {"none.mat"}, [&] { ReadMatFile(folder_ / "none.mat"); });
  for (const char* content : {"", "text", "MATLAB 5.0 MAT-file"}) {
    const auto path = folder_.Write("text.mat", content);
    ExpectError(ErrorKind::kDamaged, {"text.mat"}, [&] { ReadMatFile(path); });
  }
  for (const auto compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    MatParts parts;
    parts.compression = compression;
    const auto size = fs::file_size(Write(parts));
    for (const double share : {0.01, 0.05, 0.3, 0.6, 0.97}) {
      const std::string path = Write(parts, "cut.mat");
      fs::resize_file(path, static_cast<std::uintmax_t>(share * static_cast<double>(size)));
      SCOPED_TRACE(std::to_string(compression) + ", " + std::to_string(share));
      ExpectError(ErrorKind::kDamaged, {"cut.mat"}, [&] { ReadMatFile(path); });
    }
  }
}

TEST_F(MatFileTest, ChangedBytesOfACompressedFileAreNoticed) {
  MatParts parts;
  parts.compression = MAT_COMPRESSION_ZLIB;
  const std::string path = Write(parts);
  std::ifstream file(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  for (std::size_t at = 140; at < whole.size(); at += 97) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    const auto damaged = folder_.Write("changed.mat", changed);
    ExpectError(ErrorKind::kDamaged, {"changed.mat"}, [&] { ReadMatFile(damaged); });
  }
}

TEST_F(MatFileTest, VariableThatIsNoStructIsAnError) {
  std::size_t dims[] = {1, 1};
  double value = 3.0;
  matvar_t* data = Mat_VarCreate("data", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, dims, &value, 0);
  mat_t* file = Mat_CreateVer((folder_ / "number.mat").c_str(), nullptr, MAT_FT_MAT5);
  Mat_VarWrite(file, data, MAT_COMPRESSION_NONE);
  Mat_Close(file);
  Mat_VarFree(data);
  ExpectError(ErrorKind::kDamaged, {"number.mat", "no struct array"},
              [&] { ReadMatFile(folder_ / "number.mat"); });
}

TEST_F(MatFileTest, DataSetHasGradesByFatAndPatientsById) {
  MatParts parts;
  parts.ids = {1, 7, 12, 55, 56, 57, 58};
  parts.fats = {4, 5, 33, 34, 66, 67, 0};
  const auto dataset = LoadDataset(Write(parts));
  ASSERT_EQ(dataset.samples.size(), 7u * kFrames);
  std::vector<std::string> found;
  for (std::size_t i = 0; i < dataset.samples.size(); i += kFrames) {
    const Sample& sample = dataset.samples[i];
    EXPECT_EQ(sample.frame, static_cast<int>(i));
    found.push_back(sample.patient + " " + dataset.class_names[sample.label]);
  }
  EXPECT_THAT(found, ElementsAre("P01 normal", "P07 mild", "P12 mild", "P55 moderate",
                                 "P56 moderate", "P57 severe", "P58 normal"));
}

TEST_F(MatFileTest, PixelCopiesOfAPatientAreLeftOut) {
  MatParts parts;
  parts.make = [](const std::string& field, int patient) -> matvar_t* {
    if (field != "images" || patient != 1) return nullptr;
    // Its frame 2 is a copy of its frame 0.
    std::vector<std::uint8_t> pixels(kFrames * kHeight * kWidth, 3);
    for (std::size_t i = 1; i < pixels.size(); i += kFrames) pixels[i] = 4;
    std::size_t dims[] = {kFrames, kHeight, kWidth};
    return Mat_VarCreate(nullptr, MAT_C_UINT8, MAT_T_UINT8, 3, dims, pixels.data(), 0);
  };
  std::vector<int> frames;
  for (const auto& sample : LoadDataset(Write(parts)).samples) {
    if (sample.patient == "P07") frames.push_back(sample.frame);
  }
  EXPECT_THAT(frames, ElementsAre(3, 4));
}

TEST_F(MatFileTest, EachSampleIsPreparedFromItsFrame) {
  const auto dataset = LoadDataset(Write({}));
  PreprocessOptions options;
  options.size = 16;
  options.sector.kind = SectorRule::Kind::kFull;
  const PreparedDataset prepared(dataset, options, 2);
  const auto patients = ReadMatFile(dataset.samples[0].path);
  for (int i = 0; i < prepared.size(); ++i) {
    const cv::Mat& frame = patients[i / kFrames].frames[i % kFrames];
    EXPECT_NEAR(cv::mean(prepared.image(i).pixels)[0], cv::mean(frame)[0] / 255.0, 1e-4) << i;
  }
}

TEST_F(MatFileTest, DigestChangesWithTheContentButNotWithThePlace) {
  MatParts parts;
  const auto first = LoadDataset(Write(parts)).digest;
  fs::create_directories(folder_ / "elsewhere");
  fs::copy_file(folder_ / "set.mat", folder_ / "elsewhere/set.mat");
  EXPECT_EQ(LoadDataset(folder_ / "elsewhere/set.mat").digest, first);
  parts.fats[0] = 3;
  EXPECT_NE(LoadDataset(Write(parts)).digest, first);
}

}  // namespace
}  // namespace hepar
