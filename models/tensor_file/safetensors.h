// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/tensor_file/tensor_archive.h"

namespace hepar {

// A safetensors file: the length of a header as 64 bits, little-endian; the header, a JSON object
// with `dtype`, `shape` and `data_offsets` of each tensor and an object of texts,
// `__metadata__`; and the numbers, one tensor after another. The format is that of the Hugging Face
// library `safetensors`.
class SafetensorsFile {
 public:
  // Reads the header, and checks that every tensor lies in the file, has as many bytes as its shape
  // and type say, and that the tensors cover the bytes after the header exactly, none twice.
  // `bytes` must outlive this; `origin` names the file in messages. Throws Error: kDamaged;
  // kMismatch for types of numbers that this program does not read, such as those of 8-bit floating
  // point.
  SafetensorsFile(std::string_view bytes, const std::string& origin);

  // The tensors by name, contiguous. They refer to `bytes` or, where a tensor is not aligned there,
  // to a copy in this.
  const StoredTensors& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  StoredTensors tensors_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::unique_ptr<char[]>> copies_;
};

// Whether `bytes` begin as a safetensors file does, and no PyTorch container.
bool LooksLikeSafetensors(std::string_view bytes);

// A file of these tensors, which must be contiguous.
std::string WriteSafetensors(const StoredTensors& tensors,
                             const std::map<std::string, std::string>& metadata);

}  // namespace hepar
