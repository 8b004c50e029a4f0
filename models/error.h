// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <stdexcept>
#include <string>

namespace hepar {

// The kind of an error. Callers map it to an exit code or a GStreamer error domain.
enum class ErrorKind {
  kNotFound,     // The named file or device does not exist.
  kUnreadable,   // It exists but cannot be read or written (permissions, disk full, I/O error).
  kDamaged,      // It was read, but its content is truncated, corrupt or of another type.
  kMismatch,     // The parts are valid but do not fit together (shapes, planes, versions).
  kUnsupported,  // This build or machine cannot do it (no CUDA, unknown precision).
  kInvalid,      // An argument is outside its documented range.
  kFailed,       // A computation failed unexpectedly.
};

// The only exception type that leaves models/ and training/. The message is one line for users: the
// cause, the expected and the actual value, and where possible the remedy.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace hepar
