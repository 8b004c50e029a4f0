// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include "models/bundle/model_spec.h"
#include "tests/fuzz/fuzz_target.h"

// hepar.json of a bundle. What is accepted must survive being written and read again.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hepar::MayRefuse([&] {
    const hepar::ModelSpec spec =
        hepar::ModelSpecFromJson(std::string(hepar::TextOf(data, size)), "input");
    const std::string text = hepar::ModelSpecToJson(spec);
    try {
      if (hepar::ModelSpecToJson(hepar::ModelSpecFromJson(text, "again")) != text) std::abort();
    } catch (const hepar::Error&) {
      std::abort();
    }
  });
}
