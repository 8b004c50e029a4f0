// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/csv.h"
#include "training/data/patient_id.h"
#include "training/data/prepared_dataset.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

// What a file gives: every frame as a network sees it.
struct Outcome {
  std::vector<cv::Mat> frames;
  std::vector<std::string> warnings;
  std::string error;
};

Outcome Try(const std::string& path) {
  Outcome outcome;
  const auto warn = [&outcome](const std::string& line) { outcome.warnings.push_back(line); };
  PreprocessOptions options;
  options.size = 96;
  Preprocessor preprocessor(options);
  try {
    std::vector<int> all;
    for (int i = 0; i < CountFrames(path, warn); ++i) all.push_back(i);
    ReadFrames(
        path, all,
        [&](int frame, const cv::Mat& picture) {
          outcome.frames.push_back(PreparePicture(picture, path, frame, preprocessor).pixels);
        },
        warn);
  } catch (const Error& error) {
    outcome.error = error.what();
  }
  return outcome;
}

// Files like those that people report trouble with: cases.csv says what is right of each.
TEST(FieldCasesTest, EachIsReadAsItShouldBe) {
  const char* data = std::getenv("HEPAR_DATA_DIR");
  if (data == nullptr || !fs::exists(fs::path(data) / "field-cases/cases.csv")) {
    GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has field-cases/";
  }
  const fs::path folder = fs::path(data) / "field-cases";
  const CsvTable cases = CsvTable::Read((folder / "cases.csv").string());
  const int file = cases.Column("file"), expected = cases.Column("expected");
  const int control = cases.Column("control");
  for (int row = 0; row < cases.rows(); ++row) {
    const std::string &name = cases.at(row, file), &right = cases.at(row, expected);
    SCOPED_TRACE(name);
    const Outcome outcome = Try((folder / name).string());
    const bool is_read = outcome.error.empty() && !outcome.frames.empty();
    const auto equals = [&](const std::string& other, double tolerance) {
      const Outcome wanted = Try((folder / other).string());
      ASSERT_TRUE(is_read) << outcome.error;
      ASSERT_EQ(outcome.frames.size(), wanted.frames.size());
      for (std::size_t i = 0; i < wanted.frames.size(); ++i) {
        const cv::Mat &read = outcome.frames[i], &other_frame = wanted.frames[i];
        EXPECT_LE(cv::norm(read, other_frame, cv::NORM_INF), tolerance) << i;
        const double sum = cv::norm(read, other_frame, cv::NORM_L1);
        EXPECT_LE(sum / static_cast<double>(read.total()), tolerance / 50) << i;
      }
    };
    if (right == "reads") {
      EXPECT_TRUE(is_read) << outcome.error;
      EXPECT_THAT(outcome.warnings, testing::IsEmpty());
    } else if (right == "same") {
      // A turned copy of a JPEG was coded once more; its sector ends where the original's does.
      equals(cases.at(row, control), name.rfind("c10_exif", 0) == 0 ? 0.15 : 0.0);
    } else if (right == "error") {
      EXPECT_THAT(outcome.error, testing::HasSubstr(name));
    } else if (right == "error or warning") {
      std::string all = outcome.error;
      for (const std::string& line : outcome.warnings) all += line;
      EXPECT_THAT(all, testing::HasSubstr(name));
    } else if (right == "5 pictures or a warning") {
      EXPECT_EQ(outcome.frames.size(), 5u);
    } else if (right == "skipped in a folder") {
      const TempFolder set;
      fs::create_directories(set / "mild/P1");
      fs::copy(folder / name, set / "mild/P1");
      fs::copy(folder / "c04_reference.png", set / "mild/P1");
      const Dataset dataset = LoadDataset(set.path());
      EXPECT_EQ(dataset.samples.size(), 1u);
      EXPECT_THAT(SkippedText(dataset.summary), testing::HasSubstr(name));
    } else if (right.find("as_shown.png") != std::string::npos) {
      equals("c26_as_shown.png", 1.0 / 255.0);
    } else {
      ADD_FAILURE() << "nobody knows what this means";
    }
  }
}

}  // namespace
}  // namespace hepar
