// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/script_archive.h"

#include <string_view>

#include "models/error.h"
#include "models/printable.h"
#include "models/tensor_file/script_source.h"

namespace hepar {
namespace {

bool StartsWith(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

bool EndsWith(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

void TakePickle(const ArchiveParts& parts, const TensorArchive& archive, const std::string& name,
                Pickle::Id id, ArchiveParts* script) {
  (*script)[name + ".pkl"] = archive.pickle().Write(id);
  for (const std::string& part : archive.PartsOf(id)) (*script)[part] = parts.at(part);
}

void TakeCode(const ArchiveParts& parts, const std::string& origin, ArchiveParts* script) {
  // What tells the source's lines of the code, the .debug_pkl beside each, is of no use here.
  for (const auto& [name, content] : parts) {
    if (!StartsWith(name, "code/") || !EndsWith(name, ".py")) continue;
    try {
      CheckScriptSource(content);
    } catch (const Error& error) {
      throw Error(error.kind(), origin + ": part '" + Printable(name) + "': " + error.what());
    }
    (*script)[name] = content;
  }
}

}  // namespace

std::string CheckedScript(const ArchiveParts& parts, const TensorArchive& archive,
                          Pickle::Id module, const std::string& origin) {
  if (archive.pickle()[module].kind != Pickle::Kind::kObject) {
    throw Error(ErrorKind::kDamaged, origin + ": holds " + Describe(archive.pickle(), module) +
                                         " where a TorchScript module is expected");
  }
  ArchiveParts script;
  TakePickle(parts, archive, "data", module, &script);
  const TensorArchive constants(parts, "constants", TensorArchive::Content::kScript, origin);
  TakePickle(parts, constants, "constants", constants.pickle().root(), &script);
  TakeCode(parts, origin, &script);
  const auto version = parts.find("version");
  if (version == parts.end()) {
    throw Error(ErrorKind::kDamaged, origin + ": holds no part 'version'");
  }
  script.insert(*version);
  return WriteTorchArchive(script);
}

std::string CheckedScript(const ArchiveParts& parts, const std::string& origin) {
  const TensorArchive archive(parts, "data", TensorArchive::Content::kScript, origin);
  return CheckedScript(parts, archive, archive.pickle().root(), origin);
}

}  // namespace hepar
