// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <sstream>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/severity_net.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/version.h"
#include "training/export/export_check.h"
#include "training/export/interchange.h"
#include "training/export/onnx_model.h"
#include "training/export/torchscript_model.h"
#include "training/report/table.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct ExportOptions {
  std::string model, format = "onnx", out, metadata, card, samples;
  double tolerance = 1e-4;
  ModelPermission permission;
  Output output;
};

OptionTable MakeTable(ExportOptions* o) {
  OptionTable table(
      "export", "--model FILE.hepar --format FORMAT --out FILE [OPTION...]",
      "Writes a model for other runtimes: the inference graph with its weights, batch "
      "normalization folded, from a prepared picture to logits, features and reconstruction. "
      "Runs the exported model and compares its results with those of the bundle. For research "
      "use only.");
  table.Heading("Options");
  AddModelOption(&table, &o->model, "the model bundle to export");
  AddPermissionOptions(&table, &o->permission);
  table.Choice("format", &o->format, {"onnx", "torchscript"}, "Format of the exported model");
  table.Output("out", &o->out, "FILE", "The file to write");
  table.Required("the file to write");
  table.Number(
      "tolerance", &o->tolerance, 0, 1,
      "Largest accepted difference of any result from the model's, relative to the result's "
      "largest magnitude, or to 1 where that is less");
  table.Output("metadata", &o->metadata, "FILE",
               "Write the format of inputs and outputs, classes and figures as JSON, with the "
               "fields of MONAI's metadata.json");
  table.Output("card", &o->card, "FILE",
               "Write a model card in the form of Hugging Face's README.md");
  table.Output("samples", &o->samples, "FILE.safetensors",
               "Write the pictures of the comparison and the model's results on them, to check "
               "other runtimes");
  o->output.AddTo(&table, "Write the differences as JSON");
  return table;
}

std::string Serialize(const torch::jit::Module& module) {
  std::ostringstream stream;
  module.save(stream);
  return stream.str();
}

std::string NumberText(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

int RunExport(const std::vector<std::string>& arguments) {
  ExportOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;

  const Bundle bundle =
      WithExitCode(kExitModel, [&] { return LoadBundle(options.model, options.permission); });
  const PreprocessOptions& input = bundle.spec.preprocess;
  const Graph graph = bundle.net->Lower(input.channels, input.size, input.size);
  const bool onnx = options.format == "onnx";
  const std::string content =
      onnx ? ToOnnx(graph, bundle.spec) : Serialize(ToTorchScript(graph, bundle.net));

  // A model that fails the check never appears under the requested name.
  const std::string unchecked = options.out + ".unchecked";
  WriteFileAtomically(unchecked, content);
  ExportDifferences differences;
  try {
    differences = onnx ? CheckOnnx(unchecked, bundle.net, input.channels, input.size)
                       : CheckTorchScript(unchecked, bundle.net, input.channels, input.size);
    const double largest = Largest(differences);
    if (!(largest <= options.tolerance)) {
      std::ostringstream message;
      message << "the exported model's results differ from the bundle's by up to " << largest
              << " of their size, which is more than --tolerance " << options.tolerance
              << "; nothing was written";
      throw Error(ErrorKind::kFailed, message.str());
    }
  } catch (...) {
    std::filesystem::remove(unchecked);
    throw;
  }
  std::filesystem::rename(unchecked, options.out);
  if (!options.samples.empty()) {
    WriteFileAtomically(options.samples, ExportSamples(bundle.net, input.channels, input.size));
  }
  if (!options.metadata.empty()) {
    WriteFileAtomically(options.metadata, MonaiMetadata(bundle.spec, ProgramVersion()));
  }
  if (!options.card.empty()) {
    WriteFileAtomically(options.card,
                        ModelCard(bundle.spec, options.format, LastPart(options.out)));
  }

  std::vector<std::vector<std::string>> rows = {{"result", "largest difference", "relative"}};
  ordered_json absolute = ordered_json::object(), relative = ordered_json::object();
  for (const ExportDifference& difference : differences) {
    rows.push_back(
        {difference.result, NumberText(difference.absolute), NumberText(difference.relative)});
    absolute[difference.result] = difference.absolute;
    relative[difference.result] = difference.relative;
  }
  options.output.text() << FormatTable(rows) << "\nwrote " << options.out << " ("
                        << content.size() / 1024 << " KiB)\n";
  options.output.Write({{"model", LastPart(options.model)},
                        {"model_id", bundle.spec.id},
                        {"format", options.format},
                        {"bytes", content.size()},
                        {"largest_difference", absolute},
                        {"relative_difference", relative}});
  return kExitOk;
}

}  // namespace hepar
