// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/apgd.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "models/error.h"
#include "training/attacks/attack_losses.h"
#include "training/attacks/noise.h"
#include "training/attacks/picture_gradient.h"
#include "training/attacks/strongest.h"

namespace hepar {
namespace {

constexpr double kMomentum = 0.75;  // The paper's alpha.
constexpr double kRho = 0.75;       // Fewer steps upwards than this share: the step is too large.

// One run over a batch. All decisions are per sample, by masks.
class Run {
 public:
  Run(const LogitsOf& logits_of, const LossesOf& losses_of, const Budget& budget,
      torch::Tensor start, Strongest* strongest)
      : logits_of_(logits_of), losses_of_(losses_of), budget_(budget), strongest_(*strongest) {
    x_ = previous_ = best_ = std::move(start);
    step_ = budget.epsilon() * 2;
    const auto at_start = GradientAt(x_, logits_of_, losses_of_);
    strongest_.Offer(x_, at_start.logits);
    gradient_ = best_gradient_ = at_start.gradient;
    losses_ = best_losses_ = best_at_checkpoint_ = at_start.losses;
    rises_ = torch::zeros_like(losses_);
    reduced_ = torch::ones_like(losses_, torch::kBool);
  }

  void Go(int steps) {
    const auto checkpoints = ApgdCheckpoints(steps);
    auto next = checkpoints.begin();
    int last = 0;
    for (int i = 0; i < steps; ++i) {
      Move(i == 0 ? 1.0 : kMomentum);
      if (i + 1 == steps) break;  // Nothing follows that would need a gradient.
      Look();
      if (next != checkpoints.end() && i + 1 == *next) {
        Adapt(*next - last);
        last = *next++;
      }
    }
    strongest_.Offer(x_, logits_of_(x_));
  }

 private:
  void Move(double momentum) {
    const auto ahead = budget_.Clip(x_.addcmul(gradient_.sign(), step_));
    auto next = budget_.Clip(x_ + (ahead - x_) * momentum + (x_ - previous_) * (1.0 - momentum));
    previous_ = std::move(x_);
    x_ = std::move(next);
  }

  void Look() {
    const auto here = GradientAt(x_, logits_of_, losses_of_);
    strongest_.Offer(x_, here.logits);
    rises_ += here.losses > losses_;
    losses_ = here.losses;
    gradient_ = here.gradient;
    const auto better = losses_ > best_losses_;
    best_ = torch::where(PerPicture(better), x_, best_);
    best_gradient_ = torch::where(PerPicture(better), gradient_, best_gradient_);
    best_losses_ = torch::where(better, losses_, best_losses_);
  }

  void Adapt(int window) {
    const auto oscillates = rises_ < kRho * window;
    // A step that was halved at the last checkpoint first gets its chance.
    const auto stands_still =
        reduced_.logical_not().logical_and(best_losses_ <= best_at_checkpoint_);
    reduced_ = oscillates.logical_or(stands_still);
    const auto reduced = PerPicture(reduced_);
    step_ = torch::where(reduced, step_ / 2, step_);
    x_ = torch::where(reduced, best_, x_);
    gradient_ = torch::where(reduced, best_gradient_, gradient_);
    best_at_checkpoint_ = best_losses_;
    rises_.zero_();
  }

  const LogitsOf& logits_of_;
  const LossesOf& losses_of_;
  const Budget& budget_;
  Strongest& strongest_;
  torch::Tensor x_, previous_, gradient_, losses_;
  torch::Tensor best_, best_gradient_, best_losses_, best_at_checkpoint_;
  torch::Tensor step_;     // (B, 1, 1, 1).
  torch::Tensor rises_;    // (B): steps since the last checkpoint that raised the loss.
  torch::Tensor reduced_;  // (B) bool: at the last checkpoint. True at first, as there was none.
};

void CheckOptions(const ApgdOptions& options) {
  if (options.steps >= 1 && options.restarts >= 1) return;
  throw Error(ErrorKind::kInvalid, "apgd: expected at least 1 step and 1 restart; got " +
                                       std::to_string(options.steps) + " and " +
                                       std::to_string(options.restarts));
}

void RequireClasses(std::int64_t got, std::int64_t needed, const char* loss) {
  if (got >= needed) return;
  throw Error(ErrorKind::kUnsupported,
              "apgd: the loss " + std::string(loss) + " needs " + std::to_string(needed) +
                  " classes; the classifier has " + std::to_string(got) + "; use cross-entropy");
}

// The other classes of each sample, the likeliest first: (B, K - 1).
torch::Tensor OtherClasses(const torch::Tensor& clean_logits, const torch::Tensor& labels) {
  constexpr double kLast = -std::numeric_limits<double>::infinity();
  const auto classes = clean_logits.size(1);
  return clean_logits.scatter(1, labels.unsqueeze(1), kLast)
      .argsort(/*dim=*/1, /*descending=*/true)
      .narrow(1, 0, classes - 1);
}

// The loss of each run of one restart.
std::vector<LossesOf> MakeLosses(const LogitsOf& logits_of, const AttackInput& input,
                                 ApgdOptions::Loss loss) {
  const auto& labels = input.labels;
  if (loss == ApgdOptions::Loss::kCrossEntropy) {
    return {[labels](const torch::Tensor& logits) { return CrossEntropyLosses(logits, labels); }};
  }
  const auto clean_logits = logits_of(input.pictures);
  CheckNumbers(clean_logits, "answer");
  if (loss == ApgdOptions::Loss::kDlr) {
    RequireClasses(clean_logits.size(1), 3, "DLR");
    return {[labels](const torch::Tensor& logits) { return DlrLosses(logits, labels); }};
  }
  RequireClasses(clean_logits.size(1), 4, "targeted DLR");
  std::vector<LossesOf> losses;
  for (const auto& targets : OtherClasses(clean_logits, labels).unbind(1)) {
    losses.push_back([labels, targets](const torch::Tensor& logits) {
      return TargetedDlrLosses(logits, labels, targets);
    });
  }
  return losses;
}

}  // namespace

torch::Tensor Apgd(const LogitsOf& logits_of, const AttackInput& input,
                   const ApgdOptions& options) {
  CheckAttackInput(input);
  CheckOptions(options);
  torch::NoGradGuard no_grad;
  const Budget budget(input.pictures, input.epsilon);
  const auto all_losses = MakeLosses(logits_of, input, options.loss);
  SampleRandom random(input.seeds);
  Strongest strongest(input.labels);
  for (int restart = 0; restart < options.restarts; ++restart) {
    for (const auto& losses_of : all_losses) {
      Run(logits_of, losses_of, budget, UniformStart(budget, random), &strongest).Go(options.steps);
      if (strongest.Settle()) return strongest.pictures();
    }
  }
  return strongest.pictures();
}

std::vector<int> ApgdCheckpoints(int steps) {
  std::vector<int> checkpoints;
  double previous = 0.0, share = 0.22;
  while (true) {
    // Sums of the shares are a hair off their decimal values, and ceil() must not see that.
    const int checkpoint = static_cast<int>(std::ceil(share * steps - 1e-9));
    if (checkpoint >= steps) return checkpoints;
    if (checkpoints.empty() || checkpoint > checkpoints.back()) checkpoints.push_back(checkpoint);
    const double window = std::max(share - previous - 0.03, 0.06);
    previous = share;
    share += window;
  }
}

}  // namespace hepar
