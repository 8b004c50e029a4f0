// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/tensor_file/pickle.h"
#include "models/tensor_file/script_archive.h"
#include "models/tensor_file/script_source.h"
#include "models/tensor_file/tensor_archive.h"
#include "models/torch_archive.h"
#include "tests/support/pickle_writer.h"

namespace hepar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PickleWriter;
using Kind = Pickle::Kind;

bool Anything(const std::string&) { return true; }

// The error of `function`, which must be one line of kDamaged.
std::string ErrorOf(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDamaged) << error.what();
    const std::string text = error.what();
    for (const char byte : text) EXPECT_TRUE(byte >= ' ' && byte <= '~') << text;
    EXPECT_LT(text.size(), 400u);
    return text;
  }
  ADD_FAILURE() << "was accepted";
  return "";
}

std::string PickleError(const std::string& bytes) {
  return ErrorOf([&] { Pickle(bytes, Anything); });
}

TEST(PickleTest, ReadsWhatPyTorchWrites) {
  const std::string bytes = PickleWriter()
                                .Mark()
                                .Raw("N")
                                .Bool(true)
                                .Raw("K\xff")
                                .Raw("M\x34\x12")
                                .Raw("J\xfe\xff\xff\xff")
                                .Integer(-3000000000)
                                .Raw(std::string("G\x3f\xe0\0\0\0\0\0\0", 9))
                                .Text("text")
                                .Raw("](NNe")    // A list.
                                .Raw("]Na")      // The same of one.
                                .Raw("}(K\1Nu")  // A dict.
                                .Raw("}K\1Ns")   // The same.
                                .Raw("K\1\x85")  // Tuples of one to three.
                                .Raw("K\1K\2\x86")
                                .Raw("K\1K\2K\3\x87")
                                .Raw(")q\7h\7")  // Put into the memo, and got from there.
                                .Raw(std::string("r\0\1\0\0j\0\1\0\0", 10))
                                .Tuple()
                                .Done();
  const Pickle pickle(bytes, Anything);
  const auto& items = pickle[pickle.root()].items;
  ASSERT_EQ(items.size(), 18u);
  const auto at = [&](std::size_t i) { return pickle[items[i]]; };
  EXPECT_EQ(at(0).kind, Kind::kNone);
  EXPECT_EQ(at(1).integer, 1);
  EXPECT_EQ(at(2).integer, 255);
  EXPECT_EQ(at(3).integer, 0x1234);
  EXPECT_EQ(at(4).integer, -2);
  EXPECT_EQ(at(5).integer, -3000000000);
  EXPECT_EQ(at(6).number, 0.5);
  EXPECT_EQ(at(7).text, "text");
  EXPECT_EQ(at(8).items.size(), 2u);
  EXPECT_EQ(at(9).items.size(), 1u);
  for (const std::size_t i : {10, 11}) EXPECT_EQ(at(i).items.size(), 2u);
  for (const std::size_t i : {12, 13, 14}) EXPECT_EQ(at(i).items.size(), i - 11);
  EXPECT_EQ(items[15], items[16]);
  EXPECT_EQ(items[16], items[17]);
}

TEST(PickleTest, IntegersHaveTheirSign) {
  const auto read = [](const std::string& opcode) {
    const std::string bytes = PickleWriter().Raw(opcode).Done();
    const Pickle pickle(bytes, Anything);
    return pickle[pickle.root()].integer;
  };
  EXPECT_EQ(read(std::string("\x8a\0", 2)), 0);
  EXPECT_EQ(read("\x8a\1\xff"), -1);
  EXPECT_EQ(read("\x8a\1\x7f"), 127);
  EXPECT_EQ(read(std::string("\x8a\2\xff\0", 4)), 255);
  EXPECT_EQ(read(std::string("\x8a\x08\0\0\0\0\0\0\0\x80", 10)), INT64_MIN);
}

TEST(PickleTest, NamesAndObjectsStayData) {
  const std::string bytes = PickleWriter()
                                .Object("Net")
                                .Text("call")
                                .Global("os", "system")
                                .Mark()
                                .Text("touch marker")
                                .Tuple()
                                .Call()
                                .EndObject()
                                .Done();
  const Pickle pickle(bytes, Anything);
  EXPECT_EQ(Describe(pickle, pickle.root()), "an object of the class __torch__.Net");
  const auto& state = pickle[pickle[pickle.root()].items[1]];
  EXPECT_TRUE(pickle.IsCall(state.items[1], "os.system"));
  const std::string refused = ErrorOf(
      [&] { Pickle(bytes, [](const std::string& name) { return name == "__torch__.Net"; }); });
  EXPECT_THAT(refused, HasSubstr("os.system"));
}

TEST(PickleTest, EveryOtherOpcodeIsRefused) {
  const std::string known = "(.GJKMNQRX]abcehjqrstu})\x80\x81\x85\x86\x87\x88\x89\x8a";
  int refused = 0;
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (known.find(static_cast<char>(opcode)) != std::string::npos) continue;
    const std::string bytes = PickleWriter().Raw("N").Raw({static_cast<char>(opcode)}).Done();
    EXPECT_THAT(PickleError(bytes), HasSubstr("opcode " + std::to_string(opcode)));
    ++refused;
  }
  EXPECT_EQ(refused, 256 - 32);
  EXPECT_THAT(PickleError(PickleWriter().Raw("N\x80\2").Done()), HasSubstr("opcode 128"));
}

TEST(PickleTest, ProgramsThatAreNoneAreRefused) {
  const auto error = [](const std::string& body) {
    return PickleError(PickleWriter().Raw(body).Done());
  };
  EXPECT_THAT(PickleError(""), HasSubstr("cut off"));
  EXPECT_THAT(PickleError(std::string("\x80\3N.", 4)), HasSubstr("protocol 2"));
  EXPECT_THAT(PickleError("\x80\2N.N"), HasSubstr("behind its end"));
  EXPECT_THAT(error(""), HasSubstr("one value"));
  EXPECT_THAT(error("NN"), HasSubstr("one value"));
  EXPECT_THAT(error("N("), HasSubstr("one value"));
  EXPECT_THAT(error("t"), HasSubstr("mark"));
  EXPECT_THAT(error("N(\x85"), HasSubstr("too many"));
  EXPECT_THAT(error("h\1"), HasSubstr("did not keep"));
  EXPECT_THAT(error("N(NNu"), HasSubstr("no dict"));
  EXPECT_THAT(error("}(Nu"), HasSubstr("without a value"));
  EXPECT_THAT(error("N(Ne"), HasSubstr("no list"));
  EXPECT_THAT(error("N)R"), HasSubstr("no function"));
  EXPECT_THAT(error("cos\nsystem\nNR"), HasSubstr("no function"));
  EXPECT_THAT(error("N)\x81"), HasSubstr("no class"));
  EXPECT_THAT(error("cos\nsystem\nN\x85\x81"), HasSubstr("no class"));
  EXPECT_THAT(error("N}b"), HasSubstr("takes none"));
  EXPECT_THAT(error("ca\nb\n)\x81}b}b"), HasSubstr("takes none"));
  EXPECT_THAT(error("ccollections\nOrderedDict\nN\x85R"), HasSubstr("OrderedDict"));
  EXPECT_THAT(error("\x8a\xff" + std::string(255, '\1')), HasSubstr("64 bits"));
  EXPECT_THAT(error("X\xff\xff\xff\xff"), HasSubstr("cut off"));
  EXPECT_THAT(error("c" + std::string(5000, 'x') + "\nname\n"), HasSubstr("without an end"));
}

TEST(PickleTest, DepthCirclesAndNumbersAreBounded) {
  const auto error = [](const std::string& body) {
    return PickleError(PickleWriter().Raw(body).Done());
  };
  EXPECT_THAT(error(")" + std::string(1000000, '\x85')), HasSubstr("nested too deeply"));
  EXPECT_THAT(error(std::string(1000000, '(')), HasSubstr("nested too deeply"));
  std::string lists;
  for (int i = 0; i < 1000; ++i) lists += "](";
  EXPECT_THAT(error(lists), HasSubstr("nested too deeply"));
  EXPECT_THAT(error("]q\1h\1a"), HasSubstr("in use"));             // A list in itself.
  EXPECT_THAT(error("]q\1]q\2h\1ah\1h\2a"), HasSubstr("in use"));  // Two in each other.
  EXPECT_THAT(error("]q\1\x85q\2h\1h\2a"), HasSubstr("in use"));
  EXPECT_THAT(error(std::string(1100000, 'N')), HasSubstr("too many values"));
  std::string uses = ")q\1(";
  for (int i = 0; i < 4100000; ++i) uses += "h\1";
  EXPECT_THAT(error(uses + "t"), HasSubstr("too many values"));
}

TEST(PickleTest, WhatIsUsedAgainAndAgainTakesNoRoom) {
  // 2^60 empty tuples, if each were one of its own.
  std::string body = ")";
  for (int i = 0; i < 60; ++i) body += "q\1h\1\x86";
  const std::string bytes = PickleWriter().Raw(body).Done();
  const Pickle pickle(bytes, Anything);
  EXPECT_EQ(pickle.size(), 61u);
  const std::string again = pickle.Write(pickle.root());
  EXPECT_LT(again.size(), 1200u);
  EXPECT_EQ(Pickle(again, Anything).size(), 61u);
}

TEST(PickleTest, EveryTruncationIsRefused) {
  const std::string whole =
      PickleWriter().Object("N").Text("w").Tensor("0", 4, {2, 2}, {2, 1}).EndObject().Done();
  Pickle(whole, Anything);
  for (std::size_t size = 0; size < whole.size(); ++size) PickleError(whole.substr(0, size));
}

bool Equal(const Pickle& a, Pickle::Id in_a, const Pickle& b, Pickle::Id in_b) {
  const Pickle::Value &x = a[in_a], &y = b[in_b];
  bool equal = x.kind == y.kind && x.integer == y.integer && x.number == y.number &&
               x.text == y.text && x.items.size() == y.items.size();
  for (std::size_t i = 0; equal && i < x.items.size(); ++i) {
    equal = Equal(a, x.items[i], b, y.items[i]);
  }
  return equal;
}

TEST(PickleTest, WritesWhatItRead) {
  const std::string bytes = PickleWriter()
                                .Object("Net")
                                .Text("w")
                                .Tensor("0", 4, {2, 2}, {2, 1})
                                .Raw("q\1")
                                .Text("again")
                                .Raw("h\1")
                                .Text("numbers")
                                .Mark()
                                .Integer(0)
                                .Integer(255)
                                .Integer(-1)
                                .Integer(INT32_MIN)
                                .Integer(INT64_MAX)
                                .Raw(std::string("G\xbf\xf0\0\0\0\0\0\1", 9))
                                .Raw("N])}")
                                .Bool(false)
                                .Tuple()
                                .Text("ordered")
                                .Global("collections", "OrderedDict")
                                .Raw(")R(K\1K\2u")
                                .EndObject()
                                .Done();
  const Pickle pickle(bytes, Anything);
  const std::string again = pickle.Write(pickle.root());
  const Pickle copy(again, Anything);
  EXPECT_TRUE(Equal(pickle, pickle.root(), copy, copy.root()));
  EXPECT_EQ(copy.Write(copy.root()), again);
}

std::string Floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// A module with the matrix `w` of 2 x 3 values, its transpose, and a part with one value.
ArchiveParts SoundParts() {
  PickleWriter pickle;
  pickle.Object("net")
      .Text("w")
      .Tensor("0", 6, {2, 3}, {3, 1})
      .Text("t")
      .Tensor("0", 6, {3, 2}, {1, 3});
  pickle.Text("part").Object("net_part").Text("b").Tensor("1", 3, {}, {}, 2).EndObject();
  pickle.EndObject();
  return {{"data.pkl", pickle.Done()},
          {"data/0", Floats({0, 1, 2, 3, 4, 5})},
          {"data/1", Floats({7, 8, 9})},
          {"version", "3\n"}};
}

StoredTensors Read(const ArchiveParts& parts) {
  return TensorArchive(parts, "data", TensorArchive::Content::kTensors, "file")
      .ModuleTensors("net");
}

// Reads every value that the tensor reaches; an address sanitizer sees the rest.
double SumOf(const StoredTensor& tensor, std::size_t dimension = 0, std::int64_t index = 0) {
  if (dimension == tensor.shape.size()) {
    return tensor.type == TensorType::kFloat32
               ? double{static_cast<const float*>(tensor.data)[index]}
               : double{static_cast<const unsigned char*>(tensor.data)[index] * 1.0};
  }
  double sum = 0.0;
  for (std::int64_t i = 0; i < tensor.shape[dimension]; ++i) {
    sum += SumOf(tensor, dimension + 1, index + i * tensor.strides[dimension]);
  }
  return sum;
}

TEST(TensorArchiveTest, GivesTensorsByTheirPaths) {
  const ArchiveParts parts = SoundParts();
  const StoredTensors tensors = Read(parts);
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_THAT(tensors.at("t").shape, ElementsAre(3, 2));
  EXPECT_THAT(tensors.at("t").strides, ElementsAre(1, 3));
  EXPECT_EQ(SumOf(tensors.at("w")), 15.0);
  EXPECT_EQ(SumOf(tensors.at("t")), 15.0);
  EXPECT_EQ(SumOf(tensors.at("part.b")), 9.0);
}

TEST(TensorArchiveTest, EveryTypeOfNumbersIsKnown) {
  const std::pair<const char*, std::pair<TensorType, std::size_t>> kTypes[] = {
      {"DoubleStorage", {TensorType::kFloat64, 8}}, {"FloatStorage", {TensorType::kFloat32, 4}},
      {"HalfStorage", {TensorType::kFloat16, 2}},   {"BFloat16Storage", {TensorType::kBFloat16, 2}},
      {"LongStorage", {TensorType::kInt64, 8}},     {"IntStorage", {TensorType::kInt32, 4}},
      {"ShortStorage", {TensorType::kInt16, 2}},    {"CharStorage", {TensorType::kInt8, 1}},
      {"ByteStorage", {TensorType::kUInt8, 1}},     {"BoolStorage", {TensorType::kBool, 1}}};
  for (const auto& [name, type] : kTypes) {
    SCOPED_TRACE(name);
    ArchiveParts parts;
    parts["data.pkl"] =
        PickleWriter().Object("net").Text("w").Tensor("0", 3, {3}, {1}, 0, name).EndObject().Done();
    parts["data/0"] = std::string(3 * type.second, '\0');
    EXPECT_EQ(Read(parts).at("w").type, type.first);
    parts["data/0"] += '\0';
    EXPECT_THAT(ErrorOf([&] { Read(parts); }), HasSubstr("data/0"));
  }
}

// The error for a module of one tensor `w` that `write` writes, with 6 values in data/0.
std::string TensorError(
    const std::function<void(PickleWriter&)>& write,
    const std::function<void(ArchiveParts&)>& change = [](ArchiveParts&) {}) {
  PickleWriter pickle;
  pickle.Object("net").Text("w");
  write(pickle);
  ArchiveParts parts = {{"data.pkl", pickle.EndObject().Done()},
                        {"data/0", Floats({0, 1, 2, 3, 4, 5})}};
  change(parts);
  return ErrorOf([&] { Read(parts); });
}

TEST(TensorArchiveTest, TensorsBeyondTheirPartAreRefused) {
  constexpr std::int64_t kLarge = std::int64_t{1} << 62;
  const struct {
    std::vector<std::int64_t> shape, strides;
    std::int64_t offset;
  } kOutside[] = {
      {{7}, {1}, 0},
      {{6}, {1}, 1},
      {{2, 3}, {4, 1}, 0},
      {{2}, {kLarge}, 0},
      {{kLarge}, {0}, 0},
      {{kLarge, kLarge}, {0, 0}, 0},
      {{kLarge, 4}, {1, 1}, 0},
      {{1}, {1}, 6},
      {{1}, {1}, kLarge},
      {{}, {}, 6},
      {{3, kLarge, 0}, {1, 1, 1}, 0},
      {{2}, {INT64_MAX}, 5},
      {{7, 1}, {0, 0}, 0},
      {{}, {}, -1},
  };
  for (const auto& tensor : kOutside) {
    SCOPED_TRACE(tensor.shape.size());
    EXPECT_THAT(TensorError([&](PickleWriter& pickle) {
                  pickle.Tensor("0", 6, tensor.shape, tensor.strides, tensor.offset);
                }),
                HasSubstr("data/0"));
  }
  for (const auto& [shape, strides] :
       {std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>{{-1}, {1}}, {{2}, {-1}}}) {
    EXPECT_THAT(TensorError([&, s = shape, t = strides](PickleWriter& pickle) {
                  pickle.Tensor("0", 6, s, t, 3);
                }),
                HasSubstr("whole numbers"));
  }
  EXPECT_THAT(TensorError([](PickleWriter& pickle) {
                pickle.Tensor("0", 6, {2}, {1, 1});
              }),
              HasSubstr("1 sizes and 2 strides"));
  EXPECT_THAT(TensorError([](PickleWriter& pickle) {
                pickle.Tensor("0", 6, std::vector<std::int64_t>(9, 1),
                              std::vector<std::int64_t>(9, 1));
              }),
              HasSubstr("shape"));
}

TEST(TensorArchiveTest, EmptyTensorsAreSound) {
  ArchiveParts parts;
  parts["data.pkl"] = PickleWriter()
                          .Object("net")
                          .Text("w")
                          .Tensor("0", 0, {0, 1000}, {1000, 1})
                          .EndObject()
                          .Done();
  parts["data/0"] = "";
  EXPECT_THAT(Read(parts).at("w").shape, ElementsAre(0, 1000));
}

TEST(TensorArchiveTest, PartsMustBeAsLongAsThePickleSays) {
  const auto sound = [](PickleWriter& pickle) { pickle.Tensor("0", 6, {6}, {1}); };
  for (const std::size_t size : {0, 4, 20, 23, 25, 28}) {
    EXPECT_THAT(TensorError(sound, [&](ArchiveParts& parts) { parts["data/0"].resize(size); }),
                HasSubstr("it has " + std::to_string(size) + " bytes"));
  }
  for (const std::int64_t count : {std::int64_t{-1}, std::int64_t{5}, std::int64_t{7}, INT64_MAX}) {
    EXPECT_THAT(TensorError([&](PickleWriter& pickle) { pickle.Tensor("0", count, {1}, {1}); }),
                HasSubstr("data/0"));
  }
  EXPECT_THAT(TensorError([](PickleWriter& pickle) { pickle.Tensor("9", 6, {6}, {1}); }),
              HasSubstr("'data/9', which is not there"));
  EXPECT_THAT(TensorError([](PickleWriter& pickle) { pickle.Tensor("../0", 6, {6}, {1}); }),
              HasSubstr("not there"));
  EXPECT_THAT(TensorError(sound, [](ArchiveParts& parts) { parts["data/1"] = "more"; }),
              HasSubstr("does not refer to the part 'data/1'"));
  EXPECT_THAT(TensorError(sound, [](ArchiveParts& parts) { parts["byteorder"] = "big"; }),
              HasSubstr("order of bytes"));
  EXPECT_THAT(TensorError(sound, [](ArchiveParts& parts) { parts.erase("data.pkl"); }),
              HasSubstr("no part 'data.pkl'"));
  EXPECT_THAT(TensorError([](PickleWriter& pickle) {
                pickle.Tensor("0", 6, {6}, {1}).Text("v");
                pickle.Tensor("0", 6, {6}, {1}, 0, "IntStorage");
              }),
              HasSubstr("two types"));
  EXPECT_THAT(
      TensorError([](PickleWriter& pickle) { pickle.Tensor("0", 6, {6}, {1}, 0, "QInt8Storage"); }),
      HasSubstr("torch.QInt8Storage"));
}

TEST(TensorArchiveTest, AnythingElseThanModulesOfTensorsIsRefused) {
  const auto error = [](const std::string& value) {
    return TensorError(
        [&](PickleWriter& pickle) { pickle.Tensor("0", 6, {6}, {1}).Text("more").Raw(value); });
  };
  const auto of = [](const PickleWriter& writer) {
    const std::string done = writer.Done();
    return done.substr(2, done.size() - 3);
  };
  EXPECT_THAT(error("N"), HasSubstr("None as 'more'"));
  EXPECT_THAT(error("K\1"), HasSubstr("an integer as 'more'"));
  EXPECT_THAT(error("]"), HasSubstr("a list as 'more'"));
  EXPECT_THAT(error(of(PickleWriter().Text("text"))), HasSubstr("a text as 'more'"));
  EXPECT_THAT(error(of(PickleWriter().Object("hook").EndObject())),
              HasSubstr("an object of the class __torch__.hook where one of "
                        "__torch__.net_more is expected"));
  EXPECT_THAT(error(of(PickleWriter()
                           .Global("__torch__", "net_more")
                           .Raw(")\x81N\x85"
                                "b"))),
              HasSubstr("without attributes"));
  EXPECT_THAT(error(of(PickleWriter().Global("__torch__", "net_more").Raw(")\x81"))),
              HasSubstr("without attributes"));
  for (const auto& [module, name] : {std::pair{"os", "system"},
                                     {"builtins", "eval"},
                                     {"posix", "system"},
                                     {"torch", "load"},
                                     {"torch.jit._pickle", "build_intlist"}}) {
    EXPECT_THAT(error(of(PickleWriter().Global(module, name).Mark().Text("x").Tuple().Call())),
                HasSubstr(std::string(module) + "." + name));
  }
  EXPECT_THAT(error(of(PickleWriter().Global("__torch__", "f").Raw(")R"))),
              HasSubstr("calls '__torch__.f'"));
  EXPECT_THAT(error(of(PickleWriter().Global("torch._utils", "_rebuild_tensor_v2").Raw(")R"))),
              HasSubstr("as PyTorch does"));
  EXPECT_THAT(error(of(PickleWriter().Global("torch._utils", "_rebuild_parameter").Raw(")R"))),
              HasSubstr("no tensor"));
  EXPECT_THAT(error("K\1Q"), HasSubstr("no storage"));
  EXPECT_THAT(error("]Q"), HasSubstr("no storage"));
  EXPECT_THAT(error("K\1\x85Q"), HasSubstr("no storage"));
  EXPECT_THAT(TensorError([](PickleWriter& pickle) {
                pickle.Tensor("0", 6, {6}, {1}).Text("w").Tensor("0", 6, {6}, {1});
              }),
              HasSubstr("two tensors 'w'"));
}

TEST(TensorArchiveTest, ModulesThatAreUsedAgainAndAgainAreRefused) {
  // 2^40 modules, if each were one of its own.
  PickleWriter pickle;
  std::string inner = "c__torch__\nx\n)\x81}b";
  for (int i = 0; i < 40; ++i) {
    inner = "c__torch__\nx\n)\x81}(X\1" + std::string(3, '\0') + "a" + inner + "q\1X\1" +
            std::string(3, '\0') + "bh\1ub";
  }
  const ArchiveParts parts = {{"data.pkl", pickle.Raw(inner).Done()}};
  const TensorArchive archive(parts, "data", TensorArchive::Content::kTensors, "file");
  EXPECT_THAT(ErrorOf([&] { archive.DictTensors(); }), HasSubstr("too many modules"));
}

TEST(TensorArchiveTest, NamesOfTheFileCannotSpoilMessages) {
  EXPECT_THAT(TensorError([](PickleWriter& pickle) {
                pickle.Tensor("0", 6, {6}, {1}).Text("\x1b[2J\n\xff").Raw("N");
              }),
              HasSubstr("'?[2J?"
                        "?'"));
}

TEST(TensorArchiveTest, DictsOfWeightsMayHoldOtherThings) {
  const auto names = [](const PickleWriter& pickle) {
    const ArchiveParts parts = {{"data.pkl", pickle.Done()},
                                {"data/0", Floats({0, 1, 2, 3, 4, 5})}};
    std::vector<std::string> found;
    const TensorArchive archive(parts, "data", TensorArchive::Content::kTensors, "file");
    for (const auto& [name, tensor] : archive.DictTensors()) found.push_back(name);
    return found;
  };
  PickleWriter dict;
  dict.Raw("}(").Text("w").Tensor("0", 6, {6}, {1}).Text("epoch").Raw("K\3u");
  EXPECT_THAT(names(dict), ElementsAre("w"));
  // A state_dict, with the versions of its modules.
  PickleWriter ordered;
  ordered.Global("collections", "OrderedDict").Raw(")R(").Text("w").Tensor("0", 6, {6}, {1});
  ordered.Raw("u}").Text("_metadata").Raw("}sb");
  EXPECT_THAT(names(ordered), ElementsAre("w"));
  PickleWriter nested;
  nested.Raw("}(").Text("epoch").Raw("K\3").Text("state_dict").Raw("}(").Text("w");
  nested.Tensor("0", 6, {6}, {1}).Raw("uu");
  EXPECT_THAT(names(nested), ElementsAre("w"));
  PickleWriter parameter;
  parameter.Raw("}(").Text("w").Global("torch._utils", "_rebuild_parameter").Mark();
  parameter.Tensor("0", 6, {6}, {1}).Bool(true).Raw("}tRu");
  EXPECT_THAT(names(parameter), ElementsAre("w"));
  PickleWriter tagged;
  tagged.Global("torch.jit._pickle", "restore_type_tag").Raw("(}(").Text("w");
  tagged.Tensor("0", 6, {6}, {1}).Raw("u").Text("Dict[str, Tensor]").Raw("tR");
  EXPECT_THAT(names(tagged), ElementsAre("w"));
  EXPECT_THAT(ErrorOf([&] {
                PickleWriter list;
                names(list.Raw("](").Tensor("0", 6, {6}, {1}).Raw("e"));
              }),
              HasSubstr("a list, expected a dict"));
}

TEST(TensorArchiveTest, MutatedFilesAreReadOrRefused) {
  const ArchiveParts sound = SoundParts();
  const std::string file = WriteTorchArchive(sound);
  std::mt19937 random(1);
  const auto mutate = [&random](std::string* bytes) {
    for (int i = 1 + static_cast<int>(random() % 4); i > 0; --i) {
      const std::size_t at = random() % bytes->size();
      switch (random() % 4) {
        case 0:
          (*bytes)[at] = static_cast<char>(random());
          break;
        case 1:
          bytes->erase(at, random() % 8);
          break;
        case 2:
          bytes->insert(at, bytes->substr(random() % bytes->size(), random() % 16));
          break;
        default:
          (*bytes)[at] ^= static_cast<char>(1 << random() % 8);
      }
    }
  };
  int read = 0, refused = 0;
  for (int round = 0; round < 6000; ++round) {
    try {
      ArchiveParts parts = sound;
      if (round % 3 == 0) {
        std::string bytes = file;
        mutate(&bytes);
        parts = ReadTorchArchive(bytes, "file", "file of tensors");
      } else {
        mutate(&parts["data.pkl"]);
      }
      for (const auto& [name, tensor] : Read(parts)) SumOf(tensor);
      ++read;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kDamaged) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      ++refused;
    }
  }
  EXPECT_GT(read, 20);
  EXPECT_GT(refused, 3000);
}

// A zip file of these parts, as they are given; `deflate` compresses them.
std::string Zip(const std::vector<std::pair<std::string, std::string>>& parts, bool deflate) {
  zip_error_t error;
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(target);
  zip_t* archive = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  for (const auto& [name, content] : parts) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    EXPECT_GE(index, 0) << name;
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index),
                             deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  EXPECT_EQ(zip_close(archive), 0);
  std::string bytes(1 << 22, '\0');
  zip_source_open(target);
  bytes.resize(static_cast<std::size_t>(zip_source_read(target, bytes.data(), bytes.size())));
  zip_source_close(target);
  zip_source_free(target);
  return bytes;
}

std::string ZipError(const std::string& bytes) {
  return ErrorOf([&] { ReadTorchArchive(bytes, "file", "model bundle"); });
}

TEST(TorchArchiveTest, WritesWhatItReads) {
  const ArchiveParts parts = {{"data.pkl", "one"}, {"data/0", ""}, {"version", std::string(9, 0)}};
  EXPECT_EQ(ReadTorchArchive(WriteTorchArchive(parts), "file", "model bundle"), parts);
}

TEST(TorchArchiveTest, NamesThatNoSuchFileHasAreRefused) {
  EXPECT_THAT(ZipError(Zip({{"a/../../x", ""}}, false)), HasSubstr("no proper name"));
  EXPECT_THAT(ZipError(Zip({{"/a/x", ""}}, false)), HasSubstr("no proper name"));
  EXPECT_THAT(ZipError(Zip({{"x", ""}}, false)), HasSubstr("no proper name"));
  EXPECT_THAT(ZipError(Zip({{"a/x", ""}, {"b/x", ""}}, false)), HasSubstr("folder 'a'"));
}

TEST(TorchArchiveTest, PartsThatAreThereTwiceAreRefused) {
  // libzip writes no such file; the second name is changed behind its back, in both places.
  std::string bytes = Zip({{"a/x1", "one"}, {"a/x2", "two"}}, false);
  for (std::size_t at = 0; (at = bytes.find("a/x2", at)) != std::string::npos;) bytes[at + 3] = '1';
  EXPECT_THAT(ZipError(bytes), ::testing::AnyOf(HasSubstr("is there twice"), HasSubstr("exists")));
}

TEST(TorchArchiveTest, CompressedBombsAreRefused) {
  const std::string bomb(1 << 25, '\0');
  EXPECT_THAT(ZipError(Zip({{"a/1", bomb}, {"a/2", bomb}, {"a/3", bomb}}, true)),
              HasSubstr("'a/3' claims"));
}

TEST(TorchArchiveTest, AFlippedBitIsFound) {
  std::string bytes = WriteTorchArchive({{"data/0", std::string(100, 'x')}});
  bytes[bytes.find("xxxx") + 10] ^= 1;
  EXPECT_THAT(ZipError(bytes), HasSubstr("'archive/data/0' is damaged"));
}

std::string SourceError(const std::string& source) {
  return ErrorOf([&] { CheckScriptSource(source); });
}

constexpr char kSource[] = R"(class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  __annotations__ = []
  weight : Tensor
  __annotations__["0"] = __torch__.torch.nn.modules.conv.Conv2d
  stride : Final[Tuple[int, int]] = (1, 1)
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    if torch.gt(torch.size(x, 0), 100):
      y = "(((\"((("  # ((((
    else:
      y = 'b'
    return torch.mul(x, self.weight)
class Color(Enum):
  RED = 0
def relu(x: Tensor) -> Tensor:
  return torch.relu(x)
)";

TEST(ScriptSourceTest, WhatPyTorchWritesPasses) {
  EXPECT_NO_THROW(CheckScriptSource(kSource));
  // A constant of a thousand numbers is long and not deep.
  std::string numbers;
  for (int i = 0; i < 1000; ++i) numbers += "-1., ";
  EXPECT_NO_THROW(CheckScriptSource("def f() -> int:\n  x = [" + numbers + "]\n  return 1\n"));
}

TEST(ScriptSourceTest, NestingIsBounded) {
  const auto function = [](const std::string& value) {
    return "def f(x: int) -> int:\n  return " + value + "\n";
  };
  const auto repeated = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  for (const std::string& value :
       {repeated("(", 100000) + "1" + repeated(")", 100000), repeated("[", 300),
        repeated("-", 1000), repeated("not ", 1000) + "x", repeated("1+", 1000) + "1",
        "x" + repeated(".y", 1000), "x" + repeated("[0]", 1000), "x" + repeated("()", 1000),
        repeated("1 if x else ", 1000)}) {
    EXPECT_THAT(SourceError(function(value)), HasSubstr("line 2 is nested too deeply"));
  }
  std::string blocks = "def f(x: int) -> int:\n",
              branches = "def f(x: int) -> int:\n  if x:\n    y = 1\n";
  for (int i = 1; i < 1000; ++i) blocks += std::string(2 * i, ' ') + "if x:\n";
  for (int i = 0; i < 1000; ++i) branches += "  elif x:\n    y = 1\n";
  EXPECT_THAT(SourceError(blocks), HasSubstr("nested too deeply"));
  EXPECT_THAT(SourceError(branches), HasSubstr("too many branches"));
  EXPECT_THAT(SourceError(function("1)")), HasSubstr("not open"));
  EXPECT_THAT(SourceError(function("'x")), HasSubstr("without an end"));
}

TEST(ScriptSourceTest, ClassesDeclareInTheirBodies) {
  for (const char* line : {"  weight = Tensor", "  __bufftrs__ = []", "  __buffers__n= []",
                           "  torch.save(x)", "  pass", "  RED = 0"}) {
    EXPECT_THAT(SourceError("class Net(Module):\n" + std::string(line) + "\n"),
                HasSubstr("line 2 declares nothing"));
  }
  for (const char* line : {" x : int", "    x : int", "\tx : int"}) {
    SourceError("class Net(Module):\n" + std::string(line) + "\n");
  }
}

TEST(ScriptSourceTest, CodeIsToldFromDeclarations) {
  EXPECT_FALSE(DeclaresOnly(kSource));
  EXPECT_TRUE(
      DeclaresOnly("class hepar(Module):\n  __parameters__ = []\n  __buffers__ = [\"a\", ]\n"
                   "  __annotations__ = []\n  weight : Tensor\n"
                   "  __annotations__[\"0\"] = __torch__.hepar_0\n"));
  for (const char* line :
       {"  def f(self) -> int:", "    return 1", "  x : int = 1", "x = 1", "  weight : f(1)",
        "  __parameters__ = [f()]", "class a(Module): x : int",
        "  __annotations__[\"0\\\"] = f()\"] = Tensor"}) {
    EXPECT_FALSE(DeclaresOnly("class hepar(Module):\n" + std::string(line) + "\n")) << line;
  }
}

TEST(ScriptArchiveTest, KeepsTheModuleAloneWithItsParts) {
  PickleWriter pickle;
  pickle.Object("Whole").Text("other").Object("Other").Text("w").Tensor("0", 1, {1}, {1});
  pickle.EndObject().Text("net").Object("Net").Text("w").Tensor("1", 2, {2}, {1}).Text("sizes");
  pickle.Global("torch.jit._pickle", "build_intlist").Raw("(](").Integer(1).Raw("etR");
  pickle.Text("on").Bool(true).EndObject().EndObject();
  const ArchiveParts parts = {
      {"data.pkl", pickle.Done()},     {"data/0", Floats({1})},
      {"data/1", Floats({2, 3})},      {"constants.pkl", "\x80\2)."},
      {"code/__torch__.py", kSource},  {"code/__torch__.py.debug_pkl", "never read"},
      {"extra/file", "no part of it"}, {"version", "3\n"}};
  const TensorArchive archive(parts, "data", TensorArchive::Content::kScript, "file");
  const ArchiveParts script = ReadTorchArchive(
      CheckedScript(parts, archive, *archive.Attribute("net"), "file"), "script", "file");
  std::vector<std::string> names;
  for (const auto& [name, content] : script) names.push_back(name);
  EXPECT_THAT(names,
              ElementsAre("code/__torch__.py", "constants.pkl", "data.pkl", "data/1", "version"));
  EXPECT_EQ(TensorArchive(script, "data", TensorArchive::Content::kScript, "file")
                .DictTensors()
                .at("w")
                .shape.at(0),
            2);
  EXPECT_THAT(ErrorOf([&] { CheckedScript(parts, archive, 0, "file"); }), HasSubstr("module"));
}

TEST(ScriptArchiveTest, ListsMustBeOfWhatTheyAreOf) {
  const auto error = [](const std::string& value) {
    const ArchiveParts parts = {
        {"data.pkl", PickleWriter().Object("N").Text("x").Raw(value).EndObject().Done()}};
    return ErrorOf([&] { TensorArchive(parts, "data", TensorArchive::Content::kScript, "file"); });
  };
  const std::string build = "ctorch.jit._pickle\nbuild_";
  EXPECT_THAT(error(build + "intlist\n(](NetR"), HasSubstr("build_intlist"));
  EXPECT_THAT(error(build + "doublelist\n(](K\1etR"), HasSubstr("build_doublelist"));
  EXPECT_THAT(error(build + "boollist\n(](K\1etR"), HasSubstr("build_boollist"));
  EXPECT_THAT(error(build + "tensorlist\n(](NetR"), HasSubstr("build_tensorlist"));
  EXPECT_THAT(error(build + "intlist\n)R"), HasSubstr("build_intlist"));
  EXPECT_THAT(error("ctorch\ndevice\n)R"), HasSubstr("torch.device"));
  EXPECT_THAT(error("ctorch.jit._pickle\nrestore_type_tag\n)R"), HasSubstr("type tag"));
  EXPECT_THAT(error("cos\nsystem\n)R"), HasSubstr("os.system"));
  std::string type;
  for (int i = 0; i < 150; ++i) type += "List[";
  const std::string tagged = PickleWriter().Text(type).Done();
  EXPECT_THAT(error("ctorch.jit._pickle\nrestore_type_tag\n(N" +
                    tagged.substr(2, tagged.size() - 3) + "tR"),
              HasSubstr("too long"));
}

}  // namespace
}  // namespace hepar
