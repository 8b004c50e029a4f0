// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/trainer.h"

#include <torch/nn/functional/loss.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/utils.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "models/error.h"
#include "models/nets/batch_norm.h"
#include "training/attacks/pgd.h"
#include "training/distributed/gradient_averager.h"

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
  return Error(ErrorKind::kFailed, what + " is not finite in epoch " +
                                       std::to_string(state.epoch + 1) + ", step " +
                                       std::to_string(state.step + 1) +
                                       "; start again with a lower --lr or --gradient-clip");
}

// The processes that train together.
struct Team {
  Communicator& others;
  GradientAverager averager;
};

// Whether anyone was asked to stop.
bool StopRequested(const TrainingHooks& hooks, Team* team) {
  const bool here = hooks.stop_requested && hooks.stop_requested();
  if (team == nullptr) return here;
  auto wishes = torch::full({1}, here ? 1.0 : 0.0);
  team->others.Sum(wishes);
  return wishes.item<double>() > 0;
}

// Makes of what this process counted in the running epoch what all did.
void ShareCounts(Team* team, Objective& objective, TrainingState& state) {
  if (team == nullptr) return;
  team->others.Sum(state.sums);
  auto counts = objective.Counts();
  if (!counts.defined()) return;
  team->others.Sum(counts);
  objective.SetCounts(counts);
}

// One update of the weights from one batch.
void TrainStep(const TrainerOptions& options, const Batch& batch, int steps, Objective& objective,
               Team* team, TrainingState& state) {
  // Half a step ahead, so that neither the first nor the last step of a run is lost to a rate of 0.
  state.optimizer.SetLearningRate(
      options.learning_rate.At(state.epoch + (state.step + 0.5) / steps));
  state.optimizer.ZeroGrad();
  // Dropout of several processes: apart from each other, and the same when a run goes on.
  if (team != nullptr) torch::manual_seed(batch.seeds.front());
  const Losses losses = objective.Compute(state.net, batch);
  const auto pictures = static_cast<double>(batch.labels.size(0));
  if (team != nullptr) {
    team->averager.Backward(losses.total, team->others.ShareOf(pictures));
  } else {
    losses.total.backward();
  }

  // Of the gradient that all processes share, so that all of them see what one has spoilt.
  const double norm = torch::nn::utils::clip_grad_norm_(
      state.net->parameters(), options.gradient_clip > 0.0
                                   ? options.gradient_clip
                                   : std::numeric_limits<double>::infinity());
  if (!std::isfinite(norm)) throw NotFinite(state, "the gradient");
  state.optimizer.Step();
  ++state.updates;
  if (options.ema > 0.0) UpdateAverage(state.net, options.ema, state.updates, state.average);

  const auto hits = (losses.logits.argmax(1) == batch.labels).sum().to(torch::kFloat64);
  const auto sums = torch::cat({torch::full_like(hits, pictures).view(1),
                                losses.terms.to(torch::kFloat64) * pictures, hits.view(1)});
  state.sums = state.sums.defined() ? state.sums + sums : sums;
  ++state.step;
}

// Weights and statistics of the module stay as they are.
void Freeze(torch::nn::Module& module) {
  module.eval();
  for (auto& parameter : module.parameters()) parameter.set_requires_grad(false);
}

// Normalisation that does not learn keeps its statistics too; `all`: whether it learns or not.
void FreezeNormalisation(torch::nn::Module& module, bool all) {
  for (auto& child : module.modules(/*include_self=*/false)) {
    auto* normalisation = child->as<BatchNorm2d>();
    if (normalisation == nullptr) continue;
    const bool learns = !normalisation->weight.defined() || normalisation->weight.requires_grad();
    if (all || !learns) normalisation->eval();
  }
}

// False when a stop was asked for before the epoch ended.
bool TrainEpoch(const TrainerOptions& options, Batches& batches, Objective& objective,
                const TrainingHooks& hooks, Team* team, TrainingState& state) {
  const auto start = Clock::now();
  const ModeGuard mode(state.net, /*training=*/true);
  if (options.freeze_decouplers_after > 0 && state.epoch >= options.freeze_decouplers_after) {
    if (state.net->ic1) Freeze(*state.net->ic1);
    if (state.net->ic2) Freeze(*state.net->ic2);
  }
  FreezeNormalisation(*state.net, options.freeze_normalisation);
  const int steps = batches.steps();
  const double seconds_before = state.seconds;
  while (state.step < steps) {
    TrainStep(options, batches.Get(state.epoch, state.step), steps, objective, team, state);
    state.seconds = seconds_before + SecondsSince(start);
    if (hooks.step_done) hooks.step_done(state.step);
    if (StopRequested(hooks, team)) {
      ShareCounts(team, objective, state);
      return false;
    }
  }
  ShareCounts(team, objective, state);
  return true;
}

EpochRecord::Validation Validate(const Scores& scores, int classes) {
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

// Accuracy of each class under attack; NaN for one without a case.
std::vector<double> RobustClassAccuracy(const TrainerOptions& options, SeverityNet net,
                                        const PreparedDataset& data,
                                        const std::vector<int>& validation, torch::Device device,
                                        Communicator* others, EpochRecord::Validation* figures) {
  const int classes = net->architecture.classes;
  const auto matrix = ConfusionMatrix::Of(
      ScoreAttacked(net, data, validation, options.batch, device, *options.robust_check, others),
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

// The figures of the end of an epoch, and the average of fair weights that they decide on. Returns
// the robust accuracy of each class, empty where that is not asked for.
std::vector<double> ValidateEpoch(const TrainerOptions& options, const PreparedDataset& data,
                                  const std::vector<int>& validation, torch::Device device,
                                  Communicator* others, TrainingState& state, EpochRecord* record) {
  std::vector<double> robust;
  EpochRecord::Validation figures;
  if (options.fair_average) {
    robust = RobustClassAccuracy(options, state.net, data, validation, device, others, &figures);
    UpdateFairAverage(state.net, *options.fair_average, *figures.robust_worst,
                      &state.fair_average_begun, state.average);
  }
  SeverityNet evaluated = state.Evaluated(options);
  const auto clean = Validate(Score(evaluated, data, validation, options.batch, device, others),
                              state.net->architecture.classes);
  if (options.robust_check && (!options.fair_average || state.fair_average_begun)) {
    const auto kept =
        RobustClassAccuracy(options, evaluated, data, validation, device, others, &figures);
    // The classes' schedule is about the weights that are trained.
    if (robust.empty()) robust = kept;
  }
  record->validation = clean;
  record->validation->robust_accuracy = figures.robust_accuracy;
  record->validation->robust_worst = figures.robust_worst;
  return robust;
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
void Select(const TrainerOptions& options, const EpochRecord& record, SeverityNet evaluated,
            TrainingState& state) {
  const auto& validation = *record.validation;
  const double value = SelectionValue(options, validation);
  if (!std::isfinite(value)) return;
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

// What processes that look at parts of the pictures `indices` find together: probabilities (n, K)
// and sums over the pictures, both float64 on the CPU.
class SharedScores {
 public:
  SharedScores(const std::vector<int>& indices, int classes, int sums, Communicator* others)
      : indices_(indices),
        others_(others),
        probabilities_(
            torch::zeros({static_cast<std::int64_t>(indices.size()), classes}, torch::kFloat64)),
        sums_(torch::zeros({sums}, torch::kFloat64)) {}

  // Calls `score(begin, chosen)` for the batches that are this process's.
  template <typename Function>
  void ForEachBatch(int batch, const Function& score) const {
    const std::size_t rank = others_ != nullptr ? others_->rank() : 0;
    const std::size_t size = others_ != nullptr ? others_->size() : 1;
    // A slice for each process, so that none waits for more than a picture of another.
    const std::size_t last = indices_.size() * (rank + 1) / size;
    for (std::size_t begin = indices_.size() * rank / size; begin < last; begin += batch) {
      const auto end = std::min(last, begin + batch);
      score(begin, std::vector<int>(indices_.begin() + begin, indices_.begin() + end));
    }
  }

  void Put(std::size_t begin, const torch::Tensor& logits) {
    probabilities_.narrow(0, static_cast<std::int64_t>(begin), logits.size(0))
        .copy_(torch::softmax(logits.to(torch::kFloat64), 1));
  }
  void Add(const std::vector<double>& sums) { sums_ += torch::tensor(sums, torch::kFloat64); }

  // Gathers what all found.
  Predictions Finish(const Dataset& dataset, std::vector<double>* sums = nullptr) {
    if (others_ != nullptr) {
      others_->Sum(probabilities_);
      others_->Sum(sums_);
    }
    Predictions predictions;
    const double* row = probabilities_.data_ptr<double>();
    for (int index : indices_) {
      predictions.labels.push_back(dataset.samples[index].label);
      predictions.patients.push_back(dataset.samples[index].patient);
      predictions.probabilities.emplace_back(row, row + probabilities_.size(1));
      row += probabilities_.size(1);
    }
    if (sums != nullptr) {
      sums->assign(sums_.data_ptr<double>(), sums_.data_ptr<double>() + sums_.numel());
    }
    return predictions;
  }

 private:
  const std::vector<int>& indices_;
  Communicator* others_;
  torch::Tensor probabilities_, sums_;
};

}  // namespace

Scores Score(SeverityNet net, const PreparedDataset& data, const std::vector<int>& indices,
             int batch, torch::Device device, Communicator* others) {
  const ModeGuard mode(net, /*training=*/false);
  const torch::NoGradGuard no_grad;
  SharedScores shared(indices, net->architecture.classes, 2, others);
  shared.ForEachBatch(batch, [&](std::size_t begin, const std::vector<int>& chosen) {
    const Batch pictures = MakeBatch(data, chosen, device);
    const Decoupled decoupled = net->Decouple(pictures.pictures);
    const auto logits = net->Classify(SeverityNetImpl::Concatenate(decoupled));
    shared.Put(begin, logits);
    const auto size = static_cast<double>(chosen.size());
    const double correlation =
        decoupled.common.defined()
            ? Correlation(decoupled.common.mean(1), decoupled.planes.mean(1)).abs().item<double>()
            : 0.0;
    shared.Add({size * torch::nn::functional::cross_entropy(logits, pictures.labels).item<double>(),
                size * correlation});
  });
  Scores scores;
  std::vector<double> sums;
  scores.predictions = shared.Finish(data.dataset(), &sums);
  const auto count = static_cast<double>(indices.size());
  scores.loss = sums[0] / count;
  scores.feature_correlation = sums[1] / count;
  return scores;
}

Predictions ScoreAttacked(SeverityNet net, const PreparedDataset& data,
                          const std::vector<int>& indices, int batch, torch::Device device,
                          const RobustCheck& check, Communicator* others) {
  const AttackGuard guard(*net);
  PgdOptions pgd;
  pgd.loss = PgdOptions::Loss::kCrossEntropy;
  pgd.start = PgdOptions::Start::kUniform;
  pgd.steps = check.steps;
  const LogitsOf logits_of = [&net](const torch::Tensor& pictures) {
    return net->forward(pictures);
  };
  SharedScores shared(indices, net->architecture.classes, 0, others);
  shared.ForEachBatch(batch, [&](std::size_t begin, const std::vector<int>& chosen) {
    const Batch clean = MakeBatch(data, chosen, device);
    const auto epsilon =
        torch::full({clean.labels.size(0)}, check.epsilon, clean.pictures.options());
    const auto attacked = Pgd(logits_of, {clean.pictures, clean.labels, epsilon, clean.seeds}, pgd);
    const torch::NoGradGuard no_grad;
    shared.Put(begin, net->forward(attacked));
  });
  return shared.Finish(data.dataset());
}

TrainingState::TrainingState(SeverityNet net, const OptimizerOptions& options)
    : net(net), optimizer(options, net), average(CopyNet(net)), best(CopyNet(net)) {}

SeverityNet TrainingState::Evaluated(const TrainerOptions& options) const {
  return options.ema > 0.0 || fair_average_begun ? average : net;
}

SeverityNet TrainingState::Result(const TrainerOptions& options) const {
  return best_epoch > 0 ? best : Evaluated(options);
}

TrainingEnd Train(const TrainerOptions& options, const PreparedDataset& data, Batches& batches,
                  const std::vector<int>& validation, torch::Device device, Objective& objective,
                  const TrainingHooks& hooks, TrainingState& state, Communicator* others) {
  ToChannelsLast(*state.net);
  std::unique_ptr<Team> team;
  if (others != nullptr) {
    team.reset(new Team{*others, GradientAverager(*others, state.net->parameters())});
    // A checkpoint holds what all had counted; one process goes on with it.
    if (others->rank() > 0 && state.step > 0) {
      state.sums = torch::zeros_like(state.sums);
      const auto counts = objective.Counts();
      if (counts.defined()) objective.SetCounts(torch::zeros_like(counts));
    }
  }
  const auto impatient = [&] {
    return options.patience > 0 && state.stale_epochs >= options.patience;
  };
  while (state.epoch < options.epochs && !impatient()) {
    if (!TrainEpoch(options, batches, objective, hooks, team.get(), state))
      return TrainingEnd::kInterrupted;

    const auto start = Clock::now();
    EpochRecord record;
    record.epoch = state.epoch + 1;
    record.learning_rate = state.optimizer.learning_rate();
    const auto sums = state.sums.to(torch::kCPU);
    const auto means = (sums.slice(0, 1) / sums[0]).contiguous();
    record.terms.assign(means.data_ptr<double>(), means.data_ptr<double>() + means.numel() - 1);
    record.train_accuracy = means[-1].item<double>();
    std::vector<double> robust;
    if (!validation.empty()) {
      robust = ValidateEpoch(options, data, validation, device, others, state, &record);
      if (options.select != TrainerOptions::Select::kLast) {
        Select(options, record, state.Evaluated(options), state);
      }
    }
    record.per_class = objective.EndEpoch(robust);
    record.seconds = state.seconds + SecondsSince(start);
    record.peak_memory_mib = PeakMemoryMib();

    ++state.epoch;
    state.step = 0;
    state.sums = torch::Tensor();
    state.seconds = 0.0;
    state.history.push_back(record);
    if (hooks.epoch_done) hooks.epoch_done(record);
    if (StopRequested(hooks, team.get()) && state.epoch < options.epochs) {
      return TrainingEnd::kInterrupted;
    }
  }
  return state.epoch < options.epochs ? TrainingEnd::kStoppedEarly : TrainingEnd::kFinished;
}

}  // namespace hepar
