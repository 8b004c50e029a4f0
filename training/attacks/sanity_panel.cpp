// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/sanity_panel.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "models/error.h"
#include "training/attacks/attack_losses.h"
#include "training/attacks/attack_suite.h"
#include "training/attacks/picture_gradient.h"

namespace hepar {
namespace {

constexpr double kBudgetFactors[] = {0.25, 0.5, 1.0, 2.0, 4.0};
constexpr int kWholeBoxSteps = 100;
// Two answers to one picture are the same when their normalized logits are within this, as in
// AutoAttack: rounding differs with the order of sums.
constexpr double kSameAnswer = 1e-4;

std::string Text(const char* format, double a, double b = 0.0) {
  char text[96];
  std::snprintf(text, sizeof text, format, a, b);
  return text;
}

AttackSpec Spec(const std::string& name, int steps, int queries = 1) {
  AttackSpec spec = ParseAttack(name);
  spec.steps = steps;
  spec.queries = queries;
  return spec;
}

AttackInput WithBudget(AttackInput input, const torch::Tensor& epsilon) {
  input.epsilon = epsilon;
  return input;
}

// The sum of the cross-entropy of the attacked pictures.
double LossAfter(const AttackSpec& spec, const LogitsOf& logits_of, const AttackInput& input) {
  torch::Tensor attacked = input.pictures;
  try {
    attacked = RunAttack(spec, logits_of, input);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
  }
  return CrossEntropyLosses(logits_of(attacked), input.labels)
      .to(torch::kFloat64)
      .sum()
      .item<double>();
}

}  // namespace

void SanityPanel::Count::Add(const torch::Tensor& correct) {
  const auto on_host = correct.to(torch::kCPU, torch::kBool).contiguous();
  left.insert(left.end(), on_host.data_ptr<bool>(), on_host.data_ptr<bool>() + on_host.numel());
}

double SanityPanel::Count::hits() const {
  return static_cast<double>(std::count(left.begin(), left.end(), true));
}

SanityPanel::SanityPanel(const SanityOptions& options)
    : options_(options), losses_(std::size(kBudgetFactors), 0.0) {
  if (options.steps < 1 || options.queries < 1) {
    throw Error(ErrorKind::kInvalid, "sanity panel: expected at least 1 step and 1 query; got " +
                                         std::to_string(options.steps) + " and " +
                                         std::to_string(options.queries));
  }
}

void SanityPanel::Add(const LogitsOf& logits_of, const AttackInput& input) {
  CheckAttackInput(input);
  const torch::NoGradGuard no_grad;
  const auto right = [&](const torch::Tensor& pictures) {
    return Correct(logits_of, pictures, input.labels);
  };
  const auto after = [&](const AttackSpec& spec, const AttackInput& attacked) {
    try {
      return right(RunAttack(spec, logits_of, attacked));
    } catch (const Error& error) {
      // No gradient at all: an attack that needs one changes nothing.
      if (error.kind() != ErrorKind::kUnsupported) throw;
      return right(attacked.pictures);
    }
  };

  pictures_ += static_cast<double>(input.labels.size(0));
  const auto counts = torch::bincount(input.labels.cpu());
  of_class_.resize(std::max<std::size_t>(of_class_.size(), counts.size(0)), 0.0);
  for (std::int64_t k = 0; k < counts.size(0); ++k) {
    of_class_[k] += static_cast<double>(counts[k].item<std::int64_t>());
  }

  const auto answer = logits_of(input.pictures), again = logits_of(input.pictures);
  const auto scale = answer.abs().amax(1).clamp_min(1.0);
  other_answers_ += static_cast<double>(
      ((answer - again).abs().amax(1) / scale > kSameAnswer).sum().item<std::int64_t>());
  zero_gradients_ +=
      ZeroGradientFraction(logits_of, input) * static_cast<double>(input.labels.size(0));

  clean_.Add(right(input.pictures));
  noise_.Add(after(Spec("noise", 1), input));
  const auto single = after(Spec("fgsm", 1), input);
  const auto few = after(Spec("pgd", options_.steps), input);
  const auto many = after(Spec("pgd", 5 * options_.steps), input);
  single_step_.Add(single);
  few_steps_.Add(few);
  many_steps_.Add(many);
  any_gradient_.Add(single.logical_and(few).logical_and(many));
  black_box_.Add(after(Spec("square", 1, options_.queries), input));

  for (std::size_t i = 0; i < losses_.size(); ++i) {
    const AttackInput scaled =
        WithBudget(input, (input.epsilon * kBudgetFactors[i]).clamp_max(1.0));
    losses_[i] += LossAfter(Spec("pgd", options_.steps), logits_of, scaled);
  }
  const AttackInput everything = WithBudget(input, torch::ones_like(input.epsilon));
  whole_box_.Add(after(Spec("pgd", kWholeBoxSteps), everything));
}

SanityCheck SanityPanel::NoWeaker(const std::string& name, const std::string& strong,
                                  const Count& stronger, const std::string& weak,
                                  const Count& weaker) const {
  constexpr double kChance = 2.33;
  double only_one = 0;
  for (std::size_t i = 0; i < stronger.left.size(); ++i) {
    only_one += stronger.left[i] != weaker.left[i];
  }
  const double allowed = std::max({2.0, 0.01 * pictures_, kChance * std::sqrt(only_one)});
  return {name, strong + " leaves no more than " + weak,
          Text("%.1f %% and %.1f %%", Percent(stronger), Percent(weaker)),
          stronger.hits() <= weaker.hits() + allowed};
}

std::vector<SanityCheck> SanityPanel::Finish() const {
  if (pictures_ == 0) throw Error(ErrorKind::kInvalid, "sanity panel: no pictures were attacked");
  const std::string few = "PGD-" + std::to_string(options_.steps);
  const std::string many = "PGD-" + std::to_string(5 * options_.steps);

  std::vector<SanityCheck> checks = {
      {"answers are the same twice", "every picture", Text("%.0f differ", other_answers_),
       other_answers_ == 0},
      {"gradients are there", "no picture's gradient is zero",
       Text("%.0f of %.0f are zero", zero_gradients_, pictures_), zero_gradients_ == 0},
      NoWeaker("iterating helps", few, few_steps_, "FGSM", single_step_),
      NoWeaker("more steps are no weaker", many, many_steps_, few, few_steps_),
      NoWeaker("knowing the gradient helps", "the attacks by gradient together", any_gradient_,
               "Square", black_box_),
      NoWeaker("noise is the weakest", few, few_steps_, "noise", noise_),
      NoWeaker("noise does not help", "noise", noise_, "no attack", clean_)};

  bool rising = true;
  std::string seen;
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    // Within rounding of the mean; a loss that has reached its limit may stay there.
    if (i > 0) rising = rising && losses_[i] >= losses_[i - 1] * (1 - 1e-3);
    seen += (i > 0 ? ", " : "") + Text("%.3f", losses_[i] / pictures_);
  }
  checks.push_back({"a larger budget costs more",
                    "the mean loss at 1/4, 1/2, 1, 2 and 4 times the budget rises", seen, rising});

  const double chance = *std::max_element(of_class_.begin(), of_class_.end()) / pictures_ * 100.0;
  checks.push_back(
      {"an unlimited attack succeeds",
       Text("with budget 1 at most %.1f %% are left, the share of the commonest class", chance),
       Text("%.1f %%", Percent(whole_box_)), Percent(whole_box_) <= chance + 1e-9});
  return checks;
}

}  // namespace hepar
