// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The classifiers: sizes and costs against the specification and published numbers, names and
// initial values against torchvision, and custom TorchScript classifiers.
#include "models/nets/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/script.h>
#include <torch/serialize.h>
#include <torch/utils.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/engine.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/attention_blocks.h"
#include "models/nets/batch_norm.h"
#include "models/nets/classifier_names.h"
#include "models/nets/complexity.h"
#include "models/nets/resnet.h"
#include "models/nets/torchscript_classifier.h"
#include "models/nets/vision_transformer.h"
#include "models/sha256.h"
#include "models/tensor_file/tensor_archive.h"
#include "models/tensor_file/torch_view.h"
#include "models/torch_archive.h"
#include "tests/models/python.h"

namespace hepar {
namespace {

using ::testing::Contains;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

Architecture ArchitectureWith(const std::string& classifier, int classes = 4) {
  Architecture a;
  a.size = "nano";
  a.decoupler = DecouplerShapeOf("nano");
  a.classifier = classifier;
  a.classes = classes;
  return a;
}

std::shared_ptr<ClassifierModule> Make(const std::string& name, int planes = 3, int classes = 4) {
  return MakeClassifier(ArchitectureWith(name, classes), planes);
}

std::vector<std::string> BuiltIn() {
  auto names = ClassifierNames();
  names.erase(std::find(names.begin(), names.end(), kTorchScript));
  return names;
}

// The initial last layers are small or zero, which would hide errors in earlier layers.
void WakeLastLayer(ClassifierModule* net) {
  const torch::NoGradGuard no_grad;
  for (auto& item : net->named_parameters()) {
    if (item.key() == "heads.head.weight" || item.key() == "classifier.1.weight") {
      item.value().normal_(0.0, 0.5);
    }
  }
}

TEST(ClassifierNamesTest, ListWhatCanBeMade) {
  EXPECT_THAT(ClassifierNames(),
              ElementsAreArray({"squeezenet1_0", "squeezenet1_1", "depth_squeezenet", "resnet18",
                                "resnet50", "se_resnet18", "se_resnet50", "cbam_resnet18",
                                "cbam_resnet50", "vit_tiny", "vit_b_16", "torchscript"}));
  for (const auto& name : ClassifierNames()) EXPECT_NO_THROW(CheckClassifierName(name)) << name;
}

struct Size {
  const char* name;
  int planes, classes;
  std::int64_t parameters;
  double gmacs;  // At 224 x 224; 0 where none is given.
};

class ClassifierSize : public ::testing::TestWithParam<Size> {};

TEST_P(ClassifierSize, IsTheSpecifiedOne) {
  const Size& size = GetParam();
  const auto net = Make(size.name, size.planes, size.classes);
  EXPECT_EQ(CountParameters(*net), size.parameters);
  EXPECT_EQ(CountTrainable(*net), size.parameters);
  if (size.gmacs == 0) return;
  net->eval();
  const auto picture = torch::rand({1, size.planes, 224, 224});
  EXPECT_NEAR(CountMacs([&] { net->forward(picture); }) / 1e9, size.gmacs, 0.0005);
}

INSTANTIATE_TEST_SUITE_P(
    All, ClassifierSize,
    ::testing::Values(
        Size{"depth_squeezenet", 3, 4, 137468, 0}, Size{"depth_squeezenet", 1, 4, 128044, 0},
        Size{"resnet18", 3, 1000, 11689512, 0}, Size{"resnet18", 3, 4, 11178564, 1.814},
        Size{"resnet18", 5, 4, 11184836, 0}, Size{"resnet18", 9, 4, 11197380, 0},
        Size{"resnet50", 3, 1000, 25557032, 0}, Size{"resnet50", 3, 4, 23516228, 4.087},
        Size{"resnet50", 5, 4, 23522500, 0}, Size{"resnet50", 9, 4, 23535044, 0},
        Size{"se_resnet18", 3, 4, 11265604, 1.814}, Size{"se_resnet18", 5, 4, 11271876, 0},
        Size{"se_resnet18", 9, 4, 11284420, 0}, Size{"se_resnet50", 3, 1000, 28071976, 0},
        Size{"se_resnet50", 3, 4, 26031172, 4.090}, Size{"se_resnet50", 5, 4, 26037444, 0},
        Size{"se_resnet50", 9, 4, 26049988, 0}, Size{"cbam_resnet18", 3, 4, 11268444, 1.815},
        Size{"cbam_resnet18", 5, 4, 11274716, 0}, Size{"cbam_resnet18", 9, 4, 11287260, 0},
        Size{"cbam_resnet50", 3, 1000, 28089624, 0}, Size{"cbam_resnet50", 3, 4, 26048820, 4.094},
        Size{"cbam_resnet50", 5, 4, 26055092, 0}, Size{"cbam_resnet50", 9, 4, 26067636, 0},
        Size{"vit_tiny", 3, 4, 1966276, 0.437}, Size{"vit_b_16", 3, 1000, 86567656, 0},
        Size{"vit_b_16", 3, 4, 85801732, 17.563}, Size{"vit_b_16", 5, 4, 86194948, 0},
        Size{"vit_b_16", 9, 4, 86981380, 0}),
    [](const auto& info) {
      return std::string(info.param.name) + "_" + std::to_string(info.param.planes) + "_" +
             std::to_string(info.param.classes);
    });

TEST(DepthSqueezeNetTest, TellsNearFromFar) {
  torch::manual_seed(6);
  const auto net = Make("depth_squeezenet");
  net->eval();
  const torch::NoGradGuard no_grad;
  auto bright_near = torch::zeros({1, 3, 64, 64});
  bright_near.narrow(2, 0, 32).fill_(1.0);
  const auto near = net->forward(bright_near), far = net->forward(bright_near.flip({2}));
  const auto mirrored = net->forward(bright_near.flip({3}));
  EXPECT_GT((near - far).abs().max().item<float>(), 1e-3f);
  // At odd sizes pooling covers the border of one side only, so mirroring changes little.
  EXPECT_LT((near - mirrored).abs().max().item<float>(), (near - far).abs().max().item<float>());
}

TEST(ClassifierTest, GradientsReachThePictureAndEveryParameter) {
  // The omitted sizes repeat the same blocks.
  for (const char* name : {"squeezenet1_1", "depth_squeezenet", "resnet18", "resnet50",
                           "se_resnet18", "cbam_resnet18", "vit_tiny"}) {
    SCOPED_TRACE(name);
    torch::manual_seed(4);
    const auto net = Make(name, 5, 3);
    WakeLastLayer(net.get());
    // A single picture may leave a ReLU without a gradient.
    const auto picture = torch::rand({4, 5, 48, 48}).set_requires_grad(true);
    const auto logits = net->forward(picture);
    ASSERT_EQ(logits.sizes().vec(), (std::vector<std::int64_t>{4, 3}));
    (logits * torch::tensor({1.0f, -2.0f, 0.5f})).sum().backward();
    EXPECT_TRUE(picture.grad().isfinite().all().item<bool>());
    EXPECT_GT(picture.grad().abs().sum().item<float>(), 0.f);
    for (const auto& item : net->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_GT(item.value().grad().abs().max().item<float>(), 0.f) << item.key();
    }
  }
}

TEST(ClassifierTest, EveryInputSizeRunsInBothPrecisions) {
  const torch::NoGradGuard no_grad;
  for (const char* name : {"resnet18", "se_resnet18", "cbam_resnet18", "resnet50", "vit_tiny"}) {
    SCOPED_TRACE(name);
    const auto net = Make(name, 1, 2);
    net->eval();
    const std::vector<std::pair<int, int>> kSizes = {{224, 224}, {96, 96}, {33, 47}, {16, 70}};
    for (const auto& [height, width] : kSizes) {
      EXPECT_EQ(net->forward(torch::rand({2, 1, height, width})).sizes().vec(),
                (std::vector<std::int64_t>{2, 2}));
    }
    net->to(torch::kBFloat16);
    const auto logits = net->forward(torch::rand({1, 1, 48, 80}).to(torch::kBFloat16));
    EXPECT_EQ(logits.scalar_type(), torch::kBFloat16);
    EXPECT_TRUE(logits.isfinite().all().item<bool>());
  }
}

TEST(ClassifierTest, EveryNormalizationIsTheOneThatProcessesCanShare) {
  for (const char* name : {"resnet18", "resnet50", "se_resnet18", "cbam_resnet18"}) {
    SCOPED_TRACE(name);
    int count = 0;
    for (const auto& module : Make(name)->modules()) {
      const bool own = module->as<BatchNorm2dImpl>() != nullptr;
      EXPECT_TRUE(own || !module->as<torch::nn::BatchNorm2dImpl>()) << module->name();
      count += own;
    }
    EXPECT_GE(count, 20);
  }
}

TEST(ClassifierTest, FirstWeightIsTheOneThatSeesThePlanes) {
  for (const auto& name : BuiltIn()) {
    const auto net = Make(name, 7);
    const auto parameters = net->named_parameters();
    const auto* weight = parameters.find(net->first_weight());
    ASSERT_NE(weight, nullptr) << name;
    EXPECT_EQ(weight->size(1), 7) << name;
  }
}

std::vector<std::string> Keys(const torch::OrderedDict<std::string, torch::Tensor>& dict) {
  return dict.keys();
}

TEST(ResNetTest, TensorsAreNamedAndOrderedAsTorchvisions) {
  const auto small = Keys(Make("resnet18")->named_parameters());
  ASSERT_EQ(small.size(), 62u);
  EXPECT_EQ(
      std::vector<std::string>(small.begin(), small.begin() + 9),
      (std::vector<std::string>{"conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight",
                                "layer1.0.bn1.weight", "layer1.0.bn1.bias", "layer1.0.conv2.weight",
                                "layer1.0.bn2.weight", "layer1.0.bn2.bias"}));
  EXPECT_EQ(small[small.size() - 2], "fc.weight");
  EXPECT_THAT(small, Contains("layer4.1.conv2.weight"));

  const auto large = Make("resnet50");
  const auto names = Keys(large->named_parameters());
  ASSERT_EQ(names.size(), 161u);
  const auto first = std::find(names.begin(), names.end(), "layer2.0.conv1.weight");
  ASSERT_GT(names.end() - first, 12);
  EXPECT_EQ(
      std::vector<std::string>(first + 6, first + 12),
      (std::vector<std::string>{"layer2.0.conv3.weight", "layer2.0.bn3.weight", "layer2.0.bn3.bias",
                                "layer2.0.downsample.0.weight", "layer2.0.downsample.1.weight",
                                "layer2.0.downsample.1.bias"}));
  EXPECT_EQ(large->named_parameters()["layer2.0.downsample.0.weight"].sizes().vec(),
            (std::vector<std::int64_t>{512, 256, 1, 1}));
  const auto buffers = Keys(large->named_buffers());
  EXPECT_EQ(buffers.size(), 159u);
  EXPECT_THAT(buffers, Contains("layer3.5.bn3.num_batches_tracked"));
}

TEST(ResNetTest, AttentionAddsTensorsAndKeepsTheOthersNames) {
  const auto plain = Keys(Make("resnet18")->named_parameters());
  for (const auto& [name, extra] : std::map<std::string, std::vector<std::string>>{
           {"se_resnet18", {"se.fc.0.weight", "se.fc.2.weight"}},
           {"cbam_resnet18",
            {"cbam.channel.0.weight", "cbam.channel.0.bias", "cbam.channel.2.weight",
             "cbam.channel.2.bias", "cbam.spatial_conv.weight", "cbam.spatial_bn.weight",
             "cbam.spatial_bn.bias"}}}) {
    const auto names = Keys(Make(name)->named_parameters());
    EXPECT_EQ(names.size(), plain.size() + 8 * extra.size());
    for (const auto& kept : plain) EXPECT_THAT(names, Contains(kept));
    for (const auto& added : extra) EXPECT_THAT(names, Contains("layer3.1." + added));
  }
}

TEST(ResNetTest, ConvolutionsStartHeNormalByFanOut) {
  torch::manual_seed(5);
  auto named = Make("resnet18")->named_parameters();
  EXPECT_NEAR(named["conv1.weight"].std().item<double>(), std::sqrt(2.0 / (64 * 49)), 1e-3);
  EXPECT_NEAR(named["layer4.0.conv1.weight"].std().item<double>(), std::sqrt(2.0 / (512 * 9)),
              1e-4);
  EXPECT_TRUE(named["layer1.0.bn2.weight"].eq(1).all().item<bool>());
}

TEST(ResNetTest, AttentionActsOnTheResidualAlone) {
  // With zero residuals, blocks are the identity with any attention on the residuals; attention
  // after the sum would show.
  const torch::NoGradGuard no_grad;
  torch::manual_seed(6);
  const auto plain = Make("resnet18");
  auto source = plain->named_parameters();
  for (auto& item : source) {
    if (item.key().find("bn2.") != std::string::npos) item.value().zero_();
  }
  plain->eval();
  const auto picture = torch::rand({2, 3, 64, 64});
  for (const char* name : {"se_resnet18", "cbam_resnet18"}) {
    const auto with = Make(name);
    for (auto& item : with->named_parameters()) {
      if (const auto* value = source.find(item.key())) item.value().copy_(*value);
    }
    with->eval();
    EXPECT_TRUE(torch::allclose(with->forward(picture), plain->forward(picture), 1e-5, 1e-6))
        << name;
  }
}

TEST(AttentionBlockTest, SqueezeExciteWeighsChannelsByTheirMeans) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(7);
  SqueezeExcite block(32);
  auto named = block.named_parameters();
  ASSERT_EQ(named.size(), 2u);
  const auto x = torch::rand({2, 32, 5, 6});
  const auto hidden = torch::relu(torch::matmul(x.mean({2, 3}), named["fc.0.weight"].t()));
  const auto weights = torch::sigmoid(torch::matmul(hidden, named["fc.2.weight"].t()));
  EXPECT_EQ(hidden.size(1), 2);
  EXPECT_TRUE(torch::allclose(block.forward(x), x * weights.view({2, 32, 1, 1})));
}

TEST(AttentionBlockTest, CbamWeighsChannelsThenPixels) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(8);
  Cbam block(32);
  block.eval();
  auto p = block.named_parameters();
  p["spatial_bn.weight"].fill_(1.7);
  p["spatial_bn.bias"].fill_(-0.2);
  const auto x = torch::randn({2, 32, 9, 8});
  const auto perceptron = [&](const torch::Tensor& v) {
    const auto hidden = torch::relu(torch::linear(v, p["channel.0.weight"], p["channel.0.bias"]));
    return torch::linear(hidden, p["channel.2.weight"], p["channel.2.bias"]);
  };
  const auto largest = std::get<0>(x.flatten(2).max(2));
  const auto channels = torch::sigmoid(perceptron(x.flatten(2).mean(2)) + perceptron(largest));
  const auto y = x * channels.view({2, 32, 1, 1});
  const auto summary = torch::stack({std::get<0>(y.max(1)), y.mean(1)}, 1);
  const auto map =
      torch::conv2d(summary, p["spatial_conv.weight"], {}, 1, 3) * 1.7 / std::sqrt(1 + 1e-5) - 0.2;
  EXPECT_TRUE(torch::allclose(block.forward(x), y * torch::sigmoid(map), 1e-5, 1e-6));
}

TEST(AttentionBlockTest, CbamsSpatialStatisticsMoveSlowly) {
  Cbam block(16);
  const auto before = block.named_buffers()["spatial_bn.running_var"].clone();
  block.forward(torch::randn({4, 16, 8, 8}));
  const auto after = block.named_buffers()["spatial_bn.running_var"];
  EXPECT_NEAR((after - before).abs().item<double>(), 0.01, 0.01);
  EXPECT_GE(after.item<double>(), 0.99);
}

TEST(TransformerTest, TensorsAreNamedAsTorchvisions) {
  const auto net = Make("vit_tiny");
  const auto keys = Keys(net->named_parameters());
  EXPECT_EQ(keys.size(), 8u + 4 * 12);
  for (const char* name :
       {"class_token", "conv_proj.weight", "conv_proj.bias", "encoder.pos_embedding",
        "encoder.ln.weight", "encoder.ln.bias", "heads.head.weight", "heads.head.bias"}) {
    EXPECT_THAT(keys, Contains(name));
  }
  for (const char* name :
       {"ln_1.weight", "ln_1.bias", "self_attention.in_proj_weight", "self_attention.in_proj_bias",
        "self_attention.out_proj.weight", "self_attention.out_proj.bias", "ln_2.weight",
        "ln_2.bias", "mlp.0.weight", "mlp.0.bias", "mlp.3.weight", "mlp.3.bias"}) {
    EXPECT_THAT(keys, Contains(std::string("encoder.layers.encoder_layer_3.") + name));
  }
  EXPECT_EQ(Keys(Make("vit_b_16")->named_parameters()).size(), 152u);
  EXPECT_EQ(net->named_parameters()["encoder.pos_embedding"].sizes().vec(),
            (std::vector<std::int64_t>{1, 197, 192}));
}

TEST(TransformerTest, StartsAsTheReferenceDoes) {
  torch::manual_seed(9);
  auto p = Make("vit_tiny")->named_parameters();
  EXPECT_TRUE(p["heads.head.weight"].eq(0).all().item<bool>());
  EXPECT_TRUE(p["class_token"].eq(0).all().item<bool>());
  EXPECT_NEAR(p["encoder.pos_embedding"].std().item<double>(), 0.02, 1e-3);
  EXPECT_NEAR(p["conv_proj.weight"].std().item<double>(), std::sqrt(1.0 / (3 * 256)), 1e-3);
  const std::string layer = "encoder.layers.encoder_layer_0.";
  EXPECT_NEAR(p[layer + "self_attention.in_proj_weight"].max().item<double>(),
              std::sqrt(6.0 / (4 * 192)), 1e-3);
  EXPECT_NEAR(p[layer + "mlp.0.weight"].max().item<double>(), std::sqrt(6.0 / (5 * 192)), 1e-3);
  EXPECT_LT(p[layer + "mlp.3.bias"].abs().max().item<double>(), 1e-4);
}

TEST(TransformerTest, AttentionIsThatOfLibTorch) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(10);
  TokenAttention own(24, 3);
  torch::nn::MultiheadAttention reference(24, 3);
  own->in_proj_bias.normal_();
  own->out_proj->bias.normal_();
  auto to = reference->named_parameters();
  for (const auto& item : own->named_parameters()) to[item.key()].copy_(item.value());
  const auto tokens = torch::randn({2, 7, 24});
  const auto x = tokens.transpose(0, 1);  // Its batch is the second dimension.
  const auto expected = std::get<0>(reference(x, x, x)).transpose(0, 1);
  EXPECT_TRUE(torch::allclose(own(tokens), expected, 1e-5, 1e-6));
}

TEST(TransformerTest, PositionsAreInterpolatedInTheirPlane) {
  const auto rows = torch::arange(14.0).view({14, 1}).expand({14, 14}).reshape({1, 196, 1});
  const auto columns = torch::arange(14.0).view({1, 14}).expand({14, 14}).reshape({1, 196, 1});
  const auto positions =
      torch::cat({torch::full({1, 1, 2}, 99.0), torch::cat({rows, columns}, 2)}, 1);
  EXPECT_TRUE(ResizePositions(positions, 14, 14).is_same(positions));

  const auto resized = ResizePositions(positions, 7, 28);
  ASSERT_EQ(resized.sizes().vec(), (std::vector<std::int64_t>{1, 1 + 7 * 28, 2}));
  EXPECT_TRUE(resized[0][0].eq(99.0).all().item<bool>());
  const auto grid = resized[0].narrow(0, 1, 7 * 28).view({7, 28, 2});
  // A ramp nearly stays a ramp: the center of patch 3 of 7 is 6.5 of 14, that of 13 of 28 is 6.25.
  EXPECT_NEAR(grid[3][5][0].item<double>(), 6.5, 1e-4);
  EXPECT_NEAR(grid[2][13][1].item<double>(), 6.25, 0.05);
}

TEST(TransformerTest, PictureSmallerThanAPatchIsRefused) {
  try {
    Make("vit_tiny")->forward(torch::rand({1, 3, 15, 40}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
    EXPECT_THAT(error.what(), HasSubstr("40x15"));
  }
}

TEST(TransformerTest, TinyOneLearnsOnTheCpu) {
  torch::manual_seed(11);
  const auto net = Make("vit_tiny");
  // Four textures with noise of half their amplitude.
  const auto labels = torch::arange(16) % 4;
  const auto pictures =
      torch::randn({4, 3, 48, 48}).index_select(0, labels) + 0.5 * torch::randn({16, 3, 48, 48});
  torch::optim::AdamW optimizer(net->parameters(), torch::optim::AdamWOptions(1e-3));
  double first = 0, last = 0;
  for (int step = 0; step < 25; ++step) {
    optimizer.zero_grad();
    const auto loss = torch::cross_entropy_loss(net->forward(pictures), labels);
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  EXPECT_NEAR(first, std::log(4.0), 1e-5);
  EXPECT_LT(last, 0.1);
}

// A custom network as exported by Python: a convolution, statistics that depend on the mode, an
// integer buffer, an attribute in the code, and a submodule.
torch::jit::Module UserNet(int planes = 3, int classes = 4, double slope = 0.25) {
  torch::jit::Module head("Head");
  head.register_attribute("training", c10::BoolType::get(), true);
  head.register_parameter("weight", torch::randn({classes, 8}).set_requires_grad(true), false);
  head.define(R"(
def forward(self, x):
    return torch.matmul(torch.dropout(x, 0.5, self.training), self.weight.t())
)");
  torch::jit::Module net("UserNet");
  net.register_attribute("training", c10::BoolType::get(), true);
  net.register_attribute("slope", c10::FloatType::get(), slope);
  net.register_parameter("weight", torch::randn({8, planes, 3, 3}).set_requires_grad(true), false);
  net.register_buffer("order", torch::arange(7, -1, -1));
  net.register_buffer("mean", torch::zeros({8}));
  net.register_buffer("variance", torch::ones({8}));
  net.register_module("head", head);
  net.define(R"(
def forward(self, x):
    y = torch.conv2d(x, self.weight, None, [2, 2])
    y = torch.batch_norm(y, None, None, self.mean, self.variance, self.training, 0.1, 1e-5, False)
    y = torch.leaky_relu(y, self.slope)
    if y.size(0) > 100:
        y = y * 2.0
    return self.head.forward(torch.mean(y, [2, 3])[:, self.order])
)");
  return net;
}

// For scripts that the test has made itself.
ModelPermission Allowed() {
  ModelPermission permission;
  permission.allow_code = true;
  return permission;
}

class TorchScriptTest : public ::testing::Test {
 protected:
  TorchScriptTest() {
    torch::manual_seed(12);
    dir_ = ::testing::TempDir() + "hepar_script_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(dir_);
  }
  ~TorchScriptTest() override { std::filesystem::remove_all(dir_); }

  std::string Write(const torch::jit::Module& module, const std::string& file = "net.pt") {
    const std::string path = dir_ + "/" + file;
    module.save(path);
    return path;
  }

  Architecture Read(const std::string& path) {
    Architecture a = ArchitectureWith("");
    SetClassifier("torchscript:" + path, 3, 64, Allowed(), &a);
    return a;
  }

  Error ReadError(const std::string& path) {
    try {
      Read(path);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << path << " was accepted";
    return Error(ErrorKind::kFailed, "");
  }

  // A module whose forward is `code`, after "def forward(self".
  std::string WriteCode(const std::string& code) {
    torch::jit::Module module("Other");
    module.define("def forward(self" + code);
    return Write(module, "other.pt");
  }

  std::string SaveOf(SeverityNet net, const std::string& file) {
    ModelSpec spec;
    spec.preprocess.size = 64;
    SaveBundle(dir_ + "/" + file, spec, net);
    return dir_ + "/" + file;
  }

  std::string dir_;
};

TEST_F(TorchScriptTest, BecomesAClassifierLikeAnyOther) {
  torch::jit::Module script = UserNet();
  const Architecture a = Read(Write(script));
  EXPECT_EQ(a.classifier, "torchscript");
  const auto net = MakeClassifier(a, 3);
  EXPECT_EQ(Keys(net->named_parameters()), (std::vector<std::string>{"weight", "head.weight"}));
  EXPECT_EQ(Keys(net->named_buffers()), (std::vector<std::string>{"order", "mean", "variance"}));
  EXPECT_EQ(CountTrainable(*net), 8 * 27 + 4 * 8);
  EXPECT_EQ(net->first_weight(), "");

  script.eval();
  net->eval();
  const auto x = torch::rand({2, 3, 64, 64});
  const auto expected = script.forward({x}).toTensor();
  for (int call = 0; call < 3; ++call) EXPECT_TRUE(torch::equal(net->forward(x), expected));
  EXPECT_EQ(CountMacs([&] { net->forward(x); }), 2 * 31 * 31 * 8 * 27 + 2 * 8 * 4);
}

TEST_F(TorchScriptTest, LearnsThroughItsOwnParameters) {
  const auto net = MakeClassifier(Read(Write(UserNet())), 3);
  const auto x = torch::rand({8, 3, 32, 32}).set_requires_grad(true);
  const auto labels = torch::arange(8) % 4;
  torch::optim::SGD optimizer(net->parameters(), torch::optim::SGDOptions(0.05));
  net->eval();
  const auto loss_now = [&] { return torch::cross_entropy_loss(net->forward(x), labels); };
  const double before = loss_now().item<double>();
  for (int step = 0; step < 20; ++step) {
    optimizer.zero_grad();
    loss_now().backward();
    optimizer.step();
  }
  EXPECT_LT(loss_now().item<double>(), before - 0.1);
  EXPECT_GT(x.grad().abs().sum().item<float>(), 0.f);
}

TEST_F(TorchScriptTest, ModeReachesTheScript) {
  const torch::NoGradGuard no_grad;
  SeverityNet net(Read(Write(UserNet())));
  const auto x = torch::rand({4, 3, 64, 64});
  EXPECT_FALSE(torch::equal(net->classifier->forward(x), net->classifier->forward(x)));
  net->eval();
  EXPECT_TRUE(torch::equal(net->classifier->forward(x), net->classifier->forward(x)));
  EXPECT_GT(net->classifier->named_buffers()["mean"].abs().sum().item<float>(), 0.f);
}

TEST_F(TorchScriptTest, NetsOfOneScriptAreIndependentAndCopyTheirTensors) {
  const torch::NoGradGuard no_grad;
  SeverityNet net(Read(Write(UserNet())));
  SeverityNet copy(net->architecture);
  net->eval();
  copy->eval();
  for (auto& parameter : net->classifier->parameters()) parameter.add_(0.5);
  net->classifier->named_buffers()["mean"].add_(0.1);
  const auto x = torch::rand({1, 3, 64, 64});
  EXPECT_FALSE(torch::equal(net->classifier->forward(x), copy->classifier->forward(x)));
  const auto from = net->classifier->parameters(), to = copy->classifier->parameters();
  for (std::size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
  const auto buffers = net->classifier->buffers(), copies = copy->classifier->buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i) copies[i].copy_(buffers[i]);
  EXPECT_TRUE(torch::equal(net->classifier->forward(x), copy->classifier->forward(x)));
}

TEST_F(TorchScriptTest, PrecisionMovesItsNumbersButNoIndices) {
  const torch::NoGradGuard no_grad;
  SeverityNet net(Read(Write(UserNet())));
  net->eval();
  const auto x = torch::rand({1, 3, 64, 64});
  const auto expected = net->classifier->forward(x);
  net->to(torch::kCPU, torch::kBFloat16);
  EXPECT_EQ(net->classifier->named_buffers()["order"].scalar_type(), torch::kLong);
  EXPECT_EQ(net->classifier->named_parameters()["weight"].scalar_type(), torch::kBFloat16);
  const auto half = net->classifier->forward(x.to(torch::kBFloat16));
  EXPECT_TRUE(torch::allclose(half.to(torch::kFloat32), expected, 0.05, 0.05));
}

TEST_F(TorchScriptTest, ParametersThatAskForNoGradientKeepToIt) {
  torch::jit::Module script = UserNet();
  script.attr("weight").toTensor().set_requires_grad(false);
  EXPECT_EQ(CountTrainable(*MakeClassifier(Read(Write(script)), 3)), 4 * 8);
}

TEST_F(TorchScriptTest, ScriptWithoutParametersClassifiesAndPassesGradients) {
  const auto path = WriteCode(", x):\n    return torch.mean(x, [2, 3]).repeat([1, 2])[:, 0:4]\n");
  const auto net = MakeClassifier(Read(path), 3);
  EXPECT_EQ(CountTrainable(*net), 0);
  const auto x = torch::rand({1, 3, 64, 64}).set_requires_grad(true);
  net->forward(x).sum().backward();
  EXPECT_GT(x.grad().min().item<float>(), 0.f);
}

TEST_F(TorchScriptTest, FilesThatAreNoClassifierSayWhatIsWrong) {
  EXPECT_EQ(ReadError(dir_ + "/absent.pt").kind(), ErrorKind::kNotFound);

  WriteFileAtomically(dir_ + "/garbage.pt", "no zip file");
  const Error garbage = ReadError(dir_ + "/garbage.pt");
  EXPECT_EQ(garbage.kind(), ErrorKind::kDamaged);
  EXPECT_THAT(garbage.what(), HasSubstr("torch.jit.script(model).save(path)"));

  c10::Dict<std::string, torch::Tensor> dict;
  dict.insert("weight", torch::ones({2}));
  const auto pickled = torch::pickle_save(dict);
  WriteFileAtomically(dir_ + "/dict.pt", {pickled.data(), pickled.size()});
  const Error weights = ReadError(dir_ + "/dict.pt");
  EXPECT_EQ(weights.kind(), ErrorKind::kDamaged);
  EXPECT_THAT(weights.what(), HasSubstr("torch.jit.script(model).save(path)"));

  std::string cut = ReadFile(Write(UserNet()), kNoLimit);
  cut[cut.find("weight") + 2] ^= 1;
  WriteFileAtomically(dir_ + "/cut.pt", cut);
  EXPECT_EQ(ReadError(dir_ + "/cut.pt").kind(), ErrorKind::kDamaged);

  const std::pair<const char*, const char*> kWrong[] = {
      {", x, y):\n    return x + y\n", "Tensor x, Tensor y"},
      {"):\n    return torch.ones([2, 4])\n", "takes ()"},
      {", x: List[Tensor]):\n    return x[0]\n", "List[Tensor] x"},
      {", x):\n    return torch.mean(x, [2, 3])\n",
       "gives [2, 3] of Float, expected floating point "
       "logits [2, 4]"},
      {", x):\n    return torch.argmax(x, 1)[:, 0, 0:4]\n", "of Long"},
      {", x):\n    return [x, x]\n", "List"},
  };
  for (const auto& [code, says] : kWrong) {
    const Error error = ReadError(WriteCode(code));
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(says));
    EXPECT_THAT(error.what(), HasSubstr("other.pt"));
  }
  const Error planes = ReadError(Write(UserNet(5)));
  EXPECT_EQ(planes.kind(), ErrorKind::kFailed);
  EXPECT_THAT(planes.what(), HasSubstr("5"));
  EXPECT_EQ(std::string(planes.what()).find('\n'), std::string::npos) << planes.what();

  EXPECT_THAT(ReadError(Write(torch::jit::Module("Empty"))).what(), HasSubstr("has no forward"));
  torch::jit::Module tied = UserNet();
  tied.register_parameter("again", tied.attr("weight").toTensor(), false);
  EXPECT_EQ(ReadError(Write(tied)).kind(), ErrorKind::kUnsupported);
}

TEST_F(TorchScriptTest, NameWithoutAFileSaysHow) {
  Architecture a = ArchitectureWith("torchscript");
  for (const auto& use : std::vector<std::function<void()>>{
           [&] { MakeClassifier(a, 3); }, [&] { SetClassifier("torchscript", 3, 64, &a); }}) {
    try {
      use();
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      EXPECT_THAT(error.what(), HasSubstr("torchscript:FILE"));
    }
  }
  EXPECT_THROW(SetClassifier("resnet99", 3, 64, &a), Error);
}

TEST_F(TorchScriptTest, AnotherNameTakesTheScriptAway) {
  Architecture a = Read(Write(UserNet()));
  EXPECT_FALSE(a.classifier_script.empty());
  SetClassifier("resnet18", 3, 64, &a);
  EXPECT_EQ(a.classifier, "resnet18");
  EXPECT_TRUE(a.classifier_script.empty());
}

TEST_F(TorchScriptTest, BundleKeepsCodeWeightsAndId) {
  const torch::NoGradGuard no_grad;
  SeverityNet net(Read(Write(UserNet())));
  net->classifier->named_parameters()["weight"].add_(0.1);  // Trained.
  const Bundle first = LoadBundle(SaveOf(net, "first.hepar"), Allowed());
  EXPECT_EQ(first.spec.architecture.classifier, "torchscript");
  EXPECT_EQ(first.spec.id.size(), 64u);
  net->eval();
  const auto x = torch::rand({2, 1, 64, 64});
  EXPECT_TRUE(torch::equal(SeverityNet(first.net)->forward(x), net->forward(x)));
  EXPECT_EQ(CountTrainable(*first.net->classifier), CountTrainable(*net->classifier));

  const Bundle second = LoadBundle(SaveOf(first.net, "second.hepar"), Allowed());
  EXPECT_EQ(second.spec.id, first.spec.id);
  EXPECT_EQ(ModelSpecToJson(second.spec), ModelSpecToJson(first.spec));
  EXPECT_TRUE(torch::equal(SeverityNet(second.net)->forward(x), net->forward(x)));
  // The current mode is not part of a model.
  net->train();
  EXPECT_EQ(LoadBundle(SaveOf(net, "third.hepar"), Allowed()).spec.id, first.spec.id);
}

TEST_F(TorchScriptTest, IdTellsCodesWithEqualParametersApart) {
  const auto id_with = [&](double slope) {
    torch::manual_seed(3);
    return LoadBundle(SaveOf(SeverityNet(Read(Write(UserNet(3, 4, slope)))), "id.hepar"), Allowed())
        .spec.id;
  };
  const std::string id = id_with(0.25);
  EXPECT_EQ(id_with(0.25), id);
  EXPECT_NE(id_with(0.5), id);
}

TEST_F(TorchScriptTest, DamagedOrExchangedCodeIsRefused) {
  const std::string path = SaveOf(SeverityNet(Read(Write(UserNet()))), "sound.hepar");
  const std::string bytes = ReadFile(path, kNoLimit);
  const auto refused = [&](std::string changed) {
    WriteFileAtomically(dir_ + "/changed.hepar", changed);
    try {
      LoadBundle(dir_ + "/changed.hepar", Allowed());
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kDamaged;
    }
    return false;
  };
  const auto code = bytes.find("code/__torch__");
  ASSERT_NE(code, std::string::npos);
  std::string flipped = bytes;
  flipped[code + 90] ^= 0x10;
  EXPECT_TRUE(refused(flipped));
  EXPECT_TRUE(refused(bytes.substr(0, bytes.size() / 2)));
  // A bundle of numbers alone whose description claims a script.
  const std::string plain = SaveOf(SeverityNet(ArchitectureWith("squeezenet1_1")), "plain.hepar");
  EXPECT_EQ(ReadError(plain).kind(), ErrorKind::kMismatch);
}

TEST_F(TorchScriptTest, NothingRunsUnlessItIsAllowed) {
  const std::string script = Write(UserNet());
  const std::string bundle = SaveOf(SeverityNet(Read(script)), "code.hepar");
  const auto load = [](const std::string& path, const ModelPermission& permission) {
    if (path.find(".hepar") != std::string::npos) {
      LoadBundle(path, permission);
    } else {
      Architecture a = ArchitectureWith("");
      SetClassifier("torchscript:" + path, 3, 64, permission, &a);
    }
  };
  for (const std::string& path : {script, bundle}) {
    SCOPED_TRACE(path);
    const auto refused = [&](const ModelPermission& permission) {
      try {
        load(path, permission);
      } catch (const Error& error) {
        return error;
      }
      ADD_FAILURE() << "was accepted";
      return Error(ErrorKind::kFailed, "");
    };
    const Error plain = refused({});
    EXPECT_EQ(plain.kind(), ErrorKind::kUnreadable);
    EXPECT_THAT(plain.what(), HasSubstr("set allow-code, or model-sha256"));

    Sha256 sha256;
    const std::string bytes = ReadFile(path, kNoLimit);
    sha256.Add(bytes.data(), bytes.size());
    const std::string digest = sha256.Hex(), other(64, 'a');
    ModelPermission permission;
    permission.sha256 = {other};
    EXPECT_THAT(refused(permission).what(), HasSubstr("its SHA-256 is " + digest));
    permission.allow_code = true;  // Allows the code, and still only of that file.
    EXPECT_EQ(refused(permission).kind(), ErrorKind::kUnreadable);
    permission.sha256 = {"beef"};
    EXPECT_EQ(refused(permission).kind(), ErrorKind::kInvalid);

    permission.allow_code = false;
    permission.sha256 = {other, digest};
    EXPECT_NO_THROW(load(path, permission));
    std::string upper = digest;
    for (char& digit : upper) digit = static_cast<char>(std::toupper(digit));
    permission.sha256 = {upper};
    EXPECT_NO_THROW(load(path, permission));
  }
  Architecture a = ArchitectureWith("");
  EXPECT_THROW(SetClassifier("torchscript:" + script, 3, 64, &a), Error);
}

// LibTorch 1.13 ends the process on some of these.
TEST_F(TorchScriptTest, ChangedCodeIsAnErrorAndNoCrash) {
  const auto sound = ReadTorchArchive(ReadFile(Write(UserNet()), kNoLimit), "net.pt", "script");
  const auto error = [&](const std::function<void(ArchiveParts&)>& change) {
    ArchiveParts parts = sound;
    change(parts);
    WriteFileAtomically(dir_ + "/changed.pt", WriteTorchArchive(parts));
    const Error refused = ReadError(dir_ + "/changed.pt");
    EXPECT_EQ(refused.kind(), ErrorKind::kDamaged) << refused.what();
    EXPECT_EQ(std::string(refused.what()).find('\n'), std::string::npos) << refused.what();
    return std::string(refused.what());
  };
  const auto replace = [](std::string* text, const std::string& from, const std::string& to) {
    const auto at = text->find(from);
    ASSERT_NE(at, std::string::npos);
    text->replace(at, from.size(), to);
  };
  const std::string code = "code/__torch__.py";
  EXPECT_THAT(error([&](ArchiveParts& p) { replace(&p[code], "__buffers__", "__bufftrs__"); }),
              HasSubstr("declares nothing"));
  EXPECT_THAT(
      error([&](ArchiveParts& p) { replace(&p[code], "weight : Tensor", "weight = Tensor"); }),
      HasSubstr("declares nothing"));
  const std::string deep(100000, '('), end(100000, ')');
  EXPECT_THAT(error([&](ArchiveParts& p) {
                p[code] += "  def f(self) -> int:\n    return " + deep + "1" + end + "\n";
              }),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(error([&](ArchiveParts& p) {
                p["data.pkl"] = "\x80\2)" + std::string(1000000, '\x85') + ".";
              }),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(error([](ArchiveParts& p) { p["data/0"].clear(); }), HasSubstr("0 bytes"));
  EXPECT_THAT(error([](ArchiveParts& p) { p.erase("constants.pkl"); }), HasSubstr("constants.pkl"));
  EXPECT_THAT(error([](ArchiveParts& p) { p["version"] = "x"; }), HasSubstr("no TorchScript"));
  EXPECT_THAT(
      error([&](ArchiveParts& p) { replace(&p[code], "weight : Tensor", "weight : Tensir"); }),
      HasSubstr("no TorchScript"));
}

// A bundle whose classifier is code has decouplers that are none.
TEST_F(TorchScriptTest, OnlyTheClassifierOfABundleMayBeCode) {
  const std::string path = SaveOf(SeverityNet(Read(Write(UserNet()))), "code.hepar");
  ArchiveParts parts = ReadTorchArchive(ReadFile(path, kNoLimit), path, "bundle");
  const std::string from = "__torch__\nhepar_ic1\n", to = "__torch__\nUserNet00\n";
  const auto at = parts["data.pkl"].find(from);
  ASSERT_NE(at, std::string::npos);
  parts["data.pkl"].replace(at, from.size(), to);
  WriteFileAtomically(path, WriteTorchArchive(parts));
  try {
    LoadBundle(path, Allowed());
    ADD_FAILURE() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
    EXPECT_THAT(error.what(), HasSubstr("where one of __torch__.hepar_ic1 is expected"));
  }
}

TEST_F(TorchScriptTest, EngineRunsItFromManyThreads) {
  const std::string path = SaveOf(SeverityNet(Read(Write(UserNet()))), "engine.hepar");
  EngineConfig config;
  config.model = path;
  config.device = "cpu";
  config.permission = Allowed();
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    config.precision = precision;
    const auto engine = Engine::Open(config);
    PreparedImage image;
    image.pixels.create(64, 64, CV_32FC1);
    cv::RNG rng(7);
    rng.fill(image.pixels, cv::RNG::UNIFORM, 0.0, 1.0);
    image.bounds = cv::Rect(0, 0, 64, 64);
    image.frame_width = image.frame_height = 64;
    const auto expected = engine->Prepare(image)->Classify().logits;
    ASSERT_EQ(expected.size(), 4u);
    std::vector<std::vector<float>> got(4);
    std::vector<std::thread> threads;
    for (auto& logits : got) {
      threads.emplace_back([&] { logits = engine->Prepare(image)->Classify().logits; });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& logits : got) EXPECT_EQ(logits, expected);
  }
}

TEST_F(TorchScriptTest, PythonsScriptsComeInAndTheBundleGoesBack) {
  const std::string python = hepar::testing::PythonWithTorch();
  if (python.empty()) GTEST_SKIP() << "no python3 with torch here";
  ASSERT_TRUE(hepar::testing::RunPython(python, dir_, R"(
import torch, warnings
from torch import nn
warnings.filterwarnings("ignore")  # Of the tracer, on the size of the batch.
torch.manual_seed(1)
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(0.1)
    def forward(self, x):
        return x + self.drop(torch.relu(self.bn(self.conv(x))))
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.fc = nn.Linear(8, 4)
        self.scale = 0.5
    def forward(self, x):
        y = self.stem(x)
        y = self.blocks(y * self.scale).mean([2, 3])
        if y.size(0) > 100:
            y = y * 2.0
        return self.fc(y)
net = Net()
torch.jit.script(net).save("scripted.pt")
x = torch.linspace(0, 1, 2 * 3 * 64 * 64).view(2, 3, 64, 64)
torch.jit.trace(net.eval(), x).save("traced.pt")
torch.jit.freeze(torch.jit.script(net)).save("frozen.pt")
torch.save({"input": x, "logits": net(x).detach()}, "expected.pt")
)"));
  const std::string file = ReadFile(dir_ + "/expected.pt", kNoLimit);
  const ArchiveParts parts = ReadTorchArchive(file, "expected.pt", "file of tensors");
  const TensorArchive archive(parts, "data", TensorArchive::Content::kTensors, "expected.pt");
  const StoredTensors example = archive.DictTensors();
  const auto x = ViewOf(example.at("input")), expected = ViewOf(example.at("logits"));
  const torch::NoGradGuard no_grad;
  for (const std::string kind : {"scripted", "traced", "frozen"}) {
    SCOPED_TRACE(kind);
    SeverityNet net(Read(dir_ + "/" + kind + ".pt"));
    EXPECT_EQ(CountTrainable(*net->classifier) > 0, kind != "frozen");
    const Bundle bundle = LoadBundle(SaveOf(net, kind + ".hepar"), Allowed());
    EXPECT_TRUE(torch::allclose(bundle.net->classifier->forward(x), expected, 1e-4, 1e-5));
    EXPECT_EQ(LoadBundle(SaveOf(bundle.net, "again.hepar"), Allowed()).spec.id, bundle.spec.id);
  }
  EXPECT_TRUE(hepar::testing::RunPython(python, dir_, R"(
import torch
example = torch.load("expected.pt", weights_only=False)
for kind in ["scripted", "traced", "frozen"]:
    bundle = torch.jit.load(kind + ".hepar")
    assert torch.allclose(bundle.classifier(example["input"]), example["logits"], 1e-4, 1e-5), kind
)"));
}

}  // namespace
}  // namespace hepar
