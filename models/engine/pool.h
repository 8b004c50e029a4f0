// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <mutex>
#include <utility>
#include <vector>

namespace hepar {

// A pool of objects that are expensive to construct. It holds as many as were ever in use at one
// time. Thread-safe.
template <typename T>
class Pool {
 public:
  // Returns a pooled object, or a new one by make().
  template <typename Make>
  T Take(const Make& make) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!free_.empty()) {
        T object = std::move(free_.back());
        free_.pop_back();
        return object;
      }
    }
    return make();
  }

  void Return(T object) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(object));
  }

 private:
  std::mutex mutex_;
  std::vector<T> free_;
};

}  // namespace hepar
