// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/torchscript_classifier.h"

#include <torch/utils.h>

#include <cctype>
#include <set>
#include <sstream>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/tensor_file/script_archive.h"
#include "models/torch_archive.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxScriptBytes = std::uint64_t{2} << 30;

// The interpreter puts the cause at the end of a traceback of many lines.
std::string LastLine(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const auto start = text.rfind('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

torch::jit::Module Load(const std::string& script) {
  std::string reason;
  try {
    std::istringstream stream(script);
    return torch::jit::load(stream, torch::kCPU);
  } catch (const c10::Error& error) {
    reason = FirstLine(error.what_without_backtrace());
  } catch (const std::exception& error) {
    reason = FirstLine(error.what());
  }
  throw Error(ErrorKind::kDamaged,
              "is no TorchScript module (" + reason +
                  "); save one in Python with torch.jit.script(model).save(path)");
}

// The forward of `script`, which must take one tensor and no more.
torch::jit::Method ForwardOf(const torch::jit::Module& script) {
  const auto method = script.find_method("forward");
  if (!method) throw Error(ErrorKind::kMismatch, "the TorchScript classifier has no forward");
  const auto& arguments = method->function().getSchema().arguments();  // The first is self.
  bool fits = arguments.size() >= 2 && torch::TensorType::get()->isSubtypeOf(*arguments[1].type());
  for (std::size_t i = 2; i < arguments.size(); ++i) fits = fits && arguments[i].default_value();
  if (fits) return *method;

  std::string got;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    got += (i > 1 ? ", " : "") + arguments[i].type()->annotation_str() + " " + arguments[i].name();
  }
  throw Error(ErrorKind::kMismatch, "the forward of the TorchScript classifier takes (" + got +
                                        "), expected one tensor (B, N, H, W)");
}

void RefuseSharedParameters(const torch::jit::Module& script) {
  std::set<const void*> seen;
  for (const auto& parameter : script.named_parameters()) {
    if (parameter.value.numel() == 0 || seen.insert(parameter.value.data_ptr()).second) continue;
    throw Error(ErrorKind::kUnsupported,
                "the parameter '" + parameter.name +
                    "' of the TorchScript classifier is another one under a second name; use that "
                    "one, or make it a copy (clone) before you save");
  }
}

void Register(const torch::jit::Module& script, torch::nn::Module* module) {
  for (const auto& item : script.named_parameters(/*recurse=*/false)) {
    module->register_parameter(item.name, item.value, item.value.requires_grad());
  }
  for (const auto& item : script.named_buffers(/*recurse=*/false)) {
    if (item.value.defined()) module->register_buffer(item.name, item.value);
  }
  for (const auto& item : script.named_children()) {
    auto child = std::make_shared<torch::nn::Module>(item.name);
    Register(item.value, child.get());
    module->register_module(item.name, child);
  }
}

std::string ShapeText(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

}  // namespace

TorchScriptClassifier::TorchScriptClassifier(const std::string& script, int classes)
    : script_(Load(script)), forward_(ForwardOf(script_)), classes_(classes) {
  RefuseSharedParameters(script_);
  Register(script_, this);
  train(is_training());
}

torch::Tensor TorchScriptClassifier::forward(const torch::Tensor& planes) {
  c10::IValue result;
  try {
    const torch::jit::GraphOptimizerEnabledGuard plain(false);
    result = forward_({planes});
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kFailed, "the TorchScript classifier fails on " +
                                        ShapeText(planes.sizes()) + ": " +
                                        LastLine(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kFailed, "the TorchScript classifier fails on " +
                                        ShapeText(planes.sizes()) + ": " + LastLine(error.what()));
  }
  if (!result.isTensor()) {
    throw Error(ErrorKind::kMismatch, "the TorchScript classifier gives a " + result.tagKind() +
                                          ", expected one tensor of logits");
  }
  const auto logits = result.toTensor();
  const std::vector<std::int64_t> expected = {planes.size(0), classes_};
  if (logits.sizes() != c10::IntArrayRef(expected) || !logits.is_floating_point()) {
    throw Error(ErrorKind::kMismatch,
                "the TorchScript classifier gives " + ShapeText(logits.sizes()) + " of " +
                    c10::toString(logits.scalar_type()) + ", expected floating point logits " +
                    ShapeText(expected));
  }
  return logits;
}

void TorchScriptClassifier::train(bool on) {
  ClassifierModule::train(on);
  script_.train(on);
}

void TorchScriptClassifier::to(torch::Device device, torch::Dtype dtype, bool non_blocking) {
  to(dtype, non_blocking);
  to(device, non_blocking);
}

void TorchScriptClassifier::to(torch::Dtype dtype, bool non_blocking) {
  const torch::NoGradGuard no_grad;
  auto tensors = parameters();
  for (const auto& buffer : buffers()) tensors.push_back(buffer);
  for (auto& tensor : tensors) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.to(dtype, non_blocking));
  }
}

torch::jit::Module TorchScriptClassifier::Export() const {
  // By way of its bytes: a deep copy in memory would forget which parameters ask for a gradient.
  torch::jit::Module copy = Load(SerializeTorchScript(script_));
  copy.eval();
  // Tensors that repeat or share memory are written out, each by itself.
  for (torch::jit::Module module : copy.modules()) {
    for (const auto& item : module.named_attributes(/*recurse=*/false)) {
      if (!item.value.isTensor() || !item.value.toTensor().defined()) continue;
      const auto tensor = item.value.toTensor();
      if (tensor.is_contiguous()) continue;
      module.setattr(item.name,
                     tensor.detach().contiguous().set_requires_grad(tensor.requires_grad()));
    }
  }
  return copy;
}

std::string SerializeTorchScript(const torch::jit::Module& script) {
  std::ostringstream stream;
  script.save(stream);
  return stream.str();
}

std::string ReadTorchScriptClassifier(const std::string& path, int in_planes, int classes,
                                      const ModelPermission& permission, int side) {
  std::string script;
  {
    const std::string bytes = ReadFile(path, kMaxScriptBytes);
    CheckTrusted(permission, bytes, path);
    RequireCodeAllowed(permission, path);
    try {
      script = CheckedScript(ReadTorchArchive(bytes, path, "TorchScript file"), path);
    } catch (const Error& error) {
      throw Error(error.kind(), std::string(error.what()) +
                                    "; save one in Python with torch.jit.script(model).save(path)");
    }
  }
  try {
    TorchScriptClassifier classifier(script, classes);
    classifier.eval();
    const torch::NoGradGuard no_grad;
    classifier.forward(torch::zeros({2, in_planes, side, side}));
    return SerializeTorchScript(classifier.Export());
  } catch (const Error& error) {
    throw Error(error.kind(), path + ": " + error.what());
  }
}

}  // namespace hepar
