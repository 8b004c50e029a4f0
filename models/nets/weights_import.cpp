// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/weights_import.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/vision_transformer.h"
#include "models/nets/weight_names.h"
#include "models/sha256.h"
#include "models/tensor_file/safetensors.h"
#include "models/tensor_file/tensor_archive.h"
#include "models/tensor_file/torch_view.h"
#include "models/torch_archive.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxWeightsBytes = std::uint64_t{8} << 30;

bool EndsWith(const std::string& text, const std::string& tail) {
  return text.size() >= tail.size() &&
         text.compare(text.size() - tail.size(), tail.size(), tail) == 0;
}

// A file of weights and the tensors in it, which refer to `bytes` or `parts`.
struct WeightsFile {
  std::string bytes;
  ArchiveParts parts;
  std::unique_ptr<SafetensorsFile> safetensors;
  StoredTensors tensors;
  std::string sha256;
};

ArchiveParts ReadParts(const std::string& bytes, const std::string& path) {
  try {
    return ReadTorchArchive(bytes, path, "file of weights");
  } catch (const Error& error) {
    // Files from before PyTorch 1.6 are no containers.
    throw Error(error.kind(),
                std::string(error.what()) +
                    "; PyTorch writes such files by torch.save(model.state_dict(), path), and one "
                    "of before 1.6 becomes one by torch.save(torch.load(old, weights_only=True), "
                    "path)");
  }
}

void ReadWeightsFile(const std::string& path, WeightsFile* file) {
  file->bytes = ReadFile(path, kMaxWeightsBytes);
  Sha256 digest;
  digest.Add(file->bytes.data(), file->bytes.size());
  file->sha256 = digest.Hex();
  // The name matters for a file that is too damaged to tell.
  if (LooksLikeSafetensors(file->bytes) || EndsWith(path, ".safetensors")) {
    file->safetensors = std::make_unique<SafetensorsFile>(file->bytes, path);
    file->tensors = file->safetensors->tensors();
    return;
  }
  file->parts = ReadParts(file->bytes, path);
  file->bytes.clear();
  file->tensors =
      TensorArchive(file->parts, "data", TensorArchive::Content::kScript, path).DictTensors();
}

// torchvision numbers the layers of SqueezeNet's `features`; 1.0 and 1.1 pool at other places, so
// the same Fire module has another number. fire2 differs in shape and is left out.
std::string Version10NameOf(const std::string& version11_name) {
  static const std::map<std::string, std::string> kFires = {
      {"4", "4"}, {"6", "5"}, {"7", "7"}, {"9", "8"}, {"10", "9"}, {"11", "10"}, {"12", "12"}};
  const std::string prefix = "features.";
  const auto dot = version11_name.find('.', prefix.size());
  if (version11_name.rfind(prefix, 0) != 0 || dot == std::string::npos) return version11_name;
  const auto fire = kFires.find(version11_name.substr(prefix.size(), dot - prefix.size()));
  if (fire == kFires.end()) return {};
  return prefix + fire->second + version11_name.substr(dot);
}

bool IsSqueezeNet10(const StoredTensors& dict) {
  const auto first = dict.find("features.0.weight");
  return first != dict.end() && first->second.shape.size() == 4 && first->second.shape[0] == 96 &&
         dict.count("features.12.squeeze.weight") == 1;
}

// What vision transformers called their perceptrons before.
std::string OldTransformerNameOf(std::string name) {
  for (const auto& [now, before] :
       {std::pair{".mlp.0.", ".mlp.linear_1."}, std::pair{".mlp.3.", ".mlp.linear_2."}}) {
    const auto at = name.find(now);
    if (at != std::string::npos) return name.replace(at, std::strlen(now), before);
  }
  return name;
}

// The name in `tensors` for what the classifier calls `name`; empty when there is none.
std::string NameIn(const StoredTensors& tensors, const std::string& name, bool from_10_to_11) {
  if (from_10_to_11) {
    const std::string other = Version10NameOf(name);
    return tensors.count(other) > 0 ? other : std::string();
  }
  for (const std::string& known : {name, OldTransformerNameOf(name)}) {
    if (tensors.count(known) > 0) return known;
  }
  return {};
}

// `positions` on the grid of `like`, if both are position embeddings of square grids.
torch::Tensor AdaptPositions(const torch::Tensor& positions, const torch::Tensor& like) {
  const auto side = [](const torch::Tensor& t) {
    return static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(t.size(1) - 1))));
  };
  if (positions.dim() != 3 || positions.size(1) < 2 || positions.size(2) != like.size(2) ||
      positions.size(0) != 1 || !positions.is_floating_point() ||
      side(positions) * side(positions) != positions.size(1) - 1) {
    return positions;
  }
  return ResizePositions(positions, side(like), side(like));
}

}  // namespace

torch::Tensor AdaptFirstLayer(const torch::Tensor& weight, int planes, FirstLayer how,
                              int picture_planes) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(1) == 3, "expected an (out, 3, k, k) weight");
  if (how == FirstLayer::kLuma) {
    auto adapted =
        torch::zeros({weight.size(0), planes, weight.size(2), weight.size(3)}, weight.options());
    auto own = adapted.narrow(1, planes - picture_planes, picture_planes);
    own.copy_(picture_planes == 3 ? weight : weight.sum(1, true) / picture_planes);
    return adapted;
  }
  if (planes == 1) return weight.sum(1, true);
  const auto repeats = (planes + 2) / 3;
  return weight.repeat({1, repeats, 1, 1}).narrow(1, 0, planes) * (3.0 / planes);
}

namespace {

using Fate = TensorImport::Fate;

// What weights are imported for.
struct Target {
  ClassifierModule* classifier;
  std::string name;
  int planes, picture_planes;
};

// Copies `file`'s tensor for the classifier's `target`, if it fits, and says what became of it.
Fate ImportTensor(torch::Tensor value, const std::string& own_name, const Target& into,
                  FirstLayer how, const std::string& path, const torch::Tensor& target) {
  Fate fate = Fate::kTaken;
  if (own_name == into.classifier->first_weight() && value.dim() == 4 && value.size(1) == 3) {
    value = AdaptFirstLayer(value, into.planes, how, into.picture_planes);
    // Three planes in the places of R, G and B.
    if (how != FirstLayer::kRepeat || into.planes != 3) fate = Fate::kAdapted;
  } else if (EndsWith(own_name, "pos_embedding") && value.sizes() != target.sizes()) {
    value = AdaptPositions(value, target);
    fate = Fate::kAdapted;
  }
  if (value.sizes() != target.sizes()) return Fate::kOtherShape;
  CopyChecked(value, own_name, path, target);
  return fate;
}

ImportReport Import(const std::string& path, FirstLayer how, const Target& into) {
  WeightsFile file;
  ReadWeightsFile(path, &file);
  const NamedWeights named = WithClassifierNames(file.tensors);
  const bool from_10_to_11 = into.name == "squeezenet1_1" && IsSqueezeNet10(named.tensors);

  ImportReport report;
  report.sha256 = file.sha256;
  report.remarks = named.remarks;
  std::set<std::string> used;
  const torch::NoGradGuard no_grad;
  auto targets = into.classifier->named_parameters();
  for (auto& buffer : into.classifier->named_buffers()) {
    targets.insert(buffer.key(), buffer.value());
  }
  for (auto& target : targets) {
    TensorImport tensor;
    tensor.name = target.key();
    tensor.shape = target.value().sizes().vec();
    const std::string name = NameIn(named.tensors, target.key(), from_10_to_11);
    if (!name.empty()) {
      const StoredTensor& stored = named.tensors.at(name);
      torch::Tensor value = ViewOf(stored);
      if (named.reversed_channels.count(name) > 0) value = value.flip({1});
      used.insert(name);
      tensor.file_name = named.original.at(name);
      tensor.file_shape = stored.shape;
      tensor.fate = ImportTensor(value, target.key(), into, how, path, target.value());
    } else if (named.zeros.count(target.key()) > 0) {
      target.value().zero_();
      tensor.fate = Fate::kZero;
    } else if (EndsWith(target.key(), "num_batches_tracked")) {
      continue;
    }
    if (tensor.Loaded() && target.value().requires_grad()) {
      report.parameters.push_back(target.value());
    }
    report.tensors.push_back(std::move(tensor));
  }
  for (const auto& [name, stored] : named.tensors) {
    if (used.count(name) > 0) continue;
    TensorImport tensor;
    tensor.fate = Fate::kUnexpected;
    tensor.file_name = named.original.at(name);
    tensor.file_shape = stored.shape;
    report.tensors.push_back(std::move(tensor));
  }
  report.loaded = report.Count(Fate::kTaken) + report.Count(Fate::kAdapted);
  report.skipped = report.Count(Fate::kOtherShape) + report.Count(Fate::kUnexpected);
  report.missing = report.Count(Fate::kMissing) + report.Count(Fate::kOtherShape);
  if (report.loaded == 0) {
    throw Error(ErrorKind::kMismatch, path + ": none of its " +
                                          std::to_string(file.tensors.size()) +
                                          " tensors fits the classifier " + into.name);
  }
  return report;
}

}  // namespace

int ImportReport::Count(TensorImport::Fate fate) const {
  return static_cast<int>(
      std::count_if(tensors.begin(), tensors.end(),
                    [&](const TensorImport& tensor) { return tensor.fate == fate; }));
}

ImportReport ImportClassifierWeights(const std::string& path, FirstLayer how, SeverityNet net) {
  const Architecture& a = net->architecture;
  return Import(path, how,
                {net->classifier.get(), a.classifier, ClassifierPlanes(a), PlaneCount(a.planes)});
}

ImportReport ImportRgbWeights(const std::string& path, const std::string& name,
                              ClassifierModule* classifier) {
  return Import(path, FirstLayer::kRepeat, {classifier, name, 3, 3});
}

}  // namespace hepar
