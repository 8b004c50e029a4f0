// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the fuzz targets share. A target feeds its input to one parser. The parser may refuse it, by
// hepar::Error; anything else that ends it is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <unistd.h>

#include "models/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hepar {

inline std::string_view TextOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Runs `parse`, which may refuse its input. Always 0, as libFuzzer asks.
template <typename Parse>
int MayRefuse(const Parse& parse) {
  try {
    parse();
  } catch (const Error&) {
    // The input is not valid, and the parser said so.
  }
  return 0;
}

// The input as a file, for parsers that take a path. Each process has one of its own name.
class InputFile {
 public:
  InputFile(const std::uint8_t* data, std::size_t size, const std::string& extension) {
    const char* folder = std::getenv("HEPAR_FUZZ_TMP");
    path_ = std::string(folder != nullptr ? folder : "/tmp") + "/hepar-fuzz-" +
            std::to_string(getpid()) + extension;
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  }
  ~InputFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hepar
