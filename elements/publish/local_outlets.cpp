// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/local_outlets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

[[noreturn]] void Fail(const std::string& what, int error) {
  throw Error(ErrorKind::kUnreadable, what + ": " + std::strerror(error));
}

class FileOutlet : public Outlet {
 public:
  FileOutlet(std::string path, std::uint64_t rotate_bytes, int rotate_files)
      : path_(std::move(path)), rotate_bytes_(rotate_bytes), rotate_files_(rotate_files) {}

  bool Open() override {
    file_.Reset(open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644));
    if (!file_.valid()) Fail("could not open " + path_ + " for results", errno);
    struct stat status = {};
    if (fstat(file_.get(), &status) != 0) Fail("could not look at " + path_, errno);
    if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
      file_.Reset();
      throw Error(ErrorKind::kUnreadable, path_ + " is a pipe or socket, not a file");
    }
    regular_ = S_ISREG(status.st_mode);
    size_ = static_cast<std::uint64_t>(status.st_size);
    return true;
  }

  bool Send(const ResultLine& line) override {
    const std::string text = line.text + "\n";
    if (regular_ && rotate_bytes_ > 0 && size_ > 0 && size_ + text.size() > rotate_bytes_) Rotate();
    std::size_t written = 0;
    while (written < text.size()) {
      const ssize_t count = write(file_.get(), text.data() + written, text.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        const int error = errno;
        // Nothing can be done if this fails too; the next line then begins in the middle of one.
        if (regular_ && written > 0 && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
          Fail("could not take an incomplete line out of " + path_, errno);
        }
        Fail("could not write results to " + path_, error);
      }
      written += static_cast<std::size_t>(count);
    }
    size_ += text.size();
    ++delivered_;
    return true;
  }

  std::size_t Work() override { return std::exchange(delivered_, 0); }

  void Close() noexcept override { file_.Reset(); }

 private:
  void Rotate() {
    for (int i = rotate_files_ - 1; i >= 0; --i) {
      const std::string from = OldFile(i);
      const std::string to = OldFile(i + 1);
      if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
        Fail("could not rename " + from, errno);
      }
    }
    if (rotate_files_ == 0 && unlink(path_.c_str()) != 0) Fail("could not remove " + path_, errno);
    Open();
  }

  // The name of the `age`th old file; 0 is the one that is written.
  std::string OldFile(int age) const {
    std::string name = path_;
    if (age > 0) name.append(".").append(std::to_string(age));
    return name;
  }

  const std::string path_;
  const std::uint64_t rotate_bytes_;
  const int rotate_files_;
  Descriptor file_;
  bool regular_ = true;
  std::uint64_t size_ = 0;
  std::size_t delivered_ = 0;
};

// Lines to a stream whose reader may be slow or go away: a line that does not fit is kept.
class StreamOutlet : public Outlet {
 public:
  bool Send(const ResultLine& line) override {
    if (!line_.empty()) return false;
    line_ = line.text + "\n";
    sent_ = 0;
    return true;
  }

  std::size_t Work() override {
    if (line_.empty() || !ready()) return 0;
    while (sent_ < line_.size()) {
      const ssize_t count = Write(line_.data() + sent_, line_.size() - sent_);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) Fail("the reader of results at " + Name() + " is gone", errno);
      sent_ += static_cast<std::size_t>(count);
    }
    line_.clear();
    return 1;
  }

  // A reader that comes back gets the whole line.
  void Close() noexcept override { sent_ = 0; }

 protected:
  bool sending() const { return !line_.empty(); }

 private:
  virtual bool ready() const = 0;
  virtual ssize_t Write(const char* data, std::size_t size) = 0;
  virtual std::string Name() const = 0;

  std::string line_;  // Taken over and not written whole.
  std::size_t sent_ = 0;
};

class StdoutOutlet : public StreamOutlet {
 public:
  bool Open() override { return true; }

  pollfd Watch() const override {
    return {sending() ? STDOUT_FILENO : -1, static_cast<short>(POLLOUT), 0};
  }

 private:
  bool ready() const override { return true; }

  // The descriptor is shared with other programs, so it must stay a blocking one: no more is
  // written than a pipe takes at once.
  ssize_t Write(const char* data, std::size_t size) override {
    pollfd out = {STDOUT_FILENO, POLLOUT, 0};
    if (poll(&out, 1, 0) == 0) {
      errno = EAGAIN;
      return -1;
    }
    return write(STDOUT_FILENO, data, std::min<std::size_t>(size, PIPE_BUF));
  }

  std::string Name() const override { return "standard output"; }
};

class UnixOutlet : public StreamOutlet {
 public:
  explicit UnixOutlet(std::string path) : path_(std::move(path)) {
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
      throw Error(ErrorKind::kInvalid, "the path of a Unix socket must be shorter than " +
                                           std::to_string(sizeof(sockaddr_un::sun_path)) +
                                           " bytes: " + path_);
    }
  }

  bool Open() override {
    socket_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_.valid()) Fail("could not make a socket", errno);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    // A Unix socket connects at once or not at all.
    if (connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      Fail("no program takes results at " + path_, errno);
    }
    return true;
  }

  std::size_t Work() override {
    // A reader that has gone is noticed without a line to send.
    char bytes[256];
    if (recv(socket_.get(), bytes, sizeof(bytes), MSG_DONTWAIT) == 0) {
      throw Error(ErrorKind::kUnreadable, "the reader of results at " + path_ + " is gone");
    }
    return StreamOutlet::Work();
  }

  pollfd Watch() const override {
    return {socket_.get(), static_cast<short>(sending() ? POLLIN | POLLOUT : POLLIN), 0};
  }

  void Close() noexcept override {
    StreamOutlet::Close();
    socket_.Reset();
  }

 private:
  bool ready() const override { return socket_.valid(); }

  ssize_t Write(const char* data, std::size_t size) override {
    return send(socket_.get(), data, size, MSG_NOSIGNAL);
  }

  std::string Name() const override { return path_; }

  const std::string path_;
  Descriptor socket_;
};

}  // namespace

std::unique_ptr<Outlet> MakeFileOutlet(const std::string& path, std::uint64_t rotate_bytes,
                                       int rotate_files) {
  return std::make_unique<FileOutlet>(path, rotate_bytes, rotate_files);
}

std::unique_ptr<Outlet> MakeStdoutOutlet() { return std::make_unique<StdoutOutlet>(); }

std::unique_ptr<Outlet> MakeUnixOutlet(const std::string& path) {
  return std::make_unique<UnixOutlet>(path);
}

}  // namespace hepar
