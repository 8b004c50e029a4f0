// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/error.h"

namespace hepar {

// Exit codes of the program `hepar`, which kExitCodesHelp documents in --help.
enum ExitCode {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitInputData = 3,
  kExitModel = 4,
  kExitDevice = 5,
  kExitRequeue = 75,  // EX_TEMPFAIL of sysexits.h: try again later.
  kExitInterrupted = 130,
};

constexpr char kExitCodesHelp[] =
    "Exit codes: 0 done, 1 failed, 2 wrong use, 3 input data missing or unusable, 4 model or\n"
    "checkpoint missing or unusable, 5 device not there, 75 stopped by --requeue-signal,\n"
    "130 interrupted (Ctrl-C).\n";

// An error whose exit code is known where it happens.
class ExitError : public Error {
 public:
  ExitError(ExitCode code, const Error& cause) : Error(cause.kind(), cause.what()), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Wrong use: an option or a combination of options that cannot be.
inline Error UsageError(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

// Runs `function`; its errors end the program with `code`. Wrong arguments and missing devices keep
// their own codes, wherever they are found.
template <typename Function>
auto WithExitCode(ExitCode code, const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInvalid || error.kind() == ErrorKind::kUnsupported) throw;
    throw ExitError(code, error);
  }
}

inline ExitCode ExitCodeOf(const Error& error) {
  if (const auto* known = dynamic_cast<const ExitError*>(&error)) return known->code();
  if (error.kind() == ErrorKind::kInvalid) return kExitUsage;
  if (error.kind() == ErrorKind::kUnsupported) return kExitDevice;
  return kExitFailure;
}

}  // namespace hepar
