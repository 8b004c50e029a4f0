// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <opencv2/core.hpp>
#include <optional>

#include "models/engine/device.h"
#include "models/engine/engine.h"
#include "models/error.h"
#include "models/file_io.h"
#include "training/data/csv.h"
#include "training/data/dataset.h"
#include "training/data/picture_cache.h"
#include "training/evaluation/metrics.h"
#include "training/evaluation/report.h"
#include "training/exit_codes.h"
#include "training/options.h"
#include "training/progress.h"
#include "training/source_options.h"
#include "training/verbs.h"

namespace hepar {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct EvaluateOptions {
  std::vector<std::string> models;
  std::string data, folds, device = "auto", precision = "fp32", json, csv;
  int fold = -1, threads = 1;
  SourceOptions source;
};

OptionTable MakeTable(EvaluateOptions* o) {
  OptionTable table(
      "evaluate", "--model FILE.hepar --data PATH [OPTION...]",
      "Grades labelled scans with a model, on the path that the GStreamer elements use, and prints "
      "how well it does by frame and by patient, beside what guessing gives. With several models "
      "and --folds, model i is scored on the patients of fold i and all is pooled "
      "(cross-validation).");
  table.Heading("Options");
  table.List("model", &o->models, "FILE", "A model bundle; may be repeated. Required");
  table.Path("data", &o->data, "PATH", "Labelled scans, as for 'hepar train'. Required");
  table.Path("folds", &o->folds, "FILE", "CSV file with the columns patient_id and fold");
  table.Integer("fold", &o->fold, -1, 1000, "Score on the patients of this fold only; -1 for all");
  AddSourceOptions(&table, &o->source);
  table.Text("device", &o->device, "NAME", "auto, cpu, cuda or cuda:N");
  table.Choice("precision", &o->precision, {"fp32", "bf16", "fp16"}, "Numbers that the model uses");
  table.Integer("threads", &o->threads, 1, 256, "Threads of one operator");
  table.Path("json", &o->json, "FILE", "Write the figures as JSON; - for standard output");
  table.Path("csv", &o->csv, "FILE", "Write the probabilities of each picture as CSV");
  return table;
}

void CheckOptions(const EvaluateOptions& o) {
  const auto invalid = [](const std::string& message) {
    return Error(ErrorKind::kInvalid, message);
  };
  if (o.models.empty()) throw invalid("--model is missing: the model bundle to evaluate");
  if (o.data.empty()) throw invalid("--data is missing: the labelled scans to grade");
  if (o.fold >= 0 && o.folds.empty()) throw invalid("--fold needs --folds");
  if (o.models.size() > 1 && o.folds.empty()) {
    throw invalid("several models need --folds: model i is scored on fold i");
  }
  if (o.models.size() > 1 && o.fold >= 0) {
    throw invalid("--fold takes one model; several models are scored on one fold each");
  }
}

// The samples of one fold (all of them for -1).
Dataset Select(const Dataset& dataset, const Folds& folds, int fold) {
  if (fold < 0) return dataset;
  const std::map<std::string, int> fold_of(folds.fold_of.begin(), folds.fold_of.end());
  Dataset selected = dataset;
  selected.samples.clear();
  for (const Sample& sample : dataset.samples) {
    const auto found = fold_of.find(sample.patient);
    if (found == fold_of.end()) {
      throw Error(ErrorKind::kMismatch, "patient '" + sample.patient + "' has no fold");
    }
    if (found->second == fold) selected.samples.push_back(sample);
  }
  if (selected.samples.empty()) {
    throw Error(ErrorKind::kMismatch, "fold " + std::to_string(fold) + " holds no picture; folds " +
                                          "are 0.." + std::to_string(folds.count - 1));
  }
  return selected;
}

// What the model is known to have been trained on, that the figures would be flattered by.
std::optional<std::string> OverlapWarning(const ModelSpec& spec, const Dataset& dataset, int fold) {
  if (spec.dataset_digest != dataset.digest) return std::nullopt;
  const json options = json::parse(spec.training_options);
  const int held_out = options.value("fold", -1);
  if (held_out >= 0 && held_out == fold) return std::nullopt;
  return "model '" + spec.name + "' was trained on this data set" +
         (held_out >= 0 ? " with fold " + std::to_string(held_out) + " held out" : "") +
         ", so these figures include patients that it has seen";
}

// Predictions of several models on their parts, pooled.
class Evaluation {
 public:
  Evaluation(const EvaluateOptions& options, const Dataset& dataset, const Folds& folds)
      : options_(options), dataset_(dataset), folds_(folds) {}

  void Add(const std::string& model, int fold) {
    EngineConfig config;
    config.model = model;
    config.device = options_.device;
    config.precision = ParsePrecision(options_.precision);
    const auto engine = WithExitCode(kExitModel, [&] { return Engine::Open(config); });
    const ModelSpec& spec = engine->spec();
    if (spec.class_names != dataset_.class_names) {
      throw ExitError(kExitModel,
                      Error(ErrorKind::kMismatch,
                            model + ": its classes are not those of the data (normal, mild, "
                                    "moderate, severe)"));
    }
    const Dataset part =
        WithExitCode(kExitInputData, [&] { return Select(dataset_, folds_, fold); });
    if (const auto warning = OverlapWarning(spec, dataset_, fold)) {
      std::cerr << "hepar evaluate: warning: " << *warning << "\n";
      warnings_.push_back(*warning);
    }
    models_.push_back({{"name", spec.name}, {"id", spec.id}, {"fold", fold}});
    const auto data = WithExitCode(kExitInputData, [&] {
      return PreparedDataset(part, spec.preprocess, options_.threads, &cache_);
    });

    Progress progress(spec.name, data.size(), "pictures");
    for (int i = 0; i < data.size(); ++i) {
      const Severity severity = engine->Prepare(data.image(i))->Classify();
      const Sample& sample = part.samples[i];
      frames_.labels.push_back(sample.label);
      frames_.patients.push_back(sample.patient);
      frames_.probabilities.emplace_back(severity.probabilities.begin(),
                                         severity.probabilities.end());
      samples_.push_back(sample);
      progress.Update(i + 1);
    }
  }

  const Predictions& frames() const { return frames_; }

  ordered_json ToJson() const {
    ordered_json result = EvaluationToJson(frames_, dataset_.class_names);
    result["models"] = models_;
    result["warnings"] = warnings_;
    return result;
  }

  std::string ToCsv() const {
    std::string text = "path,frame,patient_id,label,prediction";
    for (const auto& name : dataset_.class_names) text += ",p_" + name;
    text += "\n";
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const auto& p = frames_.probabilities[i];
      const auto best = std::max_element(p.begin(), p.end()) - p.begin();
      text += CsvField(samples_[i].path) + "," + std::to_string(samples_[i].frame) + "," +
              CsvField(frames_.patients[i]) + "," + dataset_.class_names[frames_.labels[i]] + "," +
              dataset_.class_names[best];
      for (double value : p) text += "," + json(value).dump();
      text += "\n";
    }
    return text;
  }

 private:
  const EvaluateOptions& options_;
  const Dataset& dataset_;
  const Folds& folds_;
  Predictions frames_;
  PictureCache cache_;  // Models of one configuration prepare a picture once.
  std::vector<Sample> samples_;
  ordered_json models_ = ordered_json::array();
  std::vector<std::string> warnings_;
};

}  // namespace

int RunEvaluate(const std::vector<std::string>& arguments) {
  EvaluateOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  CheckOptions(options);
  options.device = ResolveDevice(options.device);
  SetIntraOpThreads(options.threads);
  cv::setNumThreads(options.threads);

  Folds folds;
  const Dataset dataset = WithExitCode(kExitInputData, [&] {
    if (!options.folds.empty()) folds = LoadFolds(options.folds);
    return LoadDataset(options.data, options.source);
  });
  const auto models = static_cast<int>(options.models.size());
  if (models > 1 && models != folds.count) {
    throw Error(ErrorKind::kInvalid, std::to_string(models) + " models for " +
                                         std::to_string(folds.count) +
                                         " folds; give one model for each fold, in their order");
  }

  Evaluation evaluation(options, dataset, folds);
  for (int i = 0; i < models; ++i) {
    evaluation.Add(options.models[i], models > 1 ? i : options.fold);
  }
  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  text << EvaluationTable(evaluation.frames(), dataset.class_names);
  if (!options.csv.empty()) WriteFileAtomically(options.csv, evaluation.ToCsv());
  if (!options.json.empty()) WriteJson(options.json, evaluation.ToJson());
  return kExitOk;
}

}  // namespace hepar
