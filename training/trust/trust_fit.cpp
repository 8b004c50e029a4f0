// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trust/trust_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>

#include "training/evaluation/calibration.h"
#include "training/report/html_parts.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

// An answer that is more likely right than wrong is given.
constexpr double kLargestAbstention = 0.5;

// Leaving out one patient needs at least these.
constexpr std::size_t kLeastPatients = 3;

std::size_t CountPatients(const std::vector<std::string>& patients) {
  return std::set<std::string>(patients.begin(), patients.end()).size();
}

double Accuracy(const Answers& answers, double least_confidence) {
  int answered = 0, right = 0;
  for (std::size_t i = 0; i < answers.right.size(); ++i) {
    if (answers.confidences[i] < least_confidence) continue;
    ++answered;
    right += answers.right[i] ? 1 : 0;
  }
  return answered == 0 ? std::nan("") : static_cast<double>(right) / answered;
}

ordered_json FitAnswers(const UnseenAnswers& unseen, const TrustOptions& options, ModelSpec* spec) {
  const Predictions& frames = unseen.frames;
  ordered_json json = {{"source", unseen.source},
                       {"frames", frames.labels.size()},
                       {"patients", CountPatients(frames.patients)}};
  if (frames.labels.empty()) return json;
  // At the end of its range the search has found no minimum.
  const double fitted = FitTemperature(frames);
  spec->temperature = fitted < 1.01 * kLeastTemperature ? 1.0 : fitted;

  const Predictions scaled = WithTemperature(frames, spec->temperature);
  const Answers answers = AnswersOf(scaled);
  json["temperature"] = spec->temperature;
  for (const auto& [when, set] : {std::pair("before", &frames), std::pair("after", &scaled)}) {
    json[when] = {{"ece", ExpectedCalibrationError(*set)}, {"nll", NegativeLogLikelihood(*set)}};
  }
  json["abstain_share"] = options.abstain_share;
  json["accuracy"] = Accuracy(answers, 0.0);
  spec->abstain_below.reset();
  json["abstain_below"] = nullptr;
  if (options.abstain_share > 0.0) {
    const double below =
        std::min(UpperQuantile(answers.confidences, frames.patients, 1.0 - options.abstain_share),
                 kLargestAbstention);
    spec->abstain_below = below;
    json["abstain_below"] = below;
    json["accuracy_of_answered"] = Accuracy(answers, below);
  }
  return json;
}

ordered_json FitDomainOf(const DescribedPictures& known, const TrustOptions& options,
                         ModelSpec* spec) {
  const std::size_t patients = CountPatients(known.patients);
  ordered_json json = {{"pictures", known.patients.size()}, {"patients", patients}};
  if (patients < kLeastPatients) return json;
  const std::vector<double> scores = LeavePatientOutScores(known);
  spec->domain = FitDomain(known);
  spec->out_of_domain_above = UpperQuantile(scores, known.patients, options.false_flags);
  const auto flagged = std::count_if(scores.begin(), scores.end(), [&](double score) {
    return score > *spec->out_of_domain_above;
  });
  json["false_flags"] = options.false_flags;
  json["out_of_domain_above"] = *spec->out_of_domain_above;
  json["flagged"] = flagged;
  return json;
}

std::string Count(const ordered_json& json, const char* frames) {
  return Fixed(NumberOf(&json, frames), 0) + " " + frames + " of " +
         Fixed(NumberOf(&json, "patients"), 0) + " patients";
}

}  // namespace

ordered_json FitTrust(const DescribedPictures& known, const UnseenAnswers& unseen,
                      const TrustOptions& options, ModelSpec* spec) {
  return {{"answers", FitAnswers(unseen, options, spec)},
          {"domain", FitDomainOf(known, options, spec)}};
}

std::string TrustText(const ordered_json& trust) {
  const ordered_json& answers = trust.at("answers");
  std::string text;
  if (!answers.contains("temperature")) {
    text += "temperature and abstention are unchanged: " + TextOf(&answers, "source") + "\n";
  } else {
    text += "temperature " + Fixed(NumberOf(&answers, "temperature"), 3) + " by " +
            Count(answers, "frames") + " (" + TextOf(&answers, "source") + "): NLL " +
            Fixed(NumberOf(Find(&answers, "before"), "nll"), 3) + " to " +
            Fixed(NumberOf(Find(&answers, "after"), "nll"), 3) + ", ECE " +
            Fixed(NumberOf(Find(&answers, "before"), "ece"), 3) + " to " +
            Fixed(NumberOf(Find(&answers, "after"), "ece"), 3) + "\n";
    if (answers.at("abstain_below").is_number()) {
      text += "uncertain below confidence " + Fixed(NumberOf(&answers, "abstain_below"), 3) +
              ", as at most " + Percent(NumberOf(&answers, "abstain_share")) +
              " % of them are: accuracy " + Percent(NumberOf(&answers, "accuracy")) + " to " +
              Percent(NumberOf(&answers, "accuracy_of_answered")) + " %\n";
    }
  }
  const ordered_json& domain = trust.at("domain");
  if (!domain.contains("out_of_domain_above")) {
    return text + "no out-of-domain score: pictures of " + Fixed(NumberOf(&domain, "patients"), 0) +
           " patients are too few for one\n";
  }
  return text + "no liver view above score " + Fixed(NumberOf(&domain, "out_of_domain_above"), 3) +
         ", as " + Percent(NumberOf(&domain, "false_flags")) + " % of " +
         Count(domain, "pictures") + " are, each scored without its patient\n";
}

}  // namespace hepar
