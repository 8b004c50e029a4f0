// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace hepar {

// The detached signature of FILE is FILE.sig: the 64 bytes of an Ed25519 signature (RFC 8032,
// without prehash) over all bytes of FILE, as `openssl pkeyutl -sign -rawin` writes it.
constexpr char kSignatureEnd[] = ".sig";

// The trusted key that has signed a file.
struct Signer {
  std::string file;         // Where the key is.
  std::string fingerprint;  // SHA-256 of its DER form, 64 hexadecimal digits.
};

// Checks that `path`.sig is a signature of `bytes`, the content of the file `path`, by one of the
// keys in `trusted_keys`: a PEM file of public keys, or a folder, of which the files *.pub are
// read. Returns the key. Thread-safe.
//
// Throws Error(kInvalid) for keys that cannot be used (no such file, no key, not Ed25519, a private
// key), Error(kUnreadable) for a signature that is missing, damaged, of another file or by another
// key. Messages say what to do.
Signer CheckSignature(std::string_view bytes, const std::string& path,
                      const std::string& trusted_keys);

}  // namespace hepar
