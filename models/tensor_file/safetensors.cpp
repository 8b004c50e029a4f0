// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "models/json_text.h"
#include "models/printable.h"

namespace hepar {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeader = 100'000'000;  // As the reference implementation.
constexpr std::size_t kMaxTensors = 100000;
constexpr std::size_t kMaxDimensions = 8;
constexpr std::size_t kAlignment = 8;
constexpr char kMetadata[] = "__metadata__";

struct NumberType {
  const char* name;
  TensorType type;
  std::size_t size;
};
constexpr NumberType kNumberTypes[] = {
    {"F64", TensorType::kFloat64, 8}, {"F32", TensorType::kFloat32, 4},
    {"F16", TensorType::kFloat16, 2}, {"BF16", TensorType::kBFloat16, 2},
    {"I64", TensorType::kInt64, 8},   {"I32", TensorType::kInt32, 4},
    {"I16", TensorType::kInt16, 2},   {"I8", TensorType::kInt8, 1},
    {"U8", TensorType::kUInt8, 1},    {"BOOL", TensorType::kBool, 1},
};

const NumberType* NumberTypeOf(TensorType type) {
  return std::find_if(std::begin(kNumberTypes), std::end(kNumberTypes),
                      [&](const NumberType& known) { return known.type == type; });
}

std::uint64_t LengthAt(std::string_view bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return length;
}

// Parses the header. JSON lets a name appear twice, and the library keeps one of both; here two
// readers of a file must not see two files.
json ParseHeader(std::string_view text) {
  std::vector<std::set<std::string>> names;
  return json::parse(
      text.begin(), text.end(), [&](int depth, json::parse_event_t event, json& value) {
        if (depth > kMaxJsonDepth) throw Error(ErrorKind::kDamaged, "is nested too deeply");
        if (event == json::parse_event_t::object_start) {
          names.emplace_back();
        } else if (event == json::parse_event_t::object_end) {
          names.pop_back();
        } else if (event == json::parse_event_t::key) {
          const auto& name = value.get_ref<const std::string&>();
          if (!names.back().insert(name).second) {
            throw Error(ErrorKind::kDamaged, "names '" + Printable(name) + "' twice");
          }
        }
        return true;
      });
}

// A tensor of the header, before its numbers are looked at.
struct Entry {
  std::string name;
  StoredTensor tensor;
  std::size_t begin = 0, end = 0, alignment = 1;
};

std::size_t SizeOf(const json& value, const char* what) {
  if (!value.is_number_unsigned()) {
    throw Error(ErrorKind::kDamaged,
                std::string("has ") + what + " that is no whole number from 0");
  }
  return value.get<std::size_t>();
}

// Throws Error whose message goes on after "tensor 'NAME' ".
Entry ReadEntry(const std::string& name, const json& description, std::size_t room) {
  const auto wrong = [](const std::string& what) { return Error(ErrorKind::kDamaged, what); };
  if (!description.is_object() || description.size() != 3 || !description.contains("dtype") ||
      !description.contains("shape") || !description.contains("data_offsets")) {
    throw wrong("is not described by dtype, shape and data_offsets");
  }
  const json& dtype = description["dtype"];
  const json& shape = description["shape"];
  const json& offsets = description["data_offsets"];
  if (!dtype.is_string()) throw wrong("has a dtype that is no text");
  const auto* type = std::find_if(
      std::begin(kNumberTypes), std::end(kNumberTypes),
      [&](const NumberType& known) { return dtype.get_ref<const std::string&>() == known.name; });
  if (type == std::end(kNumberTypes)) {
    throw Error(ErrorKind::kMismatch,
                "has numbers of the type '" + Printable(dtype.get_ref<const std::string&>()) +
                    "', which this program does not read; save the model as F32");
  }
  if (!offsets.is_array() || offsets.size() != 2) throw wrong("has no two data_offsets");
  if (!shape.is_array() || shape.size() > kMaxDimensions) throw wrong("has no shape");

  Entry entry;
  entry.name = name;
  entry.alignment = type->size;
  entry.begin = SizeOf(offsets[0], "an offset");
  entry.end = SizeOf(offsets[1], "an offset");
  if (entry.begin > entry.end || entry.end > room) {
    throw wrong("lies outside the file, which has " + std::to_string(room) +
                " bytes after its header");
  }
  const std::size_t length = entry.end - entry.begin;
  std::size_t values = 1;
  bool empty = false;
  for (const json& side : shape) {
    const std::size_t n = SizeOf(side, "a side");
    // An empty tensor may have other sides of any length; no product of them may overflow.
    const std::size_t most = std::max(room, std::size_t{1} << 30);
    empty = empty || n == 0;
    if (n > most / values) throw wrong("is larger than the file");
    if (n > 0) values *= n;
    entry.tensor.shape.push_back(static_cast<std::int64_t>(n));
  }
  if ((empty ? 0 : values) > room / type->size || (empty ? 0 : values) * type->size != length) {
    throw wrong("has " + std::to_string(length) + " bytes, which is not what its shape and type '" +
                type->name + "' need");
  }
  entry.tensor.type = type->type;
  entry.tensor.strides.assign(entry.tensor.shape.size(), 1);
  for (std::size_t i = entry.tensor.shape.size(); i-- > 1;) {
    entry.tensor.strides[i - 1] =
        entry.tensor.strides[i] * std::max<std::int64_t>(entry.tensor.shape[i], 1);
  }
  return entry;
}

std::map<std::string, std::string> ReadMetadata(const json& object) {
  std::map<std::string, std::string> metadata;
  if (!object.is_object()) throw Error(ErrorKind::kDamaged, "is no object of texts");
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) throw Error(ErrorKind::kDamaged, "is no object of texts");
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

std::size_t CountOf(const StoredTensor& tensor) {
  std::size_t count = 1;
  for (const std::int64_t side : tensor.shape) count *= static_cast<std::size_t>(side);
  return count;
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::string_view bytes, const std::string& origin) {
  const auto damaged = [&](const std::string& what) {
    return Error(ErrorKind::kDamaged, origin + ": " + what);
  };
  if (bytes.size() < kLengthBytes) throw damaged("is too short for a safetensors file");
  const std::uint64_t length = LengthAt(bytes);
  if (length > bytes.size() - kLengthBytes) {
    throw damaged("is cut off: its header would have " + std::to_string(length) +
                  " bytes, and the file has " + std::to_string(bytes.size()));
  }
  if (length > kMaxHeader) throw damaged("the header is too large");
  const std::string_view text = bytes.substr(kLengthBytes, length);
  const std::string_view data = bytes.substr(kLengthBytes + length);
  if (text.empty() || text[0] != '{') throw damaged("the header is no JSON object");

  json header;
  try {
    header = ParseHeader(text);
  } catch (const json::exception&) {
    // The library's message would show bytes of the file.
    throw damaged("the header is no JSON");
  } catch (const Error& error) {
    throw damaged(std::string("the header ") + error.what());
  }
  if (header.size() > kMaxTensors) throw damaged("has too many tensors");

  std::vector<Entry> entries;
  for (const auto& [name, description] : header.items()) {
    const bool is_metadata = name == kMetadata;
    try {
      if (is_metadata) {
        metadata_ = ReadMetadata(description);
      } else {
        entries.push_back(ReadEntry(name, description, data.size()));
      }
    } catch (const Error& error) {
      throw Error(error.kind(), origin + ": " +
                                    (is_metadata ? kMetadata : "tensor '" + Printable(name) + "'") +
                                    " " + error.what());
    }
  }

  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::size_t covered = 0;
  for (Entry& entry : entries) {
    if (entry.begin != covered) {
      throw damaged("tensor '" + Printable(entry.name) + "' begins at byte " +
                    std::to_string(entry.begin) +
                    " of the numbers, and the one before it ends at " + std::to_string(covered));
    }
    covered = entry.end;
    const char* numbers = data.data() + entry.begin;
    // Nothing in the format aligns tensors.
    if (reinterpret_cast<std::uintptr_t>(numbers) % entry.alignment != 0) {
      copies_.push_back(std::make_unique<char[]>(entry.end - entry.begin));
      std::memcpy(copies_.back().get(), numbers, entry.end - entry.begin);
      numbers = copies_.back().get();
    }
    entry.tensor.data = numbers;
    tensors_.emplace(entry.name, std::move(entry.tensor));
  }
  if (covered != data.size()) {
    throw damaged("has " + std::to_string(data.size() - covered) +
                  " bytes after its last tensor that belong to none");
  }
}

bool LooksLikeSafetensors(std::string_view bytes) {
  // Zip files and old files of PyTorch have other bytes at this place.
  return bytes.size() > kLengthBytes && bytes[kLengthBytes] == '{';
}

std::string WriteSafetensors(const StoredTensors& tensors,
                             const std::map<std::string, std::string>& metadata) {
  // Large types first, so that all tensors are aligned where the header is.
  std::vector<StoredTensors::const_iterator> order;
  for (auto it = tensors.begin(); it != tensors.end(); ++it) order.push_back(it);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return NumberTypeOf(a->second.type)->size > NumberTypeOf(b->second.type)->size;
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::string numbers;
  for (const auto& it : order) {
    const auto& [name, tensor] = *it;
    const NumberType* type = NumberTypeOf(tensor.type);
    const std::size_t begin = numbers.size();
    numbers.append(static_cast<const char*>(tensor.data), CountOf(tensor) * type->size);
    header[name] = {
        {"dtype", type->name}, {"shape", tensor.shape}, {"data_offsets", {begin, numbers.size()}}};
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  std::string file;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    file.push_back(static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i)));
  }
  return file + text + numbers;
}

}  // namespace hepar
