// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/bundle.h"

#include <torch/script.h>

#include <map>
#include <sstream>

#include "models/bundle/archive_check.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/sha256.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxBundleBytes = std::uint64_t{2} << 30;
constexpr char kDescription[] = "hepar.json";

// Parameters and buffers by their path in the module tree, in a fixed order.
std::map<std::string, torch::Tensor> NamedTensors(SeverityNet net) {
  std::map<std::string, torch::Tensor> tensors;
  for (auto& item : net->named_parameters()) tensors.emplace(item.key(), item.value());
  for (auto& item : net->named_buffers()) tensors.emplace(item.key(), item.value());
  return tensors;
}

std::string Digest(const std::map<std::string, torch::Tensor>& tensors) {
  Sha256 digest;
  for (const auto& [name, tensor] : tensors) {
    digest.Add(name.data(), name.size() + 1);
    for (std::int64_t side : tensor.sizes()) digest.Add(&side, sizeof side);
    const auto values = tensor.detach().cpu().contiguous();
    digest.Add(values.data_ptr(), values.nbytes());
  }
  return digest.Hex();
}

// A TorchScript module that only holds the tensors of `module`, under the same paths. `path` makes
// the class names unique, which TorchScript asks for as no two of them have the same members.
torch::jit::Module ParameterTree(const torch::nn::Module& module, const std::string& path,
                                 const std::shared_ptr<torch::jit::CompilationUnit>& unit) {
  torch::jit::Module tree(c10::QualifiedName("__torch__." + path), unit);
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    tree.register_parameter(item.key(), item.value().detach().cpu(), /*is_buffer=*/false);
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    tree.register_parameter(item.key(), item.value().detach().cpu(), /*is_buffer=*/true);
  }
  for (const auto& item : module.named_children()) {
    tree.register_module(item.key(), ParameterTree(*item.value(), path + "_" + item.key(), unit));
  }
  return tree;
}

std::string ShapeText(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

void CheckShapes(const ModelSpec& spec, const std::map<std::string, torch::Tensor>& expected,
                 const std::string& origin) {
  std::map<std::string, std::vector<std::int64_t>> declared;
  for (const TensorEntry& entry : spec.tensors) declared.emplace(entry.name, entry.shape);
  for (const auto& [name, tensor] : expected) {
    const auto found = declared.find(name);
    if (found == declared.end()) {
      throw Error(ErrorKind::kMismatch,
                  origin + ": lacks the tensor '" + name + "' that its architecture needs");
    }
    if (c10::IntArrayRef(found->second) != tensor.sizes()) {
      throw Error(ErrorKind::kMismatch, origin + ": tensor '" + name + "' has shape " +
                                            ShapeText(found->second) + ", its architecture needs " +
                                            ShapeText(tensor.sizes()));
    }
  }
  if (declared.size() != expected.size()) {
    throw Error(ErrorKind::kMismatch, origin + ": holds " + std::to_string(declared.size()) +
                                          " tensors, its architecture needs " +
                                          std::to_string(expected.size()));
  }
}

std::map<std::string, torch::Tensor> LoadTensors(const std::string& bytes,
                                                 const std::string& origin) {
  try {
    std::istringstream stream(bytes);
    const torch::jit::Module module = torch::jit::load(stream, torch::kCPU);
    std::map<std::string, torch::Tensor> tensors;
    for (const auto& item : module.named_parameters()) tensors.emplace(item.name, item.value);
    for (const auto& item : module.named_buffers()) tensors.emplace(item.name, item.value);
    return tensors;
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kDamaged,
                origin + ": its parameters cannot be read: " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kDamaged,
                origin + ": its parameters cannot be read: " + std::string(error.what()));
  }
}

}  // namespace

std::string ParameterDigest(SeverityNet net) { return Digest(NamedTensors(net)); }

ModelSpec SaveBundle(const std::string& path, ModelSpec spec, SeverityNet net) {
  if (static_cast<int>(spec.class_names.size()) != net->architecture.classes) {
    throw Error(ErrorKind::kMismatch, path + ": " + std::to_string(spec.class_names.size()) +
                                          " class names for " +
                                          std::to_string(net->architecture.classes) + " classes");
  }
  const auto tensors = NamedTensors(net);
  spec.architecture = net->architecture;
  spec.id = Digest(tensors);
  spec.tensors.clear();
  for (const auto& [name, tensor] : tensors) {
    spec.tensors.push_back({name, tensor.sizes().vec()});
  }

  torch::jit::Module module =
      ParameterTree(*net, "hepar", std::make_shared<torch::jit::CompilationUnit>());
  std::ostringstream stream;
  module.save(stream, {{kDescription, ModelSpecToJson(spec)}});
  WriteFileAtomically(path, stream.str());
  return spec;
}

Bundle LoadBundle(const std::string& path) {
  const std::string bytes = ReadFile(path, kMaxBundleBytes);
  Bundle bundle;
  bundle.spec = ModelSpecFromJson(CheckArchive(bytes, path), path);
  // Sizes are bounded by the description's checks, and must agree before anything is loaded.
  bundle.net = SeverityNet(bundle.spec.architecture);
  const auto targets = NamedTensors(bundle.net);
  CheckShapes(bundle.spec, targets, path);

  const auto values = LoadTensors(bytes, path);
  torch::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    const auto value = values.find(name);
    if (value == values.end() || value->second.sizes() != target.sizes() ||
        value->second.scalar_type() != target.scalar_type()) {
      throw Error(ErrorKind::kDamaged,
                  path + ": tensor '" + name + "' is not what hepar.json says it is");
    }
    if (value->second.is_floating_point() && !value->second.isfinite().all().item<bool>()) {
      throw Error(ErrorKind::kDamaged,
                  path + ": tensor '" + name + "' holds numbers that are not finite");
    }
    target.detach().copy_(value->second);
  }
  if (Digest(targets) != bundle.spec.id) {
    throw Error(ErrorKind::kDamaged,
                path + ": its parameters do not match the digest in hepar.json");
  }
  bundle.net->eval();
  return bundle;
}

}  // namespace hepar
