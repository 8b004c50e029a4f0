// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/verbs/evaluation_run.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

#include "models/error.h"
#include "training/cli/exit_codes.h"
#include "training/cli/progress.h"
#include "training/data/csv.h"
#include "training/data/recorded_split.h"
#include "training/report/gallery.h"

namespace hepar {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

Dataset Select(const Dataset& dataset, const std::vector<int>& indices) {
  Dataset selected = dataset;
  selected.samples.clear();
  for (const int index : indices) selected.samples.push_back(dataset.samples[index]);
  return selected;
}

// The samples of one fold (all of them for -1).
Dataset SelectFold(const Dataset& dataset, const Folds& folds, int fold) {
  if (fold < 0) return dataset;
  std::vector<int> indices;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    if (folds.FoldOf(dataset.samples[i].patient) == fold) indices.push_back(static_cast<int>(i));
  }
  if (indices.empty()) {
    throw Error(ErrorKind::kMismatch, "fold " + std::to_string(fold) + " holds no picture; folds " +
                                          "are 0.." + std::to_string(folds.count - 1));
  }
  return Select(dataset, indices);
}

// A warning for scored patients that the model is known to have been trained or selected on.
std::optional<std::string> OverlapWarning(const ModelSpec& spec, const Dataset& dataset, int fold,
                                          const std::string& part) {
  if (spec.dataset_digest != dataset.digest || part == "test") return std::nullopt;
  if (part == "validation") {
    return "model '" + spec.name +
           "' was chosen by the validation part, so these metrics are optimistic";
  }
  const int held_out = HeldOutFold(spec);
  if (held_out >= 0 && held_out == fold) return std::nullopt;
  return "model '" + spec.name + "' was trained on this data set" +
         (held_out >= 0 ? " with fold " + std::to_string(held_out) + " held out" : "") +
         ", so these metrics include patients that it has seen";
}

void Append(const Predictions& more, Predictions* all) {
  all->labels.insert(all->labels.end(), more.labels.begin(), more.labels.end());
  all->patients.insert(all->patients.end(), more.patients.begin(), more.patients.end());
  all->probabilities.insert(all->probabilities.end(), more.probabilities.begin(),
                            more.probabilities.end());
}

}  // namespace

EvaluationRun::EvaluationRun(EvaluationInputs* inputs, bool with_external)
    : options_(inputs->options), inputs_(*inputs), with_external_(with_external) {}

std::vector<FrameState> EvaluationRun::states() const {
  return states_.size() == frames_.labels.size() ? states_ : std::vector<FrameState>();
}

BaselineInput EvaluationRun::Baselines() const {
  BaselineInput input;
  input.model = frames_;
  input.grades = static_cast<int>(inputs_.dataset.class_names.size());
  input.last_threshold = input.grades - 1;
  input.bootstrap = options_.bootstrap;
  input.frames = {{}, frames_.labels, frames_.patients};
  for (const cv::Mat& picture : pictures_) input.frames.values.push_back(MeasurePicture(picture));
  if (options_.scans.folds.empty() || options_.scans.fold >= 0) return input;
  for (const std::string& patient : frames_.patients) {
    input.group_of.push_back(inputs_.folds.FoldOf(patient));
  }
  return input;
}

void EvaluationRun::AddAll(const std::vector<std::string>& models,
                           const std::vector<Corruption>& corruptions) {
  for (const Corruption corruption : corruptions) {
    for (int strength = 1; strength <= kCorruptionStrengths; ++strength) {
      corrupted_.push_back({corruption, strength, {}});
    }
  }
  for (std::size_t i = 0; i < models.size(); ++i) {
    Add(models[i], models.size() > 1 ? static_cast<int>(i) : options_.scans.fold);
  }
  Sort();
}

ChoicePlan EvaluationRun::Plan() const {
  if (!options_.choose_on.empty()) {
    return {parts_, "the patients of " + LastPart(options_.choose_on)};
  }
  if (!options_.scans.folds.empty() && options_.scans.fold < 0) {
    const auto folds = WithExitCode(kExitInputData, [&] {
      std::vector<int> of_frame;
      for (const std::string& patient : frames_.patients) {
        of_frame.push_back(inputs_.folds.FoldOf(patient));
      }
      return of_frame;
    });
    return CrossFitted(frames_, folds, "the patients of the other folds (cross-fitted)");
  }
  if (!parts_.empty()) return {parts_, "the validation part of the model’s split"};
  return {{}, reason_};
}

EvaluationRun::Mistakes EvaluationRun::Failures(bool with_saliency) const {
  const auto& names = inputs_.dataset.class_names;
  Mistakes result;
  const std::vector<int> worst = WorstMistakes(frames_, options_.gallery);
  for (const int i : worst) {
    const auto& p = frames_.probabilities[i];
    const int answer = AnswerOf(p);
    ordered_json probabilities = ordered_json::object();
    for (std::size_t k = 0; k < names.size(); ++k) probabilities[names[k]] = p[k];
    result.figures.push_back({{"path", samples_[i].path},
                              {"frame", samples_[i].frame},
                              {"patient_id", frames_.patients[i]},
                              {"truth", names[frames_.labels[i]]},
                              {"answer", names[answer]},
                              {"grades_off", std::abs(answer - frames_.labels[i])},
                              {"confidence", p[answer]},
                              {"probabilities", probabilities}});
    result.pictures.push_back(pictures_[i]);
  }
  if (with_saliency) AddSaliency(worst, &result);
  return result;
}

// The models are opened again, one after the other: these are few pictures.
void EvaluationRun::AddSaliency(const std::vector<int>& frames, Mistakes* mistakes) const {
  mistakes->saliency.resize(frames.size());
  std::map<std::string, std::vector<std::size_t>> of_model;
  for (std::size_t k = 0; k < frames.size(); ++k) of_model[model_of_[frames[k]]].push_back(k);
  try {
    for (const auto& [model, places] : of_model) {
      const Scorer scorer(ConfigOf(model));
      for (const std::size_t k : places) {
        mistakes->saliency[k] = scorer.Explain(mistakes->pictures[k]);
      }
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    mistakes->saliency.clear();
    mistakes->no_saliency = error.what();
  }
}

ordered_json EvaluationRun::Cost() const {
  std::vector<double> times = inference_ms_;
  if (times.empty()) return ordered_json::object();
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return {{"median_inference_ms", *middle},
          {"device", options_.device.name},
          {"precision", options_.precision},
          {"threads", options_.device.threads}};
}

std::string EvaluationRun::ToCsv() const {
  const auto& names = inputs_.dataset.class_names;
  std::string text = "path,frame,patient_id,label,prediction";
  for (const auto& name : names) text += ",p_" + name;
  text += "\n";
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    const auto& p = frames_.probabilities[i];
    text += CsvField(samples_[i].path) + "," + std::to_string(samples_[i].frame) + "," +
            CsvField(frames_.patients[i]) + "," + names[frames_.labels[i]] + "," +
            names[AnswerOf(p)];
    for (double value : p) text += "," + json(value).dump();
    text += "\n";
  }
  return text;
}

EngineConfig EvaluationRun::ConfigOf(const std::string& model) const {
  EngineConfig config;
  config.model = model;
  config.device = options_.device.name;
  config.permission = options_.permission;
  config.precision = ParsePrecision(options_.precision);
  return config;
}

void EvaluationRun::Add(const std::string& model, int fold) {
  Scorer scorer = WithExitCode(kExitModel, [&] { return Scorer(ConfigOf(model)); });
  const ModelSpec& spec = scorer.spec();
  const Dataset part = WithExitCode(kExitInputData, [&] { return PartOf(spec, fold); });
  if (const auto warning = OverlapWarning(spec, inputs_.dataset, fold, options_.part)) {
    std::cerr << "hepar evaluate: warning: " << *warning << "\n";
    warnings_.push_back(*warning);
  }
  ordered_json description = ordered_json::parse(ModelSpecToJson(spec));
  description.erase("tensors");
  description.erase("domain");  // Too many numbers for a reader.
  if (description.contains("familiarity")) description["familiarity"].erase("factor");
  description["fold"] = fold;
  models_.push_back(description);
  names_.push_back(spec.name);

  const auto data = WithExitCode(kExitInputData, [&] { return Prepared(part, spec); });
  AddWarnings(data.dataset().summary);
  const int passes = 1 + static_cast<int>(corrupted_.size());
  Progress progress(spec.name, data.size() * passes, "pictures");
  int done = 0;
  const auto tick = [&] { progress.Update(++done); };
  const Predictions scored = scorer.Score(data, tick);
  Append(scored, &frames_);
  AppendStates(scorer, data, scored, &states_);
  for (int i = 0; i < data.size(); ++i) {
    samples_.push_back(part.samples[i]);
    model_of_.push_back(model);
    pictures_.push_back(data.image(i).pixels);
  }
  for (CorruptedAnswers& answers : corrupted_) {
    Append(scorer.ScoreCorrupted(data, answers.corruption, answers.strength,
                                 options_.bootstrap.seed, tick),
           &answers.frames);
  }
  progress.Clear();
  AddDomainScores(scorer, data);
  if (with_external_) AddExternal(&scorer);
  const Predictions others = ScoreOthers(&scorer, fold);
  if (!others.labels.empty()) parts_.push_back({scored, others});
  inference_ms_.insert(inference_ms_.end(), scorer.inference_ms().begin(),
                       scorer.inference_ms().end());
}

void EvaluationRun::AppendStates(const Scorer& scorer, const PreparedDataset& data,
                                 const Predictions& answers, std::vector<FrameState>* all) const {
  const auto states = scorer.States(data, answers, options_.withhold_unfamiliar());
  all->insert(all->end(), states.begin(), states.end());
}

void EvaluationRun::AddExternal(Scorer* scorer) {
  external_.resize(inputs_.external.size());
  for (std::size_t i = 0; i < external_.size(); ++i) {
    const ExternalSet& set = inputs_.external[i];
    ExternalScores& scores = external_[i];
    if (!set.dataset.digest.empty() && set.dataset.digest == scorer->spec().dataset_digest) {
      warnings_.push_back("model '" + scorer->spec().name + "' was trained on the external set '" +
                          set.name + "'");
      std::cerr << "hepar evaluate: warning: " << warnings_.back() << "\n";
    }
    const auto data =
        WithExitCode(kExitInputData, [&] { return Prepared(set.dataset, scorer->spec()); });
    AddWarnings(data.dataset().summary);
    const Predictions answers = scorer->Score(data, [] {});
    Append(answers, &scores.frames);
    AppendStates(*scorer, data, answers, &scores.states);
    if (!scores.name.empty()) continue;  // Measured for the previous model.
    scores.name = set.name;
    scores.digest = set.dataset.digest;
    scores.truth = set.truth;
    scores.measured = {{}, answers.labels, answers.patients};
    for (int k = 0; k < data.size(); ++k) {
      scores.measured.values.push_back(MeasurePicture(data.image(k).pixels));
    }
  }
}

void EvaluationRun::AddDomainScores(const Scorer& scorer, const PreparedDataset& liver) {
  const Dataset& views = inputs_.other_views;
  if (!scorer.spec().domain) {
    if (views.samples.empty()) return;
    throw ExitError(kExitModel, Error(ErrorKind::kMismatch,
                                      "--ood: model '" + scorer.spec().name +
                                          "' has no out-of-domain score; give it one by 'hepar "
                                          "trust'"));
  }
  const auto append = [&scorer](const PreparedDataset& data, DomainScores* all) {
    const std::vector<double> scores = scorer.DomainScores(data);
    all->over_limit.insert(all->over_limit.end(), scores.begin(), scores.end());
    for (const Sample& sample : data.dataset().samples) all->groups.push_back(sample.patient);
  };
  append(liver, &liver_scores_);
  if (views.samples.empty()) return;
  const auto others = WithExitCode(kExitInputData, [&] { return Prepared(views, scorer.spec()); });
  AddWarnings(others.dataset().summary);
  append(others, &other_scores_);
}

void EvaluationRun::AddWarnings(const LoadSummary& summary) {
  for (const std::string& line : summary.warnings) {
    if (std::find(warnings_.begin(), warnings_.end(), line) != warnings_.end()) continue;
    std::cerr << "hepar evaluate: warning: " << line << "\n";
    warnings_.push_back(line);
  }
}

PreparedDataset EvaluationRun::Prepared(const Dataset& dataset, const ModelSpec& spec) {
  return PreparedDataset(dataset, spec.preprocess, options_.device.threads, &inputs_.cache);
}

Dataset EvaluationRun::PartOf(const ModelSpec& spec, int fold) const {
  const Dataset& dataset = inputs_.dataset;
  if (options_.part == "all") return SelectFold(dataset, inputs_.folds, fold);
  return Select(dataset, RecordedPart(spec, dataset, options_.part));
}

Predictions EvaluationRun::ScoreOthers(Scorer* scorer, int fold) {
  const bool cross_fitted = !options_.scans.folds.empty() && options_.scans.fold < 0;
  Dataset others;
  if (!options_.choose_on.empty()) {
    others = WithExitCode(kExitInputData,
                          [&] { return LoadDataset(options_.choose_on, options_.scans.source); });
  } else if (!cross_fitted) {
    others = ValidationPart(scorer->spec(), fold);
  }
  if (others.samples.empty()) return {};
  const auto data = WithExitCode(kExitInputData, [&] { return Prepared(others, scorer->spec()); });
  AddWarnings(data.dataset().summary);
  return scorer->Score(data, [] {});
}

Dataset EvaluationRun::ValidationPart(const ModelSpec& spec, int fold) {
  const Dataset& dataset = inputs_.dataset;
  if (spec.dataset_digest != dataset.digest) {
    reason_ =
        "the model was trained on other data, and neither --folds nor --choose-on gives "
        "patients to choose by";
    return {};
  }
  if (fold < 0 && (options_.part == "all" || options_.part == "validation")) {
    reason_ =
        "all patients that could be chosen by are scored; give --part test, --folds or "
        "--choose-on";
    return {};
  }
  if (fold >= 0 && HeldOutFold(spec) != fold) {
    reason_ = "the model was not trained with fold " + std::to_string(fold) + " held out";
    return {};
  }
  try {
    const Split split = RecordedSplit(spec, dataset, fold >= 0 ? &inputs_.folds : nullptr);
    if (split.validation.empty()) reason_ = "the model was trained without a validation part";
    return Select(dataset, split.validation);
  } catch (const Error& error) {
    reason_ = error.what();
    return {};
  }
}

void EvaluationRun::Sort() {
  std::vector<std::size_t> order(samples_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return std::tie(samples_[a].path, samples_[a].frame) <
           std::tie(samples_[b].path, samples_[b].frame);
  });
  const auto sorted = [&order](auto* values) {
    auto copy = *values;
    for (std::size_t i = 0; i < order.size(); ++i) (*values)[i] = copy[order[i]];
  };
  std::vector<Predictions*> all = {&frames_};
  for (CorruptedAnswers& answers : corrupted_) all.push_back(&answers.frames);
  for (Predictions* predictions : all) {
    sorted(&predictions->labels);
    sorted(&predictions->probabilities);
    sorted(&predictions->patients);
  }
  sorted(&samples_);
  sorted(&model_of_);
  sorted(&pictures_);
  if (states_.size() == order.size()) sorted(&states_);
}

}  // namespace hepar
