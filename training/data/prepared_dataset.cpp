// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/prepared_dataset.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <future>
#include <map>
#include <mutex>

#include "models/error.h"
#include "models/sha256.h"

namespace hepar {
namespace {

// The samples of one file by their frames: a recording is decoded once, from its start.
struct FileSamples {
  std::string path;
  std::map<int, std::vector<int>> of_frame;
};

std::vector<FileSamples> ByFile(const std::vector<Sample>& samples) {
  std::vector<FileSamples> files;
  std::map<std::string, std::size_t> place_of;
  for (int i = 0; i < static_cast<int>(samples.size()); ++i) {
    const auto [place, is_new] = place_of.emplace(samples[i].path, files.size());
    if (is_new) files.push_back({samples[i].path, {}});
    files[place->second].of_frame[samples[i].frame].push_back(i);
  }
  return files;
}

// Prepares the frames of one file that the cache, if there is one, does not know.
void PrepareSamples(const FileSamples& file, Preprocessor& preprocessor, PictureCache* cache,
                    std::vector<PreparedImage>& images, std::vector<std::string>& warnings) {
  std::string digest;
  if (cache != nullptr) {
    Sha256 content;
    AddContent(file.path, &content);
    digest = content.Hex();
  }
  const auto put = [&](int frame, const PreparedImage& image) {
    for (const int index : file.of_frame.at(frame)) images[index] = image;
  };
  std::vector<int> missing;
  for (const auto& [frame, indices] : file.of_frame) {
    const auto key = PictureCache::KeyOf(digest, frame, preprocessor.options());
    const auto known = cache == nullptr ? std::nullopt : cache->Find(key);
    if (known) {
      put(frame, *known);
    } else {
      missing.push_back(frame);
    }
  }
  if (missing.empty()) return;
  const auto take = [&](int frame, const cv::Mat& picture) {
    const auto image = PreparePicture(picture, file.path, frame, preprocessor);
    put(frame, image);
    if (cache != nullptr) {
      cache->Add(PictureCache::KeyOf(digest, frame, preprocessor.options()), image);
    }
  };
  ReadFrames(file.path, missing, take,
             [&warnings](const std::string& line) { warnings.push_back(line); });
}

}  // namespace

PreparedDataset::PreparedDataset(const Dataset& dataset, const PreprocessOptions& options,
                                 int threads, PictureCache* cache)
    : dataset_(dataset), images_(dataset.samples.size()) {
  if (threads < 1) {
    throw Error(ErrorKind::kInvalid,
                "number of threads is " + std::to_string(threads) + ", expected 1 or more");
  }
  const auto files = ByFile(dataset_.samples);
  const int count = static_cast<int>(files.size());
  std::atomic<int> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  int failed_file = count;
  std::exception_ptr failure;
  std::vector<std::vector<std::string>> warnings(files.size());

  // Files are taken in order and each one taken is finished, so the reported error is that
  // of the first bad file, however many threads run.
  const auto work = [&] {
    int file = 0;
    try {
      Preprocessor preprocessor(options);
      while (!failed && (file = next++) < count) {
        PrepareSamples(files[file], preprocessor, cache, images_, warnings[file]);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failed = true;
      if (file < failed_file) {
        failed_file = file;
        failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::future<void>> others;
    for (int i = 1; i < std::min(threads, count); ++i) {
      others.push_back(std::async(std::launch::async, work));
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
  for (const auto& of_file : warnings) {
    for (const std::string& line : of_file) dataset_.summary.Warn(line);
  }
}

PreparedImage PreparePicture(const cv::Mat& picture, const std::string& path, int number,
                             Preprocessor& preprocessor) {
  FrameView frame;
  frame.format = picture.channels() == 3     ? PixelFormat::kBgr
                 : picture.depth() == CV_16U ? PixelFormat::kGray16Le
                                             : PixelFormat::kGray8;
  frame.width = picture.cols;
  frame.height = picture.rows;
  frame.planes[0] = picture.data;
  frame.strides[0] = static_cast<std::ptrdiff_t>(picture.step[0]);
  preprocessor.Reset();
  try {
    return preprocessor.Process(frame);
  } catch (const Error& error) {
    const std::string where = number == 0 ? path : path + ", frame " + std::to_string(number);
    // An argument out of range is here the fault of the picture.
    const bool is_invalid = error.kind() == ErrorKind::kInvalid;
    throw Error(is_invalid ? ErrorKind::kDamaged : error.kind(), where + ": " + error.what());
  }
}

PreparedImage PrepareFile(const std::string& path, Preprocessor& preprocessor, int frame) {
  PreparedImage image;
  ReadFrames(path, {frame}, [&](int number, const cv::Mat& picture) {
    image = PreparePicture(picture, path, number, preprocessor);
  });
  return image;
}

}  // namespace hepar
