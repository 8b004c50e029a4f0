// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/permission.h"

#include <algorithm>

#include "models/error.h"
#include "models/log.h"
#include "models/printable.h"
#include "models/sha256.h"
#include "models/signature.h"

namespace hepar {
namespace {

constexpr std::size_t kDigits = 64;

// In lower case. Throws Error(kInvalid).
std::string DigestOf(std::string text) {
  for (char& digit : text) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  if (text.size() != kDigits || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw Error(ErrorKind::kInvalid,
                "model-sha256: expected the 64 hexadecimal digits that "
                "sha256sum prints, got '" +
                    Printable(text) + "'");
  }
  return text;
}

void CheckPinned(const std::vector<std::string>& pins, std::string_view bytes,
                 const std::string& path) {
  Sha256 sha256;
  sha256.Add(bytes.data(), bytes.size());
  const std::string digest = sha256.Hex();
  bool listed = false;
  for (const std::string& pin : pins) listed |= DigestOf(pin) == digest;
  if (listed) return;
  throw Error(ErrorKind::kUnreadable,
              path + ": its SHA-256 is " + digest +
                  ", which is not what model-sha256 names; it is another file than was meant");
}

}  // namespace

void CheckTrusted(const ModelPermission& permission, std::string_view bytes,
                  const std::string& path) {
  if (!permission.sha256.empty()) CheckPinned(permission.sha256, bytes, path);
  if (permission.trusted_keys.empty()) return;
  const Signer signer = CheckSignature(bytes, path, permission.trusted_keys);
  Log(LogLevel::kInfo, path + ": signed by " + signer.file);
}

void RequireCodeAllowed(const ModelPermission& permission, const std::string& origin) {
  if (permission.allow_code || !permission.sha256.empty()) return;
  throw Error(ErrorKind::kUnreadable,
              origin +
                  ": its classifier is a TorchScript program, which would run with all that "
                  "this process may do; if you trust who made it, set allow-code, or "
                  "model-sha256 to the SHA-256 of the file");
}

}  // namespace hepar
