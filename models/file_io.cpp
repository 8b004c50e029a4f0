// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/file_io.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "models/error.h"

namespace hepar {
namespace {

Error SystemError(const std::string& what) {
  return Error(ErrorKind::kUnreadable, what + ": " + std::strerror(errno));
}

// A file descriptor that is closed on every path.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

void WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw SystemError(path + ": cannot be written");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

constexpr std::size_t kRandomDigits = 16;
constexpr char kTemporaryEnd[] = ".tmp";

// What the names of the temporary files of `path`, which stand beside it, begin with. Long names
// are cut, so that there is room for the rest.
std::string TemporaryHead(const std::filesystem::path& path) {
  return "." + path.filename().string().substr(0, 200) + ".";
}

std::string RandomDigits() {
  std::array<std::uint8_t, kRandomDigits / 2> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw SystemError("no random numbers");
  }
  std::string digits;
  for (const std::uint8_t byte : bytes) {
    digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

bool IsTemporary(const std::string& name, const std::string& head) {
  return name.size() == head.size() + kRandomDigits + std::strlen(kTemporaryEnd) &&
         name.compare(0, head.size(), head) == 0 &&
         name.find_first_not_of("0123456789abcdef", head.size()) == head.size() + kRandomDigits &&
         name.compare(head.size() + kRandomDigits, std::string::npos, kTemporaryEnd) == 0;
}

}  // namespace

std::string ReadFile(const std::string& path, std::uint64_t limit) {
  std::error_code code;
  if (!std::filesystem::exists(path, code)) {
    throw Error(ErrorKind::kNotFound, path + ": no such file");
  }
  if (!std::filesystem::is_regular_file(path, code)) {
    throw Error(ErrorKind::kUnreadable, path + ": is not a regular file");
  }
  const std::uint64_t size = std::filesystem::file_size(path, code);
  if (size > limit) {
    throw Error(ErrorKind::kUnreadable, path + ": has " + std::to_string(size) +
                                            " bytes, more than the " + std::to_string(limit) +
                                            " that such a file may have");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw SystemError(path + ": cannot be opened for reading");
  std::string content(size, '\0');
  file.read(content.data(), static_cast<std::streamsize>(size));
  if (static_cast<std::uint64_t>(file.gcount()) != size) {
    throw Error(ErrorKind::kUnreadable, path + ": ended while it was read");
  }
  return content;
}

void WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::filesystem::path target(path), parent = target.parent_path();
  std::error_code code;
  if (std::filesystem::exists(target, code) && !std::filesystem::is_regular_file(target, code)) {
    throw Error(ErrorKind::kUnreadable, path + ": is not a regular file, and cannot be replaced");
  }
  const std::string temporary = parent / (TemporaryHead(target) + RandomDigits() + kTemporaryEnd);
  {
    const Descriptor file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (file.get() < 0) throw SystemError(path + ": cannot be created");
    try {
      WriteAll(file.get(), content, path);
      if (fsync(file.get()) != 0) throw SystemError(path + ": cannot be flushed to the disk");
      if (std::rename(temporary.c_str(), path.c_str()) != 0) {
        throw SystemError(path + ": cannot be replaced");
      }
    } catch (const Error&) {
      unlink(temporary.c_str());
      throw;
    }
  }
  // The rename is stored in the folder; without this a power failure could undo it.
  const Descriptor folder(open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY));
  if (folder.get() >= 0) fsync(folder.get());
}

void RemoveLeftovers(const std::string& path) {
  const std::filesystem::path target(path), parent = target.parent_path();
  const std::string head = TemporaryHead(target);
  std::error_code code;
  std::filesystem::directory_iterator entries(parent.empty() ? "." : parent, code), end;
  for (; !code && entries != end; entries.increment(code)) {
    std::error_code ignored;
    if (IsTemporary(entries->path().filename().string(), head) &&
        entries->is_regular_file(ignored)) {
      std::filesystem::remove(entries->path(), ignored);
    }
  }
}

}  // namespace hepar
