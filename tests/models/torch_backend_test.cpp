// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <functional>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/engine/cpu_backend.h"
#include "models/error.h"
#include "models/nets/severity_net.h"
#include "tests/support/random_net.h"

namespace hepar {
namespace {

using hepar::testing::ArchitectureOf;
using hepar::testing::RandomNet;
using ::testing::HasSubstr;

cv::Mat Picture(int seed, int channels = 1) {
  cv::Mat picture(64, 64, CV_32FC(channels));
  cv::RNG(static_cast<std::uint64_t>(seed)).fill(picture, cv::RNG::UNIFORM, 0.0, 1.0);
  return picture;
}

std::unique_ptr<Backend> OnTorch(const Graph& graph, Precision precision = Precision::kFp32) {
  return MakeTorchBackend(graph, {}, torch::kCPU, precision);
}

// The same code runs on CUDA; the CPU engine is the reference.
TEST(TorchBackendTest, AFrameHasTheResultsOfTheCpuEngine) {
  const Graph graph = RandomNet(ArchitectureOf("live", "squeezenet1_1"))->Lower(1, 64, 64);
  const auto engine = MakeCpuBackend(graph, Precision::kFp32, {});
  const auto expected = engine->Prepare(Picture(1));
  const auto backend = OnTorch(graph);
  EXPECT_EQ(backend->name(), "libtorch");
  const auto frame = backend->Prepare(Picture(1));
  frame->Decouple();
  expected->Decouple();
  const auto logits = frame->Classify(), of_engine = expected->Classify();
  ASSERT_EQ(logits.size(), of_engine.size());
  for (std::size_t k = 0; k < logits.size(); ++k) EXPECT_NEAR(logits[k], of_engine[k], 1e-4);
  EXPECT_EQ(frame->Planes(), expected->Planes());
  EXPECT_NEAR(frame->ReconstructionError(), expected->ReconstructionError(), 1e-5);
  for (const FeatureView view :
       {FeatureView::kSpecific, FeatureView::kCommon, FeatureView::kReconstruction}) {
    const GrayPicture got = frame->View(view), wanted = expected->View(view);
    ASSERT_EQ(got.size, wanted.size);
    int largest = 0;
    for (std::size_t i = 0; i < got.pixels.size(); ++i) {
      largest = std::max(largest, std::abs(got.pixels[i] - wanted.pixels[i]));
    }
    EXPECT_LE(largest, 1);
  }
}

TEST(TorchBackendTest, ColorAndSixteenBitsStayNearTheCpuEngine) {
  Architecture a = ArchitectureOf("nano", "squeezenet1_1");
  a.planes = ColorPlanes::kYcbcr;
  const Graph graph = RandomNet(a)->Lower(3, 64, 64);
  const auto engine = MakeCpuBackend(graph, Precision::kFp32, {});
  const auto expected = engine->Prepare(Picture(2, 3));
  expected->Decouple();
  const auto wanted = expected->Classify();
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    SCOPED_TRACE(ToString(precision));
    const auto backend = OnTorch(graph, precision);
    const auto frame = backend->Prepare(Picture(2, 3));
    frame->Decouple();
    const auto logits = frame->Classify();
    const double near = precision == Precision::kFp32 ? 1e-4 : 0.1;
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      EXPECT_NEAR(logits[k], wanted[k], near * (1.0 + std::abs(wanted[k])));
    }
  }
}

// The batched pass, which only CUDA uses, on the CPU.
void ExpectTogetherAsAlone(const Backend& backend) {
  std::vector<std::unique_ptr<BackendFrame>> frames, alone;
  std::vector<BackendFrame*> together;
  for (int i = 0; i < 3; ++i) {
    frames.push_back(backend.Prepare(Picture(i + 1)));
    alone.push_back(backend.Prepare(Picture(i + 1)));
    together.push_back(frames.back().get());
  }
  const auto logits = backend.DecoupleAndClassify(together);
  ASSERT_EQ(logits.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    alone[i]->Decouple();
    const auto expected = alone[i]->Classify();
    ASSERT_EQ(logits[i].size(), expected.size());
    for (std::size_t k = 0; k < expected.size(); ++k) EXPECT_NEAR(logits[i][k], expected[k], 1e-5);
    EXPECT_EQ(frames[i]->Planes(), alone[i]->Planes());
    EXPECT_NEAR(frames[i]->ReconstructionError(), alone[i]->ReconstructionError(), 1e-6);
  }
}

TEST(TorchBackendTest, FramesInOnePassAreWhatTheyAreAlone) {
  ExpectTogetherAsAlone(
      *OnTorch(RandomNet(ArchitectureOf("nano", "squeezenet1_1"))->Lower(1, 64, 64)));
}

TEST(TorchBackendTest, AClassifierWithoutALoweringRunsInsideThePassOrBehindIt) {
  SeverityNet net = RandomNet(ArchitectureOf("nano", "vit_tiny"));
  const Graph graph = net->Lower(1, 64, 64);
  TorchClassifier classifier;
  classifier.run = [net](const torch::Tensor& planes) mutable { return net->Classify(planes); };
  for (const bool inside : {true, false}) {
    SCOPED_TRACE(inside);
    classifier.can_be_captured = inside;
    const auto backend = MakeTorchBackend(graph, classifier, torch::kCPU, Precision::kFp32);
    ExpectTogetherAsAlone(*backend);
    const auto frame = backend->Prepare(Picture(1));
    frame->Decouple();
    const c10::InferenceMode inference;
    const auto expected =
        RandomNet(ArchitectureOf("nano", "vit_tiny"))
            ->forward(torch::from_blob(Picture(1).clone().data, {1, 1, 64, 64}).clone());
    const auto logits = frame->Classify();
    for (std::size_t k = 0; k < logits.size(); ++k) {
      EXPECT_NEAR(logits[k], expected[0][static_cast<std::int64_t>(k)].item<float>(), 1e-4);
    }
  }
}

TEST(TorchBackendTest, APictureOfAnotherSizeOrKindIsRefused) {
  const auto backend =
      OnTorch(RandomNet(ArchitectureOf("nano", "squeezenet1_1"))->Lower(1, 64, 64));
  for (const cv::Mat& picture : {cv::Mat(cv::Mat::zeros(32, 32, CV_32FC1)), Picture(1, 3),
                                 cv::Mat(cv::Mat::zeros(64, 64, CV_8UC1))}) {
    EXPECT_THROW(backend->Prepare(picture), Error);
  }
}

// A backend whose classifier throws what `fail` throws, as operators on a GPU do.
std::unique_ptr<Backend> Failing(const std::function<void()>& fail) {
  TorchClassifier classifier;
  classifier.run = [fail](const torch::Tensor& planes) {
    fail();
    return torch::zeros({planes.size(0), 4});
  };
  return MakeTorchBackend(RandomNet(ArchitectureOf("nano", "vit_tiny"))->Lower(1, 64, 64),
                          classifier, torch::kCPU, Precision::kFp32);
}

std::string ErrorOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    return error.what();
  }
  return "none";
}

TEST(TorchBackendTest, ExhaustedMemoryNamesTheBatchAndLeavesTheFramesUsable) {
  bool is_full = true;
  const auto backend = Failing([&is_full] {
    TORCH_CHECK_WITH(OutOfMemoryError, !is_full, "CUDA out of memory. Tried to allocate 2 GiB");
  });
  const auto first = backend->Prepare(Picture(1)), second = backend->Prepare(Picture(2));
  const std::string error = ErrorOf([&] {
    backend->DecoupleAndClassify({first.get(), second.get()});
  });
  EXPECT_THAT(error, HasSubstr("exhausted by a batch of 2 pictures; set a batch of at most 1"));
  EXPECT_FALSE(backend->lost());
  is_full = false;
  first->Decouple();
  EXPECT_EQ(first->Classify().size(), 4u);
}

TEST(TorchBackendTest, ALostDeviceFailsEveryLaterCallWithItsCause) {
  int calls = 0;
  const auto backend = Failing([&calls] {
    ++calls;
    TORCH_CHECK(false, "CUDA error: an illegal memory access was encountered\nmore lines");
  });
  const auto frame = backend->Prepare(Picture(1));
  frame->Decouple();
  const std::string first = ErrorOf([&] { frame->Classify(); });
  EXPECT_THAT(first, HasSubstr("is lost until the program is started again: CUDA error: an illegal "
                               "memory access was encountered"));
  EXPECT_THAT(first, ::testing::Not(HasSubstr("more lines")));
  EXPECT_EQ(ErrorOf([&] { frame->Classify(); }), first);
  EXPECT_EQ(ErrorOf([&] { backend->Prepare(Picture(1)); }), first);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(backend->lost());
}

}  // namespace
}  // namespace hepar
