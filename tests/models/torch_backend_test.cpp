// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_backend.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <memory>
#include <vector>

#include "tests/support/random_net.h"

namespace hepar {
namespace {

// The batched pass, which only CUDA uses, on the CPU.
TEST(TorchBackendTest, FramesInOnePassAreWhatTheyAreAlone) {
  const Architecture a = hepar::testing::ArchitectureOf("nano", "squeezenet1_1");
  PreprocessOptions input;
  input.size = 64;
  const auto backend =
      MakeTorchBackend(hepar::testing::RandomNet(a), "cpu", Precision::kFp32, input);
  std::vector<std::unique_ptr<BackendFrame>> frames, alone;
  std::vector<BackendFrame*> together;
  for (int i = 0; i < 3; ++i) {
    cv::Mat picture(64, 64, CV_32FC1);
    cv::RNG(static_cast<std::uint64_t>(i + 1)).fill(picture, cv::RNG::UNIFORM, 0.0, 1.0);
    frames.push_back(backend->Prepare(picture));
    alone.push_back(backend->Prepare(picture));
    together.push_back(frames.back().get());
  }
  const auto logits = backend->DecoupleAndClassify(together);
  ASSERT_EQ(logits.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    alone[i]->Decouple();
    const auto expected = alone[i]->Classify();
    for (std::size_t k = 0; k < expected.size(); ++k) EXPECT_NEAR(logits[i][k], expected[k], 1e-5);
    EXPECT_EQ(frames[i]->Planes(), alone[i]->Planes());
    EXPECT_NEAR(frames[i]->ReconstructionError(), alone[i]->ReconstructionError(), 1e-6);
  }
}

}  // namespace
}  // namespace hepar
