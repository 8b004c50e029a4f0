// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstring>
#include <memory>

#include "models/tensor_file/safetensors.h"
#include "tests/fuzz/fuzz_target.h"

// A safetensors file. Every byte of every tensor can be read, and what was read can be written and
// read again.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Memory of exactly this size, so that a byte beyond it is noticed.
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  hepar::LooksLikeSafetensors({copy.get(), size});
  return hepar::MayRefuse([&] {
    const hepar::SafetensorsFile file({copy.get(), size}, "input");
    const std::string written = hepar::WriteSafetensors(file.tensors(), file.metadata());
    const hepar::SafetensorsFile again(written, "written");
    if (again.tensors().size() != file.tensors().size()) std::abort();
    for (const auto& [name, tensor] : file.tensors()) {
      if (again.tensors().at(name).shape != tensor.shape) std::abort();
    }
  });
}
