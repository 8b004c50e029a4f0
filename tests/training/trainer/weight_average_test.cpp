// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/weight_average.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "models/error.h"
#include "tests/training/support/tiny_training.h"

namespace hepar {
namespace {

using testing::HasSubstr;

Bundle BundleOf(const std::string& name, int seed) {
  Bundle bundle;
  bundle.net = TinyNet(seed);
  bundle.spec.name = name;
  bundle.spec.id = name + "-id";
  bundle.spec.architecture = bundle.net->architecture;
  bundle.spec.temperature = 2.0;
  bundle.spec.abstain_below = 0.4;
  bundle.spec.metrics = R"({"accuracy":1})";
  bundle.spec.training_options = R"({"seed":3})";
  return bundle;
}

TEST(WeightAverageTest, WeighsEachModelByItsShare) {
  const Bundle a = BundleOf("a", 1), b = BundleOf("b", 2);
  const auto weight_of = [](const Bundle& bundle) {
    return bundle.net->parameters().front().detach().clone();
  };
  const auto of_a = weight_of(a), of_b = weight_of(b);
  const Bundle average = AverageInPlace({a, b}, {3.0, 1.0});
  const auto wanted = 0.75 * of_a + 0.25 * of_b;
  EXPECT_LT((weight_of(average) - wanted).abs().max().item<float>(), 1e-6);
  EXPECT_GT((of_a - wanted).abs().max().item<float>(), 1e-3);
  EXPECT_TRUE(torch::equal(weight_of(b), of_b));
}

TEST(WeightAverageTest, KeepsNothingThatWasFittedToOtherAnswers) {
  const ModelSpec spec = AverageInPlace({BundleOf("a", 1), BundleOf("b", 2)}, {1.0, 1.0}).spec;
  EXPECT_EQ(spec.temperature, 1.0);
  EXPECT_FALSE(spec.abstain_below.has_value());
  EXPECT_EQ(spec.metrics, "{}");
  const auto options = nlohmann::json::parse(spec.training_options);
  EXPECT_EQ(options.at("seed"), 3);
  EXPECT_EQ(options.at("average")[1].at("id"), "b-id");
  EXPECT_EQ(options.at("average")[1].at("share"), 1.0);
}

TEST(WeightAverageTest, RefusesWhatCannotBeAveraged) {
  const auto error_of = [](std::vector<Bundle> bundles, const std::vector<double>& shares) {
    try {
      AverageInPlace(std::move(bundles), shares);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const Bundle a = BundleOf("a", 1);
  EXPECT_THAT(error_of({a}, {1.0}), HasSubstr("at least two"));
  EXPECT_THAT(error_of({a, a}, {1.0}), HasSubstr("a share for each"));
  EXPECT_THAT(error_of({a, a}, {1.0, 0.0}), HasSubstr("above 0"));
  Bundle other = BundleOf("other", 2);
  other.spec.preprocess.size *= 2;
  EXPECT_THAT(error_of({a, other}, {1.0, 1.0}), HasSubstr("a and other: differ"));
  Bundle script = a;
  script.spec.architecture.classifier = "torchscript";
  EXPECT_THAT(error_of({script, script}, {1.0, 1.0}), HasSubstr("cannot be averaged"));
}

}  // namespace
}  // namespace hepar
