// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

namespace hepar::testing {

// Expects as many values as `expected` has, each equal but for rounding; shapes may differ.
inline void ExpectClose(const torch::Tensor& got, const torch::Tensor& expected, const char* what) {
  ASSERT_EQ(got.numel(), expected.numel()) << what;
  const double difference = (got.reshape({-1}) - expected.reshape({-1})).abs().max().item<double>();
  EXPECT_LT(difference, 2e-5 * (1.0 + expected.abs().max().item<double>())) << what;
}

}  // namespace hepar::testing
