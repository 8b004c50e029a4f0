// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/types.h>

#include <iostream>
#include <ostream>
#include <string>
#include <vector>

#include "models/bundle/bundle.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/data/prepared_dataset.h"
#include "training/data/unlabeled.h"
#include "training/report/loading_report.h"
#include "training/scoring/score.h"
#include "training/trainer/save_checked.h"
#include "training/trust/adaptation.h"
#include "training/trust/described.h"
#include "training/verbs/device_option.h"
#include "training/verbs/threads.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

struct AdaptVerbOptions {
  std::string model, data, out, name;
  ModelPermission permission;
  AdaptationOptions adaptation;
  SourceOptions source;
  DeviceOptions device;
  Output output;
};

OptionTable MakeTable(AdaptVerbOptions* o) {
  OptionTable table(
      "adapt", "--model FILE.hepar --data PATH --out FILE.hepar [OPTION...]",
      "Adapts a model to a scanner with some dozens of ungraded liver scans: which pictures it "
      "accepts as liver views of its own scanner, and how confident it is. Its weights stay the "
      "same. The changes are written into the new model, and printed as a section of a model "
      "card.");
  table.Heading("Options");
  AddModelOption(&table, &o->model, "the model bundle to adapt");
  AddPermissionOptions(&table, &o->permission);
  table.Path("data", &o->data, "PATH",
             "Scans of the scanner: a folder or file of pictures and videos, each of one patient, "
             "or a CSV file with the columns path and patient_id");
  table.Required("scans of the scanner to adapt it to");
  table.Output("out", &o->out, "FILE", "The model bundle to write");
  table.Required("the model bundle to write");
  table.Text("name", &o->name, "NAME", "Name of the new model; default: the old one, -adapted");
  table.Number("confidence", &o->adaptation.confidence, 0.25, 1,
               "Target of the mean confidence on this scanner: the share of correct grades, if "
               "known");
  AddTrustOptions(&table, &o->adaptation.trust);
  AddSourceOptions(&table, &o->source);
  AddDeviceOptions(&table, &o->device);
  o->output.AddTo(&table, "Write the changes as JSON");
  return table;
}

}  // namespace

int RunAdapt(const std::vector<std::string>& arguments) {
  AdaptVerbOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  const torch::Device device(DeviceOption(options.device.name));
  SetThreads(options.device);

  Bundle bundle =
      WithExitCode(kExitModel, [&] { return LoadBundle(options.model, options.permission); });
  ModelSpec spec = bundle.spec;
  const auto data = WithExitCode(kExitInputData, [&] {
    return PreparedDataset(LoadUnlabeled(options.data, options.source), spec.preprocess,
                           options.device.threads);
  });
  const std::vector<int> livers =
      WithExitCode(kExitInputData, [&] { return LiverViews(DescribedAsTheyAre(data), spec); });
  const Predictions answers = ScoreOn(device, bundle.net, data, livers);

  nlohmann::ordered_json done = Adapt(Described(data, livers), answers, options.adaptation, &spec);
  ReportLoading("adapt", data.dataset().summary, std::cerr);
  const std::size_t left_out = static_cast<std::size_t>(data.size()) - livers.size();
  spec.name = options.name.empty() ? spec.name + "-adapted" : options.name;
  spec = SaveCheckedBundle(options.out, spec, bundle.net);
  std::ostream& text = options.output.text();
  if (left_out > 0) {
    text << left_out << " of " << data.size() << " pictures are no liver views, and left out\n";
  }
  text << AdaptationCard(done) << "\nwrote " << options.out << " (id " << spec.id.substr(0, 12)
       << ")\n";
  done["left_out"] = left_out;
  options.output.Write(done);
  return kExitOk;
}

}  // namespace hepar
