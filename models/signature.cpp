// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/signature.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/openssl.h"
#include "models/printable.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

constexpr char kPublicKeyEnd[] = ".pub";
constexpr std::uint64_t kMaxKeyFileBytes = 64 * 1024, kMaxSignatureFileBytes = 4096;
constexpr std::size_t kMaxKeyFiles = 1000;

struct TrustedKey {
  std::string file;
  openssl::Key key;
};

Error KeyError(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kInvalid, "trusted-keys: " + path + ": " + what);
}

openssl::Key PublicKeyOf(const openssl::PemBlock& block, const std::string& path) {
  if (block.name() != PEM_STRING_PUBLIC) {
    throw KeyError(path, "holds a " + Printable(block.name()) +
                             ", expected a PUBLIC KEY; keep private keys elsewhere");
  }
  const unsigned char* data = block.data();
  openssl::Key key(d2i_PUBKEY(nullptr, &data, block.size()));
  if (!openssl::IsEd25519(key.get())) throw KeyError(path, "is no Ed25519 key");
  return key;
}

// Appends the keys in the file.
void ReadKeys(const std::string& path, std::vector<TrustedKey>* keys) {
  std::string text;
  try {
    text = ReadFile(path, kMaxKeyFileBytes);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInvalid, std::string("trusted-keys: ") + error.what());
  }
  const openssl::Buffer buffer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const std::size_t before = keys->size();
  for (;;) {
    openssl::PemBlock block;
    if (!block.Read(buffer.get())) {
      if (openssl::PemBlock::AtEnd()) break;
      throw KeyError(path, "is damaged: a block of it is no PEM");
    }
    keys->push_back({path, PublicKeyOf(block, path)});
  }
  if (keys->size() == before) {
    throw KeyError(path, "holds no public key in PEM form, as 'hepar sign --new-key' writes it");
  }
}

std::vector<std::string> KeyFilesIn(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code code;
  fs::directory_iterator entries(folder, code), end;
  for (; !code && entries != end; entries.increment(code)) {
    if (entries->path().extension() == kPublicKeyEnd) files.push_back(entries->path().string());
  }
  if (code) throw KeyError(folder, "cannot be read: " + code.message());
  if (files.empty()) {
    throw KeyError(folder, "holds no public key; their names end with .pub");
  }
  if (files.size() > kMaxKeyFiles) {
    throw KeyError(folder, "holds more than " + std::to_string(kMaxKeyFiles) + " keys");
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<TrustedKey> ReadTrustedKeys(const std::string& path) {
  std::vector<TrustedKey> keys;
  std::error_code code;
  if (!fs::is_directory(path, code)) {
    ReadKeys(path, &keys);
    return keys;
  }
  for (const std::string& file : KeyFilesIn(path)) ReadKeys(file, &keys);
  return keys;
}

std::string ReadSignature(const std::string& path) {
  const std::string file = path + kSignatureEnd;
  std::string signature;
  try {
    signature = ReadFile(file, kMaxSignatureFileBytes);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kNotFound) throw;
    throw Error(ErrorKind::kUnreadable,
                path + ": is not signed: " + file +
                    " is missing, and trusted-keys accepts only signed models; get it from the "
                    "maker of the model, or sign the model with 'hepar sign' if you trust it");
  }
  if (signature.size() != openssl::kSignatureBytes) {
    throw Error(ErrorKind::kUnreadable,
                file + ": has " + std::to_string(signature.size()) +
                    " bytes, and an Ed25519 signature has " +
                    std::to_string(openssl::kSignatureBytes) +
                    "; it is damaged or something else: get it again from the maker of the model");
  }
  return signature;
}

bool IsSignedBy(EVP_PKEY* key, std::string_view bytes, const std::string& signature) {
  const openssl::Context context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                          bytes.size()) == 1;
}

}  // namespace

Signer CheckSignature(std::string_view bytes, const std::string& path,
                      const std::string& trusted_keys) {
  const openssl::ErrorScope errors;
  const std::vector<TrustedKey> keys = ReadTrustedKeys(trusted_keys);
  const std::string signature = ReadSignature(path);
  for (const TrustedKey& trusted : keys) {
    if (IsSignedBy(trusted.key.get(), bytes, signature)) {
      return {trusted.file, openssl::FingerprintOf(trusted.key.get())};
    }
  }
  const std::string count = std::to_string(keys.size());
  throw Error(ErrorKind::kUnreadable,
              path + ": " + path + kSignatureEnd + " is not its signature by " +
                  (keys.size() == 1 ? "the key" : "one of the " + count + " keys") + " in " +
                  trusted_keys +
                  ": the model or the signature was changed, or another key has signed; get both "
                  "again from the maker of the model, or add the maker's public key");
}

}  // namespace hepar
