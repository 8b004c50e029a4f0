// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/weights_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "models/error.h"
#include "models/nets/squeezenet.h"

namespace hepar {
namespace {

SeverityNet NetWith(const std::string& classifier) {
  Architecture a;
  a.size = "nano";
  a.decoupler = DecouplerShapeOf("nano");
  a.classifier = classifier;
  return SeverityNet(a);
}

// Saves a state as the plain dict[str, Tensor] file that Python's torch.save makes.
std::string SaveDict(const torch::nn::Module& module, const std::string& file) {
  c10::Dict<std::string, torch::Tensor> dict;
  for (const auto& item : module.named_parameters()) dict.insert(item.key(), item.value().detach());
  const auto bytes = torch::pickle_save(dict);
  const std::string path = ::testing::TempDir() + file;
  std::ofstream(path, std::ios::binary).write(bytes.data(), bytes.size());
  return path;
}

TEST(WeightsImportTest, TakesEverythingThatFits) {
  torch::manual_seed(1);
  const SqueezeNet source(SqueezeNetVersion::k1_1, 3, 1000, true);
  SeverityNet net = NetWith("squeezenet1_1");
  const auto report =
      ImportClassifierWeights(SaveDict(source, "same.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 50);
  EXPECT_EQ(report.skipped, 2);  // The last layer, made for other classes.
}

TEST(WeightsImportTest, Version10StartsTheSameFiresOf11) {
  torch::manual_seed(2);
  const SqueezeNet source(SqueezeNetVersion::k1_0, 3, 1000, true);
  SeverityNet net = NetWith("squeezenet1_1");
  ImportClassifierWeights(SaveDict(source, "v10.pt"), FirstLayer::kRepeat, net);
  auto from = source.named_parameters();
  auto to = net->classifier->named_parameters();
  // fire3, fire4 and fire9 by torchvision's positions in 1.0 and 1.1.
  EXPECT_TRUE(torch::equal(to["features.4.squeeze.weight"], from["features.4.squeeze.weight"]));
  EXPECT_TRUE(torch::equal(to["features.6.expand3x3.weight"], from["features.5.expand3x3.weight"]));
  EXPECT_TRUE(torch::equal(to["features.12.squeeze.bias"], from["features.12.squeeze.bias"]));
}

TEST(WeightsImportTest, MissingDamagedAndForeignFilesAreToldApart) {
  SeverityNet net = NetWith("squeezenet1_1");
  const auto kind_of = [&](const std::string& path) {
    try {
      ImportClassifierWeights(path, FirstLayer::kRepeat, net);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kFailed;
  };
  EXPECT_EQ(kind_of("/nonexistent.pt"), ErrorKind::kNotFound);
  const std::string garbage = ::testing::TempDir() + "garbage.pt";
  std::ofstream(garbage) << "no weights here";
  EXPECT_EQ(kind_of(garbage), ErrorKind::kDamaged);
  EXPECT_EQ(kind_of(SaveDict(torch::nn::LinearImpl(2, 2), "linear.pt")), ErrorKind::kMismatch);
}

TEST(WeightsImportTest, ReadsTheImageNetWeights) {
  const char* folder = std::getenv("HEPAR_WEIGHTS_DIR");
  const std::string path = std::string(folder ? folder : "") + "/squeezenet1_0_imagenet.pt";
  if (!folder || !std::filesystem::exists(path)) {
    GTEST_SKIP() << "HEPAR_WEIGHTS_DIR holds no squeezenet1_0_imagenet.pt";
  }
  const auto full = ImportClassifierWeights(path, FirstLayer::kLuma, NetWith("squeezenet1_0"));
  EXPECT_EQ(full.loaded, 50);
  EXPECT_EQ(full.skipped, 2);  // The last layer, made for 1000 classes.
  const auto part = ImportClassifierWeights(path, FirstLayer::kRepeat, NetWith("squeezenet1_1"));
  EXPECT_EQ(part.loaded, 7 * 6);  // fire3 to fire9, three convolutions with bias each.
}

}  // namespace
}  // namespace hepar
