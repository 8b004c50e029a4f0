// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/video_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>
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
using testing::IsEmpty;

// A video whose frame i has the level 20 + 5 i.
void WriteVideo(const std::string& path, int frames) {
  fs::create_directories(fs::path(path).parent_path());
  cv::VideoWriter video(path, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 10.0, {64, 48});
  ASSERT_TRUE(video.isOpened()) << path;
  for (int i = 0; i < frames; ++i)
    video.write(cv::Mat(48, 64, CV_8UC3, cv::Scalar::all(20 + 5 * i)));
}

PreprocessOptions Whole() {
  PreprocessOptions options;
  options.size = 16;
  options.sector.kind = SectorRule::Kind::kFull;
  return options;
}

std::vector<int> FramesOf(const Dataset& dataset) {
  std::vector<int> frames;
  for (const auto& sample : dataset.samples) frames.push_back(sample.frame);
  return frames;
}

TEST(ChooseFramesTest, SpreadsThemEvenly) {
  EXPECT_THAT(ChooseFrames(9, {3, 1}), ElementsAre(1, 4, 7));
  EXPECT_THAT(ChooseFrames(10, {1, 1}), ElementsAre(5));
  EXPECT_THAT(ChooseFrames(3, {16, 1}), ElementsAre(0, 1, 2));
  EXPECT_THAT(ChooseFrames(10, {0, 4}), ElementsAre(0, 4, 8));
  EXPECT_THAT(ChooseFrames(10, {2, 2}), ElementsAre(2, 6));
  EXPECT_THAT(ChooseFrames(1, {16, 7}), ElementsAre(0));
  EXPECT_THAT(ChooseFrames(0, {0, 1}), IsEmpty());
  EXPECT_EQ(ChooseFrames(100000, {16, 1}).size(), 16u);
}

TEST(ChooseFramesTest, RefusesOptionsOutOfRange) {
  ExpectError(ErrorKind::kInvalid, {"-1", "0 (all)"}, [] { ChooseFrames(9, {-1, 1}); });
  ExpectError(ErrorKind::kInvalid, {"step of 0"}, [] { ChooseFrames(9, {1, 0}); });
}

TEST(VideoTest, GivesTheFramesAskedForInOnePass) {
  const TempFolder folder;
  WriteVideo(folder / "a.avi", 12);
  EXPECT_EQ(CountVideoFrames(folder / "a.avi"), 12);
  std::vector<int> seen;
  ReadVideoFrames(folder / "a.avi", {0, 3, 11}, [&](int frame, const cv::Mat& picture) {
    EXPECT_EQ(picture.type(), CV_8UC3);
    EXPECT_NEAR(cv::mean(picture)[0], 20 + 5 * frame, 2.0);
    seen.push_back(frame);
  });
  EXPECT_THAT(seen, ElementsAre(0, 3, 11));
}

TEST(VideoTest, FrameBeyondTheEndNamesTheFile) {
  const TempFolder folder;
  WriteVideo(folder / "a.avi", 4);
  ExpectError(ErrorKind::kDamaged, {"a.avi", "frame 4"}, [&] {
    ReadVideoFrames(folder / "a.avi", {1, 4}, [](int, const cv::Mat&) {});
  });
}

TEST(VideoTest, WhatIsNoVideoNamesTheFile) {
  const TempFolder folder;
  for (const char* name : {"text.avi", "text.mp4", "text.mkv"}) {
    const auto path = folder.Write(name, "no video");
    ExpectError(ErrorKind::kDamaged, {name}, [&] { CountVideoFrames(path); });
  }
  ExpectError(ErrorKind::kNotFound, {"none.avi"}, [&] { CountVideoFrames(folder / "none.avi"); });
  folder.Write("set/mild/P1/broken.avi", "no video");
  ExpectError(ErrorKind::kDamaged, {"broken.avi"}, [&] { LoadDataset(folder / "set"); });
}

TEST(VideoTest, ClassFolderGivesEachPatientsFrames) {
  const TempFolder folder;
  WriteVideo(folder / "set/mild/P1/one.avi", 8);
  WriteVideo(folder / "set/severe/P2_scan.avi", 3);
  SourceOptions options;
  options.frames_per_video = 4;
  const auto dataset = LoadDataset(folder / "set", options);
  EXPECT_THAT(FramesOf(dataset), ElementsAre(1, 3, 5, 7, 0, 1, 2));
  EXPECT_EQ(dataset.samples[0].patient, "P1");
  EXPECT_EQ(dataset.samples[0].label, 1);
  EXPECT_EQ(dataset.samples[6].patient, "P2");
  EXPECT_EQ(dataset.samples[6].label, 3);
}

TEST(VideoTest, ManifestRowMayNameAVideo) {
  const TempFolder folder;
  WriteVideo(folder / "a.avi", 6);
  const std::string row = "a.avi,mild,P1\n";
  const auto manifest = folder.Write("list.csv", "path,label,patient_id\n" + row);
  EXPECT_THAT(FramesOf(LoadDataset(manifest, {0, 1})), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(FramesOf(LoadDataset(manifest, {0, 3})), ElementsAre(0, 3));
  folder.Write("list.csv", "path,label,patient_id\n" + row + row);
  ExpectError(ErrorKind::kDamaged, {"line 3", "line 2", "a.avi"}, [&] { LoadDataset(manifest); });
}

TEST(VideoTest, DigestNamesTheFramesThatWereChosen) {
  const TempFolder folder;
  WriteVideo(folder / "a.avi", 6);
  const auto manifest = folder.Write("list.csv", "path,label,patient_id\na.avi,mild,P1\n");
  const auto all = LoadDataset(manifest, {0, 1}).digest;
  EXPECT_EQ(LoadDataset(manifest, {0, 1}).digest, all);
  EXPECT_NE(LoadDataset(manifest, {5, 1}).digest, all);
  EXPECT_NE(LoadDataset(manifest, {1, 1}).digest, LoadDataset(manifest, {1, 5}).digest);
}

TEST(VideoTest, EachSampleIsPreparedFromItsFrameWhateverTheThreads) {
  const TempFolder folder;
  for (int i = 0; i < 3; ++i)
    WriteVideo(folder / ("set/mild/P" + std::to_string(i) + "/v.avi"), 7 + i);
  SourceOptions options;
  options.frames_per_video = 3;
  const auto dataset = LoadDataset(folder / "set", options);
  for (const int threads : {1, 3}) {
    const PreparedDataset prepared(dataset, Whole(), threads);
    ASSERT_EQ(prepared.size(), 9);
    for (int i = 0; i < prepared.size(); ++i) {
      EXPECT_NEAR(255.0 * cv::mean(prepared.image(i).pixels)[0], 20 + 5 * dataset.samples[i].frame,
                  2.0);
    }
  }
  Preprocessor preprocessor(Whole());
  const auto alone = PrepareFile(dataset.samples[4].path, preprocessor, dataset.samples[4].frame);
  const PreparedDataset prepared(dataset, Whole());
  EXPECT_EQ(cv::norm(alone.pixels, prepared.image(4).pixels, cv::NORM_INF), 0.0);
}

TEST(VideoTest, CacheKnowsEachFrame) {
  const TempFolder folder;
  WriteVideo(folder / "set/mild/P1/v.avi", 6);
  PictureCache cache;
  const PreparedDataset some(LoadDataset(folder / "set", {0, 2}), Whole(), 1, &cache);
  EXPECT_EQ(cache.counts().misses, 3u);
  const PreparedDataset all(LoadDataset(folder / "set", {0, 1}), Whole(), 1, &cache);
  EXPECT_EQ(cache.counts().misses, 6u);
  EXPECT_EQ(cache.counts().hits, 3u);
  for (int i = 0; i < 6; ++i) {
    EXPECT_NEAR(255.0 * cv::mean(all.image(i).pixels)[0], 20 + 5 * i, 2.0);
  }
}

// A video that compresses, of noise, so that each frame takes bytes.
void WriteNoise(const std::string& path, int frames) {
  cv::VideoWriter video(path, cv::VideoWriter::fourcc('m', 'p', '4', 'v'), 25.0, {160, 96});
  ASSERT_TRUE(video.isOpened()) << path;
  cv::RNG rng(3);
  for (int i = 0; i < frames; ++i) {
    cv::Mat picture(96, 160, CV_8UC3);
    rng.fill(picture, cv::RNG::UNIFORM, 30, 200);
    video.write(picture);
  }
}

std::vector<std::string> WarningsOf(const std::string& path) {
  std::vector<std::string> warnings;
  CountVideoFrames(path, [&](const std::string& line) { warnings.push_back(line); });
  return warnings;
}

TEST(VideoTest, PicturesAreThoseThatOpenCvDecodes) {
  const TempFolder folder;
  for (const char* name : {"a.avi", "a.mp4", "a.mkv"}) {
    WriteNoise(folder / name, 20);
    cv::VideoCapture other(folder / name, cv::CAP_FFMPEG);
    std::vector<int> all;
    for (int i = 0; i < CountVideoFrames(folder / name); ++i) all.push_back(i);
    EXPECT_EQ(all.size(), 20u) << name;
    ReadVideoFrames(folder / name, all, [&](int frame, const cv::Mat& picture) {
      cv::Mat expected;
      ASSERT_TRUE(other.read(expected)) << name << frame;
      EXPECT_EQ(cv::norm(picture, expected, cv::NORM_INF), 0.0) << name << frame;
    });
    EXPECT_THAT(WarningsOf(folder / name), IsEmpty()) << name;
  }
}

TEST(VideoTest, WhatIsCutOffIsAnErrorOrAWarningWithCounts) {
  const TempFolder folder;
  for (const char* name : {"a.avi", "a.mp4", "a.mkv"}) {
    WriteNoise(folder / name, 40);
    const std::string cut = folder / (std::string("cut.") + name);
    fs::copy_file(folder / name, cut);
    fs::resize_file(cut, fs::file_size(cut) / 2);
    std::string said;
    try {
      for (const std::string& line : WarningsOf(cut)) said += line;
    } catch (const Error& error) {
      said = error.what();
    }
    EXPECT_THAT(said, testing::HasSubstr(cut));
  }
}

TEST(VideoTest, DamageInTheMiddleIsAWarningWithTheNameAndCounts) {
  const TempFolder folder;
  const std::string path = folder / "a.avi";
  WriteNoise(path, 40);
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
    file << std::string(3000, '\x55');
  }
  const auto warnings = WarningsOf(path);
  ASSERT_THAT(warnings, testing::SizeIs(1));
  EXPECT_THAT(warnings[0],
              testing::AllOf(testing::HasSubstr(path), testing::HasSubstr("of 40 frame")));
}

TEST(VideoTest, PlaylistsLeadNowhere) {
  const TempFolder folder;
  WriteNoise(folder / "a.avi", 3);
  for (const std::string list : {"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.avi\n",
                                 "ffconcat version 1.0\nfile a.avi\n"}) {
    const auto path = folder.Write("list.mp4", list);
    ExpectError(ErrorKind::kDamaged, {"list.mp4"}, [&] { CountVideoFrames(path); });
  }
}

TEST(PublishedClipsTest, EveryContainerIsDecoded) {
  const char* folder = std::getenv("HEPAR_DATA_DIR");
  if (folder == nullptr || !fs::exists(fs::path(folder) / "clips")) {
    GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has clips/";
  }
  int videos = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(folder) / "clips")) {
    const std::string path = entry.path().string();
    if (!IsVideo(path)) continue;
    const int count = CountVideoFrames(path);
    EXPECT_GT(count, 1) << path;
    double brightest = 0.0;
    ReadVideoFrames(path, {count - 1}, [&](int, const cv::Mat& picture) {
      brightest = cv::norm(picture, cv::NORM_INF);
    });
    EXPECT_GT(brightest, 100.0) << path;
    ++videos;
  }
  EXPECT_GT(videos, 3);
}

}  // namespace
}  // namespace hepar
