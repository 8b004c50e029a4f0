// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/picture_cache.h"

namespace hepar {
namespace {

std::uint64_t BytesOf(const PreparedImage& image) {
  return static_cast<std::uint64_t>(image.pixels.total()) * image.pixels.elemSize();
}

}  // namespace

std::string PictureCache::KeyOf(const std::string& content_digest, int frame,
                                const PreprocessOptions& options) {
  // A field that is added and not named here does not compile, instead of giving old pictures.
  const auto& [size, channels, sector] = options;
  return content_digest + ":" + std::to_string(frame) + ":" + std::to_string(size) + ":" +
         std::to_string(channels) + ":" + sector.ToString();
}

std::optional<PreparedImage> PictureCache::Find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = place_of_.find(key);
  if (found == place_of_.end()) {
    ++counts_.misses;
    return std::nullopt;
  }
  ++counts_.hits;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void PictureCache::Add(const std::string& key, const PreparedImage& image) {
  const std::uint64_t bytes = BytesOf(image);
  const std::lock_guard lock(mutex_);
  if (bytes > max_bytes_ || place_of_.count(key) > 0) return;
  entries_.emplace_front(key, image);
  place_of_[key] = entries_.begin();
  counts_.bytes += bytes;
  ++counts_.pictures;
  while (counts_.bytes > max_bytes_) {
    counts_.bytes -= BytesOf(entries_.back().second);
    --counts_.pictures;
    place_of_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

PictureCache::Counts PictureCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace hepar
