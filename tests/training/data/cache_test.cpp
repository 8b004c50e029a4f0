// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/picture_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "tests/training/support/temp_folder.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"

namespace hepar {
namespace {

PreprocessOptions Small(int size = 16) {
  PreprocessOptions options;
  options.size = size;
  options.sector.kind = SectorRule::Kind::kFull;
  return options;
}

// A data set of pictures of even level, one a patient.
class CacheTest : public testing::Test {
 protected:
  void Save(const std::string& name, double level) {
    cv::imwrite(folder_ / name, cv::Mat(24, 32, CV_8UC1, cv::Scalar(level)));
  }

  Dataset Load(const std::vector<std::string>& names) {
    std::string rows = "path,label,patient_id\n";
    for (const auto& name : names) rows += name + ",mild," + name + "\n";
    return LoadDataset(folder_.Write("list.csv", rows));
  }

  static double LevelOf(const PreparedDataset& prepared, int index) {
    return 255.0 * prepared.image(index).pixels.at<float>(3, 3);
  }

  const TempFolder folder_;
};

TEST_F(CacheTest, SecondDataSetPreparesNothing) {
  Save("a.png", 10);
  Save("b.png", 20);
  const auto dataset = Load({"a.png", "b.png"});
  PictureCache cache;
  const PreparedDataset first(dataset, Small(), 1, &cache);
  EXPECT_EQ(cache.counts().misses, 2u);
  EXPECT_EQ(cache.counts().pictures, 2u);
  EXPECT_EQ(cache.counts().bytes, 2u * 16 * 16 * sizeof(float));

  const PreparedDataset second(dataset, Small(), 2, &cache);
  EXPECT_EQ(cache.counts().misses, 2u);
  EXPECT_EQ(cache.counts().hits, 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(second.image(i).pixels.data, first.image(i).pixels.data);
    EXPECT_EQ(second.image(i).frame_width, 32);
    EXPECT_NEAR(LevelOf(second, i), 10.0 * (i + 1), 1e-3);
  }
}

TEST_F(CacheTest, CopyUnderAnotherNameIsFound) {
  Save("a.png", 10);
  Save("copy.png", 10);
  PictureCache cache;
  const PreparedDataset first(Load({"a.png"}), Small(), 1, &cache);
  const PreparedDataset second(Load({"copy.png"}), Small(), 1, &cache);
  EXPECT_EQ(cache.counts().hits, 1u);
  EXPECT_EQ(cache.counts().pictures, 1u);
  EXPECT_NEAR(LevelOf(second, 0), 10.0, 1e-3);
}

TEST_F(CacheTest, ChangedFileIsPreparedAnewWhateverItsTime) {
  Save("a.png", 10);
  const auto dataset = Load({"a.png"});
  const auto time = std::filesystem::last_write_time(folder_ / "a.png");
  PictureCache cache;
  const PreparedDataset before(dataset, Small(), 1, &cache);
  Save("a.png", 30);
  std::filesystem::last_write_time(folder_ / "a.png", time);
  const PreparedDataset after(dataset, Small(), 1, &cache);
  EXPECT_EQ(cache.counts().hits, 0u);
  EXPECT_NEAR(LevelOf(before, 0), 10.0, 1e-3);
  EXPECT_NEAR(LevelOf(after, 0), 30.0, 1e-3);
}

TEST_F(CacheTest, EveryOptionOfThePreparationCounts) {
  Save("a.png", 10);
  const auto dataset = Load({"a.png"});
  PictureCache cache;
  std::vector<PreprocessOptions> variants(5, Small());
  variants[1].size = 18;
  variants[2].channels = 3;
  variants[3].sector = SectorRule::Parse("auto");
  variants[4].sector = SectorRule::Parse("2,2,20,20");
  for (const auto& options : variants) PreparedDataset(dataset, options, 1, &cache);
  EXPECT_EQ(cache.counts().misses, 5u);
  EXPECT_EQ(cache.counts().hits, 0u);
  for (const auto& options : variants) PreparedDataset(dataset, options, 1, &cache);
  EXPECT_EQ(cache.counts().hits, 5u);
  EXPECT_NE(PictureCache::KeyOf("x", 0, Small()), PictureCache::KeyOf("x", 1, Small()));
  EXPECT_NE(PictureCache::KeyOf("x", 0, Small()), PictureCache::KeyOf("y", 0, Small()));
}

TEST_F(CacheTest, WhatWasNotUsedForLongestGoesFirst) {
  const PreparedImage image = {cv::Mat(10, 10, CV_32FC1, cv::Scalar(0)), {}, 10, 10};
  PictureCache cache(3 * 400);
  for (const char* key : {"a", "b", "c"}) cache.Add(key, image);
  EXPECT_TRUE(cache.Find("a"));
  cache.Add("d", image);
  EXPECT_TRUE(cache.Find("a"));
  EXPECT_FALSE(cache.Find("b"));
  EXPECT_TRUE(cache.Find("c"));
  EXPECT_TRUE(cache.Find("d"));
  EXPECT_EQ(cache.counts().pictures, 3u);
  EXPECT_EQ(cache.counts().bytes, 1200u);

  const PreparedImage large = {cv::Mat(20, 20, CV_32FC1, cv::Scalar(0)), {}, 20, 20};
  cache.Add("large", large);
  EXPECT_FALSE(cache.Find("large"));
  EXPECT_TRUE(cache.Find("d"));
}

TEST_F(CacheTest, DataSetKeepsWhatTheCacheLetGo) {
  Save("a.png", 10);
  Save("b.png", 20);
  PictureCache cache(16 * 16 * sizeof(float));
  const PreparedDataset prepared(Load({"a.png", "b.png"}), Small(), 1, &cache);
  EXPECT_EQ(cache.counts().pictures, 1u);
  EXPECT_NEAR(LevelOf(prepared, 0), 10.0, 1e-3);
  EXPECT_NEAR(LevelOf(prepared, 1), 20.0, 1e-3);
}

TEST_F(CacheTest, ThreadsShareIt) {
  const PreparedImage image = {cv::Mat(10, 10, CV_32FC1, cv::Scalar(0)), {}, 10, 10};
  PictureCache cache(20 * 400);
  const auto work = [&] {
    for (int i = 0; i < 2000; ++i) {
      const std::string key = std::to_string(i % 50);
      if (!cache.Find(key)) cache.Add(key, image);
    }
  };
  std::vector<std::future<void>> others;
  for (int i = 0; i < 4; ++i) others.push_back(std::async(std::launch::async, work));
  for (auto& other : others) other.get();
  EXPECT_EQ(cache.counts().hits + cache.counts().misses, 8000u);
  EXPECT_EQ(cache.counts().pictures, 20u);
  EXPECT_EQ(cache.counts().bytes, 20u * 400);
}

}  // namespace
}  // namespace hepar
