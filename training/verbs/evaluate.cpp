// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "models/engine/device.h"
#include "models/error.h"
#include "models/file_io.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/progress.h"
#include "training/cli/source_options.h"
#include "training/data/csv.h"
#include "training/data/dataset.h"
#include "training/data/picture_cache.h"
#include "training/data/recorded_split.h"
#include "training/data/unlabelled.h"
#include "training/report/domain_report.h"
#include "training/report/evaluation_html.h"
#include "training/report/evidence.h"
#include "training/report/evidence_text.h"
#include "training/report/gallery.h"
#include "training/report/report.h"
#include "training/scoring/scorer.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct EvaluateOptions {
  std::vector<std::string> models, compare, corruptions;
  std::string data, folds, part = "all", choose_on, subgroups, ood;
  std::string device = "auto", precision = "fp32", json, csv, html;
  int fold = -1, threads = 1, bootstrap = 2000, seed = 1, gallery = 12;
  double sensitivity = 0.0, false_flags = 0.05;
  SourceOptions source;
};

OptionTable MakeTable(EvaluateOptions* o) {
  OptionTable table(
      "evaluate", "--model FILE.hepar --data PATH [OPTION...]",
      "Grades labelled scans with a model, on the path that the GStreamer elements use, and tells "
      "how well it does by frame and by patient, beside what guessing gives. With several models "
      "and --folds, model i is scored on the patients of fold i and all is pooled "
      "(cross-validation). What is chosen by looking at truth, thresholds and a temperature, is "
      "chosen on patients that are not scored by it, or left out.");
  table.Heading("Options");
  table.List("model", &o->models, "FILE", "A model bundle; may be repeated. Required");
  table.Path("data", &o->data, "PATH", "Labelled scans, as for 'hepar train'. Required");
  table.Path("folds", &o->folds, "FILE", "CSV file with the columns patient_id and fold");
  table.Integer("fold", &o->fold, -1, 1000, "Score on the patients of this fold only; -1 for all");
  table.Choice("part", &o->part, {"all", "train", "validation", "test"},
               "Score one part of the data: that of the split by which the model was trained");
  AddSourceOptions(&table, &o->source);
  table.Text("device", &o->device, "NAME", "auto, cpu, cuda or cuda:N");
  table.Choice("precision", &o->precision, {"fp32", "bf16", "fp16"}, "Numbers that the model uses");
  table.Integer("threads", &o->threads, 1, 256, "Threads of one operator");
  table.Heading("Uncertainty and choices");
  table.Integer("bootstrap", &o->bootstrap, 0, 1000000,
                "Resamples of patients behind each interval; 0 for no intervals");
  table.Integer("seed", &o->seed, 0, 2147483647, "Of the resamples and of spoilt pictures");
  table.Number("sensitivity", &o->sensitivity, 0, 1,
               "Choose thresholds for this sensitivity; 0 for the largest sum of sensitivity and "
               "specificity (Youden)");
  table.Path("choose-on", &o->choose_on, "PATH",
             "Labelled scans of other patients, on which thresholds and temperature are chosen. "
             "Without: on the other folds where there are folds, else on the validation part of "
             "the model's own split");
  table.Heading("Further evidence");
  table.Path("subgroups", &o->subgroups, "FILE",
             "CSV file with the column patient_id and others, such as scanner or sex, to group by");
  table.List("compare", &o->compare, "FILE",
             "Another model, or one for each fold, to compare on the same patients");
  table.List("corruptions", &o->corruptions, "NAMES",
             "Grade spoilt pictures too: all, or some of speckle, gain, time-gain, gamma, blur, "
             "depth, crop, jpeg, overlay; each in 5 strengths");
  table.Path("ood", &o->ood, "PATH",
             "Pictures and videos of anything but a liver, a file or a folder: how many of their "
             "frames, and of the liver's, are called no liver view");
  table.Number("false-flags", &o->false_flags, 0, 1,
               "Share of the liver frames that may be called so, where that is compared");
  table.Integer("gallery", &o->gallery, 0, 1000, "How many of the worst mistakes are listed");
  table.Heading("Output");
  table.Path("json", &o->json, "FILE", "Write the figures as JSON; - for standard output");
  table.Path("csv", &o->csv, "FILE", "Write the probabilities of each picture as CSV");
  table.Path("html", &o->html, "FILE", "Write the report as one HTML page");
  return table;
}

Error Invalid(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

void CheckOptions(const EvaluateOptions& o) {
  if (o.models.empty()) throw Invalid("--model is missing: the model bundle to evaluate");
  if (o.data.empty()) throw Invalid("--data is missing: the labelled scans to grade");
  if (o.fold >= 0 && o.folds.empty()) throw Invalid("--fold needs --folds");
  for (const auto* models : {&o.models, &o.compare}) {
    if (models->size() > 1 && o.folds.empty()) {
      throw Invalid("several models need --folds: model i is scored on fold i");
    }
    if (models->size() > 1 && o.fold >= 0) {
      throw Invalid("--fold takes one model; several models are scored on one fold each");
    }
  }
  if (o.ood.empty() && o.false_flags != EvaluateOptions().false_flags) {
    throw Invalid("--false-flags needs --ood");
  }
  if (o.part != "all" && !o.folds.empty()) {
    throw Invalid("--part and --folds are two choices of pictures; give one");
  }
}

std::vector<Corruption> CorruptionsOf(const EvaluateOptions& options) {
  std::vector<Corruption> corruptions;
  for (const std::string& name : options.corruptions) {
    if (name == "all") return AllCorruptions();
    const Corruption corruption = ParseCorruption(name);
    if (std::find(corruptions.begin(), corruptions.end(), corruption) == corruptions.end()) {
      corruptions.push_back(corruption);
    }
  }
  return corruptions;
}

void CheckModelCount(const std::vector<std::string>& models, const Folds& folds) {
  if (models.size() <= 1 || static_cast<int>(models.size()) == folds.count) return;
  throw Invalid(std::to_string(models.size()) + " models for " + std::to_string(folds.count) +
                " folds; give one model for each fold, in their order");
}

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

// What the model is known to have been trained on, that the figures would be flattered by.
std::optional<std::string> OverlapWarning(const ModelSpec& spec, const Dataset& dataset, int fold,
                                          const std::string& part) {
  if (spec.dataset_digest != dataset.digest || part == "test") return std::nullopt;
  if (part == "validation") {
    return "model '" + spec.name +
           "' was chosen by the validation part, so these figures flatter it";
  }
  const int held_out = HeldOutFold(spec);
  if (held_out >= 0 && held_out == fold) return std::nullopt;
  return "model '" + spec.name + "' was trained on this data set" +
         (held_out >= 0 ? " with fold " + std::to_string(held_out) + " held out" : "") +
         ", so these figures include patients that it has seen";
}

void Append(const Predictions& more, Predictions* all) {
  all->labels.insert(all->labels.end(), more.labels.begin(), more.labels.end());
  all->patients.insert(all->patients.end(), more.patients.begin(), more.patients.end());
  all->probabilities.insert(all->probabilities.end(), more.probabilities.begin(),
                            more.probabilities.end());
}

// What all scoring of one run shares.
struct Surroundings {
  const EvaluateOptions& options;
  const Dataset& dataset;
  const Folds& folds;
  const Dataset& other_views;  // Empty without --ood.
  // Models of one configuration prepare a picture once.
  PictureCache cache{PictureCache::kDefaultBytes};
};

// Predictions of several models on their parts, pooled.
class Evaluation {
 public:
  explicit Evaluation(Surroundings* surroundings)
      : options_(surroundings->options), surroundings_(*surroundings) {}

  void AddAll(const std::vector<std::string>& models, const std::vector<Corruption>& corruptions) {
    for (const Corruption corruption : corruptions) {
      for (int strength = 1; strength <= kCorruptionStrengths; ++strength) {
        spoilt_.push_back({corruption, strength, {}});
      }
    }
    for (std::size_t i = 0; i < models.size(); ++i) {
      Add(models[i], models.size() > 1 ? static_cast<int>(i) : options_.fold);
    }
    Sort();
  }

  const Predictions& frames() const { return frames_; }
  // Of the models that have an out-of-domain score.
  const DomainScores& liver_scores() const { return liver_scores_; }
  const DomainScores& other_scores() const { return other_scores_; }
  const std::vector<SpoiltAnswers>& spoilt() const { return spoilt_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<std::string>& names() const { return names_; }
  const ordered_json& models() const { return models_; }

  // On whom thresholds and a temperature may be chosen.
  ChoicePlan Plan() const {
    if (!options_.choose_on.empty()) {
      return {parts_, "the patients of " + NameOf(options_.choose_on)};
    }
    if (!options_.folds.empty() && options_.fold < 0) {
      const auto folds = WithExitCode(kExitInputData, [&] {
        std::vector<int> of_frame;
        for (const std::string& patient : frames_.patients) {
          of_frame.push_back(surroundings_.folds.FoldOf(patient));
        }
        return of_frame;
      });
      return CrossFitted(frames_, folds, "the patients of the other folds (cross-fitted)");
    }
    if (!parts_.empty()) return {parts_, "the validation part of the model’s split"};
    return {{}, reason_};
  }

  // The worst mistakes, and their pictures in the same order.
  std::pair<ordered_json, std::vector<cv::Mat>> Failures() const {
    const auto& names = surroundings_.dataset.class_names;
    std::pair<ordered_json, std::vector<cv::Mat>> result = {ordered_json::array(), {}};
    for (const int i : WorstMistakes(frames_, options_.gallery)) {
      const auto& p = frames_.probabilities[i];
      const int answer = AnswerOf(p);
      ordered_json probabilities = ordered_json::object();
      for (std::size_t k = 0; k < names.size(); ++k) probabilities[names[k]] = p[k];
      result.first.push_back({{"path", samples_[i].path},
                              {"frame", samples_[i].frame},
                              {"patient_id", frames_.patients[i]},
                              {"truth", names[frames_.labels[i]]},
                              {"answer", names[answer]},
                              {"grades_off", std::abs(answer - frames_.labels[i])},
                              {"confidence", p[answer]},
                              {"probabilities", probabilities}});
      result.second.push_back(pictures_[i]);
    }
    return result;
  }

  ordered_json Cost() const {
    std::vector<double> times = inference_ms_;
    if (times.empty()) return ordered_json::object();
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return {{"median_inference_ms", *middle},
            {"device", options_.device},
            {"precision", options_.precision},
            {"threads", options_.threads}};
  }

  std::string ToCsv() const {
    const auto& names = surroundings_.dataset.class_names;
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

  static std::string NameOf(const std::string& path) {
    const std::filesystem::path name(path);
    return (name.has_filename() ? name : name.parent_path()).filename().string();
  }

 private:
  void Add(const std::string& model, int fold) {
    EngineConfig config;
    config.model = model;
    config.device = options_.device;
    config.precision = ParsePrecision(options_.precision);
    Scorer scorer(config);
    const ModelSpec& spec = scorer.spec();
    const Dataset part = WithExitCode(kExitInputData, [&] { return PartOf(spec, fold); });
    if (const auto warning = OverlapWarning(spec, surroundings_.dataset, fold, options_.part)) {
      std::cerr << "hepar evaluate: warning: " << *warning << "\n";
      warnings_.push_back(*warning);
    }
    ordered_json description = ordered_json::parse(ModelSpecToJson(spec));
    description.erase("tensors");
    description.erase("domain");  // Numbers that nobody reads.
    description["fold"] = fold;
    models_.push_back(description);
    names_.push_back(spec.name);

    const auto data = WithExitCode(kExitInputData, [&] { return Prepared(part, spec); });
    const int passes = 1 + static_cast<int>(spoilt_.size());
    Progress progress(spec.name, data.size() * passes, "pictures");
    int done = 0;
    const auto tick = [&] { progress.Update(++done); };
    const Predictions scored = scorer.Score(data, tick);
    Append(scored, &frames_);
    for (int i = 0; i < data.size(); ++i) {
      samples_.push_back(part.samples[i]);
      pictures_.push_back(data.image(i).pixels);
    }
    for (SpoiltAnswers& answers : spoilt_) {
      Append(scorer.ScoreSpoilt(data, answers.corruption, answers.strength,
                                static_cast<std::uint64_t>(options_.seed), tick),
             &answers.frames);
    }
    progress.Clear();
    AddDomainScores(scorer, data);
    const Predictions others = ScoreOthers(&scorer, fold);
    if (!others.labels.empty()) parts_.push_back({scored, others});
    inference_ms_.insert(inference_ms_.end(), scorer.inference_ms().begin(),
                         scorer.inference_ms().end());
  }

  void AddDomainScores(const Scorer& scorer, const PreparedDataset& liver) {
    const Dataset& views = surroundings_.other_views;
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
    append(WithExitCode(kExitInputData, [&] { return Prepared(views, scorer.spec()); }),
           &other_scores_);
  }

  PreparedDataset Prepared(const Dataset& dataset, const ModelSpec& spec) {
    return PreparedDataset(dataset, spec.preprocess, options_.threads, &surroundings_.cache);
  }

  Dataset PartOf(const ModelSpec& spec, int fold) const {
    const Dataset& dataset = surroundings_.dataset;
    if (options_.part == "all") return SelectFold(dataset, surroundings_.folds, fold);
    Split split;
    try {
      split = RecordedSplit(spec, dataset, nullptr);
    } catch (const Error& error) {
      throw Error(error.kind(), "--part " + options_.part + ": " + error.what());
    }
    const auto& part = options_.part == "train"  ? split.train
                       : options_.part == "test" ? split.test
                                                 : split.validation;
    if (part.empty()) {
      throw Error(ErrorKind::kMismatch,
                  "--part: the model was trained without a " + options_.part + " part");
    }
    return Select(dataset, part);
  }

  // Answers of a model on the patients to choose by; none where other folds serve, or nobody can.
  Predictions ScoreOthers(Scorer* scorer, int fold) {
    const bool cross_fitted = !options_.folds.empty() && options_.fold < 0;
    Dataset others;
    if (!options_.choose_on.empty()) {
      others = WithExitCode(kExitInputData,
                            [&] { return LoadDataset(options_.choose_on, options_.source); });
    } else if (!cross_fitted) {
      others = ValidationPart(scorer->spec(), fold);
    }
    if (others.samples.empty()) return {};
    const auto data =
        WithExitCode(kExitInputData, [&] { return Prepared(others, scorer->spec()); });
    return scorer->Score(data, [] {});
  }

  // Empty, with the reason in `reason_`, where the model has none that is not scored.
  Dataset ValidationPart(const ModelSpec& spec, int fold) {
    const Dataset& dataset = surroundings_.dataset;
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
      const Split split = RecordedSplit(spec, dataset, fold >= 0 ? &surroundings_.folds : nullptr);
      if (split.validation.empty()) reason_ = "the model was trained without a validation part";
      return Select(dataset, split.validation);
    } catch (const Error& error) {
      reason_ = error.what();
      return {};
    }
  }

  // By file and frame, so that sets of models go together however they part the data.
  void Sort() {
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
    for (SpoiltAnswers& answers : spoilt_) all.push_back(&answers.frames);
    for (Predictions* predictions : all) {
      sorted(&predictions->labels);
      sorted(&predictions->probabilities);
      sorted(&predictions->patients);
    }
    sorted(&samples_);
    sorted(&pictures_);
  }

  const EvaluateOptions& options_;
  Surroundings& surroundings_;
  Predictions frames_;
  DomainScores liver_scores_, other_scores_;
  std::vector<ScoredPart> parts_;  // Of the models that have others to choose by.
  std::vector<SpoiltAnswers> spoilt_;
  std::vector<Sample> samples_;
  std::vector<cv::Mat> pictures_;  // As prepared; shared with the cache.
  std::vector<double> inference_ms_;
  ordered_json models_ = ordered_json::array();
  std::vector<std::string> names_, warnings_;
  std::string reason_;
};

std::string PartName(const EvaluateOptions& o) {
  if (o.models.size() > 1) return "each fold";
  return o.fold >= 0 ? "fold " + std::to_string(o.fold) : o.part;
}

// Each name once: the models of a cross-validation often have the same.
std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (std::find(names.begin(), name, *name) == name) text += (text.empty() ? "" : ", ") + *name;
  }
  return text;
}

// All figures, and the pictures of the failures.
EvaluationReport MakeReport(const EvaluateOptions& options, const Dataset& dataset,
                            const Evaluation& evaluation, const std::optional<PatientTable>& table,
                            const std::string& recorded_options) {
  const auto seed = static_cast<std::uint64_t>(options.seed);
  EvidenceInput input;
  input.class_names = dataset.class_names;
  input.frames = evaluation.frames();
  input.plan = WithExitCode(kExitInputData, [&] {
    ChoicePlan plan = evaluation.Plan();
    CheckChoice(plan);
    return plan;
  });
  input.rule = {options.sensitivity};
  input.bootstrap = {options.bootstrap, seed};
  input.patients = table;

  EvaluationReport report;
  report.class_names = dataset.class_names;
  report.figures = EvidenceToJson(input);
  ordered_json& figures = report.figures;
  if (!evaluation.spoilt().empty()) {
    figures["corruptions"] =
        CorruptionsToJson(evaluation.frames(), evaluation.spoilt(), dataset.class_names);
  }
  if (!evaluation.liver_scores().over_limit.empty()) {
    figures["domain"] = DomainToJson(evaluation.liver_scores(), evaluation.other_scores(),
                                     options.false_flags, input.bootstrap);
  }
  auto [failures, pictures] = evaluation.Failures();
  figures["failures"] = failures;
  for (const cv::Mat& picture : pictures) report.pictures.push_back(PictureUri(picture));
  figures["models"] = evaluation.models();
  figures["part"] = PartName(options);
  figures["data"] = {{"name", Evaluation::NameOf(options.data)}, {"digest", dataset.digest}};
  figures["program"] = "gst-hepar " HEPAR_VERSION;
  figures["cost"] = evaluation.Cost();
  figures["warnings"] = evaluation.warnings();
  figures["options"] = ordered_json::parse(recorded_options);

  report.title =
      "Evaluation of " +
      (evaluation.names().size() > 1 ? std::to_string(evaluation.names().size()) + " models: "
                                     : std::string()) +
      Joined(evaluation.names());
  report.subtitle = std::to_string(figures.at("frame").at("cases").get<int>()) + " frames of " +
                    std::to_string(figures.at("patient").at("cases").get<int>()) +
                    " patients; data: " + Evaluation::NameOf(options.data) +
                    "; scored: " + PartName(options);
  return report;
}

}  // namespace

int RunEvaluate(const std::vector<std::string>& arguments) {
  EvaluateOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  CheckOptions(options);
  const std::string recorded_options = table.ToJson();
  const std::vector<Corruption> corruptions = CorruptionsOf(options);
  options.device = ResolveDevice(options.device);
  SetIntraOpThreads(options.threads);
  cv::setNumThreads(options.threads);

  Folds folds;
  std::optional<PatientTable> patients;
  Dataset other_views;
  const Dataset dataset = WithExitCode(kExitInputData, [&] {
    if (!options.ood.empty()) other_views = LoadUnlabelled(options.ood, options.source);
    if (!options.folds.empty()) folds = LoadFolds(options.folds);
    if (!options.subgroups.empty()) patients = LoadPatientTable(options.subgroups);
    return LoadDataset(options.data, options.source);
  });
  CheckModelCount(options.models, folds);
  CheckModelCount(options.compare, folds);

  Surroundings surroundings{options, dataset, folds, other_views};
  Evaluation evaluation(&surroundings);
  evaluation.AddAll(options.models, corruptions);
  EvaluationReport report = MakeReport(options, dataset, evaluation, patients, recorded_options);
  if (!options.compare.empty()) {
    Evaluation other(&surroundings);
    other.AddAll(options.compare, {});
    report.figures["comparison"] =
        ComparisonToJson(evaluation.frames(), other.frames(), dataset.class_names,
                         {options.bootstrap, static_cast<std::uint64_t>(options.seed)});
    report.figures["comparison"]["name"] = Joined(other.names());
    for (const std::string& warning : other.warnings())
      report.figures["warnings"].push_back(warning);
  }

  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  text << EvaluationTable(evaluation.frames(), dataset.class_names) << EvidenceText(report.figures);
  if (report.figures.contains("domain")) text << "\n" << DomainText(report.figures["domain"]);
  if (!options.csv.empty()) WriteFileAtomically(options.csv, evaluation.ToCsv());
  if (!options.html.empty()) WriteFileAtomically(options.html, EvaluationReportHtml(report));
  if (!options.json.empty()) WriteJson(options.json, report.figures);
  return kExitOk;
}

}  // namespace hepar
