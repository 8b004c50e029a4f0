// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <ostream>
#include <string>
#include <system_error>

#include "models/bundle/find_bundle.h"
#include "models/file_io.h"
#include "models/signature.h"
#include "models/signing.h"
#include "models/torch_archive.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

struct SignVerbOptions {
  std::string model, key, new_key;
  bool overwrite = false;
  Output output;
};

OptionTable MakeTable(SignVerbOptions* o) {
  OptionTable table("sign", "FILE.hepar --key NAME.key | --new-key NAME [OPTION...]",
                    "Writes the signature (Ed25519) of a model to FILE.hepar.sig, by which those "
                    "who have your public key can tell that the model is yours and unchanged; or "
                    "makes the pair of keys for it.");
  table.Heading("Options");
  table.Path("model", &o->model, "FILE", "The model bundle to sign");
  table.AlsoPositional();
  table.Path("key", &o->key, "FILE", "The private key to sign with; anyone who has it can sign");
  table.Path("new-key", &o->new_key, "NAME",
             "Make a pair of keys: NAME.key, the private one, to keep, and NAME.pub, the public "
             "one, to hand out; with a model, sign it");
  table.Switch("overwrite", &o->overwrite, "Replace an existing signature");
  o->output.AddTo(&table, "Write the names of the files and the fingerprint of the key as JSON");
  return table;
}

void CheckOptions(const SignVerbOptions& options) {
  if (!options.key.empty() && !options.new_key.empty()) {
    throw UsageError("--key and --new-key: give one of them");
  }
  if (options.key.empty() && options.new_key.empty()) {
    throw UsageError("which key? give --key NAME.key, or make one with --new-key NAME");
  }
  if (!options.key.empty() && options.model.empty()) {
    throw UsageError("which model? usage: hepar sign FILE.hepar --key NAME.key");
  }
}

// The content of the model. What no model can be is not worth a signature; whether it is a sound
// one, `hepar inspect` says.
std::string ReadContainer(const std::string& path) {
  std::string bytes = ReadFile(path, kMaxBundleBytes);
  ReadTorchArchive(bytes, path, "model bundle");
  return bytes;
}

}  // namespace

int RunSign(const std::vector<std::string>& arguments) {
  SignVerbOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  CheckOptions(options);

  // The model first: without it no key is made.
  std::string model, bytes;
  if (!options.model.empty()) {
    WithExitCode(kExitModel, [&] {
      model = FindBundle(options.model);
      bytes = ReadContainer(model);
    });
  }
  const std::string signature_file = model + kSignatureEnd;
  std::error_code code;
  if (!model.empty() && std::filesystem::exists(signature_file, code) && !options.overwrite) {
    throw UsageError(signature_file + " exists; --overwrite replaces it");
  }

  std::ostream& text = options.output.text();
  nlohmann::ordered_json result;
  std::string key = options.key;
  if (!options.new_key.empty()) {
    WriteSigningKeys(options.new_key);
    key = options.new_key + ".key";
    result["private_key"] = key;
    result["public_key"] = options.new_key + ".pub";
    text << "wrote " << key << " (keep it secret) and " << options.new_key
         << ".pub (hand it out)\n";
  }
  if (!model.empty()) {
    const FileSignature signature = SignBytes(bytes, key);
    WriteFileAtomically(signature_file, signature.bytes);
    result["model"] = model;
    result["signature"] = signature_file;
    result["key_sha256"] = signature.fingerprint;
    text << "wrote " << signature_file << " (key " << signature.fingerprint << ")\n";
  }
  options.output.Write(result);
  return kExitOk;
}

}  // namespace hepar
