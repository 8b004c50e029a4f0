// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/support/dicom_writer.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/folder_walk.h"
#include "training/data/patient_id.h"
#include "training/data/prepared_dataset.h"
#include "training/data/split.h"
#include "training/data/unlabeled.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kHeader[] = "path,label,patient_id\n";

std::string Png(double level) {
  std::vector<unsigned char> bytes;
  cv::imencode(".png", cv::Mat(24, 32, CV_8UC1, cv::Scalar(level)), bytes);
  return {bytes.begin(), bytes.end()};
}

TEST(PatientIdTest, WhiteSpaceAndInvisibleMarksAroundAnIdAreDropped) {
  for (const char* text :
       {"S1", " S1", "S1 ", "\tS1\r", "\u00a0S1\u00a0", "\u3000S1", "\ufeffS1", "S1\u200b"}) {
    EXPECT_EQ(Trimmed(text), "S1") << text;
  }
  EXPECT_EQ(Trimmed("S 1"), "S 1");
  EXPECT_EQ(Trimmed(" \t "), "");
  EXPECT_EQ(Trimmed(" \xe9t\xe9 "), "\xe9t\xe9");  // Latin-1.
}

TEST(PatientIdTest, IdsThatAreLikelyOneAreNamed) {
  EXPECT_THAT(AlikeIds({"P1", "P01"}), ElementsAre(AllOf(HasSubstr("'P01'"), HasSubstr("'P1'"))));
  EXPECT_THAT(AlikeIds({"p1", "P1"}), testing::SizeIs(1));
  EXPECT_THAT(AlikeIds({"007", "7"}), testing::SizeIs(1));
  EXPECT_THAT(AlikeIds({"Jos\u00e9", "Jose\u0301"}), testing::SizeIs(1));
  EXPECT_THAT(AlikeIds({"P0", "P00"}), testing::SizeIs(1));
  EXPECT_THAT(AlikeIds({"P1", "P10", "P100", "P101", "P0"}), IsEmpty());
  EXPECT_THAT(AlikeIds({"\xe9", "\xe8"}), IsEmpty());
}

TEST(LoadingTest, IdsAreOneWhateverWhiteSpaceIsAroundThem) {
  const TempFolder folder;
  for (const char* name : {"a.png", "b.png", "c.png"}) folder.Write(name, Png(name[0]));
  const auto dataset = LoadDataset(folder.Write(
      "list.csv", std::string(kHeader) + "a.png,mild,S1\nb.png, mild ,S1 \nc.png,mild,\u00a0S1\n"));
  for (const Sample& sample : dataset.samples) EXPECT_EQ(sample.patient, "S1");
  EXPECT_EQ(dataset.summary.patients, 1);
  const auto folds = LoadFolds(folder.Write("folds.csv", "patient_id,fold\nS1 ,0\nS2,1\n"));
  EXPECT_EQ(folds.FoldOf("S1"), 0);
}

TEST(LoadingTest, AlikeIdsAreAWarningOfTheSummary) {
  const TempFolder folder;
  folder.Write("a.png", Png(1));
  folder.Write("b.png", Png(2));
  const auto dataset = LoadDataset(
      folder.Write("list.csv", std::string(kHeader) + "a.png,mild,S01\nb.png,severe,s1\n"));
  EXPECT_THAT(dataset.summary.warnings, ElementsAre(AllOf(HasSubstr("'S01'"), HasSubstr("'s1'"))));
}

TEST(LoadingTest, OneContentUnderTwoNamesIsAnErrorThatNamesBoth) {
  const TempFolder folder;
  folder.Write("a.png", Png(10));
  folder.Write("b.png", Png(10));
  folder.Write("c.png", Png(11));
  const auto load = [&](const std::string& rows) {
    return LoadDataset(folder.Write("list.csv", kHeader + rows));
  };
  ExpectError(ErrorKind::kDamaged, {"a.png", "'P1'", "b.png", "'P2'", "two patients"},
              [&] { load("a.png,mild,P1\nb.png,mild,P2\nc.png,mild,P3\n"); });
  ExpectError(ErrorKind::kDamaged, {"a.png", "b.png", "same content", "duplicate_of"},
              [&] { load("a.png,mild,P1\nb.png,mild,P1\n"); });
  fs::create_symlink("a.png", folder / "link.png");
  ExpectError(ErrorKind::kDamaged, {"a.png", "link.png"},
              [&] { load("a.png,mild,P1\nlink.png,mild,P2\n"); });
  EXPECT_EQ(load("a.png,mild,P1\nc.png,mild,P2\n").samples.size(), 2u);
}

TEST(LoadingTest, RepeatedRowIsFoundBeforeItsRecordingIsDecodedAgain) {
  const TempFolder folder;
  folder.Write("a.png", Png(10));
  std::string rows;
  for (int i = 0; i < 200000; ++i) rows += "a.png,mild,P1\n";
  const auto manifest = folder.Write("list.csv", kHeader + rows);
  ExpectError(ErrorKind::kDamaged, {"line 3", "line 2", "a.png"}, [&] { LoadDataset(manifest); });
}

TEST(LoadingTest, SummarySaysWhatAFolderHeldThatWasNotTaken) {
  const TempFolder folder;
  folder.Write("readme.txt", "text");
  folder.Write("lost.png", Png(1));
  folder.Write("mild/A/a.png", Png(10));
  folder.Write("mild/A/b.jfif", Png(11));
  folder.Write("mild/A/notes.txt", "text");
  folder.Write("mild/A/.hidden.png", Png(12));
  folder.Write("mild/@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", Png(13));
  folder.Write("mild/A/Thumbnails/a.png", Png(14));
  folder.Write("mild/A/DICOMDIR", DicomWriter::File(kExplicit, ""));
  fs::create_symlink("nowhere.png", folder / "mild/A/dangling.png");
  fs::create_symlink("..", folder / "mild/A/around");
  const auto dataset = LoadDataset(folder.path());
  EXPECT_EQ(dataset.samples.size(), 2u);
  EXPECT_EQ(dataset.summary.files, 2);
  const std::string text = SkippedText(dataset.summary);
  EXPECT_THAT(text,
              AllOf(HasSubstr("9 entries skipped"), HasSubstr("1 no picture or video"),
                    HasSubstr("mild/A/notes.txt"), HasSubstr("1 hidden file"),
                    HasSubstr("2 hidden folder or folder of previews"), HasSubstr("mild/@eaDir"),
                    HasSubstr("1 DICOM without a picture (mild/A/DICOMDIR)"),
                    HasSubstr("1 link to nothing (mild/A/dangling.png)"),
                    HasSubstr("1 link to a folder around it (mild/A/around)")));
  EXPECT_THAT(text, AllOf(HasSubstr("2 outside the folders of the classes"),
                          HasSubstr("lost.png, readme.txt")));
  const auto unlabeled = LoadUnlabeled(folder / "mild");
  EXPECT_EQ(unlabeled.samples.size(), 2u);
  EXPECT_THAT(SkippedText(unlabeled.summary), HasSubstr("DICOMDIR"));
}

TEST(LoadingTest, ManifestThatListsAReportNamesItsLine) {
  const TempFolder folder;
  folder.Write("report.dcm", DicomWriter::File(kExplicit, ""));
  const auto manifest = folder.Write("list.csv", std::string(kHeader) + "report.dcm,mild,P1\n");
  ExpectError(ErrorKind::kDamaged, {"line 2", "report.dcm", "without a picture"},
              [&] { LoadDataset(manifest); });
}

TEST(LoadingTest, NamesThatAreNotUtf8AreRead) {
  const TempFolder folder;
  folder.Write("mild/\xe9t\xe9.png", Png(10));
  EXPECT_EQ(LoadDataset(folder.path()).samples.size(), 1u);
}

TEST(LoadingTest, WhatDecodingFindsIsInTheSummaryOfThePreparedSet) {
  const TempFolder folder;
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", cv::Mat(24, 32, CV_8UC1, cv::Scalar(90)), bytes);
  folder.Write("mild/a.jpg", std::string(bytes.begin(), bytes.end() - 2));
  PreprocessOptions options;
  options.size = 16;
  options.sector.kind = SectorRule::Kind::kFull;
  for (const int threads : {1, 2}) {
    const PreparedDataset prepared(LoadDataset(folder.path()), options, threads);
    EXPECT_THAT(prepared.dataset().summary.warnings, ElementsAre(HasSubstr("a.jpg")));
  }
}

}  // namespace
}  // namespace hepar
