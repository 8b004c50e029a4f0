// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <map>
#include <string>

#include "models/bundle/archive_check.h"
#include "models/tensor_file/script_archive.h"
#include "models/tensor_file/tensor_archive.h"
#include "tests/fuzz/fuzz_target.h"

// Tensors: the parts of a container without the zip file around them, whose checksums would keep
// the fuzzer out. The input is: for each part, a line with its name and its length, and its bytes.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxParts = 16;
  std::string_view rest = hepar::TextOf(data, size);
  hepar::ArchiveParts parts;
  while (!rest.empty() && parts.size() < kMaxParts) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::string line(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) break;
    const std::size_t length =
        std::min<std::size_t>(std::strtoul(line.c_str() + space, nullptr, 10), rest.size());
    parts[line.substr(0, space)] = rest.substr(0, length);
    rest.remove_prefix(length);
  }
  using Content = hepar::TensorArchive::Content;
  for (const Content content : {Content::kTensors, Content::kScript}) {
    hepar::MayRefuse([&] {
      const hepar::TensorArchive archive(parts, "data", content, "input");
      // Every value that a tensor reaches can be read.
      const auto read = [](const hepar::StoredTensors& tensors) {
        for (const auto& [name, tensor] : tensors) {
          std::size_t last = 0;
          bool empty = false;
          for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
            empty = empty || tensor.shape[i] == 0;
            if (!empty) last += static_cast<std::size_t>((tensor.shape[i] - 1) * tensor.strides[i]);
          }
          if (empty || tensor.type == hepar::TensorType::kBool) continue;
          const volatile char first = static_cast<const char*>(tensor.data)[0];
          const volatile char byte = static_cast<const char*>(tensor.data)[last];
          static_cast<void>(first);
          static_cast<void>(byte);
        }
      };
      hepar::MayRefuse([&] { read(archive.DictTensors()); });
      hepar::MayRefuse([&] {
        std::map<std::string, std::string> texts = {{"id", ""}};
        read(archive.ModuleTensors("HeparBundle", &texts));
      });
      archive.PartsOf(archive.pickle().root());
      hepar::ContentDigest(parts);
    });
  }
  return hepar::MayRefuse([&] { hepar::CheckedScript(parts, "input"); });
}
