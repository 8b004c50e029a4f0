// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hepar {

// The values of a Python pickle, as plain data: nothing that it names is looked up, made or called.
//
// Reads the opcodes of protocol 2 that PyTorch writes (pickletools.py of Python describes them) and
// refuses the others. The number of values, of their uses and their depth are bounded; no value
// changes once another holds it, so that there are no circles. Takes 100 MiB of memory at most.
class Pickle {
 public:
  enum class Kind : std::uint8_t {
    kNone,
    kBool,
    kInteger,
    kNumber,
    kString,
    kTuple,
    kList,
    kDict,
    kOrderedDict,  // collections.OrderedDict, of which attributes of its own are left out.
    kGlobal,       // A class or function that is named.
    kCall,         // What such a function would make: items are the function and a tuple.
    kObject,     // An instance of a class: items are the class and, where there is one, its state.
    kPersistent  // A reference to something outside the pickle: its one item says to what.
  };
  using Id = std::uint32_t;
  struct Value {
    Kind kind = Kind::kNone;
    bool held = false;  // Another value holds it.
    std::uint8_t depth = 0;
    std::int64_t integer = 0;  // kBool, kInteger.
    double number = 0.0;       // kNumber.
    std::string_view text;     // kString; kGlobal: "module\nname\n".
    std::vector<Id> items;     // Of a dict: key, value, key, value ...
  };

  static constexpr int kMaxDepth = 100;

  // Whether the pickle may name the class or function `name` ("collections.OrderedDict").
  using MayName = std::function<bool(const std::string& name)>;

  // Reads `bytes`, which must outlive this. Throws Error(kDamaged), without naming the file.
  Pickle(std::string_view bytes, const MayName& may_name);

  Id root() const { return root_; }
  Id size() const { return static_cast<Id>(values_.size()); }
  const Value& operator[](Id id) const { return values_[id]; }

  // "module.name" of a kGlobal.
  static std::string NameOf(const Value& global);
  // Whether `id` is the class or function `name`.
  bool IsGlobal(Id id, std::string_view name) const;
  // Whether `id` is what the function `name` makes.
  bool IsCall(Id id, std::string_view name) const;
  // The arguments of a kCall.
  const std::vector<Id>& ArgumentsOf(Id call) const;

  // The value `id` as a pickle of its own. What it holds twice is written once.
  std::string Write(Id id) const;

 private:
  std::vector<Value> values_;
  Id root_ = 0;
};

// What a value is, for messages: "a list", "an object of the class __torch__.Net".
std::string Describe(const Pickle& pickle, Pickle::Id id);

}  // namespace hepar
