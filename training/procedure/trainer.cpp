// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/procedure/trainer.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "models/error.h"

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

// Puts a module's mode back when it goes.
class ModeGuard {
 public:
  ModeGuard(SeverityNet net, bool training) : net_(net), was_training_(net->is_training()) {
    net_->train(training);
  }
  ~ModeGuard() { net_->train(was_training_); }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  SeverityNet net_;
  bool was_training_;
};

// Pearson's correlation of all values of two tensors; 0 when one is constant.
torch::Tensor Correlation(const torch::Tensor& a, const torch::Tensor& b) {
  const auto x = a - a.mean(), y = b - b.mean();
  return (x * y).mean() / ((x.square().mean() * y.square().mean()).sqrt() + 1e-12);
}

Error NotFinite(const TrainingState& state, const std::string& what) {
  return Error(ErrorKind::kFailed,
               what + " is not finite in epoch " + std::to_string(state.epoch + 1) + ", step " +
                   std::to_string(state.step + 1) +
                   "; lower --lr or set --gradient-clip, and go on from the last checkpoint");
}

// One update of the weights from one batch.
void TrainStep(const TrainerOptions& options, const Batch& batch, int steps, Objective& objective,
               TrainingState& state) {
  // Half a step ahead, so that neither the first nor the last step of a run is lost to a rate of 0.
  state.optimizer.SetLearningRate(
      options.learning_rate.At(state.epoch + (state.step + 0.5) / steps));
  state.optimizer.ZeroGrad();
  const Losses losses = objective.Compute(state.net, batch.pictures, batch.labels);
  losses.total.backward();

  // The one place of a step that waits for the device.
  if (options.gradient_clip > 0.0) {
    const double norm =
        torch::nn::utils::clip_grad_norm_(state.net->parameters(), options.gradient_clip);
    if (!std::isfinite(norm)) throw NotFinite(state, "the gradient");
  } else if (!std::isfinite(losses.total.item<double>())) {
    throw NotFinite(state, "the loss");
  }
  state.optimizer.Step();
  ++state.updates;
  if (options.ema > 0.0) UpdateAverage(state.net, options.ema, state.updates, state.average);

  const auto hits = (losses.logits.argmax(1) == batch.labels).sum().to(torch::kFloat64);
  const auto sums =
      torch::cat({losses.terms.to(torch::kFloat64) * batch.labels.size(0), hits.view(1)});
  state.sums = state.sums.defined() ? state.sums + sums : sums;
  ++state.step;
}

// False when a stop was asked for before the epoch ended.
bool TrainEpoch(const TrainerOptions& options, Batches& batches, Objective& objective,
                const TrainingHooks& hooks, TrainingState& state) {
  const auto start = Clock::now();
  const ModeGuard mode(state.net, /*training=*/true);
  const int steps = batches.steps();
  const double seconds_before = state.seconds;
  while (state.step < steps) {
    TrainStep(options, batches.Get(state.epoch, state.step), steps, objective, state);
    state.seconds = seconds_before + SecondsSince(start);
    if (hooks.step_done) hooks.step_done(state.step);
    if (hooks.stop_requested && hooks.stop_requested()) return false;
  }
  return true;
}

EpochRecord::Validation Validate(const Scores& scores, int classes) {
  const auto frames = ConfusionMatrix::Of(scores.predictions, classes);
  const auto patients = ConfusionMatrix::Of(ByPatient(scores.predictions), classes);
  return {scores.loss, frames.Accuracy(), frames.BalancedAccuracy(), patients.BalancedAccuracy(),
          scores.feature_correlation};
}

// Keeps the weights when they are the best so far, and counts the epochs without a gain.
void Select(const TrainerOptions& options, const EpochRecord& record, SeverityNet evaluated,
            TrainingState& state) {
  const auto& validation = *record.validation;
  const double value = options.select == TrainerOptions::Select::kLoss
                           ? -validation.loss
                           : validation.balanced_accuracy;
  const bool first = state.best_epoch == 0;
  const bool gain = first || value > state.best_value + options.min_delta;
  state.stale_epochs = gain ? 0 : state.stale_epochs + 1;

  // Balanced accuracy over few patients has many ties; the loss decides them.
  if (first || value > state.best_value ||
      (value == state.best_value && validation.loss < state.best_loss)) {
    state.best_value = value;
    state.best_loss = validation.loss;
    state.best_epoch = record.epoch;
    CopyWeights(evaluated, state.best);
  }
}

}  // namespace

Scores Score(SeverityNet net, const PreparedDataset& data, const std::vector<int>& indices,
             int batch, torch::Device device) {
  const ModeGuard mode(net, /*training=*/false);
  torch::NoGradGuard no_grad;
  Scores scores;
  double loss = 0.0, correlation = 0.0;
  for (std::size_t begin = 0; begin < indices.size(); begin += batch) {
    const auto end = std::min(indices.size(), begin + batch);
    const std::vector<int> chosen(indices.begin() + begin, indices.begin() + end);
    const Batch pictures = MakeBatch(data, chosen, device);
    const Decoupled decoupled = net->Decouple(pictures.pictures);
    const auto logits = net->Classify(SeverityNetImpl::Concatenate(decoupled));

    const auto size = static_cast<double>(chosen.size());
    loss += size * torch::nn::functional::cross_entropy(logits, pictures.labels).item<double>();
    correlation +=
        size * Correlation(decoupled.common.mean(1), decoupled.planes.mean(1)).abs().item<double>();
    const auto probabilities =
        torch::softmax(logits.to(torch::kFloat64), 1).to(torch::kCPU).contiguous();
    const auto classes = probabilities.size(1);
    const double* row = probabilities.data_ptr<double>();
    for (int index : chosen) {
      const Sample& sample = data.dataset().samples[index];
      scores.predictions.labels.push_back(sample.label);
      scores.predictions.patients.push_back(sample.patient);
      scores.predictions.probabilities.emplace_back(row, row + classes);
      row += classes;
    }
  }
  const auto count = static_cast<double>(indices.size());
  scores.loss = loss / count;
  scores.feature_correlation = correlation / count;
  return scores;
}

TrainingState::TrainingState(SeverityNet net, const OptimizerOptions& options)
    : net(net), optimizer(options, net), average(CopyNet(net)), best(CopyNet(net)) {}

SeverityNet TrainingState::Result(const TrainerOptions& options) const {
  if (best_epoch > 0) return best;
  return options.ema > 0.0 ? average : net;
}

TrainingEnd Train(const TrainerOptions& options, const PreparedDataset& data, Batches& batches,
                  const std::vector<int>& validation, torch::Device device, Objective& objective,
                  const TrainingHooks& hooks, TrainingState& state) {
  const auto impatient = [&] {
    return options.patience > 0 && state.stale_epochs >= options.patience;
  };
  while (state.epoch < options.epochs && !impatient()) {
    if (!TrainEpoch(options, batches, objective, hooks, state)) return TrainingEnd::kInterrupted;

    const auto start = Clock::now();
    objective.EndEpoch();
    EpochRecord record;
    record.epoch = state.epoch + 1;
    record.learning_rate = state.optimizer.learning_rate();
    const auto means = (state.sums / batches.pictures()).to(torch::kCPU).contiguous();
    record.terms.assign(means.data_ptr<double>(), means.data_ptr<double>() + means.numel() - 1);
    record.train_accuracy = means[-1].item<double>();
    if (!validation.empty()) {
      const SeverityNet evaluated = options.ema > 0.0 ? state.average : state.net;
      record.validation = Validate(Score(evaluated, data, validation, options.batch, device),
                                   state.net->architecture.classes);
      Select(options, record, evaluated, state);
    }
    record.seconds = state.seconds + SecondsSince(start);
    record.peak_memory_mib = PeakMemoryMib();

    ++state.epoch;
    state.step = 0;
    state.sums = torch::Tensor();
    state.seconds = 0.0;
    state.history.push_back(record);
    if (hooks.epoch_done) hooks.epoch_done(record);
    if (hooks.stop_requested && hooks.stop_requested() && state.epoch < options.epochs) {
      return TrainingEnd::kInterrupted;
    }
  }
  return state.epoch < options.epochs ? TrainingEnd::kStoppedEarly : TrainingEnd::kFinished;
}

}  // namespace hepar
