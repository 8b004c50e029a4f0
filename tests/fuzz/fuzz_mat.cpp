// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/fuzz/fuzz_target.h"
#include "training/data/mat_check.h"
#include "training/data/mat_file.h"

// MAT files.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hepar::InputFile file(data, size, ".mat");
  return hepar::MayRefuse([&] { hepar::ReadMatFile(file.path()); });
}
