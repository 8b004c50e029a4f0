// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trust/trust_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <set>
#include <utility>

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

// Shares of pictures by which the limit of views is set.
constexpr double kOwnShare = 0.05, kLiverShare = 0.1, kLoneLiverShare = 0.05, kViewShare = 0.05;

std::vector<double> ScoresOf(const DomainModel& domain, const std::vector<double>& factor,
                             const DescribedPictures& pictures) {
  std::vector<double> scores;
  for (const auto& descriptor : pictures.descriptors) {
    scores.push_back(domain.Score(descriptor, factor));
  }
  return scores;
}

std::ptrdiff_t CountAbove(const std::vector<double>& scores, double limit) {
  return std::count_if(scores.begin(), scores.end(), [&](double score) { return score > limit; });
}

// `own`: the score that kOwnShare of the model's own pictures are above. Says in `source` what the
// limit is made of.
double ViewLimit(double own, const std::vector<double>& livers, const std::vector<double>& views,
                 const OtherPictures& others, std::string* source) {
  const auto liver_limit = [&](double share) {
    return UpperQuantile(livers, others.livers.patients, share);
  };
  const double margin = kViewMargin * own;
  double limit = margin;
  *source = "the model's own pictures";
  if (!livers.empty() && !views.empty()) {
    *source = "other livers and other views";
    limit = std::sqrt(liver_limit(kLiverShare) *
                      UpperQuantile(views, others.views.patients, 1.0 - kViewShare));
  } else if (!livers.empty()) {
    *source = "the model's own pictures and other livers";
    limit = std::max(margin, liver_limit(kLoneLiverShare));
  } else if (!views.empty()) {
    *source = "the model's own pictures and other views";
    limit = std::min(margin, UpperQuantile(views, others.views.patients, 1.0 - kViewShare));
  }
  return std::max(limit, own);
}

// The share of evidence that leaves the mean confidence of these answers at `target`.
double EvidenceFor(const Predictions& answers, double temperature, double target, int classes) {
  double confidence = 1.0;
  if (!answers.labels.empty()) {
    const Answers scaled = AnswersOf(WithTemperature(answers, temperature));
    confidence = std::accumulate(scaled.confidences.begin(), scaled.confidences.end(), 0.0) /
                 static_cast<double>(scaled.confidences.size());
  }
  const double chance = 1.0 / classes;
  if (confidence <= target) return kMostEvidence;
  return std::clamp((target - chance) / (confidence - chance), 0.0, kMostEvidence);
}

ordered_json FitDomainOf(const DescribedPictures& known, const TrustOptions& options,
                         const OtherPictures& others, ModelSpec* spec) {
  const std::size_t patients = CountPatients(known.patients);
  ordered_json json = {{"pictures", known.patients.size()}, {"patients", patients}};
  if (patients < kLeastPatients) return json;
  const std::vector<double> scores = LeavePatientOutScores(known, kViewShrinkage);
  const DomainModel domain = FitDomain(known, kViewShrinkage);
  const auto livers = ScoresOf(domain, domain.factor, others.livers);
  const auto views = ScoresOf(domain, domain.factor, others.views);
  std::string source;
  const double limit =
      ViewLimit(UpperQuantile(scores, known.patients, kOwnShare), livers, views, others, &source);
  spec->domain = domain;
  spec->out_of_domain_above = limit;
  json["out_of_domain_above"] = limit;
  json["limit_by"] = source;
  json["flagged"] = CountAbove(scores, limit);

  const auto scanner_scores = LeavePatientOutScores(known, kScannerShrinkage);
  Familiarity familiarity;
  familiarity.factor = FitDomain(known, kScannerShrinkage).factor;
  familiarity.unfamiliar_above =
      UpperQuantile(scanner_scores, known.patients, options.unfamiliar_share);
  familiarity.full_doubt_above = kDoubtRange * familiarity.unfamiliar_above;
  familiarity.evidence =
      EvidenceFor(others.liver_answers, spec->temperature, options.unfamiliar_confidence,
                  static_cast<int>(spec->class_names.size()));
  spec->familiarity = familiarity;
  json["unfamiliar_share"] = options.unfamiliar_share;
  json["unfamiliar_above"] = familiarity.unfamiliar_above;
  json["unfamiliar"] = CountAbove(scanner_scores, familiarity.unfamiliar_above);
  json["unfamiliar_confidence"] = options.unfamiliar_confidence;
  json["evidence"] = familiarity.evidence;
  if (!livers.empty()) {
    json["other_livers"] = {
        {"pictures", livers.size()},
        {"unfamiliar", CountAbove(ScoresOf(domain, familiarity.factor, others.livers),
                                  familiarity.unfamiliar_above)},
        {"flagged", CountAbove(livers, limit)}};
  }
  if (!views.empty()) {
    json["other_views"] = {{"pictures", views.size()}, {"flagged", CountAbove(views, limit)}};
  }
  return json;
}

std::string Count(const ordered_json& json, const char* frames) {
  return Fixed(NumberOf(&json, frames), 0) + " " + frames + " of " +
         Fixed(NumberOf(&json, "patients"), 0) + " patients";
}

}  // namespace

ordered_json FitTrust(const DescribedPictures& known, const UnseenAnswers& unseen,
                      const TrustOptions& options, ModelSpec* spec, const OtherPictures& others) {
  // In this order: what an unfamiliar answer is worth depends on the temperature.
  ordered_json json = {{"answers", FitAnswers(unseen, options, spec)}};
  json["domain"] = FitDomainOf(known, options, others, spec);
  return json;
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
  text += "no liver view above score " + Fixed(NumberOf(&domain, "out_of_domain_above"), 3) +
          ", by " + TextOf(&domain, "limit_by") + ": " + Fixed(NumberOf(&domain, "flagged"), 0) +
          " of " + Count(domain, "pictures") + " are, each scored without its patient\n";
  text += "unfamiliar above score " + Fixed(NumberOf(&domain, "unfamiliar_above"), 3) + ", as " +
          Percent(NumberOf(&domain, "unfamiliar_share")) + " % of them are; there " +
          Percent(NumberOf(&domain, "evidence")) +
          " % of the evidence counts, for a mean confidence of " +
          Percent(NumberOf(&domain, "unfamiliar_confidence")) + " %\n";
  for (const auto& [key, name] :
       {std::pair("other_livers", "other livers"), std::pair("other_views", "other views")}) {
    const ordered_json* set = Find(&domain, key);
    if (set == nullptr) continue;
    text += std::string(name) + ": " + Fixed(NumberOf(set, "flagged"), 0) + " of " +
            Fixed(NumberOf(set, "pictures"), 0) + " no liver view";
    if (set->contains("unfamiliar")) {
      text += ", " + Fixed(NumberOf(set, "unfamiliar"), 0) + " unlike its own scanners";
    }
    text += "\n";
  }
  return text;
}

}  // namespace hepar
