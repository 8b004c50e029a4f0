// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/types.h>
#include <torch/utils.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "models/file_io.h"
#include "models/nets/architecture.h"
#include "models/nets/classifier.h"
#include "models/nets/weights_import.h"
#include "models/printable.h"
#include "models/tensor_file/safetensors.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/version.h"
#include "training/report/table.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using Fate = TensorImport::Fate;

constexpr int kRgbPlanes = 3;

struct ImportOptions {
  std::string weights, classifier, out, license, source;
  bool all = false;
  Output output;
};

OptionTable MakeTable(ImportOptions* o) {
  OptionTable table(
      "import", "FILE --classifier NAME [--out FILE.safetensors] [OPTION...]",
      "Reads weights of torchvision, timm or another source, and says which tensors of a "
      "classifier "
      "they give: taken, adapted, of another shape, missing, unexpected. With --out it writes "
      "those "
      "that fit as a safetensors file with the classifier's names, which 'hepar train --weights' "
      "takes as it takes FILE itself. Nothing of FILE is run. For research use only.");
  table.Heading("Options");
  table.Path("weights", &o->weights, "FILE",
             "The weights: a safetensors file, a state_dict or TorchScript module of PyTorch");
  table.Required("which weights? usage: hepar import FILE --classifier NAME");
  table.AlsoPositional();
  std::vector<std::string> names;
  for (const std::string& name : ClassifierNames()) {
    if (name != "torchscript") names.push_back(name);
  }
  table.Text("classifier", &o->classifier, Join(names, "|"), "The classifier to import for",
             [names](const std::string& text) { IndexOf(text, names); });
  table.Required("the classifier that the weights are for, such as resnet18");
  table.Output("out", &o->out, "FILE.safetensors", "Write the tensors that fit");
  table.Text("license", &o->license, "TEXT",
             "License of the weights, written into --out; hepar does not know it");
  table.Text("source", &o->source, "TEXT", "Where the weights are from, written into --out");
  table.Switch("all", &o->all, "List the tensors that are taken unchanged too");
  o->output.AddTo(&table, "Write the report as JSON");
  return table;
}

const char* NameOf(Fate fate) {
  switch (fate) {
    case Fate::kTaken:
      return "taken";
    case Fate::kAdapted:
      return "adapted";
    case Fate::kZero:
      return "zero";
    case Fate::kOtherShape:
      return "other shape";
    case Fate::kMissing:
      return "missing";
    case Fate::kUnexpected:
      return "unexpected";
  }
  return "";
}

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sides;
  for (const std::int64_t side : shape) sides.push_back(std::to_string(side));
  return sides.empty() ? "scalar" : Join(sides, "x");
}

std::string Or(const std::string& text) { return text.empty() ? "-" : Printable(text); }

// A line for each tensor that a user should look at; of the taken ones only with `all`.
std::string ReportTable(const ImportReport& report, bool all) {
  std::vector<std::vector<std::string>> rows = {
      {"tensor of the classifier", "shape", "tensor of the file", "shape", "result"}};
  for (const TensorImport& tensor : report.tensors) {
    if (tensor.fate == Fate::kTaken && !all) continue;
    rows.push_back(
        {Or(tensor.name), tensor.name.empty() ? "-" : ShapeText(tensor.shape), Or(tensor.file_name),
         tensor.file_name.empty() ? "-" : ShapeText(tensor.file_shape), NameOf(tensor.fate)});
  }
  return rows.size() > 1 ? FormatTable(rows) + "\n" : "";
}

std::string Counts(const ImportReport& report) {
  std::vector<std::string> counts;
  for (const Fate fate : {Fate::kTaken, Fate::kAdapted, Fate::kZero, Fate::kOtherShape,
                          Fate::kMissing, Fate::kUnexpected}) {
    const int count = report.Count(fate);
    if (count > 0 || fate == Fate::kTaken) {
      counts.push_back(std::to_string(count) + " " + NameOf(fate));
    }
  }
  return Join(counts, ", ");
}

// The tensors that the file gave. What stayed fresh is not written: it would look like weights.
std::string SafetensorsOf(const ImportReport& report, const ClassifierModule& classifier,
                          const std::map<std::string, std::string>& metadata) {
  auto named = classifier.named_parameters();
  for (const auto& buffer : classifier.named_buffers()) named.insert(buffer.key(), buffer.value());
  StoredTensors stored;
  std::vector<torch::Tensor> kept;  // Until the file is made.
  for (const TensorImport& tensor : report.tensors) {
    if (!tensor.Loaded() && tensor.fate != Fate::kZero) continue;
    kept.push_back(named[tensor.name].detach().contiguous());
    const torch::Tensor& value = kept.back();
    StoredTensor& entry = stored[tensor.name];
    entry.type = value.is_floating_point() ? TensorType::kFloat32 : TensorType::kInt64;
    entry.shape = value.sizes().vec();
    entry.strides = value.strides().vec();
    entry.data = value.data_ptr();
  }
  return WriteSafetensors(stored, metadata);
}

ordered_json ToJson(const ImportReport& report) {
  auto tensors = ordered_json::array();
  for (const TensorImport& tensor : report.tensors) {
    ordered_json entry = {{"result", NameOf(tensor.fate)}};
    if (!tensor.name.empty()) {
      entry["name"] = tensor.name;
      entry["shape"] = tensor.shape;
    }
    if (!tensor.file_name.empty()) {
      entry["file_name"] = Printable(tensor.file_name);
      entry["file_shape"] = tensor.file_shape;
    }
    tensors.push_back(entry);
  }
  ordered_json counts = ordered_json::object();
  for (const Fate fate : {Fate::kTaken, Fate::kAdapted, Fate::kZero, Fate::kOtherShape,
                          Fate::kMissing, Fate::kUnexpected}) {
    counts[NameOf(fate)] = report.Count(fate);
  }
  return {{"counts", counts}, {"remarks", report.remarks}, {"tensors", tensors}};
}

}  // namespace

int RunImport(const std::vector<std::string>& arguments) {
  ImportOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;

  Architecture architecture;
  architecture.classifier = options.classifier;
  const auto classifier = MakeClassifier(architecture, kRgbPlanes);
  const ImportReport report = WithExitCode(kExitModel, [&] {
    return ImportRgbWeights(options.weights, options.classifier, classifier.get());
  });

  std::ostream& text = options.output.text();
  text << ReportTable(report, options.all) << Counts(report) << "\n";
  for (const std::string& remark : report.remarks) text << "note: " << remark << "\n";
  text << "sha256 " << report.sha256 << "\n";
  if (!options.out.empty()) {
    const std::string content = SafetensorsOf(
        report, *classifier,
        {{"classifier", options.classifier},
         {"license", options.license.empty() ? "not stated" : options.license},
         {"source", options.source.empty() ? LastPart(options.weights) : options.source},
         {"source_sha256", report.sha256},
         {"written_by", "hepar " + ProgramVersion()}});
    WriteFileAtomically(options.out, content);
    text << "wrote " << options.out << " (" << content.size() / 1024 << " KiB)\n";
  }
  ordered_json json = ToJson(report);
  json["classifier"] = options.classifier;
  json["sha256"] = report.sha256;
  options.output.Write(json);
  return kExitOk;
}

}  // namespace hepar
