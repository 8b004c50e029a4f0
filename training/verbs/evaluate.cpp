// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "models/file_io.h"
#include "training/cli/exit_codes.h"
#include "training/cli/version.h"
#include "training/data/dataset.h"
#include "training/data/external_sets.h"
#include "training/data/split.h"
#include "training/data/unlabeled.h"
#include "training/report/baseline_report.h"
#include "training/report/domain_report.h"
#include "training/report/evaluation_html.h"
#include "training/report/evidence.h"
#include "training/report/evidence_text.h"
#include "training/report/external_report.h"
#include "training/report/gallery.h"
#include "training/report/loading_report.h"
#include "training/report/report.h"
#include "training/report/state_report.h"
#include "training/verbs/device_option.h"
#include "training/verbs/evaluate_options.h"
#include "training/verbs/evaluation_run.h"
#include "training/verbs/threads.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

std::string PartName(const EvaluateOptions& o) {
  if (o.models.size() > 1) return "each fold";
  return o.scans.fold >= 0 ? "fold " + std::to_string(o.scans.fold) : o.part;
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
                            const EvaluationRun& evaluation,
                            const std::optional<PatientTable>& table,
                            const std::string& recorded_options) {
  EvidenceInput input;
  input.class_names = dataset.class_names;
  input.frames = evaluation.frames();
  input.plan = WithExitCode(kExitInputData, [&] {
    ChoicePlan plan = evaluation.Plan();
    CheckChoice(plan);
    return plan;
  });
  input.rule = options.rule;
  input.bootstrap = options.bootstrap;
  input.patients = table;

  EvaluationReport report;
  report.class_names = dataset.class_names;
  report.figures = EvidenceToJson(input);
  ordered_json& figures = report.figures;
  if (!evaluation.corrupted().empty()) {
    figures["corruptions"] =
        CorruptionsToJson(evaluation.frames(), evaluation.corrupted(), dataset.class_names);
  }
  if (!evaluation.liver_scores().over_limit.empty()) {
    figures["domain"] = DomainToJson(evaluation.liver_scores(), evaluation.other_scores(),
                                     options.false_flags, input.bootstrap);
  }
  const bool withhold = options.withhold_unfamiliar();
  figures["baselines"] =
      WithExitCode(kExitInputData, [&] { return BaselinesToJson(evaluation.Baselines()); });
  figures["beats_baseline"] = figures["baselines"]["beats_baseline"];
  figures["states"] =
      StatesToJson(evaluation.frames(), evaluation.states(), TruthKind::kGrades, withhold);
  for (const ExternalScores& scores : evaluation.external()) {
    figures["external"].push_back(
        ExternalToJson(scores, dataset.class_names, input.bootstrap, withhold));
  }
  const auto mistakes =
      WithExitCode(kExitModel, [&] { return evaluation.Failures(!options.html.empty()); });
  figures["failures"] = mistakes.figures;
  for (const cv::Mat& picture : mistakes.pictures) report.pictures.push_back(PictureUri(picture));
  for (std::size_t i = 0; i < mistakes.saliency.size(); ++i) {
    report.saliency.push_back(
        PictureUri(WithHeat(mistakes.pictures[i], HeatOf(mistakes.saliency[i]))));
  }
  report.no_saliency = mistakes.no_saliency;
  figures["models"] = evaluation.models();
  figures["part"] = PartName(options);
  figures["data"] = {{"name", LastPart(options.scans.path)}, {"digest", dataset.digest}};
  figures["data"].update(LoadingToJson(dataset.summary));
  figures["program"] = "gst-hepar " + ProgramVersion();
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
                    " patients; data: " + LastPart(options.scans.path) +
                    "; scored: " + PartName(options);
  return report;
}

}  // namespace

int RunEvaluate(const std::vector<std::string>& arguments) {
  EvaluateOptions options;
  OptionTable table = MakeEvaluateOptionTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  CheckEvaluateOptions(options);
  const std::string recorded_options = table.ToJson();
  const std::vector<Corruption> corruptions = CorruptionsOf(options);
  options.device.name = DeviceOption(options.device.name);
  SetThreads(options.device);

  Folds folds;
  std::optional<PatientTable> patients;
  Dataset other_views;
  std::vector<ExternalSet> external;
  const Dataset dataset = WithExitCode(kExitInputData, [&] {
    if (!options.ood.empty()) other_views = LoadUnlabeled(options.ood, options.scans.source);
    external = LoadExternalSets(options.external, options.external_fatty, options.scans.source);
    if (!options.scans.folds.empty()) folds = LoadFolds(options.scans.folds);
    if (!options.subgroups.empty()) patients = LoadPatientTable(options.subgroups);
    return LoadDataset(options.scans.path, options.scans.source);
  });
  CheckModelCount(options.models, folds);
  CheckModelCount(options.compare, folds);

  EvaluationInputs inputs{options, dataset, folds, other_views, external};
  EvaluationRun evaluation(&inputs);
  evaluation.AddAll(options.models, corruptions);
  EvaluationReport report = MakeReport(options, dataset, evaluation, patients, recorded_options);
  if (!options.compare.empty()) {
    EvaluationRun other(&inputs, false);
    other.AddAll(options.compare, {});
    report.figures["comparison"] = ComparisonToJson(evaluation.frames(), other.frames(),
                                                    dataset.class_names, options.bootstrap);
    report.figures["comparison"]["name"] = Joined(other.names());
    ordered_json& warnings = report.figures["warnings"];
    for (const std::string& warning : other.warnings()) {
      if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) {
        warnings.push_back(warning);
      }
    }
  }

  std::ostream& text = options.output.text();
  text << LoadingText(dataset.summary);
  for (const auto& warning : report.figures["warnings"]) {
    text << "warning:    " << warning.get<std::string>() << "\n";
  }
  text << "\n"
       << EvaluationTable(evaluation.frames(), dataset.class_names) << EvidenceText(report.figures)
       << "\n"
       << BaselinesText(report.figures["baselines"]) << "\n"
       << StatesText(report.figures["states"]);
  if (report.figures.contains("external")) text << "\n" << ExternalText(report.figures["external"]);
  if (report.figures.contains("domain")) text << "\n" << DomainText(report.figures["domain"]);
  if (!options.csv.empty()) WriteFileAtomically(options.csv, evaluation.ToCsv());
  if (!options.html.empty()) WriteFileAtomically(options.html, EvaluationReportHtml(report));
  options.output.Write(report.figures);
  return kExitOk;
}

}  // namespace hepar
