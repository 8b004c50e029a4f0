// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Saliency maps of whole models, by every way in which an engine computes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu_backend.h"
#include "models/engine/engine.h"
#include "models/engine/torch_backend.h"
#include "models/error.h"
#include "models/nets/tensor_values.h"
#include "models/saliency/saliency_map.h"
#include "models/simulator/scan_simulator.h"
#include "tests/support/random_net.h"
#include "tests/support/tiny_model.h"

namespace hepar {
namespace {

using hepar::testing::ArchitectureOf;
using hepar::testing::RandomNet;
using ::testing::HasSubstr;

// A simulated scan as the network gets it, of grade `seed` % 4.
cv::Mat Scan(int size, std::uint64_t seed) {
  SimulatedScan scan;
  scan.seed = seed;
  scan.grade = static_cast<int>(seed % 4);
  ScanSimulator simulator(scan);
  const cv::Mat& picture = simulator.Render(0.0);
  FrameView frame;
  frame.width = picture.cols;
  frame.height = picture.rows;
  frame.planes[0] = picture.data;
  frame.strides[0] = static_cast<std::ptrdiff_t>(picture.step);
  PreprocessOptions options;
  options.size = size;
  return Preprocessor(options).Process(frame).pixels;
}

PreparedImage Prepared(const cv::Mat& pixels) {
  return {pixels, cv::Rect(0, 0, pixels.cols, pixels.rows), pixels.cols, pixels.rows};
}

std::shared_ptr<const Engine> Open(const std::string& model,
                                   Precision precision = Precision::kFp32) {
  EngineConfig config;
  config.model = model;
  config.device = "cpu";
  config.precision = precision;
  config.permission.allow_code = true;
  return Engine::Open(config);
}

std::string Pretrained() { return std::string(PRETRAINED_DIR) + "/steatosis-sim-live.hepar"; }

SaliencyMap MapOf(const Engine& engine, const cv::Mat& pixels) {
  return engine.Prepare(Prepared(pixels))->Saliency();
}

// By autograd, with the smoothing alone in common.
SaliencyMap MapByAutograd(SeverityNet net, const cv::Mat& pixels) {
  net->eval();
  const auto x =
      torch::from_blob(pixels.data, {1, 1, pixels.rows, pixels.cols}).clone().requires_grad_();
  const auto log_p = torch::log_softmax(net->forward(x)[0], 0);
  const auto answer = log_p.argmax();
  const auto odds = log_p[answer] - torch::log1p(-log_p[answer].exp());
  const auto gradient = torch::autograd::grad({odds}, {x})[0];
  return MakeSaliencyMap(answer.item<int>(), pixels, ValuesOf(gradient));
}

double RelativeError(const SaliencyMap& got, const SaliencyMap& expected) {
  double error = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    error += std::pow(got.values[i] - expected.values[i], 2);
    norm += std::pow(expected.values[i], 2);
  }
  EXPECT_GT(norm, 0.0);
  return std::sqrt(error / norm);
}

TEST(SaliencyTest, TheMapIsThatOfAutograd) {
  const auto engine = Open(Pretrained());
  const Bundle bundle = LoadBundle(Pretrained());
  std::vector<double> errors;
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    const cv::Mat scan = Scan(engine->spec().preprocess.size, seed);
    const SaliencyMap map = MapOf(*engine, scan);
    const SaliencyMap expected = MapByAutograd(bundle.net, scan);
    EXPECT_EQ(map.answer, expected.answer);
    errors.push_back(RelativeError(map, expected));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[2], 1e-5);
  // A unit on the edge of its ReLU counts in one and not in the other.
  EXPECT_LT(errors.back(), 1e-2);
}

TEST(SaliencyTest, IsTheSameEachTimeAndWheneverItIsAskedFor) {
  const auto engine = Open(Pretrained());
  const cv::Mat scan = Scan(engine->spec().preprocess.size, 4);
  const SaliencyMap late = MapOf(*engine, scan);
  const auto early = engine->Prepare(Prepared(scan));
  early->RequestSaliency();
  EXPECT_EQ(early->Saliency().values, late.values);
  EXPECT_EQ(MapOf(*engine, scan).values, late.values);
}

// Whether somebody looks at the map must not change the grade or another view, to the last bit.
TEST(SaliencyTest, AFrameThatIsExplainedHasTheResultsOfOneThatIsNot) {
  std::vector<std::string> models = {Pretrained()};
  for (const char* classifier : {"resnet18", "se_resnet18", "cbam_resnet18", "depth_squeezenet"}) {
    models.push_back(::testing::TempDir() + "saliency-" + classifier + ".hepar");
    ModelSpec spec;
    spec.name = classifier;
    spec.preprocess.size = 64;
    SaveBundle(models.back(), spec, RandomNet(ArchitectureOf("nano", classifier)));
  }
  std::vector<Precision> precisions = {Precision::kFp32};
  if (cpu::Bf16Kernels() != nullptr) precisions.push_back(Precision::kBf16);
  for (const std::string& model : models) {
    for (const Precision precision : precisions) {
      SCOPED_TRACE(model + ", " + ToString(precision));
      const auto engine = Open(model, precision);
      const cv::Mat scan = Scan(engine->spec().preprocess.size, 2);
      const auto plain = engine->Prepare(Prepared(scan)),
                 explained = engine->Prepare(Prepared(scan));
      explained->RequestSaliency();
      EXPECT_EQ(explained->Classify().logits, plain->Classify().logits);
      for (const bool done : {false, true}) {
        if (done) explained->Saliency();
        EXPECT_EQ(explained->explained(), done);
        for (const FeatureView view :
             {FeatureView::kSpecific, FeatureView::kCommon, FeatureView::kReconstruction}) {
          EXPECT_EQ(explained->View(view).pixels, plain->View(view).pixels);
        }
        EXPECT_EQ(explained->ReconstructionError(), plain->ReconstructionError());
        EXPECT_EQ(explained->Planes(), plain->Planes());
      }
    }
  }
}

TEST(SaliencyTest, LibTorchsBackendGivesTheSameMaps) {
  for (const char* classifier : {"squeezenet1_1", "resnet18"}) {
    SCOPED_TRACE(classifier);
    const Graph graph = RandomNet(ArchitectureOf("nano", classifier))->Lower(1, 64, 64);
    const auto engine = MakeCpuBackend(graph, Precision::kFp32, {});
    const auto on_torch = MakeTorchBackend(graph, {}, torch::kCPU, Precision::kFp32);
    const cv::Mat scan = Scan(64, 3);
    const std::vector<float> by_logits = {1.f, -0.5f, -0.25f, -0.25f};
    const auto gradient = [&](const Backend& backend) {
      const auto frame = backend.Prepare(scan);
      frame->KeepForGradient();
      frame->Decouple();
      frame->Classify();
      return frame->PictureGradient(by_logits);
    };
    const SaliencyMap expected = MakeSaliencyMap(0, scan, gradient(*engine));
    EXPECT_LT(RelativeError(MakeSaliencyMap(0, scan, gradient(*on_torch)), expected), 1e-4);
  }
}

TEST(SaliencyTest, AClassifierWithoutALoweringIsRefusedAndGradesAllTheSame) {
  const auto engine = Open(hepar::testing::WriteCodeModel(::testing::TempDir()));
  const auto frame = engine->Prepare(Prepared(Scan(engine->spec().preprocess.size, 1)));
  frame->RequestSaliency();
  EXPECT_EQ(frame->Classify().logits.size(), 4u);
  for (int i = 0; i < 2; ++i) {
    try {
      frame->Saliency();
      FAIL() << "there is a map";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr("classifier has no lowering"));
    }
  }
  EXPECT_FALSE(frame->explained());
}

// Spearman's correlation of the pixels that are not black.
double RankCorrelation(const cv::Mat& picture, const std::vector<float>& a,
                       const std::vector<float>& b) {
  std::vector<int> pixels;
  for (int p = 0; p < picture.rows * picture.cols; ++p) {
    if (picture.at<float>(p / picture.cols, p % picture.cols) > 0.f) pixels.push_back(p);
  }
  const auto ranks = [&pixels](const std::vector<float>& values) {
    std::vector<int> order(pixels.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](int i, int j) { return values[pixels[i]] < values[pixels[j]]; });
    std::vector<double> rank(pixels.size());
    for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = static_cast<double>(i);
    return rank;
  };
  const auto x = ranks(a), y = ranks(b);
  const double mean = (static_cast<double>(pixels.size()) - 1.0) / 2.0;
  double product = 0.0, square = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    product += (x[i] - mean) * (y[i] - mean);
    square += (x[i] - mean) * (x[i] - mean);
  }
  return product / square;
}

// The weights of the modules whose name begins with `prefix` change places with each other: the
// same numbers, and nothing of what was learned.
void Shuffle(const SeverityNet& net, const std::string& prefix, std::uint64_t seed) {
  torch::manual_seed(seed);
  const torch::NoGradGuard no_grad;
  for (const auto& item : net->named_parameters()) {
    if (item.key().rfind(prefix, 0) != 0 || item.value().dim() < 2) continue;
    const auto flat = item.value().flatten();
    item.value().copy_(flat.index_select(0, torch::randperm(flat.numel())).view_as(item.value()));
  }
}

// The sanity check of Adebayo et al., "Sanity checks for saliency maps" (arXiv:1810.03292), by
// cascading randomization: a map that says something of the model changes when its weights do. A
// map that only finds the edges of the picture would stay.
TEST(SaliencyTest, MapsChangeWhenTheWeightsAreRandomized) {
  const auto engine = Open(Pretrained());
  for (const char* prefix : {"classifier", ""}) {
    double signed_sum = 0.0, absolute_sum = 0.0;
    int count = 0;
    for (const std::uint64_t seed : {1, 2, 3, 4, 6}) {
      const cv::Mat scan = Scan(engine->spec().preprocess.size, seed);
      const SaliencyMap map = MapOf(*engine, scan);
      const Bundle bundle = LoadBundle(Pretrained());
      Shuffle(bundle.net, prefix, seed);
      const SaliencyMap random = MapByAutograd(bundle.net, scan);
      const auto absolute = [](std::vector<float> values) {
        for (float& value : values) value = std::fabs(value);
        return values;
      };
      signed_sum += RankCorrelation(scan, map.values, random.values);
      absolute_sum += RankCorrelation(scan, absolute(map.values), absolute(random.values));
      ++count;
      // The measure itself: a map agrees with itself.
      EXPECT_DOUBLE_EQ(RankCorrelation(scan, map.values, map.values), 1.0);
    }
    EXPECT_LT(std::fabs(signed_sum / count), 0.2) << prefix;
    EXPECT_LT(absolute_sum / count, 0.4) << prefix;
  }
}

}  // namespace
}  // namespace hepar
