// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/signing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "models/error.h"
#include "models/file_io.h"
#include "models/openssl.h"
#include "models/printable.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxKeyFileBytes = 64 * 1024;
constexpr char kEncrypted[] = "ENCRYPTED PRIVATE KEY";

// Wipes a private key from memory when it is no longer needed.
class Wiped {
 public:
  explicit Wiped(std::string* text) : text_(text) {}
  ~Wiped() { OPENSSL_cleanse(text_->data(), text_->size()); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  std::string* text_;
};

std::string ContentOf(BIO* buffer) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(buffer, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// Writes a file that must not exist. Nobody else can read it where `mode` says so, not even for a
// moment.
void WriteNewFile(const std::string& path, std::string_view content, mode_t mode) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (file < 0 && errno == EEXIST) {
    throw Error(ErrorKind::kInvalid, path +
                                         ": exists, and a key is never replaced; give another "
                                         "name");
  }
  if (file < 0) {
    throw Error(ErrorKind::kUnreadable, path + ": cannot be created: " + std::strerror(errno));
  }
  // A key has some hundred bytes, which a file takes in one piece or not at all.
  const bool whole =
      write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
      fsync(file) == 0;
  const int cause = errno;
  close(file);
  if (whole) return;
  unlink(path.c_str());
  throw Error(ErrorKind::kUnreadable, path + ": cannot be written: " + std::strerror(cause));
}

openssl::Key PrivateKeyIn(const std::string& path) {
  std::string text;
  const Wiped wiped(&text);
  try {
    text = ReadFile(path, kMaxKeyFileBytes);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInvalid, std::string("--key: ") + error.what());
  }
  const auto unfit = [&path](const std::string& what) {
    return Error(ErrorKind::kInvalid, "--key: " + path + ": " + what);
  };
  const openssl::Buffer buffer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  openssl::PemBlock block;
  if (!block.Read(buffer.get())) {
    throw unfit("is no key in PEM form; make one with 'hepar sign --new-key NAME'");
  }
  if (block.name() == kEncrypted) {
    throw unfit(
        "is encrypted, which hepar does not read; sign with 'openssl pkeyutl -sign -rawin -inkey "
        "KEY -in MODEL -out MODEL.sig', which asks for its password");
  }
  if (block.name() != PEM_STRING_PKCS8INF) {
    throw unfit("holds a " + Printable(block.name()) +
                ", expected a PRIVATE KEY; the file that signs ends with .key");
  }
  const unsigned char* data = block.data();
  openssl::Key key(d2i_AutoPrivateKey(nullptr, &data, block.size()));
  if (!openssl::IsEd25519(key.get())) throw unfit("is no key for Ed25519");
  return key;
}

}  // namespace

void WriteSigningKeys(const std::string& name) {
  const openssl::ErrorScope errors;
  const openssl::Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const openssl::Buffer private_part(BIO_new(BIO_s_mem())), public_part(BIO_new(BIO_s_mem()));
  if (!key || !private_part || !public_part ||
      PEM_write_bio_PKCS8PrivateKey(private_part.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_PUBKEY(public_part.get(), key.get()) != 1) {
    throw Error(ErrorKind::kFailed, "OpenSSL cannot make a key for Ed25519");
  }
  std::string private_pem = ContentOf(private_part.get());
  const Wiped wiped(&private_pem);
  WriteNewFile(name + ".key", private_pem, S_IRUSR | S_IWUSR);
  try {
    WriteNewFile(name + ".pub", ContentOf(public_part.get()),
                 S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
  } catch (const Error&) {
    unlink((name + ".key").c_str());
    throw;
  }
}

FileSignature SignBytes(std::string_view bytes, const std::string& key_file) {
  const openssl::ErrorScope errors;
  const openssl::Key key = PrivateKeyIn(key_file);
  const openssl::Context context(EVP_MD_CTX_new());
  FileSignature signature = {std::string(openssl::kSignatureBytes, '\0'),
                             openssl::FingerprintOf(key.get())};
  std::size_t size = signature.bytes.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.bytes.data()), &size,
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) != 1 ||
      size != signature.bytes.size()) {
    throw Error(ErrorKind::kFailed, "OpenSSL cannot sign with " + key_file);
  }
  return signature;
}

}  // namespace hepar
