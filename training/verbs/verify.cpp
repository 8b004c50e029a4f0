// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ostream>
#include <string>

#include "models/bundle/find_bundle.h"
#include "models/file_io.h"
#include "models/sha256.h"
#include "models/signature.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/verbs/verbs.h"

namespace hepar {

int RunVerify(const std::vector<std::string>& arguments) {
  std::string model, trusted_keys;
  Output output;
  OptionTable table("verify", "FILE.hepar --trusted-keys PATH [OPTION...]",
                    "Checks that FILE.hepar.sig is the signature of the model by one of the keys, "
                    "and says which. Exit code 4: it is not.");
  table.Heading("Options");
  AddModelOption(&table, &model,
                 "which model bundle? usage: hepar verify FILE.hepar --trusted-keys PATH");
  table.AlsoPositional();
  AddTrustedKeysOption(&table, &trusted_keys, "The keys of those whom you trust");
  table.Required("the public keys of those whom you trust");
  output.AddTo(&table, "Write the digest of the model and the key as JSON");
  if (!ReadOptions(&table, arguments)) return kExitOk;

  WithExitCode(kExitModel, [&] {
    const std::string path = FindBundle(model);
    const std::string bytes = ReadFile(path, kMaxBundleBytes);
    const Signer signer = CheckSignature(bytes, path, trusted_keys);
    Sha256 digest;
    digest.Add(bytes.data(), bytes.size());
    output.text() << path << ": signed by " << signer.file << " (key " << signer.fingerprint
                  << ")\n";
    output.Write({{"model", path},
                  {"sha256", digest.Hex()},
                  {"key", signer.file},
                  {"key_sha256", signer.fingerprint}});
  });
  return kExitOk;
}

}  // namespace hepar
