// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/pickle.h"
#include "tests/fuzz/fuzz_target.h"

// Pickles. What is accepted must survive being written and read again.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto any_name = [](const std::string&) { return true; };
  return hepar::MayRefuse([&] {
    const hepar::Pickle pickle(hepar::TextOf(data, size), any_name);
    hepar::Describe(pickle, pickle.root());
    const std::string written = pickle.Write(pickle.root());
    try {
      const hepar::Pickle again(written, any_name);
      if (again[again.root()].kind != pickle[pickle.root()].kind) std::abort();
    } catch (const hepar::Error&) {
      std::abort();
    }
  });
}
