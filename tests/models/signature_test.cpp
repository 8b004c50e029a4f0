// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/permission.h"
#include "models/sha256.h"
#include "models/signing.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// RFC 8032, section 7.1, TEST 2: the keys in the forms of RFC 8410, and the signature of "r".
constexpr char kRfcPublic[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kRfcPrivate[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";
constexpr unsigned char kRfcSignature[] = {
    0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
    0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
    0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
    0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00};
constexpr char kRsaPublic[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALI1+Le4tX1gZPTX+cUCgdsMc+IB2dD/\n"
    "dw2dxLpYktzUSkw1GR6+pG4n37q67MauZTcPSA9bSEF3hJMu4NPsYSECAwEAAQ==\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kEncryptedPrivate[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";

class SignatureTest : public ::testing::Test {
 protected:
  SignatureTest() {
    dir_ = ::testing::TempDir() + "hepar_signature_" + std::to_string(getpid());
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    WriteSigningKeys(At("maker"));
    WriteSigningKeys(At("other"));
    Write("model", kContent);
    Sign("maker");
  }
  ~SignatureTest() override { fs::remove_all(dir_); }

  std::string At(const std::string& name) const { return dir_ + "/" + name; }
  std::string Write(const std::string& name, const std::string& content) const {
    std::ofstream(At(name), std::ios::binary) << content;
    return At(name);
  }
  // Signs the model with the private key of that name.
  void Sign(const std::string& key) const {
    Write("model.sig", SignBytes(kContent, At(key + ".key")).bytes);
  }
  // The message of the error, of the kind `kind`; "" where there is none.
  std::string ErrorOf(ErrorKind kind, const std::string& content, const std::string& keys) const {
    try {
      CheckSignature(content, At("model"), At(keys));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    return "";
  }
  std::string SigningError(const std::string& key) const {
    try {
      SignBytes(kContent, At(key));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid) << error.what();
      return error.what();
    }
    return "";
  }

  const std::string kContent = std::string("model\0 of bytes", 15);
  std::string dir_;
};

TEST_F(SignatureTest, AgreesWithTheStandard) {
  Write("rfc.pub", kRfcPublic);
  Write("rfc.key", kRfcPrivate);
  const std::string standard(reinterpret_cast<const char*>(kRfcSignature), sizeof(kRfcSignature));
  EXPECT_EQ(SignBytes("r", At("rfc.key")).bytes, standard);
  Write("model.sig", standard);
  EXPECT_EQ(CheckSignature("r", At("model"), At("rfc.pub")).file, At("rfc.pub"));
  EXPECT_THROW(CheckSignature("s", At("model"), At("rfc.pub")), Error);
}

TEST_F(SignatureTest, NamesTheKeyThatHasSigned) {
  const Signer signer = CheckSignature(kContent, At("model"), At("maker.pub"));
  EXPECT_EQ(signer.file, At("maker.pub"));
  EXPECT_EQ(signer.fingerprint, SignBytes(kContent, At("maker.key")).fingerprint);
  EXPECT_NE(signer.fingerprint, SignBytes(kContent, At("other.key")).fingerprint);
  EXPECT_EQ(signer.fingerprint.size(), 64u);
}

TEST_F(SignatureTest, EachOfSeveralKeysIsTrusted) {
  // A folder, in which private keys and other files do not count.
  EXPECT_EQ(CheckSignature(kContent, At("model"), dir_).file, At("maker.pub"));
  Sign("other");
  EXPECT_EQ(CheckSignature(kContent, At("model"), dir_).file, At("other.pub"));
  // A file with both, and text between them.
  const std::string both =
      ReadFile(At("maker.pub"), 1000) + "the other maker\n" + ReadFile(At("other.pub"), 1000);
  Write("both.pem", both);
  EXPECT_EQ(CheckSignature(kContent, At("model"), At("both.pem")).file, At("both.pem"));
  Sign("maker");
  EXPECT_EQ(CheckSignature(kContent, At("model"), At("both.pem")).file, At("both.pem"));
  WriteSigningKeys(At("third"));
  Sign("third");
  EXPECT_THAT(ErrorOf(ErrorKind::kUnreadable, kContent, "both.pem"), HasSubstr("of the 2 keys"));
}

TEST_F(SignatureTest, RefusesAnotherKeyAndAnotherContent) {
  EXPECT_THAT(ErrorOf(ErrorKind::kUnreadable, kContent, "other.pub"),
              HasSubstr("add the maker's public key"));
  std::string changed = kContent;
  for (std::size_t i = 0; i < changed.size(); ++i) {
    changed[i] ^= 1;
    EXPECT_NE(ErrorOf(ErrorKind::kUnreadable, changed, "maker.pub"), "") << i;
    changed[i] ^= 1;
  }
  EXPECT_NE(ErrorOf(ErrorKind::kUnreadable, kContent + " ", "maker.pub"), "");
  EXPECT_NE(ErrorOf(ErrorKind::kUnreadable, "", "maker.pub"), "");
}

TEST_F(SignatureTest, RefusesADamagedSignature) {
  const std::string sound = ReadFile(At("model.sig"), 100);
  for (std::size_t i = 0; i < sound.size(); ++i) {
    std::string damaged = sound;
    damaged[i] ^= 1;
    Write("model.sig", damaged);
    EXPECT_NE(ErrorOf(ErrorKind::kUnreadable, kContent, "maker.pub"), "") << i;
    Write("model.sig", sound.substr(0, i));
    EXPECT_THAT(ErrorOf(ErrorKind::kUnreadable, kContent, "maker.pub"),
                HasSubstr("has " + std::to_string(i) + " bytes"));
  }
  Write("model.sig", sound + "\n");
  EXPECT_THAT(ErrorOf(ErrorKind::kUnreadable, kContent, "maker.pub"), HasSubstr("has 65 bytes"));
  Write("model.sig", std::string(100000, 'x'));
  EXPECT_THAT(ErrorOf(ErrorKind::kUnreadable, kContent, "maker.pub"), HasSubstr("100000 bytes"));
  fs::remove(At("model.sig"));
  EXPECT_THAT(ErrorOf(ErrorKind::kUnreadable, kContent, "maker.pub"), HasSubstr("is not signed"));
}

// What cannot be used as trusted keys refuses every model: nobody is trusted by mistake.
TEST_F(SignatureTest, UnusableKeysAreErrors) {
  const std::string maker = ReadFile(At("maker.pub"), 1000);
  const auto expect = [this](const std::string& file, const std::string& what) {
    EXPECT_THAT(ErrorOf(ErrorKind::kInvalid, kContent, file), HasSubstr(what)) << file;
  };
  expect("missing", "no such file");
  expect("maker.key", "holds a PRIVATE KEY");
  Write("empty.pem", "");
  expect("empty.pem", "holds no public key");
  Write("text.pem", "no key\n");
  expect("text.pem", "holds no public key");
  Write("rsa.pem", kRsaPublic);
  expect("rsa.pem", "is no Ed25519 key");
  // A sound key does not make up for another one that is not.
  Write("mixed.pem", maker + kRsaPublic);
  expect("mixed.pem", "is no Ed25519 key");
  Write("cut.pem", maker + maker.substr(0, maker.size() - 10));
  expect("cut.pem", "damaged");
  fs::create_directory(At("none"));
  expect("none", "names end with .pub");
  Write("none/bad.pub", "no key\n");
  fs::copy_file(At("maker.pub"), At("none/good.pub"));
  expect("none", "bad.pub: holds no public key");
  Write("large.pem", std::string(100000, '\n') + maker);
  expect("large.pem", "more than the 65536 that such a file may have");
}

TEST_F(SignatureTest, KeysAreNewAndThePrivateOneIsSecret) {
  EXPECT_NE(ReadFile(At("maker.key"), 1000), ReadFile(At("other.key"), 1000));
  struct stat status;
  ASSERT_EQ(stat(At("maker.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  EXPECT_EQ(ReadFile(At("maker.pub"), 1000).find("PRIVATE"), std::string::npos);
}

TEST_F(SignatureTest, KeysAreNeverReplaced) {
  const std::string before = ReadFile(At("maker.key"), 1000);
  EXPECT_THROW(WriteSigningKeys(At("maker")), Error);
  EXPECT_EQ(ReadFile(At("maker.key"), 1000), before);
  // Nor is a half of a pair left where the other half cannot be written.
  Write("half.pub", "somebody's");
  EXPECT_THROW(WriteSigningKeys(At("half")), Error);
  EXPECT_FALSE(fs::exists(At("half.key")));
  EXPECT_EQ(ReadFile(At("half.pub"), 100), "somebody's");
  // A link in its place is not followed.
  fs::create_symlink(At("elsewhere"), At("linked.key"));
  EXPECT_THROW(WriteSigningKeys(At("linked")), Error);
  EXPECT_FALSE(fs::exists(At("elsewhere")));
  EXPECT_THROW(WriteSigningKeys(At("no/such/folder/key")), Error);
}

TEST_F(SignatureTest, UnusablePrivateKeysAreErrors) {
  EXPECT_THAT(SigningError("missing.key"), HasSubstr("no such file"));
  EXPECT_THAT(SigningError("maker.pub"), HasSubstr("holds a PUBLIC KEY"));
  EXPECT_THAT(SigningError("model"), HasSubstr("no key in PEM form"));
  Write("encrypted.key", kEncryptedPrivate);
  EXPECT_THAT(SigningError("encrypted.key"), HasSubstr("openssl pkeyutl"));
  Write("damaged.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  EXPECT_THAT(SigningError("damaged.key"), HasSubstr("no key for Ed25519"));
}

TEST_F(SignatureTest, EachOfSeveralDigestsIsAccepted) {
  Sha256 sha256;
  sha256.Add(kContent.data(), kContent.size());
  const std::string digest = sha256.Hex(), other(64, '0');
  ModelPermission permission;
  for (const auto& pins : {std::vector{digest}, {digest, other}, {other, digest}}) {
    permission.sha256 = pins;
    CheckTrusted(permission, kContent, At("model"));
  }
  permission.sha256 = {other, other};
  EXPECT_THROW(CheckTrusted(permission, kContent, At("model")), Error);
}

TEST_F(SignatureTest, ModelsAreCheckedOnlyWhereKeysAreTrusted) {
  ModelPermission permission;
  CheckTrusted(permission, "another content", At("model"));
  permission.trusted_keys = At("maker.pub");
  CheckTrusted(permission, kContent, At("model"));
  EXPECT_THROW(CheckTrusted(permission, "another content", At("model")), Error);
  // A signature says who made a file. It does not make code harmless.
  EXPECT_THROW(RequireCodeAllowed(permission, At("model")), Error);
  // Digest and key count together.
  permission.sha256 = {std::string(64, '0')};
  EXPECT_THROW(CheckTrusted(permission, kContent, At("model")), Error);
}

}  // namespace
}  // namespace hepar
