// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/weights_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/squeezenet.h"
#include "models/nets/vision_transformer.h"
#include "models/tensor_file/safetensors.h"
#include "tests/models/python.h"

namespace hepar {
namespace {

SeverityNet NetWith(const std::string& classifier) {
  Architecture a;
  a.size = "nano";
  a.decoupler = DecouplerShapeOf("nano");
  a.classifier = classifier;
  return SeverityNet(a);
}

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Dict = c10::Dict<std::string, torch::Tensor>;

// Saves a plain dict[str, Tensor], as Python's torch.save does.
std::string SaveDict(const Dict& dict, const std::string& file) {
  const auto bytes = torch::pickle_save(dict);
  const std::string path = ::testing::TempDir() + file;
  std::ofstream(path, std::ios::binary).write(bytes.data(), bytes.size());
  return path;
}

// The parameters of a module, as above.
std::string SaveDict(const torch::nn::Module& module, const std::string& file) {
  Dict dict;
  for (const auto& item : module.named_parameters()) dict.insert(item.key(), item.value().detach());
  return SaveDict(dict, file);
}

// The state of an untrained classifier for RGB and 1000 classes, as published by torchvision.
Dict PublishedState(const std::string& classifier) {
  Architecture a;
  a.classifier = classifier;
  a.classes = 1000;
  const auto net = MakeClassifier(a, 3);
  Dict dict;
  for (const auto& item : net->named_parameters()) dict.insert(item.key(), item.value().detach());
  for (const auto& item : net->named_buffers()) dict.insert(item.key(), item.value());
  return dict;
}

TEST(WeightsImportTest, TakesEverythingThatFits) {
  torch::manual_seed(1);
  const SqueezeNet source(SqueezeNetVersion::k1_1, 3, 1000, true);
  SeverityNet net = NetWith("squeezenet1_1");
  const auto report =
      ImportClassifierWeights(SaveDict(source, "same.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 50);
  EXPECT_EQ(report.skipped, 2);  // The last layer, made for other classes.
  EXPECT_EQ(report.missing, 2);
  ASSERT_EQ(report.parameters.size(), 50u);
  EXPECT_TRUE(report.parameters[0].is_same(net->classifier->named_parameters()[0].value()));
}

TEST(WeightsImportTest, Version10StartsTheSameFiresOf11) {
  torch::manual_seed(2);
  const SqueezeNet source(SqueezeNetVersion::k1_0, 3, 1000, true);
  SeverityNet net = NetWith("squeezenet1_1");
  const auto report = ImportClassifierWeights(SaveDict(source, "v10.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 7 * 6);  // fire3 to fire9, three convolutions with bias each.
  auto from = source.named_parameters();
  auto to = net->classifier->named_parameters();
  // fire3, fire4 and fire9 at torchvision's positions in 1.0 and 1.1.
  EXPECT_TRUE(torch::equal(to["features.4.squeeze.weight"], from["features.4.squeeze.weight"]));
  EXPECT_TRUE(torch::equal(to["features.6.expand3x3.weight"], from["features.5.expand3x3.weight"]));
  EXPECT_TRUE(torch::equal(to["features.12.squeeze.bias"], from["features.12.squeeze.bias"]));
}

TEST(WeightsImportTest, EveryClassifierStartsFromItsPublishedState) {
  // The weight and bias of the last layer, for 1000 classes, are skipped.
  const std::pair<const char*, int> kCounts[] = {
      {"se_resnet18", 138 - 2}, {"cbam_resnet18", 122 + 8 * 10 - 2}, {"vit_tiny", 56 - 2}};
  for (const auto& [name, count] : kCounts) {
    SCOPED_TRACE(name);
    torch::manual_seed(3);
    const Dict dict = PublishedState(name);
    SeverityNet net = NetWith(name);
    const auto report = ImportClassifierWeights(SaveDict(dict, "state.pt"), FirstLayer::kLuma, net);
    EXPECT_EQ(report.loaded, count);
    EXPECT_EQ(report.skipped, 2);
    EXPECT_EQ(report.missing, 2);
    auto named = net->classifier->named_parameters();
    const std::string first = net->classifier->first_weight();
    // The weights for Feat1 and Feat2 start at zero; the picture is treated as gray RGB.
    EXPECT_TRUE(named[first].narrow(1, 0, 2).eq(0).all().item<bool>());
    EXPECT_TRUE(torch::allclose(named[first].select(1, 2), dict.at(first).sum(1)));
    for (const auto& item : named) {
      if (item.key() == first || item.value().size(0) == 4) continue;
      EXPECT_TRUE(torch::equal(item.value(), dict.at(item.key()))) << item.key();
    }
  }
}

TEST(WeightsImportTest, RunningStatisticsComeAlongAndBatchCountsMayLack) {
  torch::manual_seed(4);
  Dict dict;
  for (const auto& item : PublishedState("resnet18")) {
    if (item.key().find("num_batches_tracked") == std::string::npos) {
      dict.insert(item.key(), item.value());
    }
  }
  dict.at("bn1.running_mean").fill_(0.75);
  SeverityNet net = NetWith("resnet18");
  const auto report =
      ImportClassifierWeights(SaveDict(dict, "counts.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 100);
  EXPECT_EQ(report.missing, 2);
  EXPECT_TRUE(net->classifier->named_buffers()["bn1.running_mean"].eq(0.75).all().item<bool>());
}

TEST(WeightsImportTest, FileWithFewLayersSaysHowManyLack) {
  Dict dict;
  dict.insert("module.bn1.weight", torch::full({64}, 2.0f));  // As data-parallel training names it.
  dict.insert("module.unknown", torch::ones({3}));
  SeverityNet net = NetWith("resnet18");
  const auto report = ImportClassifierWeights(SaveDict(dict, "few.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 1);
  EXPECT_EQ(report.skipped, 1);
  EXPECT_EQ(report.missing, 62 + 40 - 1);
  EXPECT_TRUE(net->classifier->named_parameters()["bn1.weight"].eq(2).all().item<bool>());
}

TEST(WeightsImportTest, TransformersOldNamesAndOtherGridsFit) {
  torch::manual_seed(5);
  const Dict state = PublishedState("vit_tiny");
  Dict old;
  for (const auto& item : state) {
    std::string name = item.key();
    for (const auto& [now, before] :
         {std::pair{"mlp.0", "mlp.linear_1"}, {"mlp.3", "mlp.linear_2"}}) {
      const auto at = name.find(now);
      if (at != std::string::npos) name.replace(at, 5, before);
    }
    old.insert(name, item.value());
  }
  old.insert_or_assign("encoder.pos_embedding", torch::randn({1, 1 + 24 * 24, 192}));
  SeverityNet net = NetWith("vit_tiny");
  const auto report = ImportClassifierWeights(SaveDict(old, "old.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.missing, 2);
  auto named = net->classifier->named_parameters();
  const std::string weight = "encoder.layers.encoder_layer_2.mlp.3.weight";
  EXPECT_TRUE(torch::equal(named[weight], state.at(weight)));
  EXPECT_TRUE(torch::equal(named["encoder.pos_embedding"],
                           ResizePositions(old.at("encoder.pos_embedding"), 14, 14)));
}

// The names of a state of timm's VisionTransformer, as its documentation lists them, for ours.
std::string TimmNameOf(std::string name) {
  for (const auto& [torchvision, timm] : {std::pair{"encoder.layers.encoder_layer_", "blocks."},
                                          {"encoder.pos_embedding", "pos_embed"},
                                          {"class_token", "cls_token"},
                                          {"conv_proj.", "patch_embed.proj."},
                                          {"encoder.ln.", "norm."},
                                          {"heads.head.", "head."},
                                          {"ln_1.", "norm1."},
                                          {"ln_2.", "norm2."},
                                          {"self_attention.in_proj_", "attn.qkv."},
                                          {"self_attention.out_proj.", "attn.proj."},
                                          {"mlp.0.", "mlp.fc1."},
                                          {"mlp.3.", "mlp.fc2."}}) {
    const auto at = name.find(torchvision);
    if (at != std::string::npos) name.replace(at, std::string(torchvision).size(), timm);
  }
  return name;
}

TEST(WeightsImportTest, TransformersOfTimmFit) {
  torch::manual_seed(6);
  const Dict state = PublishedState("vit_tiny");
  Dict timm;
  for (const auto& item : state)
    timm.insert(TimmNameOf(item.key()), torch::randn_like(item.value()));
  ASSERT_TRUE(timm.contains("blocks.3.attn.qkv.weight"));
  ASSERT_TRUE(timm.contains("patch_embed.proj.bias"));
  SeverityNet net = NetWith("vit_tiny");
  const auto report = ImportClassifierWeights(SaveDict(timm, "timm.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 56 - 2);
  EXPECT_EQ(report.skipped, 2);  // The last layer, for 1000 classes.
  EXPECT_EQ(report.missing, 2);
  for (const auto& item : net->classifier->named_parameters()) {
    if (item.key() == "conv_proj.weight" || item.value().size(0) == 4) continue;
    EXPECT_TRUE(torch::equal(item.value(), timm.at(TimmNameOf(item.key())))) << item.key();
  }
}

// `dict` as a safetensors file.
std::string SaveSafetensors(const Dict& dict, const std::string& file) {
  StoredTensors stored;
  std::vector<torch::Tensor> kept;
  for (const auto& item : dict) {
    kept.push_back(item.value().contiguous());
    const auto& value = kept.back();
    stored[item.key()] = {value.is_floating_point() ? TensorType::kFloat32 : TensorType::kInt64,
                          value.sizes().vec(), value.strides().vec(), value.data_ptr()};
  }
  const std::string path = ::testing::TempDir() + file;
  WriteFileAtomically(path, WriteSafetensors(stored, {}));
  return path;
}

// What the report says about the classifier's tensor `name`.
TensorImport OneOf(const ImportReport& report, const std::string& name) {
  for (const TensorImport& tensor : report.tensors) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << name << " is not in the report";
  return {};
}

TEST(WeightsImportTest, SafetensorsAreRead) {
  torch::manual_seed(11);
  const Dict state = PublishedState("resnet18");
  const std::string path = SaveSafetensors(state, "resnet18.safetensors");
  SeverityNet net = NetWith("resnet18");
  const auto report = ImportClassifierWeights(path, FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 62 + 60 - 2);
  EXPECT_EQ(report.skipped, 2);
  EXPECT_EQ(report.sha256.size(), 64u);
  const std::string name = "layer3.1.conv2.weight";
  EXPECT_TRUE(torch::equal(net->classifier->named_parameters()[name], state.at(name)));
  // A damaged one is called what its name says.
  const std::string cut = ::testing::TempDir() + "cut.safetensors";
  WriteFileAtomically(cut, ReadFile(path, 1 << 27).substr(0, 1000));
  try {
    ImportClassifierWeights(cut, FirstLayer::kRepeat, net);
    ADD_FAILURE() << "was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cut.safetensors: is cut off"));
  }
}

TEST(WeightsImportTest, TheReportNamesEveryTensor) {
  torch::manual_seed(12);
  Dict state = PublishedState("resnet18");
  ASSERT_EQ(state.erase("layer1.0.bn1.weight"), 1u);
  state.insert("more", torch::ones({2, 3}));
  SeverityNet net = NetWith("resnet18");
  const auto report = ImportClassifierWeights(SaveDict(state, "r.pt"), FirstLayer::kLuma, net);
  using Fate = TensorImport::Fate;
  EXPECT_EQ(OneOf(report, "layer1.0.conv1.weight").fate, Fate::kTaken);
  EXPECT_EQ(OneOf(report, "conv1.weight").fate, Fate::kAdapted);
  EXPECT_EQ(OneOf(report, "layer1.0.bn1.weight").fate, Fate::kMissing);
  const TensorImport head = OneOf(report, "fc.weight");
  EXPECT_EQ(head.fate, Fate::kOtherShape);
  EXPECT_THAT(head.shape, ElementsAre(4, 512));
  EXPECT_THAT(head.file_shape, ElementsAre(1000, 512));
  EXPECT_EQ(report.tensors.back().fate, Fate::kUnexpected);
  EXPECT_EQ(report.tensors.back().file_name, "more");
  EXPECT_EQ(report.Count(Fate::kTaken) + report.Count(Fate::kAdapted), report.loaded);
  EXPECT_EQ(report.skipped, 3);
  EXPECT_EQ(report.missing, 3);
}

// `name` with the first part of each pair, where it occurs, as the second.
std::string Renamed(std::string name,
                    std::initializer_list<std::pair<const char*, const char*>> parts) {
  for (const auto& [now, other] : parts) {
    const auto at = name.find(now);
    if (at != std::string::npos) return name.replace(at, std::string(now).size(), other);
  }
  return name;
}

TEST(WeightsImportTest, SqueezeAndExcitationOfTimmFits) {
  torch::manual_seed(13);
  const Dict state = PublishedState("se_resnet50");
  Dict timm, legacy;
  for (const auto& item : state) {
    torch::Tensor value = torch::randn_like(item.value().to(torch::kFloat32));
    if (item.key().find(".se.") != std::string::npos) value = value.unsqueeze(2).unsqueeze(3);
    timm.insert(Renamed(item.key(), {{"se.fc.0.", "se.fc1."}, {"se.fc.2.", "se.fc2."}}), value);
    std::string name = Renamed(
        item.key(),
        {{"se.fc.0.", "se_module.fc1."}, {"se.fc.2.", "se_module.fc2."}, {"fc.", "last_linear."}});
    if (name.rfind("conv1.", 0) == 0 || name.rfind("bn1.", 0) == 0) name = "layer0." + name;
    legacy.insert(name, value);
  }
  timm.insert("layer1.0.se.fc1.bias", torch::ones({16}));
  for (const auto& [dict, file] : {std::pair{timm, "seresnet50.pt"}, {legacy, "legacy.pt"}}) {
    SCOPED_TRACE(file);
    Dict floats;
    for (const auto& item : dict) {
      if (item.key().find("num_batches") == std::string::npos) {
        floats.insert(item.key(), item.value());
      }
    }
    SeverityNet net = NetWith("se_resnet50");
    const auto report = ImportClassifierWeights(SaveDict(floats, file), FirstLayer::kRepeat, net);
    EXPECT_EQ(report.missing, 2);  // The last layer.
    ASSERT_EQ(report.remarks.size(), 1u);
    EXPECT_THAT(report.remarks[0], HasSubstr("a start for training only"));
    const std::string own = "layer2.3.se.fc.2.weight";
    EXPECT_EQ(OneOf(report, own).fate, TensorImport::Fate::kTaken);
    EXPECT_TRUE(torch::equal(net->classifier->named_parameters()[own],
                             dict.at(OneOf(report, own).file_name).squeeze(3).squeeze(2)));
    EXPECT_EQ(OneOf(report, "bn1.running_var").fate, TensorImport::Fate::kTaken);
  }
}

TEST(WeightsImportTest, AttentionOfTimmAndOfTheAuthorsFits) {
  torch::manual_seed(14);
  const Dict state = PublishedState("cbam_resnet18");
  Dict timm, authors;
  for (const auto& item : state) {
    if (item.key().find("num_batches") != std::string::npos) continue;
    torch::Tensor value = torch::randn_like(item.value());
    authors.insert("module." + Renamed(item.key(), {{"channel.0.", "ChannelGate.mlp.1."},
                                                    {"channel.2.", "ChannelGate.mlp.3."},
                                                    {"spatial_conv.", "SpatialGate.spatial.conv."},
                                                    {"spatial_bn.", "SpatialGate.spatial.bn."}}),
                   value);
    const std::string name = Renamed(item.key(), {{"cbam.channel.0.", "se.channel.fc1."},
                                                  {"cbam.channel.2.", "se.channel.fc2."},
                                                  {"cbam.spatial_conv.", "se.spatial.conv.conv."},
                                                  {"cbam.spatial_bn.", "se.spatial.conv.bn."}});
    const bool channel = name.find(".channel.fc") != std::string::npos;
    if (channel && name.find("bias") != std::string::npos) continue;  // timm's have none.
    if (channel) value = value.unsqueeze(2).unsqueeze(3);
    timm.insert(name, value);
  }
  const std::string spatial = "layer4.1.cbam.spatial_conv.weight";
  const std::string bias = "layer4.1.cbam.channel.0.bias";
  {
    SeverityNet net = NetWith("cbam_resnet18");
    const auto report =
        ImportClassifierWeights(SaveDict(authors, "cbam.pt"), FirstLayer::kRepeat, net);
    EXPECT_EQ(report.missing, 2);
    const TensorImport one = OneOf(report, spatial);
    EXPECT_EQ(one.file_name, "module.layer4.1.cbam.SpatialGate.spatial.conv.weight");
    EXPECT_TRUE(
        torch::equal(net->classifier->named_parameters()[spatial], authors.at(one.file_name)));
  }
  SeverityNet net = NetWith("cbam_resnet18");
  const auto report = ImportClassifierWeights(SaveDict(timm, "timm.pt"), FirstLayer::kRepeat, net);
  EXPECT_EQ(report.missing, 2);
  EXPECT_EQ(OneOf(report, bias).fate, TensorImport::Fate::kZero);
  auto named = net->classifier->named_parameters();
  EXPECT_TRUE(named[bias].eq(0).all().item<bool>());
  // Its two planes are mean and maximum, ours maximum and mean.
  const torch::Tensor theirs = timm.at("layer4.1.se.spatial.conv.conv.weight");
  EXPECT_TRUE(torch::equal(named[spatial].select(1, 0), theirs.select(1, 1)));
  EXPECT_TRUE(torch::equal(named[spatial].select(1, 1), theirs.select(1, 0)));
}

TEST(WeightsImportTest, ReadsWhatPythonSaves) {
  const std::string python = hepar::testing::PythonWithTorch();
  if (python.empty()) GTEST_SKIP() << "no python3 with torch here";
  const std::string dir = ::testing::TempDir() + "hepar_python_weights";
  std::filesystem::create_directories(dir);
  ASSERT_TRUE(hepar::testing::RunPython(python, dir, R"(
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.fc = nn.Linear(512, 1000)
torch.manual_seed(1)
net = Net()
nn.init.constant_(net.conv1.weight, 0.5)
torch.save(net.state_dict(), "state.pt")
torch.save(dict(torch.load("state.pt", map_location="cpu", weights_only=False)), "plain.pt")
torch.save({"state_dict": net.state_dict(), "epoch": 3}, "checkpoint.pt")
class Scripted(Net):
    def forward(self, x):
        return self.fc(x)
scripted = Scripted()
scripted.load_state_dict(net.state_dict())
torch.jit.script(scripted).save("script.pt")
class Hostile:
    def __reduce__(self):
        import os
        return os.system, ("touch marker",)
torch.save({"conv1.weight": net.conv1.weight, "more": Hostile()}, "hostile.pt")
torch.save({"state_dict": {"conv1.weight": net.conv1.weight, "more": [Hostile()]}}, "nested.pt")
torch.save(scripted, "whole.pt")
torch.save(net.state_dict(), "old.pt", _use_new_zipfile_serialization=False)
net.bn1.running_var[5] = float("nan")
torch.save(net.state_dict(), "nan.pt")
)"));
  SeverityNet net = NetWith("resnet18");
  const auto report = ImportClassifierWeights(dir + "/plain.pt", FirstLayer::kRepeat, net);
  EXPECT_EQ(report.loaded, 6);
  EXPECT_EQ(report.skipped, 2);
  EXPECT_TRUE(net->classifier->named_parameters()["conv1.weight"].eq(0.5).all().item<bool>());

  for (const char* file : {"/state.pt", "/checkpoint.pt", "/script.pt"}) {
    SCOPED_TRACE(file);
    SeverityNet other = NetWith("resnet18");
    EXPECT_EQ(ImportClassifierWeights(dir + file, FirstLayer::kRepeat, other).loaded, 6);
    EXPECT_TRUE(other->classifier->named_parameters()["conv1.weight"].eq(0.5).all().item<bool>());
  }

  const auto error = [&](const std::string& file) {
    try {
      ImportClassifierWeights(dir + "/" + file, FirstLayer::kRepeat, NetWith("resnet18"));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return std::string(error.what());
    }
    ADD_FAILURE() << file << " was accepted";
    return std::string();
  };
  EXPECT_THAT(error("hostile.pt"), HasSubstr("posix.system"));
  EXPECT_THAT(error("nested.pt"), HasSubstr("posix.system"));
  EXPECT_THAT(error("whole.pt"), HasSubstr("__main__.Scripted"));
  EXPECT_THAT(error("old.pt"), HasSubstr("before 1.6"));
  EXPECT_THAT(error("nan.pt"), HasSubstr("'bn1.running_var' holds numbers that are not finite"));
  EXPECT_FALSE(std::filesystem::exists(dir + "/marker"));
  std::filesystem::remove_all(dir);
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

TEST(WeightsImportTest, DamagedNumbersAreNotTaken) {
  torch::manual_seed(6);
  const Dict dict = PublishedState("squeezenet1_1");
  const auto error = [](const std::string& path) {
    SeverityNet net = NetWith("squeezenet1_1");
    try {
      ImportClassifierWeights(path, FirstLayer::kRepeat, net);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    ADD_FAILURE() << path << " was accepted";
    return std::string();
  };
  const std::string path = SaveDict(dict, "sound.pt");
  std::string bytes = ReadFile(path, 1 << 26);
  bytes[bytes.size() / 2] ^= 1;  // In the numbers of a layer.
  WriteFileAtomically(path, bytes);
  EXPECT_THAT(error(path), HasSubstr("is damaged"));

  const auto with = [&](const std::string& name, const torch::Tensor& value) {
    Dict changed = dict.copy();
    changed.insert_or_assign(name, value);
    return SaveDict(changed, "changed.pt");
  };
  auto infinite = dict.at("features.3.squeeze.weight").clone();
  infinite.view(-1)[7] = INFINITY;
  EXPECT_THAT(error(with("features.3.squeeze.weight", infinite)),
              HasSubstr("'features.3.squeeze.weight' holds numbers that are not finite"));
  EXPECT_THAT(error(with("features.0.weight", torch::full({64, 3, 3, 3}, NAN))),
              HasSubstr("'features.0.weight' holds numbers that are not finite"));
  EXPECT_THAT(error(with("features.0.bias", torch::ones({64}, torch::kLong))),
              HasSubstr("'features.0.bias' holds numbers of the type Long"));
}

TEST(WeightsImportTest, HalfPrecisionAndStridesAreRead) {
  torch::manual_seed(7);
  Dict dict = PublishedState("squeezenet1_1");
  const auto half = dict.at("features.3.squeeze.weight").to(torch::kHalf);
  const auto strided =
      dict.at("features.4.squeeze.weight").contiguous(torch::MemoryFormat::ChannelsLast);
  const auto brain = dict.at("features.0.bias").to(torch::kBFloat16);
  dict.insert_or_assign("features.3.squeeze.weight", half);
  dict.insert_or_assign("features.4.squeeze.weight", strided);
  dict.insert_or_assign("features.0.bias", brain);
  SeverityNet net = NetWith("squeezenet1_1");
  ImportClassifierWeights(SaveDict(dict, "kinds.pt"), FirstLayer::kRepeat, net);
  auto named = net->classifier->named_parameters();
  EXPECT_TRUE(named["features.3.squeeze.weight"].equal(half.to(torch::kFloat32)));
  EXPECT_TRUE(named["features.4.squeeze.weight"].equal(strided));
  EXPECT_TRUE(named["features.0.bias"].equal(brain.to(torch::kFloat32)));
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
