// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/line_queue.h"

#include <utility>

namespace hepar {

void LineQueue::Push(ResultLine line) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++pushed_;
  if (lines_.size() >= limit_) {
    lines_.pop_front();
    ++dropped_;
  }
  lines_.push_back(std::move(line));
}

std::optional<ResultLine> LineQueue::Pop() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (lines_.empty()) return std::nullopt;
  ResultLine line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

void LineQueue::PutBack(ResultLine line) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (lines_.size() >= limit_) {
    ++dropped_;
  } else {
    lines_.push_front(std::move(line));
  }
}

std::size_t LineQueue::size() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return lines_.size();
}

std::uint64_t LineQueue::pushed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return pushed_;
}

std::uint64_t LineQueue::dropped() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return dropped_;
}

}  // namespace hepar
