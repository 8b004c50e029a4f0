// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/nested_selection.h"

#include <cmath>
#include <cstddef>

#include "models/error.h"

namespace hepar {
namespace {

constexpr char kMeanArea[] = "auc_mean";

// Those of kNamedFigures of which less is better cannot be chosen by.
bool MoreIsBetter(const std::string& key) {
  return key != "best_worst" && key != "mae" && key != "ece" && key != "brier" && key != "nll";
}

Predictions Part(const Predictions& frames, int fold, bool inside,
                 const std::function<int(const std::string&)>& fold_of) {
  Predictions part;
  for (std::size_t n = 0; n < frames.labels.size(); ++n) {
    if ((fold_of(frames.patients[n]) == fold) != inside) continue;
    part.labels.push_back(frames.labels[n]);
    part.patients.push_back(frames.patients[n]);
    part.probabilities.push_back(frames.probabilities[n]);
  }
  return part;
}

double MeanCriterion(const std::vector<Predictions>& seeds, const std::string& criterion,
                     int classes) {
  double sum = 0.0;
  for (const Predictions& seed : seeds) {
    sum += Criterion(criterion, Evaluate(ByPatient(seed), classes));
  }
  return sum / static_cast<double>(seeds.size());
}

void Append(const Predictions& more, Predictions* all) {
  all->labels.insert(all->labels.end(), more.labels.begin(), more.labels.end());
  all->patients.insert(all->patients.end(), more.patients.begin(), more.patients.end());
  all->probabilities.insert(all->probabilities.end(), more.probabilities.begin(),
                            more.probabilities.end());
}

void Check(const std::vector<Configuration>& configurations, int folds) {
  if (configurations.empty()) throw Error(ErrorKind::kInvalid, "there is no configuration");
  if (folds < 2) throw Error(ErrorKind::kInvalid, "nested selection needs two folds or more");
  for (const Configuration& one : configurations) {
    if (one.seeds.empty() || one.seeds.size() != configurations[0].seeds.size() ||
        (!one.inner.empty() && static_cast<int>(one.inner.size()) != folds)) {
      throw Error(ErrorKind::kInvalid, one.name + ": not as many seeds and folds as the others");
    }
  }
}

// NaN ranks below all numbers.
bool Better(double a, double b) { return !std::isnan(a) && (std::isnan(b) || a > b); }

}  // namespace

std::vector<std::string> CriterionNames() {
  std::vector<std::string> names = {kMeanArea};
  for (const NamedFigure& figure : kNamedFigures) {
    if (MoreIsBetter(figure.key)) names.emplace_back(figure.key);
  }
  return names;
}

double Criterion(const std::string& name, const EvaluationFigures& figures) {
  if (name == kMeanArea) return (figures.auc_mild + figures.auc_moderate + figures.auc_severe) / 3;
  for (const NamedFigure& figure : kNamedFigures) {
    if (name == figure.key && MoreIsBetter(name)) return figures.*figure.member;
  }
  std::string known;
  for (const std::string& one : CriterionNames()) known += (known.empty() ? "" : ", ") + one;
  throw Error(ErrorKind::kInvalid, "'" + name + "' is no criterion; there are " + known);
}

NestedSelection SelectNested(const std::vector<Configuration>& configurations, int folds,
                             const std::function<int(const std::string&)>& fold_of,
                             const std::string& criterion, int classes) {
  Check(configurations, folds);
  NestedSelection result;
  result.seeds.resize(configurations[0].seeds.size());
  for (int fold = 0; fold < folds; ++fold) {
    const Configuration* chosen = nullptr;
    double best = std::nan("");
    for (const Configuration& one : configurations) {
      std::vector<Predictions> others;
      if (!one.inner.empty()) {
        others = one.inner[fold];
      } else {
        for (const Predictions& seed : one.seeds) {
          others.push_back(Part(seed, fold, false, fold_of));
        }
      }
      const double value = MeanCriterion(others, criterion, classes);
      if (chosen != nullptr && !Better(value, best)) continue;
      chosen = &one;
      best = value;
    }
    std::vector<Predictions> outside;
    for (std::size_t seed = 0; seed < result.seeds.size(); ++seed) {
      outside.push_back(Part(chosen->seeds[seed], fold, true, fold_of));
      Append(outside.back(), &result.seeds[seed]);
    }
    const bool empty = outside[0].labels.empty();
    result.folds.push_back(
        {chosen->name, best, empty ? std::nan("") : MeanCriterion(outside, criterion, classes)});
  }
  double best = std::nan("");
  for (const Configuration& one : configurations) {
    const double value = MeanCriterion(one.seeds, criterion, classes);
    if (!result.best.empty() && !Better(value, best)) continue;
    result.best = one.name;
    best = value;
  }
  result.flattered = best;
  return result;
}

}  // namespace hepar
