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
  // Public keys, a PEM file or a folder of *.pub; only files that one of them has signed may be
  // opened. "": unsigned ones too. A signature says who made the file; it does not allow code.
  std::string trusted_keys;
};

// Checks the content `bytes` of the file `path` against the list of digests, and by `path`.sig
// against the trusted keys. Throws Error(kInvalid) for a list of something else than SHA-256
// digests and for unusable keys, Error(kUnreadable) for another file and for one that no trusted
// key has signed.
void CheckTrusted(const ModelPermission& permission, std::string_view bytes,
                  const std::string& path);

// Call once CheckTrusted() has passed: throws Error(kUnreadable), which says what to do, when the
// code of `origin` may not run.
void RequireCodeAllowed(const ModelPermission& permission, const std::string& origin);

}  // namespace hepar
