// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/types.h>
#include <torch/utils.h>

#include <ostream>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/nets/complexity.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/report/table.h"
#include "training/trust/adaptation.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct PartSize {
  std::string name;
  std::int64_t parameters = 0, macs = 0;
};

std::vector<PartSize> MeasureParts(SeverityNet net, const PreprocessOptions& input) {
  const torch::NoGradGuard no_grad;
  const auto picture = torch::zeros({1, input.channels, input.size, input.size});
  const Decoupled decoupled = net->Decouple(picture);
  const auto concatenated = SeverityNetImpl::Concatenate(decoupled);
  std::vector<PartSize> parts;
  if (net->ic1) {
    parts.push_back(
        {"ic1", CountParameters(*net->ic1), CountMacs([&] { net->ic1(decoupled.planes); })});
  }
  if (net->ic2) {
    parts.push_back(
        {"ic2", CountParameters(*net->ic2), CountMacs([&] { net->ic2(decoupled.planes); })});
  }
  parts.push_back({"classifier", CountParameters(*net->classifier),
                   CountMacs([&] { net->Classify(concatenated); })});
  PartSize total{"total"};
  for (const PartSize& part : parts) {
    total.parameters += part.parameters;
    total.macs += part.macs;
  }
  parts.push_back(total);
  return parts;
}

std::string Or(const std::string& text, const std::string& otherwise) {
  return text.empty() ? otherwise : text;
}

// The figures of one part of the data in a line, from the bundle's free-form metrics.
void PrintMetrics(const ordered_json& metrics, std::ostream& text) {
  std::vector<std::vector<std::string>> rows = {
      {"metrics", "cases", "average %", "balanced %", "best-worst %"}};
  for (const char* part : {"validation", "test"}) {
    for (const char* level : {"frame", "patient"}) {
      const auto pointer = ordered_json::json_pointer(std::string("/") + part + "/" + level);
      if (!metrics.contains(pointer)) continue;
      const ordered_json& figures = metrics[pointer];
      const auto percent = [&figures](const char* key) {
        const auto found = figures.find(key);
        return found != figures.end() && found->is_number() ? Percent(found->get<double>()) : "-";
      };
      rows.push_back({std::string(part) + " by " + level,
                      figures.value("cases", ordered_json()).dump(), percent("accuracy"),
                      percent("balanced_accuracy"), percent("best_worst")});
    }
  }
  if (rows.size() > 1) text << "\n" << FormatTable(rows);
}

}  // namespace

int RunInspect(const std::vector<std::string>& arguments) {
  std::string model;
  ModelPermission permission;
  Output output;
  OptionTable table("inspect", "FILE.hepar [OPTION...]",
                    "Shows the contents of a model bundle: its input, its size and cost, its "
                    "metrics, license and citation.");
  table.Heading("Options");
  AddModelOption(&table, &model, "which model bundle? usage: hepar inspect FILE.hepar");
  table.AlsoPositional();
  AddPermissionOptions(&table, &permission);
  output.AddTo(&table, "Write all of it as JSON");
  if (!ReadOptions(&table, arguments)) return kExitOk;
  const Bundle bundle = WithExitCode(kExitModel, [&] { return LoadBundle(model, permission); });
  const ModelSpec& spec = bundle.spec;
  const auto parts = MeasureParts(bundle.net, spec.preprocess);
  ordered_json description = ordered_json::parse(ModelSpecToJson(spec));

  std::ostream& text = output.text();
  const Architecture& a = spec.architecture;
  text << "name        " << spec.name << "\nid          " << spec.id << "\nmodel       "
       << (a.decouplers == DecouplerSet::kNone ? "no" : a.size) << " decouplers, " << a.classifier
       << ", planes " << ToString(a.planes) << ", " << a.feature_channels
       << " feature channel(s), IC2 skips " << ToString(a.ic2_skips) << "\ninput       "
       << spec.preprocess.size << "x" << spec.preprocess.size << ", sector "
       << spec.preprocess.sector.ToString() << "\nclasses     " << Join(spec.class_names, ", ")
       << "\ntemperature " << spec.temperature << "\nuncertain   "
       << (spec.abstain_below ? "below confidence " + Fixed(*spec.abstain_below, 3) : "never")
       << "\nno liver    "
       << (spec.domain ? "above score " + Fixed(spec.out_of_domain_above.value_or(0.0), 3)
                       : "never: no score")
       << "\nunfamiliar  "
       << (spec.familiarity
               ? "above score " + Fixed(spec.familiarity->unfamiliar_above, 3) + ", where " +
                     Percent(spec.familiarity->evidence) + " % of the evidence counts"
               : "never: no score")
       << "\ndata        " << Or(spec.dataset_digest, "unknown") << "\nlicense     "
       << Or(spec.licence, "not stated") << "\ncitation    " << Or(spec.citation, "not stated")
       << "\n\n";

  std::vector<std::vector<std::string>> rows = {{"part", "parameters", "MMAC"}};
  ordered_json sizes = ordered_json::object();
  for (const PartSize& part : parts) {
    rows.push_back({part.name, std::to_string(part.parameters),
                    Fixed(static_cast<double>(part.macs) / 1e6, 1)});
    sizes[part.name] = {{"parameters", part.parameters}, {"macs", part.macs}};
  }
  text << FormatTable(rows);
  PrintMetrics(ordered_json::parse(spec.metrics), text);
  const ordered_json metrics = ordered_json::parse(spec.metrics);
  if (metrics.contains("adaptation")) text << "\n" << AdaptationCard(metrics["adaptation"]);
  text << "\nFor research use only.\n";

  description.erase("tensors");
  description.erase("domain");  // Too many numbers for a reader.
  if (description.contains("familiarity")) description["familiarity"].erase("factor");
  description["parts"] = sizes;
  output.Write(description);
  return kExitOk;
}

}  // namespace hepar
