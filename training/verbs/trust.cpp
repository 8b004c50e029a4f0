// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/types.h>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/device.h"
#include "models/error.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/source_options.h"
#include "training/data/dataset.h"
#include "training/data/recorded_split.h"
#include "training/evaluation/predictions_file.h"
#include "training/report/report.h"
#include "training/trainer/trainer.h"
#include "training/trust/described.h"
#include "training/trust/trust_fit.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct TrustVerbOptions {
  std::string model, data, out, folds, predictions, device = "auto", json;
  int threads = 1;
  TrustOptions trust;
  SourceOptions source;
};

OptionTable MakeTable(TrustVerbOptions* o) {
  OptionTable table(
      "trust", "--model FILE.hepar --data PATH --out FILE.hepar [OPTION...]",
      "Fits what a model says of its own trustworthiness anew, and writes the model with it: the "
      "temperature of its probabilities, the confidence below which it is uncertain, and the score "
      "by which it tells views that it does not know. Its weights stay. On the data that it was "
      "trained on, the first two are fitted to the validation part of its split; on other data to "
      "all of them.");
  table.Heading("Options");
  table.Path("model", &o->model, "FILE", "The model bundle. Required");
  table.Path("data", &o->data, "PATH", "Labelled scans, as for 'hepar train'. Required");
  table.Path("out", &o->out, "FILE", "The model bundle to write. Required");
  table.Path("folds", &o->folds, "FILE",
             "The folds of which one was held out in training, for a model that says so");
  table.Path("predictions", &o->predictions, "FILE",
             "Fit temperature and confidence to these answers instead: what 'hepar evaluate --csv' "
             "wrote of a cross-validation by the same recipe");
  AddTrustOptions(&table, &o->trust);
  AddSourceOptions(&table, &o->source);
  table.Text("device", &o->device, "NAME", "auto, cpu, cuda or cuda:N");
  table.Integer("threads", &o->threads, 1, 256, "Threads of one operator");
  table.Path("json", &o->json, "FILE", "Write what was fitted as JSON; - for standard output");
  return table;
}

Error Invalid(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

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
  if (held_out >= 0 && o.folds.empty()) {
    throw Invalid("--folds is missing: the model was trained with fold " +
                  std::to_string(held_out) + " held out");
  }
  const std::optional<Folds> folds =
      o.folds.empty() ? std::nullopt : std::optional(LoadFolds(o.folds));
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

void CheckOptions(const TrustVerbOptions& o) {
  if (o.model.empty()) throw Invalid("--model is missing: the model bundle to fit");
  if (o.data.empty()) throw Invalid("--data is missing: labelled scans to fit it to");
  if (o.out.empty()) throw Invalid("--out is missing: the model bundle to write");
}

}  // namespace

int RunTrust(const std::vector<std::string>& arguments) {
  TrustVerbOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  CheckOptions(options);
  const torch::Device device(ResolveDevice(options.device));
  SetIntraOpThreads(options.threads);
  cv::setNumThreads(options.threads);

  Bundle bundle = WithExitCode(kExitModel, [&] { return LoadBundle(options.model); });
  ModelSpec spec = bundle.spec;
  UnseenAnswers unseen;
  Pictures pictures;
  const auto data = WithExitCode(kExitInputData, [&] {
    const Dataset dataset = LoadDataset(options.data, options.source);
    if (spec.class_names != dataset.class_names) {
      throw ExitError(kExitModel, Error(ErrorKind::kMismatch,
                                        options.model + ": its classes are not those of the data"));
    }
    if (!options.predictions.empty()) {
      unseen.frames = ReadPredictions(options.predictions, spec.class_names);
      unseen.source =
          "the answers in " + std::filesystem::path(options.predictions).filename().string();
    }
    pictures = ChoosePictures(options, spec, dataset);
    return PreparedDataset(dataset, spec.preprocess, options.threads);
  });
  if (options.predictions.empty()) {
    unseen.source = pictures.source;
    if (!pictures.unseen.empty()) {
      constexpr int kBatch = 16;
      bundle.net->to(device);
      unseen.frames = Score(bundle.net, data, pictures.unseen, kBatch, device).predictions;
      bundle.net->to(torch::kCPU);
    }
  }

  const ordered_json trust =
      FitTrust(Described(data, pictures.known), unseen, options.trust, &spec);
  ordered_json metrics = ordered_json::parse(spec.metrics);
  metrics["trust"] = trust;
  spec.metrics = metrics.dump();
  spec = SaveBundle(options.out, spec, bundle.net);
  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  text << TrustText(trust) << "wrote " << options.out << " (id " << spec.id.substr(0, 12) << ")\n";
  if (!options.json.empty()) WriteJson(options.json, trust);
  return kExitOk;
}

}  // namespace hepar
