// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/trainer.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/utils.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "models/error.h"
#include "models/nets/batch_norm.h"
#include "training/distributed/gradient_averager.h"
#include "training/scoring/mode_guard.h"
#include "training/scoring/score.h"

namespace hepar {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double PeakMemoryMib() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

Error NotFinite(const TrainingState& state, const std::string& what) {
  return Error(ErrorKind::kFailed, what + " is not finite in epoch " +
                                       std::to_string(state.epoch + 1) + ", step " +
                                       std::to_string(state.step + 1) +
                                       "; start again with a lower --lr or --gradient-clip");
}

// Weights and statistics of the module stay as they are.
void Freeze(torch::nn::Module& module) {
  module.eval();
  for (auto& parameter : module.parameters()) parameter.set_requires_grad(false);
}

// Normalization that does not learn keeps its statistics too; `all`: whether it learns or not.
void FreezeNormalization(torch::nn::Module& module, bool all) {
  for (auto& child : module.modules(/*include_self=*/false)) {
    auto* normalization = child->as<BatchNorm2d>();
    if (normalization == nullptr) continue;
    const bool learns = !normalization->weight.defined() || normalization->weight.requires_grad();
    if (all || !learns) normalization->eval();
  }
}

// The means over the epoch of what `state` has summed.
EpochRecord RecordOf(const TrainingState& state) {
  EpochRecord record;
  record.epoch = state.epoch + 1;
  record.learning_rate = state.optimizer.learning_rate();
  const auto sums = state.sums.to(torch::kCPU);
  const auto means = (sums.slice(0, 1) / sums[0]).contiguous();
  record.terms.assign(means.data_ptr<double>(), means.data_ptr<double>() + means.numel() - 1);
  record.train_accuracy = means[-1].item<double>();
  return record;
}

EpochRecord::Validation FiguresOf(const Scores& scores, int classes) {
  const auto frames = ConfusionMatrix::Of(scores.predictions, classes);
  const auto patients = ConfusionMatrix::Of(ByPatient(scores.predictions), classes);
  EpochRecord::Validation validation;
  validation.loss = scores.loss;
  validation.accuracy = frames.Accuracy();
  validation.balanced_accuracy = frames.BalancedAccuracy();
  validation.patient_balanced_accuracy = patients.BalancedAccuracy();
  validation.feature_correlation = scores.feature_correlation;
  return validation;
}

double SelectionValue(const TrainerOptions& options, const EpochRecord::Validation& validation) {
  switch (options.select) {
    case TrainerOptions::Select::kLoss:
      return -validation.loss;
    case TrainerOptions::Select::kRobust:
      return validation.robust_accuracy.value() + validation.robust_worst.value();
    case TrainerOptions::Select::kBalancedAccuracy:
    case TrainerOptions::Select::kLast:
      break;
  }
  return validation.balanced_accuracy;
}

// Keeps the weights when they are the best so far, and counts the epochs without a gain.
void Select(const TrainerOptions& options, const EpochRecord& record, TrainingState& state) {
  const auto& validation = *record.validation;
  const double value = SelectionValue(options, validation);
  if (!std::isfinite(value)) return;
  const bool first = state.best_epoch == 0;
  const bool gain = first || value > state.best_value + options.min_delta;
  state.stale_epochs = gain ? 0 : state.stale_epochs + 1;

  // Balanced accuracy over few patients has many ties; the loss breaks them.
  if (first || value > state.best_value ||
      (value == state.best_value && validation.loss < state.best_loss)) {
    state.best_value = value;
    state.best_loss = validation.loss;
    state.best_epoch = record.epoch;
    CopyWeights(state.Evaluated(options), state.best);
  }
}

}  // namespace

// The processes that train together.
struct Trainer::Team {
  Communicator& others;
  GradientAverager averager;
};

Trainer::Trainer(const TrainerOptions& options, TrainingTask task, Objective& objective,
                 TrainingHooks hooks)
    : options_(options), task_(std::move(task)), objective_(objective), hooks_(std::move(hooks)) {}

Trainer::~Trainer() = default;

TrainingEnd Trainer::Run(TrainingState& state) {
  ToChannelsLast(*state.net);
  Join(state);
  const auto out_of_patience = [&] {
    return options_.patience > 0 && state.stale_epochs >= options_.patience;
  };
  while (state.epoch < options_.epochs && !out_of_patience()) {
    if (!RunEpoch(state)) return TrainingEnd::kInterrupted;
    const EpochRecord record = FinishEpoch(state);
    if (hooks_.epoch_done) hooks_.epoch_done(record);
    if (StopRequested() && state.epoch < options_.epochs) return TrainingEnd::kInterrupted;
  }
  return state.epoch < options_.epochs ? TrainingEnd::kStoppedEarly : TrainingEnd::kFinished;
}

void Trainer::Join(TrainingState& state) {
  team_.reset();
  if (task_.others == nullptr) return;
  Communicator& others = *task_.others;
  team_.reset(new Team{others, GradientAverager(others, state.net->parameters())});
  // A checkpoint holds the counts of all processes; one of them goes on with it.
  if (others.rank() > 0 && state.step > 0) {
    state.sums = torch::zeros_like(state.sums);
    const auto counts = objective_.Counts();
    if (counts.defined()) objective_.SetCounts(torch::zeros_like(counts));
  }
}

// Whether any process was asked to stop.
bool Trainer::StopRequested() const {
  const bool here = hooks_.stop_requested && hooks_.stop_requested();
  if (!team_) return here;
  auto requests = torch::full({1}, here ? 1.0 : 0.0);
  team_->others.Sum(requests);
  return requests.item<double>() > 0;
}

// False when a stop was requested before the epoch ended.
bool Trainer::RunEpoch(TrainingState& state) {
  const auto start = Clock::now();
  const ModeGuard mode(state.net, /*training=*/true);
  if (options_.freeze_decouplers_after > 0 && state.epoch >= options_.freeze_decouplers_after) {
    if (state.net->ic1) Freeze(*state.net->ic1);
    if (state.net->ic2) Freeze(*state.net->ic2);
  }
  FreezeNormalization(*state.net, options_.freeze_normalization);
  const double seconds_before = state.seconds;
  while (state.step < task_.batches.steps()) {
    Step(task_.batches.Get(state.epoch, state.step), state);
    state.seconds = seconds_before + SecondsSince(start);
    if (hooks_.step_done) hooks_.step_done(state.step);
    if (StopRequested()) {
      ShareCounts(state);
      return false;
    }
  }
  ShareCounts(state);
  return true;
}

// One update of the weights from one batch.
void Trainer::Step(const Batch& batch, TrainingState& state) {
  // Half a step ahead, so that neither the first nor the last step of a run has a rate of 0.
  state.optimizer.SetLearningRate(
      options_.learning_rate.At(state.epoch + (state.step + 0.5) / task_.batches.steps()));
  state.optimizer.ZeroGrad();
  // Dropout differs between processes, and is the same when a run is resumed.
  if (team_) torch::manual_seed(batch.seeds.front());
  const Losses losses = objective_.Compute(state.net, batch);
  const auto pictures = static_cast<double>(batch.labels.size(0));
  if (team_) {
    team_->averager.Backward(losses.total, team_->others.ShareOf(pictures));
  } else {
    losses.total.backward();
  }

  // The norm of the averaged gradient: every process sees a value that is not finite in one.
  const double norm = torch::nn::utils::clip_grad_norm_(
      state.net->parameters(), options_.gradient_clip > 0.0
                                   ? options_.gradient_clip
                                   : std::numeric_limits<double>::infinity());
  if (!std::isfinite(norm)) throw NotFinite(state, "the gradient");
  state.optimizer.Step();
  ++state.updates;
  if (options_.ema > 0.0) UpdateAverage(state.net, options_.ema, state.updates, state.average);

  const auto hits = (losses.logits.argmax(1) == batch.labels).sum().to(torch::kFloat64);
  const auto sums = torch::cat({torch::full_like(hits, pictures).view(1),
                                losses.terms.to(torch::kFloat64) * pictures, hits.view(1)});
  state.sums = state.sums.defined() ? state.sums + sums : sums;
  ++state.step;
}

// Replaces the counts of this process in the running epoch by those of all.
void Trainer::ShareCounts(TrainingState& state) {
  if (!team_) return;
  team_->others.Sum(state.sums);
  auto counts = objective_.Counts();
  if (!counts.defined()) return;
  team_->others.Sum(counts);
  objective_.SetCounts(counts);
}

// Validates, selects, moves the schedule of the objective on, and starts the next epoch.
EpochRecord Trainer::FinishEpoch(TrainingState& state) {
  const auto start = Clock::now();
  EpochRecord record = RecordOf(state);
  std::vector<double> robust;
  if (!task_.validation.empty()) {
    robust = Validate(state, &record);
    if (options_.select != TrainerOptions::Select::kLast) Select(options_, record, state);
  }
  record.per_class = objective_.EndEpoch(robust);
  record.seconds = state.seconds + SecondsSince(start);
  record.peak_memory_mib = PeakMemoryMib();

  ++state.epoch;
  state.step = 0;
  state.sums = torch::Tensor();
  state.seconds = 0.0;
  state.history.push_back(record);
  return record;
}

// Scores the validation part, and updates the fair average that its scores decide on. Returns the
// robust accuracy of each class, empty where that is not measured.
std::vector<double> Trainer::Validate(TrainingState& state, EpochRecord* record) const {
  std::vector<double> robust;
  EpochRecord::Validation figures;
  if (options_.fair_average) {
    robust = RobustClassAccuracy(state.net, &figures);
    UpdateFairAverage(state.net, *options_.fair_average, *figures.robust_worst,
                      &state.fair_average_begun, state.average);
  }
  SeverityNet evaluated = state.Evaluated(options_);
  record->validation = FiguresOf(
      Score(evaluated, task_.data, task_.validation, options_.batch, task_.device, task_.others),
      state.net->architecture.classes);
  if (options_.robust_check && (!options_.fair_average || state.fair_average_begun)) {
    const auto kept = RobustClassAccuracy(evaluated, &figures);
    // The class-wise schedule follows the weights that are trained.
    if (robust.empty()) robust = kept;
  }
  record->validation->robust_accuracy = figures.robust_accuracy;
  record->validation->robust_worst = figures.robust_worst;
  return robust;
}

// Accuracy of each class under attack; NaN for a class without a case.
std::vector<double> Trainer::RobustClassAccuracy(SeverityNet net,
                                                 EpochRecord::Validation* figures) const {
  const int classes = net->architecture.classes;
  const auto matrix =
      ConfusionMatrix::Of(ScoreAttacked(net, task_.data, task_.validation, options_.batch,
                                        task_.device, *options_.robust_check, task_.others),
                          classes);
  std::vector<double> accuracy;
  double worst = 1.0;
  for (int k = 0; k < classes; ++k) {
    accuracy.push_back(matrix.ClassAccuracy(k));
    if (matrix.count(k) > 0) worst = std::min(worst, accuracy.back());
  }
  figures->robust_accuracy = matrix.Accuracy();
  figures->robust_worst = worst;
  return accuracy;
}

}  // namespace hepar
