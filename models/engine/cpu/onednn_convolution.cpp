// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/onednn_convolution.h"

#include <omp.h>

#include <algorithm>
#include <string>
#include <unordered_map>

#include "models/engine/cpu/onednn_api.h"
#include "models/error.h"

namespace hepar::cpu {
namespace {

using dnnl::memory;
constexpr auto kFloat = memory::data_type::f32;

const dnnl::engine& CpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::data_type TypeOf(const MapLayout& map) {
  return map.bf16 ? memory::data_type::bf16 : kFloat;
}

memory::desc DescOf(const MapLayout& map) {
  using Tag = memory::format_tag;
  const Tag tag = map.lanes == 1 ? Tag::nchw : map.lanes == 8 ? Tag::nChw8c : Tag::nChw16c;
  return {{1, map.shape.channels, map.shape.height, map.shape.width}, TypeOf(map), tag};
}

// oneDNN takes pointers to mutable memory, but only reads sources and weights.
void* Mutable(const void* p) { return const_cast<void*>(p); }

}  // namespace

struct OneDnnConvolution::Impl {
  dnnl::convolution_forward::primitive_desc desc;
  dnnl::convolution_forward primitive;
  memory weights, bias;
  int residual_argument = 0;  // 0: none.
};

class OneDnnConvolution::Context {
 public:
  dnnl::stream stream{CpuEngine()};
  memory source, destination, residual, scratch;
  std::unordered_map<int, memory> arguments;
};

OneDnnConvolution::OneDnnConvolution(const Convolution& op, const MapLayout& source,
                                     const MapLayout& destination)
    : impl_(std::make_unique<Impl>()) {
  const SingleThreaded single;  // The choice of a primitive may depend on the number of threads.
  try {
    dnnl::post_ops ops;
    if (op.residual == Residual::kBeforeActivation) {
      ops.append_binary(dnnl::algorithm::binary_add, DescOf(destination));
      impl_->residual_argument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;
    }
    AppendActivation(op.activation, &ops);
    if (op.residual == Residual::kAfterActivation) {
      impl_->residual_argument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(ops.len()) | DNNL_ARG_SRC_1;
      ops.append_binary(dnnl::algorithm::binary_add, DescOf(destination));
    }
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(ops);
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);

    const auto dims = WeightDims(op, source.shape.channels, destination.shape.channels);
    impl_->desc = DescribeConvolution(
        CpuEngine(), op,
        {DescOf(source), memory::desc(dims, TypeOf(source), memory::format_tag::any),
         memory::desc({destination.shape.channels}, kFloat, memory::format_tag::x),
         DescOf(destination)},
        attributes);
    impl_->primitive = dnnl::convolution_forward(impl_->desc);

    const auto plain = op.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw;
    memory given(memory::desc(dims, kFloat, plain), CpuEngine(), Mutable(op.weight.data()));
    impl_->weights = memory(impl_->desc.weights_desc(), CpuEngine());
    dnnl::stream stream(CpuEngine());
    dnnl::reorder(given, impl_->weights).execute(stream, given, impl_->weights);
    impl_->bias = memory(impl_->desc.bias_desc(), CpuEngine());
    std::copy(op.bias.begin(), op.bias.end(), static_cast<float*>(impl_->bias.get_data_handle()));
    stream.wait();
  } catch (const dnnl::error& error) {
    throw Error(ErrorKind::kUnsupported,
                std::string("oneDNN has no such convolution: ") + error.what());
  }
}

OneDnnConvolution::~OneDnnConvolution() = default;

std::shared_ptr<OneDnnConvolution::Context> OneDnnConvolution::MakeContext() const {
  auto context = std::make_shared<Context>();
  const auto bare = [](const memory::desc& desc) {
    return memory(desc, CpuEngine(), DNNL_MEMORY_NONE);
  };
  context->source = bare(impl_->desc.src_desc());
  context->destination = bare(impl_->desc.dst_desc());
  context->residual = bare(impl_->desc.dst_desc());
  context->scratch = bare(impl_->desc.scratchpad_desc());
  context->arguments = {{DNNL_ARG_SRC, context->source},
                        {DNNL_ARG_WEIGHTS, impl_->weights},
                        {DNNL_ARG_BIAS, impl_->bias},
                        {DNNL_ARG_DST, context->destination},
                        {DNNL_ARG_SCRATCHPAD, context->scratch}};
  if (impl_->residual_argument != 0) {
    context->arguments.emplace(impl_->residual_argument, context->residual);
  }
  return context;
}

std::size_t OneDnnConvolution::scratch_floats() const {
  return (impl_->desc.scratchpad_desc().get_size() + sizeof(float) - 1) / sizeof(float);
}

const char* OneDnnConvolution::implementation() const { return impl_->desc.impl_info_str(); }

void OneDnnConvolution::Run(Context* context, const void* source, const void* residual,
                            void* destination, float* scratch) const {
  context->source.set_data_handle(Mutable(source));
  context->destination.set_data_handle(destination);
  context->residual.set_data_handle(Mutable(residual));
  context->scratch.set_data_handle(scratch);
  impl_->primitive.execute(context->stream, context->arguments);
}

SingleThreaded::SingleThreaded() : before_(omp_get_max_threads()) {
  if (before_ != 1) omp_set_num_threads(1);
}

SingleThreaded::~SingleThreaded() {
  if (before_ != 1) omp_set_num_threads(before_);
}

}  // namespace hepar::cpu
