// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "models/bundle/bundle.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/trainer/save_checked.h"
#include "training/trainer/weight_average.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

struct AverageVerbOptions {
  std::vector<std::string> models;
  std::vector<double> shares;
  std::string out, name;
  ModelPermission permission;
  Output output;
};

OptionTable MakeTable(AverageVerbOptions* o) {
  OptionTable table(
      "average", "--model FILE.hepar --model FILE.hepar --out FILE.hepar [OPTION...]",
      "Averages the weights of models of the same structure that were trained from the same "
      "weights, such as a model of simulated scans and the same model trained on with real ones. "
      "The description is the first model's. Run 'hepar trust' on the result: temperature, "
      "abstention and the scores of the view are reset.");
  table.Heading("Options");
  table.List("model", &o->models, "FILE", "A model bundle to average; repeatable");
  table.Required("the model bundles to average");
  table.Numbers("shares", &o->shares, "", 1e-6, 1e6, "X,X,...",
                "What each model counts, in the order of --model; default: all alike");
  table.Output("out", &o->out, "FILE", "The model bundle to write");
  table.Required("the model bundle to write");
  table.Text("name", &o->name, "NAME", "Name of the new model; default: the first's, -average");
  AddPermissionOptions(&table, &o->permission);
  o->output.AddTo(&table, "Write name, id and parts of the new model as JSON");
  return table;
}

}  // namespace

int RunAverage(const std::vector<std::string>& arguments) {
  AverageVerbOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  if (options.shares.empty()) options.shares.assign(options.models.size(), 1.0);

  std::vector<Bundle> bundles;
  for (const std::string& path : options.models) {
    bundles.push_back(
        WithExitCode(kExitModel, [&] { return LoadBundle(path, options.permission); }));
  }
  const Bundle average = AverageInPlace(std::move(bundles), options.shares);
  ModelSpec spec = average.spec;
  spec.name = options.name.empty() ? spec.name + "-average" : options.name;
  spec = SaveCheckedBundle(options.out, spec, average.net);
  options.output.text() << "wrote " << options.out << " (id " << spec.id.substr(0, 12) << ")\n";
  options.output.Write({{"model", options.out}, {"name", spec.name}, {"id", spec.id}});
  return kExitOk;
}

}  // namespace hepar
