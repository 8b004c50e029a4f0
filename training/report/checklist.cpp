// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/checklist.h"

#include <cmath>

#include "training/report/html_parts.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr char kAll[] = "CLAIM, STARD-AI, TRIPOD+AI";
constexpr char kClaim[] = "CLAIM";
constexpr char kClaimStard[] = "CLAIM, STARD-AI";
constexpr char kClaimTripod[] = "CLAIM, TRIPOD+AI";

std::string Count(double count, const std::string& of) {
  return std::isnan(count) ? "" : Fixed(count, 0) + " " + of;
}

// Of the first model: those of a cross-validation have the same settings.
const ordered_json* FirstModel(const ordered_json& figures) {
  const ordered_json* models = Find(&figures, "models");
  return models == nullptr || models->empty() ? nullptr : &models->front();
}

std::string ValueText(const ordered_json* object, const std::string& key) {
  const ordered_json* value = Find(object, key);
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? value->get<std::string>() : value->dump();
}

std::string NamedValues(const ordered_json* object, const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) {
    const std::string value = ValueText(object, key);
    if (!value.empty()) text += (text.empty() ? "" : ", ") + key + " " + value;
  }
  return text;
}

std::string CasesText(const ordered_json& figures) {
  const ordered_json* patient = Find(&figures, "patient");
  const ordered_json* cases = Find(patient, "per_class_cases");
  std::string text = Count(NumberOf(Find(&figures, "frame"), "cases"), "frames of ") +
                     Count(NumberOf(patient, "cases"), "patients");
  if (cases == nullptr) return text;
  text += ":";
  for (const auto& [grade, count] : cases->items()) text += " " + grade + " " + count.dump() + ",";
  text.back() = '.';
  return text;
}

std::string SplitText(const ordered_json& figures) {
  const ordered_json* models = Find(&figures, "models");
  if (models == nullptr) return "";
  std::string text = models->size() > 1
                         ? "Cross-validation in " + std::to_string(models->size()) +
                               " folds of patients; each patient scored once, by the model that "
                               "was trained without."
                         : "One model; part scored: " + TextOf(&figures, "part") +
                               ". Splits of the program are by patient.";
  const ordered_json* warnings = Find(&figures, "warnings");
  if (warnings != nullptr && !warnings->empty()) {
    text += " Warning: see the head of this report.";
  }
  return text;
}

std::string ArchitectureText(const ordered_json* model) {
  const ordered_json* architecture = Find(model, "architecture");
  if (architecture == nullptr) return "";
  return "Two feature decouplers of size " + TextOf(architecture, "size") + " and the classifier " +
         TextOf(architecture, "classifier") + ", see the model card; parameters: hepar inspect.";
}

std::string CorruptedText(const ordered_json& figures) {
  const ordered_json* relative = Find(Find(Find(&figures, "corruptions"), "relative"), "frame");
  const double kept = NumberOf(relative, "accuracy");
  if (std::isnan(kept)) return "";
  return "On corrupted images " + PercentText(kept) +
         " % of the clean accuracy by frame is kept on average, see the section on robustness. "
         "Adversarial attacks: hepar attack.";
}

}  // namespace

std::vector<ChecklistItem> Checklist(const ordered_json& figures) {
  const ordered_json* model = FirstModel(figures);
  const ordered_json* trained = Find(model, "training_options");
  const ordered_json* choice = Find(&figures, "choice");
  const ordered_json* bootstrap = Find(&figures, "bootstrap");
  const ordered_json* data = Find(&figures, "data");
  const ordered_json* possible = Find(choice, "possible");
  const bool chosen = possible != nullptr && *possible == true;
  const bool has_subgroups = Find(&figures, "subgroups") != nullptr;
  const ordered_json* failures = Find(&figures, "failures");
  const ordered_json* input = Find(model, "input");

  const std::string subgroups =
      has_subgroups ? "Figures by subgroup, with n and intervals, see there." : "";
  const std::string uncertainty = "95 % percentile intervals over " +
                                  Count(NumberOf(bootstrap, "resamples"), "resamples of ") +
                                  "patients; Wilson intervals of proportions by patient.";
  return {
      {"Study", "Title and abstract say that artificial intelligence is studied, and how", kAll,
       ""},
      {"Study", "Clinical background, intended use and users, place in the pathway", kAll, ""},
      {"Study", "Aims and hypotheses, set before the results were known", kAll, ""},
      {"Study", "Looking back or forward; ethics, consent, registration, protocol", kAll, ""},
      {"Data", "Where the scans are from: sites, dates, scanners, operators", kAll, ""},
      {"Data", "Which data exactly were scored", kAll,
       data == nullptr ? ""
                       : TextOf(data, "name") + ", SHA-256 of content and labels " +
                             TextOf(data, "digest") + "."},
      {"Data", "Who was eligible, who was left out and why", kAll, ""},
      {"Data", "Number of patients and pictures, by grade", kAll, CasesText(figures)},
      {"Data", "Age, sex, weight, disease of the patients", kAll, ""},
      {"Data", "Size of the study and why it suffices", kAll, ""},
      {"Data", "Missing data, and how they were handled", kAll, ""},
      {"Data", "How pictures are prepared", kClaimTripod,
       input == nullptr
           ? ""
           : "Sector found (rule " + ValueText(input, "sector") +
                 "), masked, cropped, resized to " + ValueText(input, "size") + " pixels square, " +
                 ValueText(input, "channels") + " channel(s); the same code as live."},
      {"Truth", "Reference standard: method, thresholds, readers, time between", kAll, ""},
      {"Truth", "Who graded blinded to what; agreement of readers", kAll, ""},
      {"Partitions", "How data were parted, and at which level the parts are disjoint", kAll,
       SplitText(figures)},
      {"Partitions", "Whether scoring was on other sites or times than training", kAll, ""},
      {"Model", "Architecture, input and output", kClaimTripod, ArchitectureText(model)},
      {"Model", "Where weights started", kClaim,
       NamedValues(trained, {"weights", "init", "first_layer", "seed"})},
      {"Model", "Training: objective, optimizer, augmentation, all hyper-parameters", kClaimTripod,
       trained == nullptr ? "" : "All options are in the model card."},
      {"Model", "How the model was chosen among those trained", kClaimTripod,
       NamedValues(trained, {"select", "validation_fraction", "epochs", "patience"})},
      {"Model", "Software, versions, availability of code and weights", kAll,
       Find(&figures, "program") == nullptr
           ? ""
           : TextOf(&figures, "program") + ", LGPL-2.1-or-later; model id " + TextOf(model, "id") +
                 (TextOf(model, "licence").empty()
                      ? std::string(".")
                      : ", licence " + TextOf(model, "licence") + ".")},
      {"Evaluation", "Measures, and why these", kAll,
       "Ordered grades: quadratic weighted kappa and grade error beside accuracy, balanced "
       "accuracy "
       "and the range over classes; areas for each threshold of grade; by frame and patient."},
      {"Evaluation", "Uncertainty of every figure", kAll, uncertainty},
      {"Evaluation", "How thresholds were set, independent of the scored cases", kAll,
       chosen ? "On " + TextOf(choice, "source") + "." : ""},
      {"Evaluation", "Calibration", kClaimTripod,
       chosen ? "Before and after a temperature fitted on " + TextOf(choice, "source") + "."
              : "As the model gives them; no other patients to fit a temperature on."},
      {"Evaluation", "Uncertain answers and what becomes of them", kClaimStard,
       "Accuracy against coverage, see there."},
      {"Evaluation", "Robustness to changed input", kClaim, CorruptedText(figures)},
      {"Evaluation", "Differences between groups of patients", kAll, subgroups},
      {"Evaluation", "What was compared, and with which test", kAll,
       Find(&figures, "comparison") == nullptr
           ? ""
           : "Another model on the same patients: McNemar's exact test and resampled differences, "
             "Holm's correction."},
      {"Evaluation", "Analysis of failures", kClaimStard,
       failures == nullptr ? ""
                           : Count(static_cast<double>(failures->size()),
                                   "of the worst mistakes are shown with their pictures.")},
      {"Evaluation", "How answers can be explained", kClaim, ""},
      {"Discussion", "Limits, harm that errors can do, use elsewhere", kAll, ""},
      {"Discussion", "Availability of data", kAll,
       TextOf(model, "citation").empty()
           ? ""
           : "Training data: " + TextOf(model, "citation") + ". Others: for the authors."},
      {"Discussion", "Funding, interests, role of funders", kAll, ""},
  };
}

}  // namespace hepar
