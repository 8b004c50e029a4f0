// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/complexity.h"

#include <torch/utils.h>

#include <ATen/record_function.h>

#include <cstring>

namespace hepar {
namespace {

thread_local int64_t macs = 0;

int64_t ConvolutionMacs(c10::ArrayRef<const c10::IValue> in) {
  // aten::convolution(input, weight, bias, stride, padding, dilation, ...): one multiplication for
  // each weight and output pixel.
  const at::Tensor& input = in[0].toTensor();
  const at::Tensor& weight = in[1].toTensor();
  const auto stride = in[3].toIntVector(), padding = in[4].toIntVector(),
             dilation = in[5].toIntVector();
  // A list of one value applies to all directions.
  const auto at = [](const std::vector<int64_t>& list, int64_t d) { return list[d % list.size()]; };
  int64_t pixels = input.size(0);
  for (int64_t d = 0; d < input.dim() - 2; ++d) {
    const int64_t reach = at(dilation, d) * (weight.size(d + 2) - 1) + 1;
    pixels *= (input.size(d + 2) + 2 * at(padding, d) - reach) / at(stride, d) + 1;
  }
  return pixels * weight.numel();
}

// (..., n, k) x (..., k, m)
int64_t ProductMacs(const at::Tensor& a, const at::Tensor& b) { return a.numel() * b.size(-1); }

std::unique_ptr<at::ObserverContext> Count(const at::RecordFunction& call) {
  const char* name = call.name();
  const auto in = call.inputs();
  if (std::strcmp(name, "aten::convolution") == 0) {
    macs += ConvolutionMacs(in);
  } else if (std::strcmp(name, "aten::mm") == 0 || std::strcmp(name, "aten::bmm") == 0) {
    macs += ProductMacs(in[0].toTensor(), in[1].toTensor());
  } else if (std::strcmp(name, "aten::addmm") == 0) {
    macs += ProductMacs(in[1].toTensor(), in[2].toTensor());
  }
  return nullptr;
}

}  // namespace

int64_t CountParameters(const torch::nn::Module& module) {
  int64_t total = 0;
  for (const auto& parameter : module.parameters()) total += parameter.numel();
  return total;
}

int64_t CountMacs(const std::function<void()>& forward) {
  struct Callback {
    at::CallbackHandle handle = at::addThreadLocalCallback(
        at::RecordFunctionCallback(Count).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
    ~Callback() { at::removeCallback(handle); }
  };
  // Only the forward pass is counted.
  torch::NoGradGuard no_grad;
  macs = 0;
  const Callback callback;
  forward();
  return macs;
}

}  // namespace hepar
