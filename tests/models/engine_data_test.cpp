// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The engine on real scans, held against the network as it was trained.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <opencv2/imgcodecs.hpp>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/engine.h"
#include "models/nets/picture_tensor.h"

namespace hepar {
namespace {

FrameView ViewOf(const cv::Mat& picture) {
  FrameView view;
  view.width = picture.cols;
  view.height = picture.rows;
  view.planes[0] = picture.data;
  view.strides[0] = static_cast<std::ptrdiff_t>(picture.step[0]);
  return view;
}

TEST(EngineDataTest, GivesTheLogitsOfTheTrainedNetworkOnEveryRealFrame) {
  const char* root = std::getenv("HEPAR_DATA_DIR");
  if (root == nullptr) GTEST_SKIP() << "HEPAR_DATA_DIR is not set";
  const auto images = std::filesystem::path(root) / "byra2018" / "images";
  if (!std::filesystem::is_directory(images)) {
    GTEST_SKIP() << images << " is absent: HEPAR_DATA_DIR holds no Byra 2018 frames";
  }
  EngineConfig config;
  config.model = std::string(PRETRAINED_DIR) + "/steatosis-byra-live.hepar";
  config.device = "cpu";
  const auto engine = Engine::Open(config);
  Bundle bundle = LoadBundle(config.model);

  const torch::NoGradGuard no_grad;
  Preprocessor preprocessor(bundle.spec.preprocess);
  double largest = 0.0;
  int frames = 0;
  for (const auto& entry : std::filesystem::directory_iterator(images)) {
    if (entry.path().extension() != ".png") continue;
    const cv::Mat picture = cv::imread(entry.path().string(), cv::IMREAD_GRAYSCALE);
    ASSERT_FALSE(picture.empty()) << entry.path();
    preprocessor.Reset();
    const PreparedImage prepared = preprocessor.Process(ViewOf(picture));
    const auto logits = engine->Prepare(prepared)->Classify().logits;
    const auto expected = bundle.net->forward(PictureToTensor(prepared.pixels).unsqueeze(0))[0];
    for (std::size_t k = 0; k < logits.size(); ++k) {
      largest = std::max<double>(largest, std::abs(logits[k] - expected[k].item<float>()));
    }
    ++frames;
  }
  EXPECT_GE(frames, 350);
  EXPECT_LT(largest, 1e-4);
  RecordProperty("frames", frames);
  std::cout << frames << " frames, largest difference of a logit " << largest << "\n";
}

}  // namespace
}  // namespace hepar
