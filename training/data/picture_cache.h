// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "models/image/preprocess.h"

namespace hepar {

// Prepared pictures that several data sets of one process share: the folds and seeds of an
// ablation, or the models of a cross-validation, prepare each picture once. Owned by whoever starts
// those runs and lent to each PreparedDataset.
//
// A picture is identified by the SHA-256 of its file's content, its frame and the whole of
// PreprocessOptions, so a copy under another name is found, and neither a changed file nor changed
// options ever give an old picture. Nothing is written to disk.
//
// Above the bound the least recently used pictures are evicted; data sets that hold one keep it
// alive. Thread-safe.
class PictureCache {
 public:
  static constexpr std::uint64_t kDefaultBytes = 2ull << 30;

  explicit PictureCache(std::uint64_t max_bytes = kDefaultBytes) : max_bytes_(max_bytes) {}
  PictureCache(const PictureCache&) = delete;
  PictureCache& operator=(const PictureCache&) = delete;

  static std::string KeyOf(const std::string& content_digest, int frame,
                           const PreprocessOptions& options);

  // The picture, whose pixels are shared and must not be written to; counts as its use.
  std::optional<PreparedImage> Find(const std::string& key);
  // Does nothing when it is there already, or is larger than the bound.
  void Add(const std::string& key, const PreparedImage& image);

  struct Counts {
    std::uint64_t hits = 0, misses = 0;  // Of Find() since construction.
    std::uint64_t pictures = 0, bytes = 0;
  };
  Counts counts() const;

 private:
  using Entry = std::pair<std::string, PreparedImage>;

  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // The latest used first.
  std::unordered_map<std::string, std::list<Entry>::iterator> place_of_;
  Counts counts_;
};

}  // namespace hepar
