// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"
#include "training/data/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>
#include <string>
#include <vector>

#include "models/error.h"
#include "models/sha256.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kHeader[] = "path,label,patient_id\n";

std::string Png(double level, cv::Size size = {32, 24}) {
  std::vector<unsigned char> bytes;
  cv::imencode(".png", cv::Mat(size, CV_8UC1, cv::Scalar(level)), bytes);
  return {bytes.begin(), bytes.end()};
}

// A set of 11, 13, 5 and 6 patients with one to three pictures each, without files.
Dataset Cohort(bool reversed = false) {
  Dataset dataset;
  const std::vector<int> patients = {11, 13, 5, 6};
  for (int label = 0; label < 4; ++label) {
    for (int patient = 0; patient < patients[label]; ++patient) {
      const std::string id = std::string(1, "NMDS"[label]) + std::to_string(patient);
      for (int frame = 0; frame <= patient % 3; ++frame) {
        dataset.samples.push_back({id + "_" + std::to_string(frame), label, id});
      }
    }
  }
  if (reversed) std::reverse(dataset.samples.begin(), dataset.samples.end());
  return dataset;
}

std::set<std::string> PatientsOf(const Dataset& dataset, const std::vector<int>& part) {
  std::set<std::string> patients;
  for (const int index : part) patients.insert(dataset.samples[index].patient);
  return patients;
}

std::vector<int> GradesOf(const Dataset& dataset, const std::vector<int>& part) {
  std::vector<std::set<std::string>> patients(4);
  for (const int index : part) {
    patients[dataset.samples[index].label].insert(dataset.samples[index].patient);
  }
  std::vector<int> counts;
  for (const auto& of_grade : patients) counts.push_back(static_cast<int>(of_grade.size()));
  return counts;
}

void ExpectPartition(const Dataset& dataset, const Split& split) {
  CheckPatientDisjoint(dataset, split);
  std::vector<int> all;
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    EXPECT_TRUE(std::is_sorted(part->begin(), part->end()));
    all.insert(all.end(), part->begin(), part->end());
  }
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), dataset.samples.size());
  for (int i = 0; i < static_cast<int>(all.size()); ++i) EXPECT_EQ(all[i], i);
}

Folds RoundRobinFolds(const Dataset& dataset, int count) {
  Folds folds;
  folds.count = count;
  for (const auto& sample : dataset.samples) {
    const bool is_new =
        std::none_of(folds.fold_of.begin(), folds.fold_of.end(),
                     [&](const auto& entry) { return entry.first == sample.patient; });
    if (is_new) {
      folds.fold_of.emplace_back(sample.patient, static_cast<int>(folds.fold_of.size()) % count);
    }
  }
  return folds;
}

TEST(Sha256Test, GivesThePublishedDigests) {
  Sha256 digest;
  digest.Add("a", 1);
  digest.Add("bc", 2);
  EXPECT_EQ(digest.Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest.Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(LoadDatasetTest, FolderGivesClassAndPatientByFolderOrFileName) {
  const TempFolder folder;
  folder.Write("normal/A_f0.png", Png(10));
  folder.Write("normal/A_f1.png", Png(11));
  folder.Write("mild/lone.png", Png(12));
  folder.Write("severe/B/deep/x_1.PNG", Png(13));
  folder.Write("severe/B/notes.txt", "no picture");
  folder.Write("severe/.hidden/x.png", Png(14));
  folder.Write("manifest.csv", "not read");
  const auto dataset = LoadDataset(folder.path() + "/");
  std::vector<std::string> found;
  for (const auto& sample : dataset.samples) {
    found.push_back(sample.patient + " " + dataset.class_names[sample.label]);
    EXPECT_TRUE(fs::exists(sample.path));
  }
  EXPECT_THAT(found, ElementsAre("lone mild", "A normal", "A normal", "B severe"));
}

TEST(LoadDatasetTest, FolderOfAnUnknownClassIsAnError) {
  const TempFolder folder;
  folder.Write("normal/a.png", Png(10));
  folder.Write("Severe/b.png", Png(11));
  ExpectError(ErrorKind::kDamaged, {"Severe", "normal, mild, moderate, severe", "manifest"},
              [&] { LoadDataset(folder.path()); });
}

TEST(LoadDatasetTest, FolderWithoutPicturesIsAnError) {
  const TempFolder folder;
  ExpectError(ErrorKind::kDamaged, {folder.path(), "holds no picture", "manifest"},
              [&] { LoadDataset(folder.path()); });
}

TEST(LoadDatasetTest, ClassFolderWithoutPicturesIsAnError) {
  const TempFolder folder;
  folder.Write("normal/a.png", Png(10));
  folder.Write("mild/notes.txt", "no picture");
  ExpectError(ErrorKind::kDamaged, {folder / "mild", "holds no picture", "remove the folder"},
              [&] { LoadDataset(folder.path()); });
}

TEST(LoadDatasetTest, FileNamesThatGiveOnePatientTwoLabelsAreAnError) {
  const TempFolder folder;
  folder.Write("normal/scan_1.png", Png(10));
  folder.Write("mild/scan_2.png", Png(11));
  ExpectError(ErrorKind::kDamaged, {"'scan'", "normal", "mild", "folder with the name"},
              [&] { LoadDataset(folder.path()); });
}

TEST(LoadDatasetTest, ManifestPathsAreRelativeToItAndOtherColumnsIgnored) {
  const TempFolder folder;
  folder.Write("pictures/a.png", Png(10));
  folder.Write("b.png", Png(11));
  const auto manifest = folder.Write(
      "sub/list.csv", "fat,label,patient_id,path\n1,mild,P1,../pictures/a.png\n2,severe,P2," +
                          (folder / "b.png") + "\n");
  const auto dataset = LoadDataset(manifest);
  ASSERT_EQ(dataset.samples.size(), 2u);
  EXPECT_EQ(dataset.samples[0].path, folder / "b.png");
  EXPECT_EQ(dataset.samples[0].label, 3);
  EXPECT_EQ(dataset.samples[0].patient, "P2");
  EXPECT_EQ(dataset.samples[1].path, folder / "pictures/a.png");
  EXPECT_EQ(dataset.samples[1].label, 1);
}

TEST(LoadDatasetTest, PixelCopiesAreLeftOut) {
  const TempFolder folder;
  folder.Write("a.png", Png(10));
  const auto manifest = folder.Write("list.csv",
                                     "path,label,patient_id,duplicate_of\na.png,mild,P1,\n"
                                     "absent.png,mild,P1,a.png\n");
  EXPECT_EQ(LoadDataset(manifest).samples.size(), 1u);
}

TEST(LoadDatasetTest, ReadsThePercentageOfFatWhereThereIsOne) {
  const TempFolder folder;
  for (const char* name : {"a.png", "b.png"}) folder.Write(name, Png(name[0]));
  const std::string header = "path,label,patient_id,fat_pct\n";
  const auto fat_of = [&](const std::string& second) {
    const auto text = header + "a.png,mild,P1, 12.5\nb.png,normal,P2," + second + "\n";
    return LoadDataset(folder.Write("list.csv", text)).samples[1].fat;
  };
  EXPECT_EQ(fat_of("0"), 0.0);
  EXPECT_LT(fat_of(""), 0.0);
  EXPECT_EQ(LoadDataset(folder / "list.csv").samples[0].fat, 12.5);
  for (const char* wrong : {"100.1", "-1", "12 %", "nan", "1,5"}) {
    ExpectError(ErrorKind::kDamaged, {"list.csv", "fat_pct", wrong},
                [&] { fat_of(std::string("\"") + wrong + "\""); });
  }
}

TEST(LoadDatasetTest, DoesNotDependOnTheOrderOfTheRows) {
  const TempFolder folder;
  for (const char* name : {"a.png", "b.png", "c.png"}) folder.Write(name, Png(name[0]));
  const std::vector<std::string> rows = {"a.png,mild,P1\n", "b.png,mild,P2\n", "c.png,severe,P3\n"};
  const auto forward = LoadDataset(folder.Write("1.csv", kHeader + rows[0] + rows[1] + rows[2]));
  const auto backward = LoadDataset(folder.Write("2.csv", kHeader + rows[2] + rows[1] + rows[0]));
  EXPECT_EQ(forward.digest, backward.digest);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(forward.samples[i].path, backward.samples[i].path);
}

TEST(LoadDatasetTest, DigestChangesWithContentLabelAndPatientButNotWithThePlace) {
  const TempFolder folder;
  const auto digest = [&](const std::string& place, double level, const std::string& row) {
    folder.Write(place + "/a.png", Png(level));
    return LoadDataset(folder.Write(place + "/list.csv", kHeader + row)).digest;
  };
  const auto first = digest("one", 10, "a.png,mild,P1\n");
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(digest("two", 10, "a.png,mild,P1\n"), first);
  EXPECT_NE(digest("two", 11, "a.png,mild,P1\n"), first);
  EXPECT_NE(digest("one", 10, "a.png,severe,P1\n"), first);
  EXPECT_NE(digest("one", 10, "a.png,mild,P2\n"), first);
}

TEST(LoadDatasetTest, DigestOfStillsIsKeptFromVersionToVersion) {
  const TempFolder folder;
  folder.Write("a.png", "content of a");
  folder.Write("b.png", "content of b");
  const auto manifest =
      folder.Write("list.csv", std::string(kHeader) + "a.png,mild,P1\nb.png,severe,P2\n");
  Sha256 expected;
  int letter = 0;
  for (const std::string text : {"a.png", "mild", "P1", "12", "b.png", "severe", "P2", "12"}) {
    expected.Add(text.c_str(), text.size() + 1);
    if (text == "12") {
      const std::string content = "content of ";
      expected.Add(content.data(), content.size());
      expected.Add(&"ab"[letter++], 1);
    }
  }
  EXPECT_EQ(LoadDataset(manifest).digest, expected.Hex());
}

TEST(LoadDatasetTest, PatientWithTwoLabelsNamesBothLines) {
  const TempFolder folder;
  folder.Write("a.png", Png(10));
  folder.Write("b.png", Png(11));
  const auto manifest =
      folder.Write("list.csv", std::string(kHeader) + "a.png,mild,P1\nb.png,severe,P1\n");
  ExpectError(ErrorKind::kDamaged, {"'P1'", "mild", "line 2", "severe", "line 3"},
              [&] { LoadDataset(manifest); });
}

TEST(LoadDatasetTest, BadRowsNameTheirLine) {
  const TempFolder folder;
  folder.Write("a.png", Png(10));
  const auto load = [&](const std::string& rows) {
    LoadDataset(folder.Write("list.csv", std::string(kHeader) + "a.png,mild,P1\n" + rows));
  };
  ExpectError(ErrorKind::kDamaged, {"line 3", "'Mild'", "normal, mild"},
              [&] { load("a.png,Mild,P1\n"); });
  ExpectError(ErrorKind::kDamaged, {"line 3", "patient_id"}, [&] { load("a.png,mild,\n"); });
  ExpectError(ErrorKind::kNotFound, {"line 3", "none.png"}, [&] { load("none.png,mild,P1\n"); });
  ExpectError(ErrorKind::kDamaged, {"line 3", "line 2", "a.png"},
              [&] { load("./a.png,mild,P1\n"); });
}

TEST(LoadDatasetTest, ManifestWithoutAColumnOrRowsIsAnError) {
  const TempFolder folder;
  ExpectError(ErrorKind::kDamaged, {"'patient_id'", "'path', 'label'"},
              [&] { LoadDataset(folder.Write("list.csv", "path,label\n")); });
  ExpectError(ErrorKind::kDamaged, {"lists no picture"},
              [&] { LoadDataset(folder.Write("list.csv", kHeader)); });
  ExpectError(ErrorKind::kNotFound, {"nowhere"}, [&] { LoadDataset(folder / "nowhere"); });
}

TEST(LoadFoldsTest, ReadsPatientsSorted) {
  const TempFolder folder;
  const auto folds =
      LoadFolds(folder.Write("f.csv", "patient_id,label,fold\nB,mild,1\nA,mild,0\n"));
  EXPECT_EQ(folds.count, 2);
  ASSERT_EQ(folds.fold_of.size(), 2u);
  EXPECT_EQ(folds.fold_of[0], std::make_pair(std::string("A"), 0));
  EXPECT_EQ(folds.fold_of[1], std::make_pair(std::string("B"), 1));
}

TEST(LoadFoldsTest, RefusesGapsTwoFoldsOfOnePatientAndWhatIsNoNumber) {
  const TempFolder folder;
  const auto load = [&](const std::string& rows) {
    LoadFolds(folder.Write("f.csv", "patient_id,fold\n" + rows));
  };
  ExpectError(ErrorKind::kDamaged, {"without a gap"}, [&] { load("A,0\nB,2\n"); });
  ExpectError(ErrorKind::kDamaged, {"two or more"}, [&] { load("A,0\n"); });
  ExpectError(ErrorKind::kDamaged, {"two or more"}, [&] { load(""); });
  ExpectError(ErrorKind::kDamaged, {"line 3", "'A'"}, [&] { load("A,0\nA,1\n"); });
  for (const char* fold : {"", "x", "-1", "1x", "1000", "99999999999"}) {
    ExpectError(ErrorKind::kDamaged, {"line 2", fold},
                [&] { load("A," + std::string(fold) + "\n"); });
  }
}

TEST(SplitByPatientTest, NoPatientIsInTwoPartsAndNoPictureIsLost) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto dataset = Cohort();
    ExpectPartition(dataset, SplitByPatient(dataset, 0.2, 0.2, seed));
  }
}

TEST(SplitByPatientTest, PartsHaveTheGradesInTheSharesOfTheWhole) {
  const auto dataset = Cohort();
  const auto split = SplitByPatient(dataset, 0.2, 0.2, 1);
  EXPECT_THAT(GradesOf(dataset, split.test), ElementsAre(2, 3, 1, 1));
  EXPECT_THAT(GradesOf(dataset, split.validation), ElementsAre(2, 3, 1, 1));
  EXPECT_THAT(GradesOf(dataset, split.train), ElementsAre(7, 7, 3, 4));
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    const auto grades = GradesOf(dataset, *part);
    const double patients = static_cast<double>(PatientsOf(dataset, *part).size());
    const std::vector<double> whole = {11 / 35.0, 13 / 35.0, 5 / 35.0, 6 / 35.0};
    for (int k = 0; k < 4; ++k) EXPECT_NEAR(grades[k] / patients, whole[k], 0.06);
  }
}

TEST(SplitByPatientTest, DependsOnTheSeedButNotOnTheOrderOfTheFiles) {
  const auto dataset = Cohort();
  const auto reversed = Cohort(true);
  const auto split = SplitByPatient(dataset, 0.2, 0.2, 3);
  const auto same = SplitByPatient(reversed, 0.2, 0.2, 3);
  EXPECT_EQ(PatientsOf(dataset, split.train), PatientsOf(reversed, same.train));
  EXPECT_EQ(PatientsOf(dataset, split.validation), PatientsOf(reversed, same.validation));
  EXPECT_EQ(PatientsOf(dataset, split.test), PatientsOf(reversed, same.test));
  EXPECT_NE(PatientsOf(dataset, split.test),
            PatientsOf(dataset, SplitByPatient(dataset, 0.2, 0.2, 4).test));
}

TEST(SplitByPatientTest, SmallGradesTrainFirstAndTestSecond) {
  Dataset dataset;
  dataset.samples = {{"a", 0, "A"}, {"b", 1, "B"}, {"c", 1, "C"},
                     {"d", 2, "D"}, {"e", 2, "E"}, {"f", 2, "F"}};
  const auto split = SplitByPatient(dataset, 0.1, 0.1, 1);
  EXPECT_THAT(GradesOf(dataset, split.train), ElementsAre(1, 1, 1, 0));
  EXPECT_THAT(GradesOf(dataset, split.test), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(GradesOf(dataset, split.validation), ElementsAre(0, 0, 1, 0));
}

TEST(SplitByPatientTest, ZeroFractionsGiveEmptyParts) {
  const auto split = SplitByPatient(Cohort(), 0.0, 0.0, 1);
  EXPECT_TRUE(split.test.empty());
  EXPECT_TRUE(split.validation.empty());
  EXPECT_EQ(split.train.size(), Cohort().samples.size());
}

TEST(SplitByPatientTest, RefusesFractionsOutOfRangeAndSetsTooSmall) {
  for (const double fraction : {-0.1, 1.0, std::nan("")}) {
    ExpectError(ErrorKind::kInvalid, {"fraction"},
                [&] { SplitByPatient(Cohort(), fraction, 0.1, 1); });
  }
  ExpectError(ErrorKind::kInvalid, {"test and validation"},
              [] { SplitByPatient(Cohort(), 0.5, 0.5, 1); });
  Dataset lone;
  lone.samples = {{"a", 0, "A"}};
  ExpectError(ErrorKind::kMismatch, {"test part", "empty"},
              [&] { SplitByPatient(lone, 0.2, 0.0, 1); });
  ExpectError(ErrorKind::kMismatch, {"training part"}, [] { SplitByPatient({}, 0.0, 0.0, 1); });
}

TEST(SplitByFoldTest, TestsThePatientsOfTheFoldAndPartsTheRest) {
  const auto dataset = Cohort();
  const auto folds = RoundRobinFolds(dataset, 5);
  std::set<std::string> tested;
  for (int fold = 0; fold < folds.count; ++fold) {
    const auto split = SplitByFold(dataset, folds, fold, 0.2, 1);
    ExpectPartition(dataset, split);
    for (const auto& patient : PatientsOf(dataset, split.test)) {
      EXPECT_TRUE(tested.insert(patient).second) << patient << " is tested twice";
    }
    for (const int patients : GradesOf(dataset, split.validation)) EXPECT_GE(patients, 1);
    for (const int patients : GradesOf(dataset, split.train)) EXPECT_GE(patients, 1);
  }
  EXPECT_EQ(tested.size(), 35u);
}

TEST(SplitByFoldTest, MinusOneTestsNobodyAndNeedsNoFolds) {
  const auto split = SplitByFold(Cohort(), {}, -1, 0.2, 1);
  EXPECT_TRUE(split.test.empty());
  EXPECT_FALSE(split.validation.empty());
}

TEST(SplitByFoldTest, PatientWithoutAFoldIsNamed) {
  const auto dataset = Cohort();
  auto folds = RoundRobinFolds(dataset, 5);
  folds.fold_of.erase(std::remove_if(folds.fold_of.begin(), folds.fold_of.end(),
                                     [](const auto& entry) { return entry.first == "M3"; }),
                      folds.fold_of.end());
  ExpectError(ErrorKind::kMismatch, {"'M3'", "no fold"},
              [&] { SplitByFold(dataset, folds, 0, 0.2, 1); });
}

TEST(SplitByFoldTest, FoldOutOfRangeIsAnError) {
  const auto folds = RoundRobinFolds(Cohort(), 5);
  ExpectError(ErrorKind::kInvalid, {"fold is 5", "0 to 4"},
              [&] { SplitByFold(Cohort(), folds, 5, 0.2, 1); });
  ExpectError(ErrorKind::kInvalid, {"fold is -2"},
              [&] { SplitByFold(Cohort(), folds, -2, 0.2, 1); });
}

TEST(CheckPatientDisjointTest, NamesThePatientInTwoParts) {
  Dataset dataset;
  dataset.samples = {{"a", 0, "A"}, {"b1", 1, "B"}, {"b2", 1, "B"}};
  CheckPatientDisjoint(dataset, {{0}, {1, 2}, {}});
  ExpectError(ErrorKind::kMismatch, {"'B'", "training", "test"}, [&] {
    CheckPatientDisjoint(dataset, {{0, 1}, {}, {2}});
  });
}

// Pictures by shard, grade.
std::vector<std::vector<int>> PicturesOf(const Dataset& dataset, const std::vector<int>& indices,
                                         int shards) {
  std::vector<std::vector<int>> counts;
  for (int shard = 0; shard < shards; ++shard) {
    counts.emplace_back(4);
    for (const int index : ShardByPatient(dataset, indices, shards, shard)) {
      ++counts.back()[dataset.samples[index].label];
    }
  }
  return counts;
}

TEST(ShardByPatientTest, ShardsAreDisjointCompleteAndOfWholePatients) {
  const auto dataset = Cohort();
  const auto indices = SplitByPatient(dataset, 0.2, 0.2, 1).train;
  for (const int shards : {1, 2, 3, 5, 8}) {
    std::vector<int> all;
    std::map<std::string, int> shard_of;
    for (int shard = 0; shard < shards; ++shard) {
      const auto part = ShardByPatient(dataset, indices, shards, shard);
      EXPECT_FALSE(part.empty());
      EXPECT_TRUE(std::is_sorted(part.begin(), part.end()));
      all.insert(all.end(), part.begin(), part.end());
      for (const auto& patient : PatientsOf(dataset, part)) {
        EXPECT_EQ(shard_of.emplace(patient, shard).first->second, shard) << patient;
      }
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, indices) << shards << " shards";
  }
}

TEST(ShardByPatientTest, EveryGradeIsDealtOutEvenly) {
  const auto dataset = Cohort();
  std::vector<int> indices;
  for (int i = 0; i < static_cast<int>(dataset.samples.size()); ++i) indices.push_back(i);
  for (const int shards : {2, 3, 4}) {
    const auto counts = PicturesOf(dataset, indices, shards);
    std::vector<int> totals;
    for (const auto& of_shard : counts) {
      totals.push_back(of_shard[0] + of_shard[1] + of_shard[2] + of_shard[3]);
    }
    for (int grade = 0; grade < 4; ++grade) {
      std::vector<int> of_grade;
      for (const auto& of_shard : counts) of_grade.push_back(of_shard[grade]);
      const auto [least, most] = std::minmax_element(of_grade.begin(), of_grade.end());
      EXPECT_LE(*most - *least, 3) << "no patient has more pictures";
    }
    const auto [least, most] = std::minmax_element(totals.begin(), totals.end());
    EXPECT_LE(*most - *least, 4);
  }
}

TEST(ShardByPatientTest, DoesNotDependOnTheOrderOfTheIndices) {
  const auto dataset = Cohort();
  std::vector<int> indices = SplitByPatient(dataset, 0.0, 0.0, 1).train;
  const auto first = ShardByPatient(dataset, indices, 3, 1);
  std::reverse(indices.begin(), indices.end());
  EXPECT_EQ(ShardByPatient(dataset, indices, 3, 1), first);
}

TEST(ShardByPatientTest, RefusesShardsThatDoNotExistOrWouldBeEmpty) {
  Dataset dataset;
  dataset.samples = {{"a", 0, "A"}, {"b1", 1, "B"}, {"b2", 1, "B"}};
  const std::vector<int> all = {0, 1, 2};
  EXPECT_EQ(ShardByPatient(dataset, all, 2, 0).size() + ShardByPatient(dataset, all, 2, 1).size(),
            3u);
  ExpectError(ErrorKind::kMismatch, {"2 patients", "3 processes"},
              [&] { ShardByPatient(dataset, all, 3, 0); });
  ExpectError(ErrorKind::kInvalid, {"2 of 2"}, [&] { ShardByPatient(dataset, all, 2, 2); });
  ExpectError(ErrorKind::kInvalid, {"-1 of 2"}, [&] { ShardByPatient(dataset, all, 2, -1); });
  ExpectError(ErrorKind::kInvalid, {"0 of 0"}, [&] { ShardByPatient(dataset, all, 0, 0); });
}

// Pictures of even level, read whole: what comes out is the level.
class PrepareFileTest : public testing::Test {
 protected:
  std::string Save(const std::string& name, const cv::Mat& picture) {
    cv::imwrite(folder_ / name, picture);
    return folder_ / name;
  }

  cv::Vec3f LevelOf(const std::string& path, int channels) {
    PreprocessOptions options;
    options.size = 16;
    options.channels = channels;
    options.sector.kind = SectorRule::Kind::kFull;
    Preprocessor preprocessor(options);
    const auto image = PrepareFile(path, preprocessor);
    EXPECT_EQ(image.pixels.size(), cv::Size(16, 16));
    if (channels == 1) return cv::Vec3f::all(image.pixels.at<float>(8, 8));
    return image.pixels.at<cv::Vec3f>(8, 8);
  }

  const TempFolder folder_;
};

TEST_F(PrepareFileTest, ReadsGrayOfEightAndSixteenBits) {
  const auto eight = Save("8.png", cv::Mat(24, 32, CV_8UC1, cv::Scalar(51)));
  EXPECT_NEAR(LevelOf(eight, 1)[0], 0.2, 1e-5);
  const auto sixteen = Save("16.png", cv::Mat(24, 32, CV_16UC1, cv::Scalar(13107)));
  EXPECT_NEAR(LevelOf(sixteen, 1)[0], 0.2, 1e-5);
}

TEST_F(PrepareFileTest, ReadsColorAsRedGreenBlueWithoutAlpha) {
  const auto color = Save("c.png", cv::Mat(24, 32, CV_8UC3, cv::Scalar(51, 102, 204)));
  const auto alpha = Save("a.png", cv::Mat(24, 32, CV_8UC4, cv::Scalar(51, 102, 204, 7)));
  const auto deep = Save("d.png", cv::Mat(24, 32, CV_16UC3, cv::Scalar(13107, 26214, 52428)));
  for (const auto& path : {color, alpha, deep}) {
    const auto level = LevelOf(path, 3);
    EXPECT_NEAR(level[0], 0.8, 1e-5) << path;
    EXPECT_NEAR(level[1], 0.4, 1e-5) << path;
    EXPECT_NEAR(level[2], 0.2, 1e-5) << path;
    EXPECT_NEAR(LevelOf(path, 1)[0], 0.299 * 0.8 + 0.587 * 0.4 + 0.114 * 0.2, 1e-4) << path;
  }
}

TEST_F(PrepareFileTest, NamesTheFileThatCannotBeUsed) {
  const auto text = folder_.Write("text.png", "no picture");
  const auto small = Save("small.png", cv::Mat(8, 8, CV_8UC1, cv::Scalar(1)));
  const auto floating = Save("float.tiff", cv::Mat(24, 32, CV_32FC1, cv::Scalar(0.5)));
  const auto cut = folder_.Write("cut.png", Png(1).substr(0, 20));
  ExpectError(ErrorKind::kNotFound, {"none.png"}, [&] { LevelOf(folder_ / "none.png", 1); });
  ExpectError(ErrorKind::kDamaged, {"text.png"}, [&] { LevelOf(text, 1); });
  ExpectError(ErrorKind::kDamaged, {"cut.png"}, [&] { LevelOf(cut, 1); });
  ExpectError(ErrorKind::kDamaged, {"float.tiff", "CV_32F"}, [&] { LevelOf(floating, 1); });
  ExpectError(ErrorKind::kDamaged, {"small.png"}, [&] { LevelOf(small, 1); });
}

// A speckled fan on black at another place in each of many files.
TEST(PreparedDatasetTest, ReadsEveryFileAfreshWhateverTheThreads) {
  const TempFolder folder;
  cv::Mat speckle(240, 320, CV_8UC1);
  cv::RNG(3).fill(speckle, cv::RNG::UNIFORM, 40, 200);
  std::string rows = kHeader;
  for (int i = 0; i < 12; ++i) {
    cv::Mat fan(speckle.size(), CV_8UC1, cv::Scalar(0));
    cv::ellipse(fan, {120 + 6 * i, 10}, {180, 180}, 90, -35, 35, 255, cv::FILLED);
    const std::string name = "p" + std::to_string(10 + i) + ".png";
    cv::imwrite(folder / name, speckle & fan);
    rows += name + ",mild,P" + std::to_string(i) + "\n";
  }
  const auto dataset = LoadDataset(folder.Write("list.csv", rows));
  PreprocessOptions options;
  options.size = 32;
  const PreparedDataset one(dataset, options, 1);
  const PreparedDataset three(dataset, options, 3);
  ASSERT_EQ(one.size(), 12);
  ASSERT_EQ(three.size(), 12);
  for (int i = 0; i < 12; ++i) {
    Preprocessor alone(options);
    const auto expected = PrepareFile(dataset.samples[i].path, alone);
    EXPECT_EQ(cv::norm(one.image(i).pixels, expected.pixels, cv::NORM_INF), 0.0);
    EXPECT_EQ(cv::norm(three.image(i).pixels, expected.pixels, cv::NORM_INF), 0.0);
    EXPECT_EQ(three.image(i).bounds, expected.bounds);
  }
  EXPECT_NE(one.image(0).bounds, one.image(11).bounds);
}

TEST(PreparedDatasetTest, NamesTheFirstBadFileWhateverTheThreads) {
  const TempFolder folder;
  std::string rows = kHeader;
  for (int i = 0; i < 8; ++i) {
    const std::string name = "p" + std::to_string(i) + ".png";
    folder.Write(name, i == 3 || i == 4 ? "damaged " + name : Png(50 + i));
    rows += name + ",mild,P\n";
  }
  const auto dataset = LoadDataset(folder.Write("list.csv", rows));
  for (const int threads : {1, 2, 4}) {
    ExpectError(ErrorKind::kDamaged, {"p3.png"}, [&] { PreparedDataset(dataset, {}, threads); });
  }
  ExpectError(ErrorKind::kInvalid, {"threads is 0"}, [&] { PreparedDataset(dataset, {}, 0); });
}

std::string DataFolder(const std::string& name) {
  const char* folder = std::getenv("HEPAR_DATA_DIR");
  if (folder == nullptr) return "";
  const auto path = fs::path(folder) / name;
  return fs::exists(path) ? path.string() : "";
}

TEST(PublishedSetTest, EveryFoldIsDisjointAndTheFoldsCoverAllPatients) {
  const auto set = DataFolder("byra2018");
  if (set.empty()) GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has byra2018/";
  const auto dataset = LoadDataset(set + "/labels.csv");
  EXPECT_EQ(dataset.samples.size(), 344u);  // 350 frames, 6 of them pixel copies.
  std::vector<int> all;
  for (int i = 0; i < static_cast<int>(dataset.samples.size()); ++i) all.push_back(i);
  EXPECT_THAT(GradesOf(dataset, all), ElementsAre(11, 13, 5, 6));

  const auto folds = LoadFolds(set + "/folds.csv");
  ASSERT_EQ(folds.count, 5);
  std::set<std::string> tested;
  for (int fold = 0; fold < folds.count; ++fold) {
    const auto split = SplitByFold(dataset, folds, fold, 0.2, 1);
    ExpectPartition(dataset, split);
    for (const int patients : GradesOf(dataset, split.test)) EXPECT_GE(patients, 1);
    for (const int patients : GradesOf(dataset, split.validation)) EXPECT_GE(patients, 1);
    const auto patients = PatientsOf(dataset, split.test);
    tested.insert(patients.begin(), patients.end());
  }
  EXPECT_EQ(tested.size(), 35u);
}

TEST_F(PrepareFileTest, DicomStillHasItsColorsInPlace) {
  const auto set = DataFolder("dicom");
  if (set.empty()) GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has dicom/";
  PreprocessOptions options;
  options.size = 480;
  options.channels = 3;
  options.sector = SectorRule::Parse("90,150,220,130");
  Preprocessor preprocessor(options);
  const auto image = PrepareFile(set + "/US1_UNCI.dcm", preprocessor);
  EXPECT_EQ(image.frame_width, 640);
  EXPECT_EQ(image.frame_height, 480);
  // Power Doppler is drawn from red to yellow.
  const auto mean = cv::mean(image.pixels);
  EXPECT_GT(mean[0], mean[2] + 0.05);
}

}  // namespace
}  // namespace hepar
