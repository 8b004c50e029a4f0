// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace hepar {

// Makes a new pair of keys for Ed25519 and writes it as PEM: NAME.key, the private one, which only
// its owner can read (mode 0600; PKCS #8, RFC 5958, not encrypted), and NAME.pub, the public one
// (SubjectPublicKeyInfo, RFC 8410). Throws Error: kInvalid where one of the files exists,
// kUnreadable where they cannot be written; neither is left then.
void WriteSigningKeys(const std::string& name);

struct FileSignature {
  std::string bytes;        // The content of FILE.sig; see models/signature.h.
  std::string fingerprint;  // Of the key, as in Signer.
};

// Signs `bytes` with the private key in the PEM file `key_file`. Throws Error(kInvalid) for a file
// that is missing, encrypted, or no private key for Ed25519.
FileSignature SignBytes(std::string_view bytes, const std::string& key_file);

}  // namespace hepar
