// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/archive_check.h"

#include <string_view>

#include "models/error.h"
#include "models/printable.h"
#include "models/sha256.h"
#include "models/tensor_file/script_source.h"
#include "models/tensor_file/tensor_archive.h"

namespace hepar {
namespace {

constexpr std::size_t kMaxDescription = 4 << 20;
constexpr char kDescription[] = "extra/hepar.json";

bool StartsWith(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

bool EndsWith(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

bool IsContent(std::string_view part) {
  return part == "data.pkl" || StartsWith(part, "data/") || StartsWith(part, "constants") ||
         (StartsWith(part, "code/") && !EndsWith(part, ".debug_pkl"));
}

// What LibTorch writes beside the content, in one release or another.
bool IsAccessory(std::string_view part) {
  for (const char* known : {"version", "byteorder", ".data/serialization_id", ".format_version",
                            ".storage_alignment", "code/__torch__.py.debug_pkl", kDescription}) {
    if (part == known) return true;
  }
  return false;
}

bool IsDebugInformation(std::string_view part) {
  return StartsWith(part, "code/") && EndsWith(part, ".debug_pkl");
}

}  // namespace

const std::string& DescriptionOf(const ArchiveParts& parts, const std::string& origin) {
  const auto description = parts.find(kDescription);
  if (description == parts.end()) {
    throw Error(ErrorKind::kDamaged,
                origin +
                    ": holds no hepar.json; it is a foreign TorchScript or zip file, not a "
                    "bundle that 'hepar train' wrote");
  }
  if (description->second.size() > kMaxDescription) {
    throw Error(ErrorKind::kDamaged, origin + ": part 'extra/hepar.json' is too large");
  }
  return description->second;
}

void CheckParts(const ArchiveParts& parts, bool with_code, const std::string& origin) {
  const auto wrong = [&origin](const std::string& part, const std::string& what) {
    return Error(ErrorKind::kDamaged, origin + ": part '" + Printable(part) + "' " + what);
  };
  for (const auto& [part, content] : parts) {
    if (IsAccessory(part) || part == "data.pkl" || StartsWith(part, "data/")) continue;
    const bool is_code = part == "code/__torch__.py", is_constants = part == "constants.pkl";
    if (with_code ? IsContent(part) || IsDebugInformation(part) : is_code || is_constants) continue;
    throw wrong(part, "is nothing that such a bundle has");
  }
  if (with_code) return;

  const auto code = parts.find("code/__torch__.py");
  if (code != parts.end() && !DeclaresOnly(code->second)) {
    throw wrong(code->first, "holds code, which a bundle without a TorchScript classifier has not");
  }
  const TensorArchive constants(parts, "constants", TensorArchive::Content::kTensors, origin);
  const Pickle::Value& root = constants.pickle()[constants.pickle().root()];
  if (root.kind != Pickle::Kind::kTuple || !root.items.empty()) {
    throw wrong("constants.pkl", "holds constants, which only code has a use for");
  }
}

std::string ContentDigest(const ArchiveParts& parts) {
  // By name, as the order of parts in a container says nothing.
  Sha256 digest, part;
  for (const auto& [name, content] : parts) {
    if (!IsContent(name)) continue;
    part.Add(content.data(), content.size());
    const std::string hex = part.Hex();
    digest.Add(name.data(), name.size() + 1);
    digest.Add(hex.data(), hex.size());
  }
  return digest.Hex();
}

}  // namespace hepar
