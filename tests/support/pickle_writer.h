// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hepar::testing {

// Writes pickles opcode by opcode, sound ones and others.
class PickleWriter {
 public:
  PickleWriter& Raw(const std::string& bytes) {
    out_ += bytes;
    return *this;
  }
  PickleWriter& Mark() { return Raw("("); }
  PickleWriter& Tuple() { return Raw("t"); }  // Of what was put since the mark.
  PickleWriter& Call() { return Raw("R"); }
  PickleWriter& Bool(bool value) { return Raw(value ? "\x88" : "\x89"); }
  PickleWriter& Global(const std::string& module, const std::string& name) {
    return Raw("c" + module + "\n" + name + "\n");
  }
  PickleWriter& Text(const std::string& text) { return Raw("X" + Little(text.size(), 4) + text); }
  // 64 bits, as LibTorch writes what does not fit into 32.
  PickleWriter& Integer(std::int64_t value) {
    return Raw("\x8a\x08" + Little(static_cast<std::uint64_t>(value), 8));
  }
  PickleWriter& Integers(const std::vector<std::int64_t>& values) {
    Mark();
    for (const std::int64_t value : values) Integer(value);
    return Tuple();
  }

  // A float32 tensor in the part data/`key` of `count` values.
  PickleWriter& Tensor(const std::string& key, std::int64_t count,
                       const std::vector<std::int64_t>& shape,
                       const std::vector<std::int64_t>& strides, std::int64_t offset = 0,
                       const std::string& storage = "FloatStorage") {
    Global("torch._utils", "_rebuild_tensor_v2").Mark();
    Mark().Text("storage").Global("torch", storage).Text(key).Text("cpu").Integer(count).Tuple();
    Raw("Q").Integer(offset).Integers(shape).Integers(strides).Bool(false);
    Global("collections", "OrderedDict").Raw(")").Call();
    return Tuple().Call();
  }

  // An object of the class __torch__.`type`, whose attributes follow until EndObject().
  PickleWriter& Object(const std::string& type) { return Global("__torch__", type).Raw(")\x81}("); }
  PickleWriter& EndObject() { return Raw("ub"); }

  std::string Done() const { return "\x80\x02" + out_ + "."; }

  static std::string Little(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
  }

 private:
  std::string out_;
};

}  // namespace hepar::testing
