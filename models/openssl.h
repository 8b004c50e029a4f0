// SPDX-License-Identifier: LGPL-2.1-or-later
//
// OpenSSL's objects as values that free themselves, for the two files that call it.
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <string>

#include "models/sha256.h"

namespace hepar::openssl {

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Buffer = std::unique_ptr<BIO, Free<BIO_vfree>>;

// The size of an Ed25519 signature (RFC 8032, section 5.1.6).
constexpr std::size_t kSignatureBytes = 64;

// OpenSSL collects errors per thread. Those of calls whose failure is an answer are dropped, so
// that other users of the library on this thread do not take them for their own.
class ErrorScope {
 public:
  ErrorScope() { ERR_set_mark(); }
  ~ErrorScope() { ERR_pop_to_mark(); }
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
};

// One block of a PEM file (RFC 7468), decoded. Private keys are wiped from memory.
class PemBlock {
 public:
  ~PemBlock() {
    OPENSSL_free(name_);
    OPENSSL_free(header_);
    OPENSSL_clear_free(data_, static_cast<std::size_t>(size_));
  }
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;

  // The next block of `text`. False where there is none, or it is damaged: see AtEnd().
  bool Read(BIO* text) { return PEM_read_bio(text, &name_, &header_, &data_, &size_) == 1; }
  // Whether the last Read() failed because the text has no more blocks.
  static bool AtEnd() { return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; }

  std::string name() const { return name_; }
  const unsigned char* data() const { return data_; }
  long size() const { return size_; }  // NOLINT(google-runtime-int): OpenSSL's type.

 private:
  char* name_ = nullptr;
  char* header_ = nullptr;
  unsigned char* data_ = nullptr;
  long size_ = 0;  // NOLINT(google-runtime-int)
};

inline bool IsEd25519(const EVP_PKEY* key) {
  return key != nullptr && EVP_PKEY_is_a(key, "ED25519") == 1;
}

// The SHA-256 of the public key in DER form (SubjectPublicKeyInfo, RFC 8410), 64 hexadecimal
// digits: what `openssl pkey -pubin -in FILE -outform DER | sha256sum` prints.
inline std::string FingerprintOf(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Sha256 digest;
  if (size > 0) digest.Add(der, static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return digest.Hex();
}

}  // namespace hepar::openssl
