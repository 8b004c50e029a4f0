// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/bundle/model_spec.h"
#include "training/data/dataset.h"
#include "training/data/external_sets.h"
#include "training/data/picture_cache.h"
#include "training/data/prepared_dataset.h"
#include "training/data/split.h"
#include "training/evaluation/choice.h"
#include "training/evaluation/domain_check.h"
#include "training/evaluation/metrics.h"
#include "training/report/baseline_report.h"
#include "training/report/evidence.h"
#include "training/report/external_report.h"
#include "training/scoring/corruptions.h"
#include "training/scoring/scorer.h"
#include "training/verbs/evaluate_options.h"

namespace hepar {

// What all runs of one evaluation share.
struct EvaluationInputs {
  const EvaluateOptions& options;
  const Dataset& dataset;
  const Folds& folds;
  const Dataset& other_views;  // Out-of-distribution pictures; empty without --ood.
  const std::vector<ExternalSet>& external;
  // Models of one configuration prepare a picture once.
  PictureCache cache{PictureCache::kDefaultBytes};
};

// The answers of several models to their parts of the data, pooled. Errors carry exit codes.
class EvaluationRun {
 public:
  // `inputs` must outlive this. `with_external`: whether the external sets are scored.
  explicit EvaluationRun(EvaluationInputs* inputs, bool with_external = true);

  // Scores the pictures, clean and with each corruption at all severities. Call it once.
  void AddAll(const std::vector<std::string>& models, const std::vector<Corruption>& corruptions);

  const Predictions& frames() const { return frames_; }
  // Of each frame; empty if a model has no out-of-domain score.
  std::vector<FrameState> states() const;
  const std::vector<ExternalScores>& external() const { return external_; }
  // The measurements of the frames, and the answers to compare them with.
  BaselineInput Baselines() const;
  // Out-of-domain scores, by the models that have one.
  const DomainScores& liver_scores() const { return liver_scores_; }
  const DomainScores& other_scores() const { return other_scores_; }
  const std::vector<CorruptedAnswers>& corrupted() const { return corrupted_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<std::string>& names() const { return names_; }
  const nlohmann::ordered_json& models() const { return models_; }

  // The patients on whom thresholds and a temperature may be chosen.
  ChoicePlan Plan() const;
  // The worst mistakes.
  struct Mistakes {
    nlohmann::ordered_json figures = nlohmann::ordered_json::array();
    std::vector<cv::Mat> pictures;      // As prepared, in the same order.
    std::vector<SaliencyMap> saliency;  // Likewise, where asked for and known.
    std::string no_saliency;            // Why it is not known.
  };
  Mistakes Failures(bool with_saliency) const;
  nlohmann::ordered_json Cost() const;
  // One line for each picture: its place, patient, label, answer and probabilities.
  std::string ToCsv() const;

 private:
  // The warnings of a data set, each once: several models read the same files.
  void AddWarnings(const LoadSummary& summary);
  EngineConfig ConfigOf(const std::string& model) const;
  void Add(const std::string& model, int fold);
  void AddSaliency(const std::vector<int>& frames, Mistakes* mistakes) const;
  void AppendStates(const Scorer& scorer, const PreparedDataset& data, const Predictions& answers,
                    std::vector<FrameState>* all) const;
  void AddExternal(Scorer* scorer);
  void AddDomainScores(const Scorer& scorer, const PreparedDataset& liver);
  PreparedDataset Prepared(const Dataset& dataset, const ModelSpec& spec);
  Dataset PartOf(const ModelSpec& spec, int fold) const;
  Predictions ScoreOthers(Scorer* scorer, int fold);
  Dataset ValidationPart(const ModelSpec& spec, int fold);
  void Sort();

  const EvaluateOptions& options_;
  EvaluationInputs& inputs_;
  const bool with_external_;
  Predictions frames_;
  std::vector<FrameState> states_;
  std::vector<ExternalScores> external_;
  DomainScores liver_scores_, other_scores_;
  std::vector<ScoredPart> parts_;  // Of the models that have other patients to choose on.
  std::vector<CorruptedAnswers> corrupted_;
  std::vector<Sample> samples_;
  std::vector<std::string> model_of_;  // The file of the model that answered, by sample.
  std::vector<cv::Mat> pictures_;      // As prepared; shared with the cache.
  std::vector<double> inference_ms_;
  nlohmann::ordered_json models_ = nlohmann::ordered_json::array();
  std::vector<std::string> names_, warnings_;
  std::string reason_;  // Why there is nobody to choose on.
};

}  // namespace hepar
