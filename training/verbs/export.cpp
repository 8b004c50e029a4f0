// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/severity_net.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/export/export_check.h"
#include "training/export/onnx_model.h"
#include "training/export/torchscript_model.h"
#include "training/report/report.h"
#include "training/report/table.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct ExportOptions {
  std::string model, format = "onnx", out, json;
  double tolerance = 1e-4;
};

OptionTable MakeTable(ExportOptions* o) {
  OptionTable table(
      "export", "--model FILE.hepar --format FORMAT --out FILE [OPTION...]",
      "Writes a model for other runtimes: the inference graph with its weights, batch "
      "normalisation folded, from a prepared picture to logits, features and "
      "reconstruction. Runs what was written and compares it with the model. For "
      "research use only.");
  table.Heading("Options");
  table.Path("model", &o->model, "FILE", "The model bundle. Required");
  table.Choice("format", &o->format, {"onnx", "torchscript"}, "What to write");
  table.Path("out", &o->out, "FILE", "Where to write it. Required");
  table.Number("tolerance", &o->tolerance, 0, 1,
               "Largest difference of any result to the model's that is accepted");
  table.Path("json", &o->json, "FILE", "Write the differences as JSON; - for standard output");
  return table;
}

std::string Serialize(const torch::jit::Module& module) {
  std::ostringstream stream;
  module.save(stream);
  return stream.str();
}

}  // namespace

int RunExport(const std::vector<std::string>& arguments) {
  ExportOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  if (options.model.empty()) throw Error(ErrorKind::kInvalid, "--model is missing: the bundle");
  if (options.out.empty()) throw Error(ErrorKind::kInvalid, "--out is missing: the file to write");

  const Bundle bundle = WithExitCode(kExitModel, [&] { return LoadBundle(options.model); });
  const PreprocessOptions& input = bundle.spec.preprocess;
  const Graph graph = bundle.net->Lower(input.channels, input.size, input.size);
  const bool onnx = options.format == "onnx";
  const std::string content =
      onnx ? ToOnnx(graph, bundle.spec) : Serialize(ToTorchScript(graph, bundle.net));

  // What does not pass the check never stands under the name that was asked for.
  const std::string unchecked = options.out + ".unchecked";
  WriteFileAtomically(unchecked, content);
  ExportDifferences differences;
  double largest = 0.0;
  try {
    differences = onnx ? CheckOnnx(unchecked, bundle.net, input.channels, input.size)
                       : CheckTorchScript(unchecked, bundle.net, input.channels, input.size);
    for (const auto& [name, difference] : differences) largest = std::max(largest, difference);
    if (!(largest <= options.tolerance)) {
      std::ostringstream message;
      message << "the exported model differs from the bundle by up to " << largest
              << ", which is more than --tolerance " << options.tolerance
              << "; nothing was written";
      throw Error(ErrorKind::kFailed, message.str());
    }
  } catch (...) {
    std::filesystem::remove(unchecked);
    throw;
  }
  std::filesystem::rename(unchecked, options.out);

  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  std::vector<std::vector<std::string>> rows = {{"result", "largest difference"}};
  ordered_json figures = ordered_json::object();
  for (const auto& [name, difference] : differences) {
    std::ostringstream number;
    number << difference;
    rows.push_back({name, number.str()});
    figures[name] = difference;
  }
  text << FormatTable(rows) << "\nwrote " << options.out << " (" << content.size() / 1024
       << " KiB)\n";
  if (!options.json.empty()) {
    WriteJson(options.json, {{"model", std::filesystem::path(options.model).filename().string()},
                             {"model_id", bundle.spec.id},
                             {"format", options.format},
                             {"bytes", content.size()},
                             {"largest_difference", figures}});
  }
  return kExitOk;
}

}  // namespace hepar
