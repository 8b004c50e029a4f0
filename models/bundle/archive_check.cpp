// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/archive_check.h"

#include <map>

#include "models/error.h"
#include "models/sha256.h"
#include "models/torch_archive.h"

namespace hepar {
namespace {

constexpr std::size_t kMaxDescription = 4 << 20;
constexpr char kKind[] = "model bundle";

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

}  // namespace

std::string CheckArchive(std::string_view bytes, const std::string& origin) {
  std::string description;
  bool found = false;
  ReadTorchArchive(bytes, origin, kKind, [&](const std::string& part, std::string_view piece) {
    if (part != "extra/hepar.json") return;
    found = true;
    if (description.size() + piece.size() > kMaxDescription) {
      throw Error(ErrorKind::kDamaged, origin + ": part '" + part + "' is too large");
    }
    description.append(piece);
  });
  if (!found) {
    throw Error(ErrorKind::kDamaged,
                origin +
                    ": holds no hepar.json; it is a foreign TorchScript or zip file, not a "
                    "bundle that 'hepar train' wrote");
  }
  return description;
}

std::string ContentDigest(std::string_view bytes, const std::string& origin) {
  // By name, as the order of parts in a container says nothing.
  std::map<std::string, Sha256> parts;
  ReadTorchArchive(bytes, origin, kKind, [&](const std::string& part, std::string_view piece) {
    if (IsContent(part)) parts[part].Add(piece.data(), piece.size());
  });
  Sha256 digest;
  for (auto& [name, content] : parts) {
    digest.Add(name.data(), name.size() + 1);
    const std::string hex = content.Hex();
    digest.Add(hex.data(), hex.size());
  }
  return digest.Hex();
}

}  // namespace hepar
