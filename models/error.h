// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <stdexcept>
#include <string>

namespace hepar {

// What went wrong, coarse enough for a caller to choose an exit code or a GStreamer error domain.
enum class ErrorKind {
  kNotFound,     // A file or device that was named does not exist.
  kUnreadable,   // It exists but cannot be read or written (permissions, disk full, I/O error).
  kDamaged,      // It was read, but its content is truncated, corrupt or not of the kind expected.
  kMismatch,     // Each part is sound, but they do not fit together (shapes, planes, versions).
  kUnsupported,  // Understood, but this build or machine cannot do it (no CUDA, unknown precision).
  kInvalid,      // An argument is outside its documented range.
  kFailed,       // A computation that should have worked did not.
};

// The one exception type that leaves models/ and training/. The message names the cause, what was
// expected and what was got, and where it helps the mend; it is one line, fit to show to a user.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace hepar
