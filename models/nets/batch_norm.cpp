// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/batch_norm.h"

#include <torch/utils.h>

#include <ATen/OpMathType.h>

#include <tuple>

namespace hepar {
namespace {

// Statistics of each channel over the batches of all processes, (C) float64.
struct Statistics {
  torch::Tensor mean, variance, count;  // `count` (1): number of values of each channel.
};

// Exchanges both moments at once. Each process computes its variance around its own mean, so only
// the variance of the processes' means is a difference of large numbers; float64 is accurate
// enough.
Statistics OverProcesses(const torch::Tensor& x,
                         const std::function<torch::Tensor(const torch::Tensor&)>& sum) {
  const auto channels = x.size(1);
  const auto own_count = static_cast<double>(x.numel() / channels);
  const auto [own_variance, own_mean] = torch::var_mean(x, {0, 2, 3}, /*unbiased=*/false);
  const auto mean = own_mean.to(torch::kFloat64);
  const auto square = own_variance.to(torch::kFloat64) + mean.square();
  const auto sums = sum(torch::cat(
      {own_count * mean, own_count * square, torch::full({1}, own_count, mean.options())}));

  Statistics statistics;
  statistics.count = sums.narrow(0, 2 * channels, 1);
  statistics.mean = sums.narrow(0, 0, channels) / statistics.count;
  // Rounding may make the variance of a constant channel slightly negative.
  statistics.variance =
      (sums.narrow(0, channels, channels) / statistics.count - statistics.mean.square())
          .clamp_min(0.0);
  return statistics;
}

// As LibTorch: with the unbiased variance.
void UpdateRunning(BatchNorm2dImpl& norm, const Statistics& statistics) {
  const torch::NoGradGuard no_grad;
  norm.num_batches_tracked += 1;
  const double momentum = *norm.options.momentum();
  const auto unbiased = statistics.variance * (statistics.count / (statistics.count - 1.0));
  norm.running_mean.mul_(1.0 - momentum)
      .add_(statistics.mean.to(norm.running_mean.scalar_type()), momentum);
  norm.running_var.mul_(1.0 - momentum).add_(unbiased.to(norm.running_var.scalar_type()), momentum);
}

}  // namespace

BatchNorm2dImpl::BatchNorm2dImpl(const torch::nn::BatchNormOptions& options)
    : NormImplBase(options) {
  TORCH_CHECK(options.momentum().has_value() && options.track_running_stats(),
              "batch normalization without running averages cannot be used for single frames");
}

void BatchNorm2dImpl::_check_input_dim(const torch::Tensor& x) {
  TORCH_CHECK(x.dim() == 4, "expected a 4-dimensional tensor, got one of shape ", x.sizes());
}

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& x) {
  _check_input_dim(x);
  if (!sum_over_processes || !is_training()) {
    if (is_training()) num_batches_tracked += 1;
    return torch::batch_norm(x, weight, bias, running_mean, running_var, is_training(),
                             *options.momentum(), options.eps(),
                             at::globalContext().userEnabledCuDNN());
  }

  const auto values = x.to(at::toOpMathType(x.scalar_type()));
  const Statistics statistics = OverProcesses(values, sum_over_processes);
  UpdateRunning(*this, statistics);

  auto scale = (statistics.variance + options.eps()).rsqrt();
  if (weight.defined()) scale = scale * weight;
  auto shift = -statistics.mean * scale;
  if (bias.defined()) shift = shift + bias;
  const auto of_channels = [&values](const torch::Tensor& factors) {
    return factors.to(values.scalar_type()).view({1, -1, 1, 1});
  };
  return (values * of_channels(scale) + of_channels(shift)).to(x.scalar_type());
}

}  // namespace hepar
