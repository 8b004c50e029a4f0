// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "models/error.h"
#include "models/printable.h"

namespace hepar {
namespace {

std::string ThisProcess() {
  std::array<char, 256> host = {};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return "process " + std::to_string(getpid()) + " on " + host.data();
}

std::string HolderOf(int fd) {
  std::array<char, 256> text;
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  return size > 0 ? Printable({text.data(), static_cast<std::size_t>(size)}) : "another process";
}

// Whether `path` is still the file that is open; who held the lock before may have removed it.
bool IsStillAt(const std::string& path, int fd) {
  struct stat there, open_file;
  return stat(path.c_str(), &there) == 0 && fstat(fd, &open_file) == 0 &&
         there.st_ino == open_file.st_ino && there.st_dev == open_file.st_dev;
}

}  // namespace

FolderLock::FolderLock(const std::string& folder) : path_(folder + "/lock") {
  const auto failed = [this](const std::string& what) {
    const std::string reason = std::strerror(errno);
    if (fd_ >= 0) close(fd_);
    return Error(ErrorKind::kUnreadable, path_ + ": " + what + ": " + reason);
  };
  do {
    if (fd_ >= 0) close(fd_);
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd_ < 0) throw failed("cannot be created");
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) throw failed("cannot be locked");
      const std::string holder = HolderOf(fd_);
      close(fd_);
      throw Error(ErrorKind::kInvalid, folder + " is in use by " + holder +
                                           "; wait for its end, or choose another folder");
    }
  } while (!IsStillAt(path_, fd_));
  const std::string holder = ThisProcess();
  if (ftruncate(fd_, 0) != 0 ||
      pwrite(fd_, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size())) {
    throw failed("cannot be written");
  }
}

FolderLock::~FolderLock() {
  unlink(path_.c_str());
  close(fd_);
}

}  // namespace hepar
