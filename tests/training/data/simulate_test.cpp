// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/simulate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <set>
#include <string>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/simulator/scan_simulator.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/csv.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"

namespace hepar {
namespace {

using testing::HasSubstr;

SimulateOptions Small() {
  SimulateOptions options;
  options.patients_per_grade = 2;
  options.frames_per_patient = 2;
  options.width = 320;
  options.height = 240;
  return options;
}

std::map<std::string, std::string> PicturesOf(const TempFolder& folder) {
  std::map<std::string, std::string> pictures;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.path().extension() != ".png") continue;
    pictures[entry.path().lexically_relative(folder.path()).string()] =
        ReadFile(entry.path().string(), 1 << 24);
  }
  return pictures;
}

void ExpectError(ErrorKind kind, const std::string& part, const std::function<void()>& function) {
  try {
    function();
    ADD_FAILURE() << "no error, expected one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

// Reads one simulated set, which takes seconds to make, and never changes it.
class SimulatedSetTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempFolder>();
    manifest_ = Simulate(folder_->path(), Small(), [](int done, int total) {
      progress_.push_back(done);
      EXPECT_EQ(total, 16);
    });
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static inline std::unique_ptr<TempFolder> folder_;
  static inline std::string manifest_;
  static inline std::vector<int> progress_;
};

TEST_F(SimulatedSetTest, ManifestAndFolderDescribeTheSameSet) {
  EXPECT_EQ(manifest_, *folder_ / "manifest.csv");
  const auto dataset = LoadDataset(manifest_);
  ASSERT_EQ(dataset.samples.size(), 16u);
  std::map<int, std::set<std::string>> patients;
  for (const auto& sample : dataset.samples) {
    patients[sample.label].insert(sample.patient);
    EXPECT_EQ(cv::imread(sample.path, cv::IMREAD_UNCHANGED).size(), cv::Size(320, 240));
  }
  ASSERT_EQ(patients.size(), 4u);
  for (const auto& [grade, of_grade] : patients) EXPECT_EQ(of_grade.size(), 2u) << grade;
  EXPECT_EQ(LoadDataset(folder_->path()).digest, dataset.digest);
}

TEST_F(SimulatedSetTest, EachPatientHasOneSeedAndFramesThatDiffer) {
  const auto table = CsvTable::Read(manifest_);
  std::map<std::string, std::set<std::string>> seeds, pictures;
  std::set<std::string> all_seeds;
  for (int row = 0; row < table.rows(); ++row) {
    const auto& patient = table.at(row, table.Column("patient_id"));
    const auto& seed = table.at(row, table.Column("seed"));
    seeds[patient].insert(seed);
    all_seeds.insert(seed);
    pictures[patient].insert(ReadFile(*folder_ / table.at(row, table.Column("path")), 1 << 24));
    EXPECT_EQ(table.at(row, table.Column("frame")), std::to_string(row % 2));
  }
  EXPECT_EQ(all_seeds.size(), 8u);
  for (const auto& [patient, values] : seeds) EXPECT_EQ(values.size(), 1u) << patient;
  for (const auto& [patient, values] : pictures) EXPECT_EQ(values.size(), 2u) << patient;
}

TEST_F(SimulatedSetTest, FewerPatientsOfTheSameSeedAreTheFirstOfThese) {
  auto options = Small();
  options.patients_per_grade = 1;
  const TempFolder few;
  Simulate(few.path(), options);
  const auto pictures = PicturesOf(*folder_);
  EXPECT_EQ(PicturesOf(few).size(), 8u);
  for (const auto& [name, content] : PicturesOf(few)) {
    ASSERT_EQ(pictures.count(name), 1u) << name;
    EXPECT_TRUE(pictures.at(name) == content) << name;
  }
}

TEST_F(SimulatedSetTest, NumberOfThreadsChangesNothing) {
  auto options = Small();
  for (const int threads : {1, 3}) {
    options.threads = threads;
    const TempFolder again;
    const std::string manifest = Simulate(again.path(), options);
    EXPECT_EQ(ReadFile(manifest, 1 << 20), ReadFile(manifest_, 1 << 20));
    EXPECT_TRUE(PicturesOf(again) == PicturesOf(*folder_));
  }
}

TEST_F(SimulatedSetTest, AnotherSeedGivesOtherPictures) {
  auto options = Small();
  options.patients_per_grade = 1;
  options.frames_per_patient = 1;
  options.seed = 2;
  const TempFolder other;
  Simulate(other.path(), options);
  const auto pictures = PicturesOf(*folder_);
  for (const auto& [name, content] : PicturesOf(other)) {
    ASSERT_EQ(pictures.count(name), 1u) << name;
    EXPECT_FALSE(pictures.at(name) == content) << name;
  }
}

TEST_F(SimulatedSetTest, PreprocessingFindsTheFan) {
  const PreparedDataset prepared(LoadDataset(manifest_), {});
  for (int i = 0; i < prepared.size(); ++i) {
    EXPECT_GT(cv::mean(prepared.image(i).pixels)[0], 0.05);
    EXPECT_LT(prepared.image(i).bounds.area(), 320 * 240);
  }
}

TEST_F(SimulatedSetTest, EachFrameWasReported) {
  std::vector<int> expected(16);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(progress_, expected);
}

std::vector<std::string> ColumnOf(const CsvTable& table, const std::string& name) {
  std::vector<std::string> values;
  for (int row = 0; row < table.rows(); ++row) values.push_back(table.at(row, table.Column(name)));
  return values;
}

TEST_F(SimulatedSetTest, HasOneScannerAndTypicalFatUnlessScannersAreAskedFor) {
  const auto table = CsvTable::Read(manifest_);
  EXPECT_THAT(ColumnOf(table, "scanner"), testing::Each("0"));
  EXPECT_THAT(ColumnOf(table, "fat_pct"), testing::Each(""));
}

TEST(SimulateTest, RandomScannersKeepThePatientsAndTheGradesOfTheirFat) {
  auto options = Small();
  options.frames_per_patient = 1;
  const TempFolder own, some, each, broad;
  const auto own_table = CsvTable::Read(Simulate(own.path(), options));
  options.scanners = 1;
  const auto table = CsvTable::Read(Simulate(some.path(), options));
  EXPECT_EQ(ColumnOf(table, "seed"), ColumnOf(own_table, "seed"));
  EXPECT_THAT(ColumnOf(table, "scanner"), testing::Each("0"));
  for (int row = 0; row < table.rows(); ++row) {
    const double fat = std::stod(table.at(row, table.Column("fat_pct")));
    EXPECT_EQ(Dataset().class_names[GradeOfFat(fat)], table.at(row, table.Column("label")));
  }
  options.scanners = SimulateOptions::kScannerForEach;
  EXPECT_THAT(ColumnOf(CsvTable::Read(Simulate(each.path(), options)), "scanner"),
              testing::ElementsAre("0", "1", "2", "3", "4", "5", "6", "7"));
  options.scanner_breadth = 1.5;
  Simulate(broad.path(), options);
  const auto pictures = PicturesOf(own);
  for (const auto* folder : {&some, &each, &broad}) {
    for (const auto& [name, content] : PicturesOf(*folder)) {
      EXPECT_FALSE(pictures.at(name) == content) << name;
    }
  }
}

TEST(SimulateTest, RefusesAFolderInUse) {
  const TempFolder folder;
  folder.Write("old.png", "");
  ExpectError(ErrorKind::kUnreadable, "not empty", [&] { Simulate(folder.path(), Small()); });
  ExpectError(ErrorKind::kUnreadable, "cannot be created",
              [&] { Simulate(folder / "old.png/below", Small()); });
}

TEST(SimulateTest, ErrorOfOneThreadIsThrown) {
  const TempFolder folder;
  int calls = 0;
  EXPECT_THROW(Simulate(folder / "new", Small(),
                        [&calls](int, int) {
                          if (++calls == 3) throw Error(ErrorKind::kFailed, "stop here");
                        }),
               Error);
  EXPECT_LT(calls, 16);
}

TEST(SimulateTest, RefusesOptionsOutOfRangeBeforeItWrites) {
  const TempFolder folder;
  auto options = Small();
  options.width = 63;
  ExpectError(ErrorKind::kInvalid, "width is 63", [&] { Simulate(folder / "new", options); });
  options = Small();
  options.frames_per_patient = 0;
  ExpectError(ErrorKind::kInvalid, "frames for each patient is 0",
              [&] { Simulate(folder / "new", options); });
  options = Small();
  options.scanners = -2;
  ExpectError(ErrorKind::kInvalid, "number of scanners is -2",
              [&] { Simulate(folder / "new", options); });
  options = Small();
  options.scanners = 1;
  options.scanner_breadth = 0.0;
  ExpectError(ErrorKind::kInvalid, "breadth", [&] { Simulate(folder / "new", options); });
  EXPECT_FALSE(std::filesystem::exists(folder / "new"));
}

}  // namespace
}  // namespace hepar
