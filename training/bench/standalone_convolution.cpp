// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/bench/standalone_convolution.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <vector>

#include "models/engine/cpu/onednn_api.h"
#include "models/engine/cpu/onednn_convolution.h"
#include "models/error.h"

namespace hepar {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Clock = std::chrono::steady_clock;

struct LayoutChoice {
  const char* name;
  Tag source, destination;
};

constexpr LayoutChoice kChoices[] = {
    {"its own choice", Tag::any, Tag::any},       {"channels last", Tag::nhwc, Tag::nhwc},
    {"blocks of 8", Tag::nChw8c, Tag::nChw8c},    {"blocks of 16", Tag::nChw16c, Tag::nChw16c},
    {"planar to blocks", Tag::nchw, Tag::nChw8c},
};

}  // namespace

struct StandaloneConvolution::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::convolution_forward primitive;
  std::unordered_map<int, memory> arguments;
  std::string description;

  void Prepare(const Convolution& op, const Shape& in, const Shape& out,
               const LayoutChoice& choice) {
    const auto f32 = memory::data_type::f32;
    dnnl::post_ops ops;
    cpu::AppendActivation(op.activation, &ops);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(ops);
    const auto ready = cpu::DescribeConvolution(
        engine, op,
        {memory::desc({1, in.channels, in.height, in.width}, f32, choice.source),
         memory::desc(cpu::WeightDims(op, in.channels, out.channels), f32, Tag::any),
         memory::desc({out.channels}, f32, Tag::x),
         memory::desc({1, out.channels, out.height, out.width}, f32, choice.destination)},
        attributes);
    primitive = dnnl::convolution_forward(ready);
    arguments = {{DNNL_ARG_SRC, memory(ready.src_desc(), engine)},
                 {DNNL_ARG_WEIGHTS, memory(ready.weights_desc(), engine)},
                 {DNNL_ARG_BIAS, memory(ready.bias_desc(), engine)},
                 {DNNL_ARG_DST, memory(ready.dst_desc(), engine)}};
    for (auto& [argument, map] : arguments) {
      std::memset(map.get_data_handle(), 0, map.get_desc().get_size());
    }
    description = std::string(choice.name) + ", " + ready.impl_info_str();
  }

  void Run() { primitive.execute(stream, arguments); }

  double FastestOfFew() {
    double fastest = std::numeric_limits<double>::max();
    for (int i = 0; i < 4; ++i) {
      const auto start = Clock::now();
      Run();
      fastest = std::min(fastest, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return fastest;
  }
};

StandaloneConvolution::StandaloneConvolution(const Convolution& op, const Shape& in,
                                             const Shape& out)
    : impl_(std::make_unique<Impl>()) {
  const cpu::SingleThreaded single;
  double fastest = std::numeric_limits<double>::max();
  const LayoutChoice* best = nullptr;
  for (const LayoutChoice& choice : kChoices) {
    try {
      impl_->Prepare(op, in, out, choice);
    } catch (const dnnl::error&) {
      continue;  // Not every layout has an implementation.
    }
    // Reference implementations take seconds where others take milliseconds.
    if (best != nullptr && impl_->description.find("ref") != std::string::npos) continue;
    const double seconds = impl_->FastestOfFew();
    if (seconds < fastest) {
      fastest = seconds;
      best = &choice;
    }
  }
  if (best == nullptr) throw Error(ErrorKind::kUnsupported, "oneDNN has no such convolution");
  impl_->Prepare(op, in, out, *best);
}

StandaloneConvolution::~StandaloneConvolution() = default;

void StandaloneConvolution::Run() {
  const cpu::SingleThreaded single;
  impl_->Run();
}

std::string StandaloneConvolution::description() const { return impl_->description; }

}  // namespace hepar
