// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/types.h>

#include <iostream>
#include <numeric>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"
#include "training/data/recorded_split.h"
#include "training/data/split.h"
#include "training/data/unlabeled.h"
#include "training/evaluation/predictions_file.h"
#include "training/report/loading_report.h"
#include "training/report/utf8.h"
#include "training/scoring/score.h"
#include "training/trainer/save_checked.h"
#include "training/trust/described.h"
#include "training/trust/trust_fit.h"
#include "training/verbs/device_option.h"
#include "training/verbs/threads.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct TrustVerbOptions {
  std::string model, out, predictions, other_livers, other_views;
  ScanOptions scans;
  TrustOptions trust;
  ModelPermission permission;
  DeviceOptions device;
  Output output;
};

OptionTable MakeTable(TrustVerbOptions* o) {
  OptionTable table(
      "trust", "--model FILE.hepar --data PATH --out FILE.hepar [OPTION...]",
      "Refits how a model reports its uncertainty, and writes the model with it: the "
      "temperature of its probabilities, the confidence below which it is uncertain, and the "
      "scores that detect non-liver views and livers of unfamiliar scanners. Its weights stay the "
      "same. On the data that it was trained on, the first two are fitted to the validation part "
      "of its split; on other data to "
      "all of them.");
  table.Heading("Options");
  AddModelOption(&table, &o->model, "the model bundle to fit");
  AddPermissionOptions(&table, &o->permission);
  AddDataOption(&table, &o->scans, "labeled scans to fit it to");
  table.Output("out", &o->out, "FILE", "The model bundle to write");
  table.Required("the model bundle to write");
  table.Path("folds", &o->scans.folds, "FILE",
             "The folds of which one was held out in training, for a model that records this");
  table.Path("predictions", &o->predictions, "FILE",
             "Fit temperature and confidence to these answers instead: the output of 'hepar "
             "evaluate --csv' for a cross-validation with the same recipe");
  table.Path("other-livers", &o->other_livers, "PATH",
             "Pictures and videos of livers on other scanners, without grades: the limit of "
             "non-liver views is set above them, and the confidence on unfamiliar scanners by "
             "the answers to them");
  table.Path("other-views", &o->other_views, "PATH",
             "Pictures and videos of other organs: the limit of non-liver views is set below them");
  AddTrustOptions(&table, &o->trust);
  AddSourceOptions(&table, &o->scans.source);
  AddDeviceOptions(&table, &o->device);
  o->output.AddTo(&table, "Write the fitted values as JSON");
  return table;
}

// Which pictures are of the domain, and which of them the model was not trained on.
struct Pictures {
  std::vector<int> known, unseen;
  std::string source;  // In words: what `unseen` is, or why it is empty.
};

Pictures ChoosePictures(const TrustVerbOptions& o, const ModelSpec& spec, const Dataset& dataset) {
  Pictures pictures;
  if (spec.dataset_digest != dataset.digest) {
    pictures.known.resize(dataset.samples.size());
    std::iota(pictures.known.begin(), pictures.known.end(), 0);
    pictures.unseen = pictures.known;
    pictures.source = "all of the data, which the model was not trained on";
    return pictures;
  }
  const int held_out = HeldOutFold(spec);
  if (held_out >= 0 && o.scans.folds.empty()) {
    throw UsageError("--folds is missing: the model was trained with fold " +
                     std::to_string(held_out) + " held out");
  }
  const std::optional<Folds> folds =
      o.scans.folds.empty() ? std::nullopt : std::optional(LoadFolds(o.scans.folds));
  const Split split = RecordedSplit(spec, dataset, folds ? &*folds : nullptr);
  pictures.known = split.train;
  pictures.known.insert(pictures.known.end(), split.validation.begin(), split.validation.end());
  pictures.unseen = split.validation;
  pictures.source = split.validation.empty()
                        ? "the model was trained without a validation part; --predictions takes "
                          "the answers of a cross-validation"
                        : "the validation part";
  return pictures;
}

OtherPictures LoadOthers(const TrustVerbOptions& o, const ModelSpec& spec, SeverityNet net,
                         torch::Device device) {
  OtherPictures others;
  const auto prepare = [&](const std::string& path) {
    return WithExitCode(kExitInputData, [&] {
      return PreparedDataset(LoadUnlabeled(path, o.scans.source), spec.preprocess,
                             o.device.threads);
    });
  };
  if (!o.other_livers.empty()) {
    const PreparedDataset livers = prepare(o.other_livers);
    others.livers = DescribedAsTheyAre(livers);
    std::vector<int> all(livers.size());
    std::iota(all.begin(), all.end(), 0);
    others.liver_answers = ScoreOn(device, net, livers, all);
  }
  if (!o.other_views.empty()) others.views = DescribedAsTheyAre(prepare(o.other_views));
  return others;
}

}  // namespace

int RunTrust(const std::vector<std::string>& arguments) {
  TrustVerbOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  const torch::Device device(DeviceOption(options.device.name));
  SetThreads(options.device);

  Bundle bundle =
      WithExitCode(kExitModel, [&] { return LoadBundle(options.model, options.permission); });
  ModelSpec spec = bundle.spec;
  WithExitCode(kExitModel, [&] { CheckSameClasses(spec, options.model, Dataset().class_names); });
  UnseenAnswers unseen;
  Pictures pictures;
  const auto data = WithExitCode(kExitInputData, [&] {
    const Dataset dataset = LoadDataset(options.scans.path, options.scans.source);
    if (!options.predictions.empty()) {
      unseen.frames = ReadPredictions(options.predictions, spec.class_names);
      unseen.source = "the answers in " + LastPart(options.predictions);
    }
    pictures = ChoosePictures(options, spec, dataset);
    return PreparedDataset(dataset, spec.preprocess, options.device.threads);
  });
  ReportLoading("trust", data.dataset().summary, std::cerr);
  if (options.predictions.empty()) {
    unseen.source = pictures.source;
    if (!pictures.unseen.empty()) {
      unseen.frames = ScoreOn(device, bundle.net, data, pictures.unseen);
    }
  }

  const OtherPictures others = LoadOthers(options, spec, bundle.net, device);
  const ordered_json trust =
      FitTrust(Described(data, pictures.known), unseen, options.trust, &spec, others);
  ordered_json metrics = ordered_json::parse(spec.metrics);
  metrics["trust"] = trust;
  spec.metrics = JsonText(metrics);
  spec = SaveCheckedBundle(options.out, spec, bundle.net);
  options.output.text() << TrustText(trust) << "wrote " << options.out << " (id "
                        << spec.id.substr(0, 12) << ")\n";
  options.output.Write(trust);
  return kExitOk;
}

}  // namespace hepar
