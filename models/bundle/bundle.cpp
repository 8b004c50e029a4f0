// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/bundle.h"

#include <torch/script.h>
#include <torch/utils.h>

#include <map>
#include <sstream>

#include "models/bundle/archive_check.h"
#include "models/bundle/find_bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/torchscript_classifier.h"
#include "models/sha256.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxBundleBytes = std::uint64_t{2} << 30;
constexpr char kDescription[] = "hepar.json";

const TorchScriptClassifier* TorchScriptOf(SeverityNet net) {
  return dynamic_cast<const TorchScriptClassifier*>(net->classifier.get());
}

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

// `net` as TorchScript: its tensors alone, but for a TorchScript classifier, which keeps its code.
torch::jit::Module ScriptTree(SeverityNet net) {
  const auto unit = std::make_shared<torch::jit::CompilationUnit>();
  const auto* script = TorchScriptOf(net);
  if (!script) return ParameterTree(*net, "hepar", unit);
  torch::jit::Module tree(c10::QualifiedName("__torch__.hepar"), unit);
  if (net->ic1) tree.register_module("ic1", ParameterTree(*net->ic1, "hepar_ic1", unit));
  if (net->ic2) tree.register_module("ic2", ParameterTree(*net->ic2, "hepar_ic2", unit));
  tree.register_module("classifier", script->Export());
  return tree;
}

std::string Serialize(const torch::jit::Module& module,
                      const torch::jit::ExtraFilesMap& extra_files = {}) {
  std::ostringstream stream;
  module.save(stream, extra_files);
  return stream.str();
}

// The id of a bundle with a TorchScript classifier. It computes with more than parameters, so all
// that the container `bytes` holds counts too.
std::string IdOfScript(const std::string& parameter_digest, const std::string& bytes,
                       const std::string& origin) {
  const std::string content = ContentDigest(bytes, origin);
  Sha256 digest;
  digest.Add(parameter_digest.data(), parameter_digest.size());
  digest.Add(content.data(), content.size());
  return digest.Hex();
}

// Every tensor takes a byte of the file for each of its values at least.
void CheckDeclaredSizes(const ModelSpec& spec, std::size_t file_size, const std::string& origin) {
  double values = 0;
  for (const TensorEntry& entry : spec.tensors) {
    double count = 1;
    for (const std::int64_t side : entry.shape) count *= static_cast<double>(side);
    values += count;
  }
  if (values > static_cast<double>(file_size)) {
    throw Error(ErrorKind::kDamaged, origin + ": hepar.json declares more numbers than a file of " +
                                         std::to_string(file_size) + " bytes can hold");
  }
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

torch::jit::Module LoadScript(const std::string& bytes, const std::string& origin) {
  try {
    std::istringstream stream(bytes);
    return torch::jit::load(stream, torch::kCPU);
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kDamaged,
                origin + ": its parameters cannot be read: " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kDamaged,
                origin + ": its parameters cannot be read: " + std::string(error.what()));
  }
}

std::map<std::string, torch::Tensor> TensorsOf(const torch::jit::Module& script) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& item : script.named_parameters()) tensors.emplace(item.name, item.value);
  for (const auto& item : script.named_buffers()) tensors.emplace(item.name, item.value);
  return tensors;
}

// The classifier's part of a bundle as a script of its own.
std::string ClassifierScript(const torch::jit::Module& script, const std::string& origin) {
  if (!script.hasattr("classifier") || !script.attr("classifier").isModule()) {
    throw Error(ErrorKind::kDamaged, origin + ": holds no TorchScript classifier");
  }
  return SerializeTorchScript(script.attr("classifier").toModule());
}

SeverityNet MakeNet(const Architecture& architecture, const std::string& origin) {
  try {
    return SeverityNet(architecture);
  } catch (const Error& error) {
    throw Error(error.kind(), origin + ": " + error.what());
  }
}

// The tensors of a net take the values of its bundle, by name.
void TakeValues(const std::map<std::string, torch::Tensor>& values,
                const std::map<std::string, torch::Tensor>& targets, bool foreign_classifier,
                const std::string& origin) {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    const auto value = values.find(name);
    if (value == values.end() || value->second.sizes() != target.sizes() ||
        value->second.scalar_type() != target.scalar_type()) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": tensor '" + name + "' is not what hepar.json says it is");
    }
    // A classifier of the user's own may hold infinities on purpose, such as attention masks.
    const bool own = !foreign_classifier || name.rfind("classifier.", 0) != 0;
    if (own && value->second.is_floating_point() && !value->second.isfinite().all().item<bool>()) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": tensor '" + name + "' holds numbers that are not finite");
    }
    target.detach().copy_(value->second);
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
  const torch::jit::Module script = ScriptTree(net);
  spec.architecture = net->architecture;
  spec.id = Digest(tensors);
  if (TorchScriptOf(net)) spec.id = IdOfScript(spec.id, Serialize(script), path);
  spec.tensors.clear();
  for (const auto& [name, tensor] : tensors) {
    spec.tensors.push_back({name, tensor.sizes().vec()});
  }
  WriteFileAtomically(path, Serialize(script, {{kDescription, ModelSpecToJson(spec)}}));
  return spec;
}

Bundle LoadBundle(const std::string& name) {
  const std::string path = FindBundle(name);
  const std::string bytes = ReadFile(path, kMaxBundleBytes);
  Bundle bundle;
  bundle.spec = ModelSpecFromJson(CheckArchive(bytes, path), path);
  // Sizes are bounded by the description's checks, and must agree before anything is loaded; of a
  // TorchScript classifier only their sum is known before.
  const bool foreign = bundle.spec.architecture.classifier == kTorchScript;
  torch::jit::Module script;
  if (foreign) {
    CheckDeclaredSizes(bundle.spec, bytes.size(), path);
    script = LoadScript(bytes, path);
    bundle.spec.architecture.classifier_script = ClassifierScript(script, path);
  }
  bundle.net = MakeNet(bundle.spec.architecture, path);
  const auto targets = NamedTensors(bundle.net);
  CheckShapes(bundle.spec, targets, path);

  if (!foreign) script = LoadScript(bytes, path);
  TakeValues(TensorsOf(script), targets, foreign, path);
  std::string id = Digest(targets);
  if (foreign) id = IdOfScript(id, bytes, path);
  if (id != bundle.spec.id) {
    throw Error(ErrorKind::kDamaged,
                path + ": its parameters do not match the digest in hepar.json");
  }
  bundle.net->eval();
  return bundle;
}

}  // namespace hepar
