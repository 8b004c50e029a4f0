// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// Keeps a folder to one process at a time, on one machine or on several that share it: the lock is
// held for as long as this lives, and goes with the process however that ends. The file `lock` in
// the folder says who holds it.
class FolderLock {
 public:
  // Throws Error(kInvalid), naming the process that holds it, when there is one; Error(kUnreadable)
  // when the file cannot be made.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace hepar
