// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A file with this header and `bytes` bytes of numbers: 0, 1, 2 ...
std::string File(const std::string& header, std::size_t bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>(header.size() >> (8 * i)));
  file += header;
  for (std::size_t i = 0; i < bytes; ++i) file.push_back(static_cast<char>(i));
  return file;
}

// The error of reading `file`: one printable line of the kind.
std::string ErrorOf(const std::string& file, ErrorKind kind = ErrorKind::kDamaged) {
  try {
    const SafetensorsFile read(file, "w.safetensors");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    const std::string text = error.what();
    for (const char byte : text) EXPECT_TRUE(byte >= ' ' && byte <= '~') << text;
    EXPECT_LT(text.size(), 400u);
    EXPECT_THAT(text, HasSubstr("w.safetensors: "));
    return text;
  }
  ADD_FAILURE() << "was accepted";
  return "";
}

std::string ErrorOfHeader(const std::string& header, std::size_t bytes = 8) {
  return ErrorOf(File(header, bytes));
}

float ValueAt(const StoredTensor& tensor, int index) {
  return static_cast<const float*>(tensor.data)[index];
}

TEST(SafetensorsTest, ReadsWhatItWrites) {
  const std::vector<float> numbers = {1.5F, -2, 3, 4, 5, 6};
  const std::int64_t count = 1'000'000'000'000;
  const StoredTensor matrix{TensorType::kFloat32, {2, 3}, {3, 1}, numbers.data()};
  const StoredTensor scalar{TensorType::kInt64, {}, {}, &count};
  const StoredTensor empty{TensorType::kFloat32, {0, 3}, {3, 1}, numbers.data()};
  const std::string file = WriteSafetensors(
      {{"a.weight", matrix}, {"count", scalar}, {"empty", empty}}, {{"license", "BSD-3-Clause"}});
  ASSERT_TRUE(LooksLikeSafetensors(file));
  const SafetensorsFile read(file, "test");
  EXPECT_EQ(read.metadata().at("license"), "BSD-3-Clause");
  ASSERT_EQ(read.tensors().size(), 3u);
  const StoredTensor& same = read.tensors().at("a.weight");
  EXPECT_EQ(same.type, TensorType::kFloat32);
  EXPECT_THAT(same.shape, ElementsAre(2, 3));
  EXPECT_THAT(same.strides, ElementsAre(3, 1));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ValueAt(same, i), numbers[i]);
  EXPECT_EQ(*static_cast<const std::int64_t*>(read.tensors().at("count").data), count);
  EXPECT_THAT(read.tensors().at("empty").shape, ElementsAre(0, 3));
}

TEST(SafetensorsTest, ReadsTensorsThatAreNotAligned) {
  // As the library writes it: one byte, and then a float from byte 1 on.
  const std::string header = R"({"flag":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},)"
                             R"("w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}   )";
  std::string file = File(header, 9);
  const float numbers[] = {0.25F, -7};
  std::memcpy(file.data() + 8 + header.size() + 1, numbers, sizeof numbers);
  const SafetensorsFile read(file, "test");
  const StoredTensor& w = read.tensors().at("w");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(w.data) % alignof(float), 0u);
  EXPECT_EQ(ValueAt(w, 0), 0.25F);
  EXPECT_EQ(ValueAt(w, 1), -7);
}

TEST(SafetensorsTest, OtherFilesAreNoSafetensors) {
  EXPECT_FALSE(LooksLikeSafetensors(""));
  EXPECT_FALSE(LooksLikeSafetensors(std::string("PK\3\4\0\0\0\0\0\0", 10)));
  EXPECT_FALSE(LooksLikeSafetensors("\x80\2\x8a\nl\xfc\x9c\x46\xf9"));
}

TEST(SafetensorsTest, LengthsAreChecked) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("too short"));
  EXPECT_THAT(ErrorOf("1234567"), HasSubstr("too short"));
  EXPECT_THAT(ErrorOf(std::string(8, '\xff') + "{}"), HasSubstr("cut off"));
  const std::string file = File(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  for (std::size_t length = 0; length < file.size(); ++length) ErrorOf(file.substr(0, length));
  EXPECT_THAT(ErrorOf(file + "x"), HasSubstr("1 bytes after its last tensor that belong to none"));
}

TEST(SafetensorsTest, HeadersAreChecked) {
  EXPECT_THAT(ErrorOfHeader(""), HasSubstr("no JSON object"));
  EXPECT_THAT(ErrorOfHeader("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(ErrorOfHeader(" {}"), HasSubstr("no JSON object"));
  EXPECT_THAT(ErrorOfHeader("{\"\xff\x1b[31m"), HasSubstr("no JSON"));
  EXPECT_THAT(ErrorOfHeader("{} {}"), HasSubstr("no JSON"));
  std::string deep = "{\"w\":";
  for (int i = 0; i < 100000; ++i) deep += "[";
  EXPECT_THAT(ErrorOfHeader(deep), HasSubstr("nested too deeply"));
  EXPECT_THAT(ErrorOfHeader(R"({"w":1,"w":2})"), HasSubstr("names 'w' twice"));
  EXPECT_THAT(ErrorOfHeader(R"({"w":{"dtype":"F32","dtype":"I64"}})"),
              HasSubstr("names 'dtype' twice"));
  EXPECT_THAT(ErrorOfHeader(R"({"__metadata__":{"a":1}})"), HasSubstr("no object of texts"));
  EXPECT_THAT(ErrorOfHeader(R"({"__metadata__":[]})"), HasSubstr("no object of texts"));
}

TEST(SafetensorsTest, TensorsAreChecked) {
  const auto error = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return ErrorOfHeader(R"({"\u001bw":{"dtype":)" + dtype + R"(,"shape":)" + shape +
                         R"(,"data_offsets":)" + offsets + "}}");
  };
  EXPECT_THAT(error("1", "[2]", "[0,8]"), HasSubstr("tensor '?w' has a dtype that is no text"));
  EXPECT_THAT(error("\"F32\"", "2", "[0,8]"), HasSubstr("has no shape"));
  EXPECT_THAT(error("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), HasSubstr("has no shape"));
  EXPECT_THAT(error("\"F32\"", "[2.0]", "[0,8]"), HasSubstr("no whole number from 0"));
  EXPECT_THAT(error("\"F32\"", "[-2]", "[0,8]"), HasSubstr("no whole number from 0"));
  EXPECT_THAT(error("\"F32\"", "[99999999999999999999]", "[0,8]"),
              HasSubstr("no whole number from 0"));
  EXPECT_THAT(error("\"F32\"", "[2]", "[0]"), HasSubstr("no two data_offsets"));
  EXPECT_THAT(error("\"F32\"", "[2]", "[0,-8]"), HasSubstr("no whole number from 0"));
  EXPECT_THAT(error("\"F32\"", "[2]", "[8,0]"), HasSubstr("outside the file"));
  EXPECT_THAT(error("\"F32\"", "[4]", "[0,16]"), HasSubstr("outside the file"));
  EXPECT_THAT(error("\"F32\"", "[3]", "[0,8]"), HasSubstr("not what its shape"));
  EXPECT_THAT(error("\"F16\"", "[2]", "[0,8]"), HasSubstr("not what its shape"));
  EXPECT_THAT(error("\"F32\"", "[0]", "[0,8]"), HasSubstr("not what its shape"));
  // Products that would be 2 and 0 if they overflowed.
  EXPECT_THAT(error("\"F32\"", "[9223372036854775809,2]", "[0,8]"), HasSubstr("larger than"));
  EXPECT_THAT(error("\"F32\"", "[4294967296,4294967296]", "[0,0]"), HasSubstr("larger than"));
  EXPECT_THAT(error("\"F32\"", "[0,4294967296,4294967296]", "[0,0]"), HasSubstr("larger than"));
  EXPECT_THAT(ErrorOfHeader(R"({"w":{"dtype":"F32","shape":[2]}})"), HasSubstr("not described"));
  EXPECT_THAT(ErrorOfHeader(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":0}})"),
              HasSubstr("not described"));
  EXPECT_THAT(ErrorOfHeader(R"({"w":null})"), HasSubstr("not described"));
  EXPECT_THAT(ErrorOf(File(R"({"w":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", 8),
                      ErrorKind::kMismatch),
              HasSubstr("'F8_E4M3', which this program does not read; save the model as F32"));
}

TEST(SafetensorsTest, TensorsCoverTheFileOnce) {
  const auto two = [](const std::string& a, const std::string& b) {
    return ErrorOfHeader(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
                         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}");
  };
  EXPECT_THAT(two("[0,4]", "[0,4]"), HasSubstr("tensor 'b' begins at byte 0"));
  EXPECT_THAT(two("[0,4]", "[3,7]"), HasSubstr("tensor 'b' begins at byte 3"));
  EXPECT_THAT(two("[4,8]", "[1,5]"), HasSubstr("tensor 'b' begins at byte 1"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})"),
              HasSubstr("begins at byte 4"));
  EXPECT_THAT(ErrorOfHeader("{}", 1), HasSubstr("belong to none"));
}

TEST(SafetensorsTest, ChangedBytesAreRefusedOrRead) {
  const std::string file = File(
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("b":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}})",
      24);
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string changed = file;
    const auto changes = 1 + random() % 3;
    for (std::uint32_t k = 0; k < changes; ++k) {
      changed[random() % (changed.size() - 24)] = static_cast<char>(random());
    }
    try {
      const SafetensorsFile read(changed, "test");
      std::size_t bytes = 0;
      for (const auto& [name, tensor] : read.tensors()) {
        std::size_t count = 1;
        for (const std::int64_t side : tensor.shape) count *= static_cast<std::size_t>(side);
        bytes += count;
      }
      EXPECT_LE(bytes, 24u);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 15000);
}

}  // namespace
}  // namespace hepar
