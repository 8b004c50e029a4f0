// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/script_source.h"
#include "tests/fuzz/fuzz_target.h"

// The source of TorchScript classes.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source = hepar::TextOf(data, size);
  hepar::DeclaresOnly(source);
  return hepar::MayRefuse([&] { hepar::CheckScriptSource(source); });
}
