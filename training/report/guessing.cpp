// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/guessing.h"

#include <algorithm>
#include <cstddef>
#include <random>

#include "training/report/table.h"

namespace hepar {
namespace {

constexpr int kPermutations = 1999;

// Balanced accuracy of answers to cases with truth `labels`, where a hit on a case of class k is
// worth `worth[k]`.
double WorthOf(const std::vector<int>& labels, const std::vector<int>& answers,
               const std::vector<double>& worth) {
  double sum = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == answers[i]) sum += worth[labels[i]];
  }
  return sum;
}

}  // namespace

GuessingTest CompareWithGuessing(const Predictions& cases, int classes) {
  CheckPredictions(cases, classes);
  GuessingTest test;
  test.cases = static_cast<int>(cases.labels.size());
  if (test.cases == 0) return test;

  std::vector<int> answers, counts(classes, 0);
  for (const auto& probabilities : cases.probabilities) answers.push_back(AnswerOf(probabilities));
  for (int label : cases.labels) ++counts[label];
  const auto present = classes - std::count(counts.begin(), counts.end(), 0);
  test.chance = 1.0 / static_cast<double>(present);
  std::vector<double> worth(classes, 0.0);
  for (int k = 0; k < classes; ++k) {
    if (counts[k] > 0) worth[k] = test.chance / counts[k];
  }
  test.balanced_accuracy = WorthOf(cases.labels, answers, worth);
  if (std::all_of(answers.begin(), answers.end(), [&](int a) { return a == answers[0]; })) {
    test.only_answer = answers[0];
  }
  if (present < 2) return test;

  // Sums in another order differ by rounding.
  const double reached = test.balanced_accuracy - 1e-9;
  std::mt19937_64 random(1);
  int as_high = 0;
  for (int p = 0; p < kPermutations; ++p) {
    // Written out, because what std::shuffle draws differs between libraries.
    for (std::size_t i = answers.size(); i > 1; --i)
      std::swap(answers[i - 1], answers[random() % i]);
    if (WorthOf(cases.labels, answers, worth) >= reached) ++as_high;
  }
  test.p_value = (as_high + 1.0) / (kPermutations + 1.0);
  return test;
}

std::string GuessingWarning(const GuessingTest& test, const std::string& part,
                            const std::vector<std::string>& class_names, double train_accuracy) {
  std::string text = "on the " + part +
                     " part the model is not shown to be better than guessing: " +
                     "balanced accuracy by patient " + Percent(test.balanced_accuracy) + " % of " +
                     std::to_string(test.cases) + " patients, guessing " + Percent(test.chance) +
                     " % (p = " + Fixed(test.p_value, 2) + ")";
  if (test.only_answer) text += "; every patient is called " + class_names[*test.only_answer];

  // Half of the way from guessing to all right.
  const double learned = 0.5 * (1.0 + 1.0 / static_cast<double>(class_names.size()));
  text += ". The training pictures were " + std::string(train_accuracy < learned ? "not " : "") +
          "learned (" + Percent(train_accuracy) + " % right in the last epoch): ";
  if (train_accuracy < learned) {
    text +=
        "try more --epochs, another --lr, more patients in place of more frames of each, or "
        "--preset clean before adversarial training";
  } else if (test.balanced_accuracy > test.chance &&
             test.cases < 8 * static_cast<int>(class_names.size())) {
    text +=
        "there may be too few patients in this part to tell; hold out more by "
        "--validation-fraction or cross-validate by --folds";
  } else {
    text +=
        "try more patients, stronger augmentation, --weights to start from, or a smaller "
        "--classifier";
  }
  return text;
}

}  // namespace hepar
