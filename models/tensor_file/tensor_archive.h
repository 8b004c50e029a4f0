// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/error.h"
#include "models/tensor_file/pickle.h"
#include "models/torch_archive.h"

namespace hepar {

enum class TensorType {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUInt8,
  kBool
};

// A tensor as a file holds it. Everything about it is checked: every value that shape and strides
// reach lies in the file, and there are no more values than the file has.
struct StoredTensor {
  TensorType type = TensorType::kFloat32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // In values, none below 0.
  const void* data = nullptr;         // The first value, aligned. The ArchiveParts own it.
};

using StoredTensors = std::map<std::string, StoredTensor>;

// The tensors of a PyTorch container, read without LibTorch: the pickle NAME.pkl says what each is,
// the parts NAME/0, NAME/1 ... hold the numbers. Nothing of the file is ever run.
class TensorArchive {
 public:
  // What the pickle may hold.
  enum class Content {
    kTensors,  // Modules and dicts of tensors: model bundles, checkpoints and weights.
    kScript    // What else TorchScript keeps: lists, numbers, texts, devices.
  };

  // Checks all that NAME.pkl holds: that it names nothing else than tensors are made of, types,
  // sizes and strides, and the length of each part. Every part below NAME/ must be in use. `parts`
  // must outlive this; `origin` names the file in messages. Throws Error(kDamaged).
  TensorArchive(const ArchiveParts& parts, const std::string& name, Content content,
                const std::string& origin);

  const Pickle& pickle() const { return pickle_; }

  // The tensors of the module that the pickle is, by their path: "ic1.trunk.stem.conv.weight".
  // The module must be of the class __torch__.ROOT and a submodule of it of the class
  // __torch__.ROOT_NAME, and so on. Every attribute must be a module or a tensor, but for those of
  // the outermost that `texts` names, which are texts and are filled in; and those that `apart`
  // names, which are left out. Throws Error(kDamaged).
  StoredTensors ModuleTensors(const std::string& root,
                              std::map<std::string, std::string>* texts = nullptr,
                              const std::string& apart = "") const;

  // The tensors that a dict holds beside other things, or, when it holds none, its entry
  // "state_dict"; or those of a module of any class. Throws Error(kDamaged) for anything else.
  StoredTensors DictTensors() const;

  // The tensors of a module of any class, and of the modules in it, by their path behind `prefix`.
  // Other attributes are left out.
  StoredTensors TensorsBelow(Pickle::Id module, const std::string& prefix) const;

  // The attribute `name` of the module that the pickle is; null when there is none.
  const Pickle::Id* Attribute(std::string_view name) const;

  // The parts NAME/... that `id` and what it holds refer to.
  std::vector<std::string> PartsOf(Pickle::Id id) const;

 private:
  struct Storage {
    TensorType type;
    std::size_t count;  // Values.
    std::string part;
    const char* data;
  };
  struct Walk;

  void CheckValue(Pickle::Id id);
  void CheckObject(Pickle::Id id) const;
  void CheckCall(Pickle::Id id);
  void ReadStorage(Pickle::Id id);
  void ReadTensor(Pickle::Id id);
  void CheckScriptCall(const std::string& function, const std::vector<Pickle::Id>& arguments) const;
  // The dict of a module's attributes.
  const Pickle::Value& AttributesOf(Pickle::Id module) const;
  void Collect(Pickle::Id module, const std::string& type, const std::string& prefix,
               Walk* walk) const;
  void CollectDict(const Pickle::Value& dict, StoredTensors* tensors) const;
  Pickle::Id WithoutTypeTag(Pickle::Id id) const;
  Error Wrong(const std::string& what) const;

  const ArchiveParts& parts_;
  std::string name_, origin_;
  Content content_;
  Pickle pickle_;
  std::map<std::string, TensorType> types_;  // Of each part that is in use.
  std::map<Pickle::Id, Storage> storages_;   // By the value that refers to them.
  std::map<Pickle::Id, StoredTensor> tensors_;
};

}  // namespace hepar
