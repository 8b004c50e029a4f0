// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/few_planes_conv.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include <gtest/gtest.h>

namespace hepar {
namespace {

struct Case {
  int planes, kernel, stride, padding, height, width;
};

class FewPlanesConvTest : public testing::TestWithParam<Case> {};

// For a 16 x 15 input and stride 2 without padding, the last row contributes to no output.
INSTANTIATE_TEST_SUITE_P(Shapes, FewPlanesConvTest,
                         testing::Values(Case{1, 3, 2, 1, 16, 15}, Case{3, 3, 2, 0, 16, 15},
                                         Case{3, 7, 2, 0, 24, 21}, Case{4, 3, 1, 1, 6, 9}));

TEST_P(FewPlanesConvTest, AnswersAndGradientsAreThoseOfConv2d) {
  const Case& c = GetParam();
  torch::manual_seed(1);
  const auto options = torch::dtype(torch::kFloat64).requires_grad(true);
  const auto x = torch::randn({2, c.planes, c.height, c.width}, options);
  const auto weight = torch::randn({5, c.planes, c.kernel, c.kernel}, options);
  const auto bias = torch::randn({5}, options);

  const auto expected = torch::conv2d(x, weight, bias, c.stride, c.padding);
  const auto got = FewPlanesConv2d(x, weight, bias, {c.stride, c.stride}, {c.padding, c.padding});
  EXPECT_TRUE(torch::equal(got, expected));

  for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
    const auto sent_back = torch::randn_like(expected).contiguous(format);
    const auto of = [&](const torch::Tensor& y) {
      return torch::autograd::grad({y}, {x, weight, bias}, {sent_back}, /*retain_graph=*/true);
    };
    const auto wanted = of(expected), gradients = of(got);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(torch::allclose(gradients[i], wanted[i], 1e-12, 1e-12)) << i;
    }
  }
}

TEST(FewPlanesConv, AsksNoGradientOfFrozenWeights) {
  const auto x = torch::randn({1, 1, 8, 8}, torch::requires_grad());
  const auto weight = torch::randn({4, 1, 3, 3});
  const auto y = FewPlanesConv2d(x, weight, {}, {2, 2}, {1, 1});
  y.sum().backward();
  EXPECT_TRUE(torch::allclose(
      x.grad(), torch::autograd::grad({torch::conv2d(x, weight, {}, 2, 1).sum()}, {x})[0], 1e-4,
      1e-5));
  EXPECT_FALSE(weight.grad().defined());
}

}  // namespace
}  // namespace hepar
