// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hepar {

// The time that an element holds a frame, steady enough to be announced as its latency: the 90th
// percentile of the last frames, updated only after a considerable change.
//
// Add(), Seed() and Reset() belong to one thread at a time. Any thread may call announced().
class LatencyMeter {
 public:
  // Announces a time that was measured before the first frame.
  void Seed(std::uint64_t ns);

  // Adds the time of one frame. Returns true if announced() changed.
  bool Add(std::uint64_t ns);

  void Reset();

  std::uint64_t announced() const { return announced_; }

 private:
  static constexpr std::size_t kWindow = 32;

  std::array<std::uint64_t, kWindow> window_ = {};
  std::size_t count_ = 0;
  std::atomic<std::uint64_t> announced_{0};
};

}  // namespace hepar
