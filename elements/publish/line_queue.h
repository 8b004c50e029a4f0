// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "elements/publish/result_line.h"

namespace hepar {

// Lines that wait to be sent. When it is full, the oldest line makes room for the newest and is
// counted. Thread-safe; no call waits for anything but another call.
class LineQueue {
 public:
  // `limit` is at least 1.
  explicit LineQueue(std::size_t limit) : limit_(limit) {}

  void Push(ResultLine line);

  // The oldest line; empty if there is none.
  std::optional<ResultLine> Pop();

  // Puts back a line that was taken and could not be sent: it is the oldest again. If the queue has
  // filled up meanwhile, the line is dropped.
  void PutBack(ResultLine line);

  std::size_t size() const;
  std::uint64_t pushed() const;
  std::uint64_t dropped() const;

 private:
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::deque<ResultLine> lines_;
  std::uint64_t pushed_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace hepar
