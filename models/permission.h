// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hepar {

// What the user of model files allows. Ordinary models are numbers; one with a TorchScript
// classifier holds a program, which can do in this process whatever the process may.
struct ModelPermission {
  // Whether code of the file may run.
  bool allow_code = false;
  // SHA-256 (64 hexadecimal digits) of the files that may be opened; empty: any. Code of a file
  // that is listed here may run, as its user knows which file it is.
  std::vector<std::string> sha256;
};

// Checks the content `bytes` of the file `origin` against the list. Throws Error(kInvalid) for a
// list of something else than SHA-256 digests, Error(kUnreadable) for another file.
void CheckPinned(const ModelPermission& permission, std::string_view bytes,
                 const std::string& origin);

// Call once CheckPinned() has passed: throws Error(kUnreadable), which says what to do, when the
// code of `origin` may not run.
void RequireCodeAllowed(const ModelPermission& permission, const std::string& origin);

}  // namespace hepar
