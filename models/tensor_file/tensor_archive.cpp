// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/tensor_archive.h"

#include <algorithm>
#include <set>
#include <utility>

#include "models/printable.h"

namespace hepar {
namespace {

using Kind = Pickle::Kind;
using Id = Pickle::Id;

constexpr std::size_t kMaxPickle = 64 << 20;
constexpr std::size_t kMaxDimensions = 8;
constexpr std::int64_t kMaxEmptySides = 1 << 30;  // Product of the sides that are not 0.
constexpr int kMaxModules = 100000;
constexpr std::size_t kMaxTypeText = 1000;

constexpr char kClasses[] = "__torch__.";
constexpr char kTensor[] = "torch._utils._rebuild_tensor_v2";
constexpr char kParameter[] = "torch._utils._rebuild_parameter";
constexpr char kTypeTag[] = "torch.jit._pickle.restore_type_tag";
constexpr char kOrderedDict[] = "collections.OrderedDict";
constexpr char kIntegers[] = "torch.jit._pickle.build_intlist";
constexpr char kNumbers[] = "torch.jit._pickle.build_doublelist";
constexpr char kBooleans[] = "torch.jit._pickle.build_boollist";
constexpr char kTensors[] = "torch.jit._pickle.build_tensorlist";
constexpr char kDevice[] = "torch.device";

struct StorageType {
  const char* name;
  TensorType type;
  std::size_t size;
};
constexpr StorageType kStorageTypes[] = {
    {"torch.DoubleStorage", TensorType::kFloat64, 8},
    {"torch.FloatStorage", TensorType::kFloat32, 4},
    {"torch.HalfStorage", TensorType::kFloat16, 2},
    {"torch.BFloat16Storage", TensorType::kBFloat16, 2},
    {"torch.LongStorage", TensorType::kInt64, 8},
    {"torch.IntStorage", TensorType::kInt32, 4},
    {"torch.ShortStorage", TensorType::kInt16, 2},
    {"torch.CharStorage", TensorType::kInt8, 1},
    {"torch.ByteStorage", TensorType::kUInt8, 1},
    {"torch.BoolStorage", TensorType::kBool, 1},
};

const StorageType* StorageTypeOf(const std::string& name) {
  for (const StorageType& type : kStorageTypes) {
    if (name == type.name) return &type;
  }
  return nullptr;
}

bool StartsWith(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

bool MayName(const std::string& name, TensorArchive::Content content) {
  for (const char* known : {kTensor, kParameter, kTypeTag, kOrderedDict}) {
    if (name == known) return true;
  }
  if (StartsWith(name, kClasses) || StorageTypeOf(name)) return true;
  if (content == TensorArchive::Content::kTensors) return false;
  for (const char* known : {kIntegers, kNumbers, kBooleans, kTensors, kDevice}) {
    if (name == known) return true;
  }
  return false;
}

// What is wrong within a pickle is said with the file and the part.
Pickle ReadPickle(const ArchiveParts& parts, const std::string& name,
                  TensorArchive::Content content, const std::string& origin) {
  const auto part = parts.find(name + ".pkl");
  const std::string where = origin + ": part '" + name + ".pkl' ";
  if (part == parts.end()) {
    throw Error(ErrorKind::kDamaged, origin + ": holds no part '" + name + ".pkl'");
  }
  if (part->second.size() > kMaxPickle) {
    throw Error(ErrorKind::kDamaged, where + "is too large");
  }
  try {
    return Pickle(part->second,
                  [&](const std::string& global) { return MayName(global, content); });
  } catch (const Error& error) {
    throw Error(error.kind(), where + error.what());
  }
}

}  // namespace

// What Collect() was told and has found.
struct TensorArchive::Walk {
  bool strict = false;  // Nothing but tensors and modules of the expected classes.
  std::map<std::string, std::string>* texts = nullptr;
  std::string apart;
  int modules = 0;
  StoredTensors tensors;
};

TensorArchive::TensorArchive(const ArchiveParts& parts, const std::string& name, Content content,
                             const std::string& origin)
    : parts_(parts),
      name_(name),
      origin_(origin),
      content_(content),
      pickle_(ReadPickle(parts, name, content, origin)) {
  const auto order = parts_.find("byteorder");
  if (order != parts_.end() && order->second != "little") {
    throw Error(ErrorKind::kDamaged, origin_ +
                                         ": its numbers are in another order of bytes than "
                                         "this program reads");
  }
  // What a tensor is made of was made before it.
  for (Id id = 0; id < pickle_.size(); ++id) CheckValue(id);

  for (const auto& [part, bytes] : parts_) {
    if (StartsWith(part, name_ + "/") && types_.count(part) == 0) {
      throw Wrong("does not refer to the part '" + Printable(part) + "'");
    }
  }
}

Error TensorArchive::Wrong(const std::string& what) const {
  return Error(ErrorKind::kDamaged, origin_ + ": part '" + name_ + ".pkl' " + what);
}

void TensorArchive::CheckValue(Id id) {
  switch (pickle_[id].kind) {
    case Kind::kPersistent:
      ReadStorage(id);
      return;
    case Kind::kCall:
      CheckCall(id);
      return;
    case Kind::kObject:
      CheckObject(id);
      return;
    default:
      return;
  }
}

void TensorArchive::CheckObject(Id id) const {
  const std::string type = Pickle::NameOf(pickle_[pickle_[id].items[0]]);
  if (!StartsWith(type, kClasses)) throw Wrong("makes an object of '" + Printable(type) + "'");
}

void TensorArchive::CheckCall(Id id) {
  const std::string function = Pickle::NameOf(pickle_[pickle_[id].items[0]]);
  const auto& arguments = pickle_.ArgumentsOf(id);
  if (function == kTensor) {
    ReadTensor(id);
  } else if (function == kParameter) {
    // The tensor, whether it asks for a gradient, and hooks.
    const auto tensor = arguments.size() == 3 ? tensors_.find(arguments[0]) : tensors_.end();
    if (tensor == tensors_.end()) throw Wrong("has a parameter that is no tensor");
    tensors_.emplace(id, StoredTensor(tensor->second));
  } else if (function == kTypeTag) {
    if (arguments.size() != 2 || pickle_[arguments[1]].kind != Kind::kString) {
      throw Wrong("has a type tag without a type");
    }
    // LibTorch reads types by recursion.
    const std::string_view type = pickle_[arguments[1]].text;
    if (type.size() > kMaxTypeText ||
        std::count(type.begin(), type.end(), '[') > Pickle::kMaxDepth) {
      throw Wrong("has a type that is too long");
    }
  } else if (content_ == Content::kScript) {
    CheckScriptCall(function, arguments);
  } else {
    throw Wrong("calls '" + Printable(function) + "'");
  }
}

void TensorArchive::CheckScriptCall(const std::string& function,
                                    const std::vector<Id>& arguments) const {
  const auto is_list_of = [&](Kind kind) {
    if (arguments.size() != 1 || pickle_[arguments[0]].kind != Kind::kList) return false;
    const auto& items = pickle_[arguments[0]].items;
    return std::all_of(items.begin(), items.end(), [&](Id item) {
      return kind == Kind::kCall ? tensors_.count(item) > 0 : pickle_[item].kind == kind;
    });
  };
  const bool fits = function == kIntegers   ? is_list_of(Kind::kInteger)
                    : function == kNumbers  ? is_list_of(Kind::kNumber)
                    : function == kBooleans ? is_list_of(Kind::kBool)
                    : function == kTensors  ? is_list_of(Kind::kCall)
                    : function == kDevice
                        ? arguments.size() == 1 && pickle_[arguments[0]].kind == Kind::kString
                        : false;
  if (!fits) throw Wrong("calls '" + Printable(function) + "' with something else than it takes");
}

// ('storage', type, key, device, number of values)
void TensorArchive::ReadStorage(Id id) {
  const Pickle::Value& reference = pickle_[pickle_[id].items[0]];
  const auto kind = [&](std::size_t i) { return pickle_[reference.items[i]].kind; };
  if (reference.kind != Kind::kTuple || reference.items.size() != 5 || kind(0) != Kind::kString ||
      pickle_[reference.items[0]].text != "storage" || kind(1) != Kind::kGlobal ||
      kind(2) != Kind::kString || kind(3) != Kind::kString || kind(4) != Kind::kInteger) {
    throw Wrong("refers to something that is no storage of a tensor");
  }
  const std::string type_name = Pickle::NameOf(pickle_[reference.items[1]]);
  const StorageType* type = StorageTypeOf(type_name);
  if (!type) throw Wrong("has a storage of the type '" + Printable(type_name) + "'");

  const std::string part_name = name_ + "/" + std::string(pickle_[reference.items[2]].text);
  const auto part = parts_.find(part_name);
  if (part == parts_.end()) {
    throw Wrong("refers to the part '" + Printable(part_name) + "', which is not there");
  }
  const std::int64_t count = pickle_[reference.items[4]].integer;
  if (count < 0 || part->second.size() % type->size != 0 ||
      static_cast<std::uint64_t>(count) != part->second.size() / type->size) {
    throw Wrong("says that the part '" + Printable(part_name) + "' has " + std::to_string(count) +
                " values of " + std::to_string(type->size) + " bytes; it has " +
                std::to_string(part->second.size()) + " bytes");
  }
  if (types_.emplace(part_name, type->type).first->second != type->type) {
    throw Wrong("reads the part '" + Printable(part_name) + "' as two types of numbers");
  }
  storages_.emplace(
      id, Storage{type->type, static_cast<std::size_t>(count), part_name, part->second.data()});
}

// (storage, offset, shape, strides, requires_grad, hooks)
void TensorArchive::ReadTensor(Id id) {
  const auto& arguments = pickle_.ArgumentsOf(id);
  const auto storage = arguments.size() == 6 ? storages_.find(arguments[0]) : storages_.end();
  if (storage == storages_.end() || pickle_[arguments[1]].kind != Kind::kInteger ||
      pickle_[arguments[4]].kind != Kind::kBool || !pickle_[arguments[5]].items.empty()) {
    throw Wrong("has a tensor that is not described as PyTorch does");
  }
  const auto integers = [&](Id tuple) {
    std::vector<std::int64_t> values;
    if (pickle_[tuple].kind != Kind::kTuple || pickle_[tuple].items.size() > kMaxDimensions) {
      throw Wrong("has a tensor without a shape");
    }
    for (const Id item : pickle_[tuple].items) {
      if (pickle_[item].kind != Kind::kInteger || pickle_[item].integer < 0) {
        throw Wrong("has a tensor whose sizes or strides are no whole numbers from 0");
      }
      values.push_back(pickle_[item].integer);
    }
    return values;
  };
  StoredTensor tensor;
  tensor.type = storage->second.type;
  tensor.shape = integers(arguments[2]);
  tensor.strides = integers(arguments[3]);
  if (tensor.shape.size() != tensor.strides.size()) {
    throw Wrong("has a tensor of " + std::to_string(tensor.shape.size()) + " sizes and " +
                std::to_string(tensor.strides.size()) + " strides");
  }

  // Index of the last value and number of values, none of which may leave the storage.
  const Error outside =
      Wrong("has a tensor that is larger than its part '" + Printable(storage->second.part) + "'");
  const auto room = static_cast<std::int64_t>(storage->second.count);
  const std::int64_t offset = pickle_[arguments[1]].integer;
  if (offset < 0 || offset > room) throw outside;
  const bool empty = std::count(tensor.shape.begin(), tensor.shape.end(), 0) > 0;
  const std::int64_t most = empty ? kMaxEmptySides : room;
  std::int64_t last = offset, count = 1;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    const std::int64_t side = tensor.shape[i], stride = tensor.strides[i];
    if (side == 0) continue;
    if (side > most / count) throw outside;
    count *= side;
    if (empty || side == 1) continue;
    if (stride > (room - last) / (side - 1)) throw outside;
    last += stride * (side - 1);
  }
  if (!empty && last >= room) throw outside;

  for (const StorageType& type : kStorageTypes) {
    if (type.type != tensor.type) continue;
    tensor.data = storage->second.data + static_cast<std::size_t>(offset) * type.size;
  }
  tensors_.emplace(id, std::move(tensor));
}

const Pickle::Value& TensorArchive::AttributesOf(Id module) const {
  const Pickle::Value& object = pickle_[module];
  if (object.kind != Kind::kObject) {
    throw Wrong("holds " + Describe(pickle_, module) + " where a module is expected");
  }
  if (object.items.size() != 2 || pickle_[object.items[1]].kind != Kind::kDict) {
    throw Wrong("has a module without attributes");
  }
  const Pickle::Value& attributes = pickle_[object.items[1]];
  for (std::size_t i = 0; i < attributes.items.size(); i += 2) {
    if (pickle_[attributes.items[i]].kind != Kind::kString) {
      throw Wrong("has an attribute whose name is no text");
    }
  }
  return attributes;
}

void TensorArchive::Collect(Id module, const std::string& type, const std::string& prefix,
                            Walk* walk) const {
  if (++walk->modules > kMaxModules) throw Wrong("has too many modules");
  if (walk->strict && pickle_[module].kind == Kind::kObject &&
      !pickle_.IsGlobal(pickle_[module].items[0], kClasses + type)) {
    throw Wrong("has " + Describe(pickle_, module) + " where one of " + kClasses + type +
                " is expected");
  }
  const Pickle::Value& attributes = AttributesOf(module);
  for (std::size_t i = 0; i < attributes.items.size(); i += 2) {
    const std::string key(pickle_[attributes.items[i]].text);
    const Id id = attributes.items[i + 1];
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    const auto tensor = tensors_.find(id);
    if (tensor != tensors_.end()) {
      if (!walk->tensors.emplace(path, tensor->second).second) {
        throw Wrong("has two tensors '" + Printable(path) + "'");
      }
    } else if (walk->strict && prefix.empty() && key == walk->apart) {
      continue;
    } else if (walk->strict && prefix.empty() && walk->texts && walk->texts->count(key) > 0 &&
               pickle_[id].kind == Kind::kString) {
      (*walk->texts)[key] = std::string(pickle_[id].text);
    } else if (pickle_[id].kind == Kind::kObject) {
      Collect(id, type + "_" + key, path, walk);
    } else if (walk->strict) {
      throw Wrong("holds " + Describe(pickle_, id) + " as '" + Printable(path) +
                  "', which is neither a tensor nor a module");
    }
  }
}

StoredTensors TensorArchive::ModuleTensors(const std::string& root,
                                           std::map<std::string, std::string>* texts,
                                           const std::string& apart) const {
  Walk walk;
  walk.strict = true;
  walk.texts = texts;
  walk.apart = apart;
  Collect(pickle_.root(), root, "", &walk);
  return std::move(walk.tensors);
}

StoredTensors TensorArchive::TensorsBelow(Id module, const std::string& prefix) const {
  Walk walk;
  Collect(module, "", prefix, &walk);
  return std::move(walk.tensors);
}

Id TensorArchive::WithoutTypeTag(Id id) const {
  while (pickle_.IsCall(id, kTypeTag)) id = pickle_.ArgumentsOf(id)[0];
  return id;
}

void TensorArchive::CollectDict(const Pickle::Value& dict, StoredTensors* tensors) const {
  for (std::size_t i = 0; i < dict.items.size(); i += 2) {
    const auto tensor = tensors_.find(dict.items[i + 1]);
    if (tensor == tensors_.end() || pickle_[dict.items[i]].kind != Kind::kString) continue;
    const std::string name(pickle_[dict.items[i]].text);
    if (!tensors->emplace(name, tensor->second).second) {
      throw Wrong("has two tensors '" + Printable(name) + "'");
    }
  }
}

StoredTensors TensorArchive::DictTensors() const {
  const Id root = WithoutTypeTag(pickle_.root());
  if (pickle_[root].kind == Kind::kObject) return TensorsBelow(root, "");
  const auto is_dict = [this](Id id) {
    return pickle_[id].kind == Kind::kDict || pickle_[id].kind == Kind::kOrderedDict;
  };
  if (!is_dict(root)) throw Wrong("holds " + Describe(pickle_, root) + ", expected a dict");
  StoredTensors tensors;
  const Pickle::Value& dict = pickle_[root];
  CollectDict(dict, &tensors);
  for (std::size_t i = 0; i < dict.items.size() && tensors.empty(); i += 2) {
    const Pickle::Value& key = pickle_[dict.items[i]];
    const Id value = WithoutTypeTag(dict.items[i + 1]);
    if (key.kind == Kind::kString && key.text == "state_dict" && is_dict(value)) {
      CollectDict(pickle_[value], &tensors);
    }
  }
  return tensors;
}

const Id* TensorArchive::Attribute(std::string_view name) const {
  const Pickle::Value& attributes = AttributesOf(pickle_.root());
  for (std::size_t i = 0; i < attributes.items.size(); i += 2) {
    if (pickle_[attributes.items[i]].text == name) return &attributes.items[i + 1];
  }
  return nullptr;
}

std::vector<std::string> TensorArchive::PartsOf(Id id) const {
  std::set<std::string> parts;
  std::set<Id> seen = {id};
  std::vector<Id> waiting = {id};
  while (!waiting.empty()) {
    const Id next = waiting.back();
    waiting.pop_back();
    const auto storage = storages_.find(next);
    if (storage != storages_.end()) parts.insert(storage->second.part);
    for (const Id item : pickle_[next].items) {
      if (seen.insert(item).second) waiting.push_back(item);
    }
  }
  return {parts.begin(), parts.end()};
}

}  // namespace hepar
