// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/score.h"

#include <torch/nn/functional/loss.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstdint>

#include "models/engine/frozen_net.h"
#include "training/attacks/pgd.h"
#include "training/scoring/mode_guard.h"

namespace hepar {
namespace {

// Pearson's correlation of all values of two tensors; 0 when one is constant.
torch::Tensor Correlation(const torch::Tensor& a, const torch::Tensor& b) {
  const auto x = a - a.mean(), y = b - b.mean();
  return (x * y).mean() / ((x.square().mean() * y.square().mean()).sqrt() + 1e-12);
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

Predictions ScoreOn(torch::Device device, SeverityNet net, const PreparedDataset& data,
                    const std::vector<int>& indices) {
  constexpr int kBatch = 16;
  net->to(device);
  Predictions predictions = Score(net, data, indices, kBatch, device).predictions;
  net->to(torch::kCPU);
  return predictions;
}

Predictions ScoreAttacked(SeverityNet net, const PreparedDataset& data,
                          const std::vector<int>& indices, int batch, torch::Device device,
                          const RobustCheck& check, Communicator* others) {
  const AttackGuard guard(*net);
  PgdOptions pgd;
  pgd.loss = PgdOptions::Loss::kCrossEntropy;
  pgd.start = PgdOptions::Start::kUniform;
  pgd.steps = check.steps;
  FrozenNet frozen(net);
  const LogitsOf logits_of = [&frozen](const torch::Tensor& pictures) {
    return frozen.Logits(pictures);
  };
  SharedScores shared(indices, net->architecture.classes, 0, others);
  shared.ForEachBatch(batch, [&](std::size_t begin, const std::vector<int>& chosen) {
    const Batch clean = MakeBatch(data, chosen, device);
    const auto epsilon =
        torch::full({clean.labels.size(0)}, check.epsilon, clean.pictures.options());
    const auto attacked = Pgd(logits_of, {clean.pictures, clean.labels, epsilon, clean.seeds}, pgd);
    const torch::NoGradGuard no_grad;
    shared.Put(begin, frozen.Logits(attacked));
  });
  return shared.Finish(data.dataset());
}

}  // namespace hepar
