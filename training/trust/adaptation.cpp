// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trust/adaptation.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "models/error.h"
#include "training/evaluation/calibration.h"
#include "training/report/html_parts.h"
#include "training/report/table.h"
#include "training/report/utf8.h"
#include "training/trust/trust_fit.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

// An answer that is more likely right than wrong is given, as FitTrust() has it.
constexpr double kLargestAbstention = 0.5;

double MeanConfidence(const Predictions& answers, double temperature) {
  const std::vector<double> confidences =
      AnswersOf(WithTemperature(answers, temperature)).confidences;
  return std::accumulate(confidences.begin(), confidences.end(), 0.0) /
         static_cast<double>(confidences.size());
}

// The lowest temperature from `least` on at which the mean confidence is `target` or less; it falls
// as the temperature rises.
double TemperatureFor(const Predictions& answers, double target, double least) {
  double low = least, high = std::max(kLargestTemperature, least);
  if (MeanConfidence(answers, low) <= target) return low;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (MeanConfidence(answers, middle) > target ? low : high) = middle;
  }
  return high;
}

std::string Difference(const ordered_json& adaptation, const char* key, int digits) {
  return Fixed(NumberOf(Find(&adaptation, "before"), key), digits) + " to " +
         Fixed(NumberOf(Find(&adaptation, "after"), key), digits);
}

ordered_json Settings(const ModelSpec& spec, const Predictions& answers) {
  return {
      {"temperature", spec.temperature},
      {"abstain_below", spec.abstain_below ? ordered_json(*spec.abstain_below) : ordered_json()},
      {"out_of_domain_above", *spec.out_of_domain_above},
      {"unfamiliar_above", spec.familiarity->unfamiliar_above},
      {"mean_confidence", MeanConfidence(answers, spec.temperature)}};
}

}  // namespace

std::vector<int> LiverViews(const DescribedPictures& as_they_are, const ModelSpec& spec) {
  if (!spec.domain || !spec.familiarity) {
    throw Error(
        ErrorKind::kMismatch,
        "model '" + spec.name + "' has no familiarity score; add one with 'hepar trust' first");
  }
  std::vector<int> livers;
  std::set<std::string> patients;
  const std::size_t count = as_they_are.descriptors.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (spec.domain->Score(as_they_are.descriptors[i]) > *spec.out_of_domain_above) continue;
    livers.push_back(static_cast<int>(i));
    patients.insert(as_they_are.patients[i]);
  }
  if (2 * livers.size() < count) {
    throw Error(ErrorKind::kMismatch,
                std::to_string(count - livers.size()) + " of " + std::to_string(count) +
                    " pictures are no liver views to this model; adapt it to scans of the liver, "
                    "or fit its limits with 'hepar trust --other-livers'");
  }
  if (static_cast<int>(livers.size()) < kLeastAdaptedPictures ||
      static_cast<int>(patients.size()) < kLeastAdaptedPatients) {
    throw Error(
        ErrorKind::kMismatch,
        std::to_string(livers.size()) + " liver views of " + std::to_string(patients.size()) +
            " patients are too few for a scanner; at least " +
            std::to_string(kLeastAdaptedPictures) + " of " + std::to_string(kLeastAdaptedPatients) +
            " are needed (a CSV file with path and patient_id names the patients; without one "
            "each file is a patient)");
  }
  return livers;
}

ordered_json Adapt(const DescribedPictures& known, const Predictions& answers,
                   const AdaptationOptions& options, ModelSpec* spec) {
  const std::set<std::string> patients(answers.patients.begin(), answers.patients.end());
  ordered_json json = {{"pictures", answers.patients.size()},
                       {"patients", patients.size()},
                       {"target_confidence", options.confidence},
                       {"before", Settings(*spec, answers)}};
  spec->temperature = TemperatureFor(answers, options.confidence, spec->temperature);
  spec->abstain_below.reset();
  if (options.trust.abstain_share > 0.0) {
    const std::vector<double> confidences =
        AnswersOf(WithTemperature(answers, spec->temperature)).confidences;
    spec->abstain_below =
        std::min(UpperQuantile(confidences, answers.patients, 1.0 - options.trust.abstain_share),
                 kLargestAbstention);
  }
  OtherPictures others;
  others.liver_answers = answers;
  json["domain"] =
      FitTrust(known, {{}, "ungraded scans"}, options.trust, spec, others).at("domain");
  json["after"] = Settings(*spec, answers);
  json["input_normalization"] = "unchanged: ungraded scans do not show a better one";
  ordered_json metrics = ordered_json::parse(spec->metrics);
  metrics["adaptation"] = json;
  spec->metrics = JsonText(metrics);
  return json;
}

std::string AdaptationCard(const ordered_json& adaptation) {
  return "## Adapted to a scanner\n\nBy " + Fixed(NumberOf(&adaptation, "pictures"), 0) +
         " liver views of " + Fixed(NumberOf(&adaptation, "patients"), 0) +
         " patients, ungraded.\n\n"
         "| may change | did |\n|---|---|\n"
         "| the pictures of the model's domain | fitted to these scans only; former scanners may "
         "be "
         "unfamiliar now |\n"
         "| score above which a view is no liver view | " +
         Difference(adaptation, "out_of_domain_above", 3) +
         " |\n| score above which a scan is unfamiliar | " +
         Difference(adaptation, "unfamiliar_above", 3) + " |\n| temperature (never falls) | " +
         Difference(adaptation, "temperature", 3) + " |\n| mean confidence on these scans | " +
         Difference(adaptation, "mean_confidence", 3) + ", target " +
         Fixed(NumberOf(&adaptation, "target_confidence"), 3) +
         " |\n| confidence below which it is uncertain | " +
         Difference(adaptation, "abstain_below", 3) + " |\n| normalization of the input | " +
         TextOf(&adaptation, "input_normalization") +
         " |\n| weights | unchanged, as is the model's id |\n\n"
         "The accuracy on this scanner is unknown, because the scans are ungraded. Grade some and "
         "run `hepar evaluate`.\n";
}

}  // namespace hepar
