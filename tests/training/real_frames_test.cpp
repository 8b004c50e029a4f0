// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The engine against the network that was trained, on real scans.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/engine.h"
#include "models/nets/picture_tensor.h"
#include "training/data/dataset.h"

namespace hepar {
namespace {

TEST(RealFramesTest, TheEngineGivesTheLogitsOfTheTrainedNetwork) {
  const char* folder = std::getenv("HEPAR_DATA_DIR");
  const std::string labels = std::string(folder ? folder : "") + "/byra2018/labels.csv";
  if (!folder || !std::filesystem::exists(labels)) {
    GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has byra2018/";
  }
  Dataset dataset = LoadDataset(labels, {});
  // HEPAR_ALL_FRAMES takes each of them, which takes a minute.
  const std::size_t step = std::getenv("HEPAR_ALL_FRAMES") ? 1 : 10;
  std::vector<Sample> some;
  for (std::size_t i = 0; i < dataset.samples.size(); i += step) some.push_back(dataset.samples[i]);
  dataset.samples = some;

  EngineConfig config;
  config.model = PRETRAINED_DIR "/steatosis-byra-live.hepar";
  config.device = "cpu";
  const auto engine = Engine::Open(config);
  SeverityNet net = LoadBundle(config.model).net;
  const PreparedDataset data(dataset, engine->spec().preprocess, 1, nullptr);
  const torch::NoGradGuard no_grad;
  double largest = 0.0;
  for (int i = 0; i < data.size(); ++i) {
    const auto picture = data.image(i);
    const auto expected = net->forward(PictureToTensor(picture.pixels).unsqueeze(0))[0];
    const auto frame = engine->Prepare(picture);
    const auto& logits = frame->Classify().logits;
    for (std::size_t k = 0; k < logits.size(); ++k) {
      largest = std::max(largest, std::fabs(static_cast<double>(logits[k]) -
                                            expected[static_cast<int64_t>(k)].item<double>()));
    }
  }
  EXPECT_GT(data.size(), 30);
  EXPECT_LT(largest, 1e-4);
  std::cout << data.size() << " frames, largest difference of logits " << largest << "\n";
}

}  // namespace
}  // namespace hepar
