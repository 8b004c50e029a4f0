// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/adversarial_objective.h"

#include <torch/utils.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "models/error.h"
#include "models/nets/color_space.h"
#include "training/trainer/optimizer.h"

namespace hepar {
namespace {

// The class's figure of each sample.
torch::Tensor PerSample(const std::vector<double>& of_class, const Batch& batch) {
  return torch::tensor(of_class, torch::kFloat64)
      .to(batch.pictures.options())
      .index_select(0, batch.labels);
}

}  // namespace

AdversarialObjective::AdversarialObjective(const AdversarialOptions& options)
    : options_(options), schedule_(options.schedule) {
  if (options.schedule.fairness == Fairness::kDafa &&
      (options.accuracy == AdversarialOptions::Accuracy::kValidation ||
       options.accuracy == AdversarialOptions::Accuracy::kClean)) {
    throw Error(ErrorKind::kInvalid, "DAFA learns from the attacked training pictures only");
  }
  if (!options.joint.class_weights.empty()) {
    class_weights_ = torch::tensor(options.joint.class_weights, torch::kFloat64);
  }
  const int classes = options.schedule.classes;
  counts_ = torch::zeros({classes, 2 + classes}, torch::kFloat64);
}

std::vector<std::string> AdversarialObjective::TermNames() const {
  return {"loss",          "reconstruction_loss", "auxiliary_loss", "adversarial_loss",
          "severity_loss", "divergence"};
}

// The net with its weights of now. It must be in evaluation mode.
FrozenNet& AdversarialObjective::Freeze(SeverityNet net, const torch::Tensor& pictures) {
  const auto precision = options_.bf16_attack ? Precision::kBf16 : Precision::kFp32;
  if (!frozen_ || frozen_from_.get() != net.get()) {
    frozen_ = std::make_unique<FrozenNet>(net, precision);
    frozen_from_ = net;
    bf16_net_ = nullptr;
  }
  if (!bf16_net_.is_empty()) {
    CopyWeights(net, bf16_net_);
    return *frozen_;
  }
  frozen_->Refresh();
  if (options_.bf16_attack && !frozen_->RunsOnEngine(pictures)) {
    bf16_net_ = CopyNet(net);
    bf16_net_->to(torch::kBFloat16);
    ToChannelsLast(*bf16_net_);
    frozen_ = std::make_unique<FrozenNet>(bf16_net_);
  }
  return *frozen_;
}

// x', by an attack on the net in evaluation mode; counts its results.
torch::Tensor AdversarialObjective::Attack(SeverityNet trained, const Batch& batch) {
  const AttackGuard trained_guard(*trained);
  FrozenNet& net = Freeze(trained, batch.pictures);
  // Of the copy, where there is one.
  std::optional<AttackGuard> copy_guard;
  if (!bf16_net_.is_empty()) copy_guard.emplace(*bf16_net_);
  const auto full = batch.pictures.scalar_type();
  const auto type = bf16_net_.is_empty() ? full : torch::kBFloat16;
  FrozenNet::Answer clean;
  torch::Tensor clean_logits;
  {
    const torch::NoGradGuard no_grad;
    const auto pictures = batch.pictures.to(type);
    if (options_.scope == AdversarialOptions::Scope::kEndToEnd) {
      clean.logits = net.Logits(pictures);
    } else {
      clean = net.LogitsAndFeatures(pictures);
    }
    clean_logits = clean.logits.to(full);
  }

  AttackInput input{batch.pictures, batch.labels, PerSample(schedule_.epsilon(), batch),
                    batch.seeds};
  // A common shift of R, G and B moves the luma by as much.
  const auto gray = SelectPlanes(batch.pictures, ColorPlanes::kY);
  const auto picture_of = [&](const torch::Tensor& variable) {
    return options_.luma_only ? (batch.pictures + (variable - gray)).clamp(0, 1) : variable;
  };
  if (options_.luma_only) input.pictures = gray;

  const LogitsOf logits_of = [&](const torch::Tensor& variable) {
    const auto picture = picture_of(variable).to(type);
    if (options_.scope == AdversarialOptions::Scope::kEndToEnd) {
      return net.Logits(picture).to(full);
    }
    return net.LogitsWith(picture, clean.specific, clean.common).to(full);
  };
  PgdOptions pgd;
  pgd.steps = options_.steps;
  pgd.step_size = options_.step_size;
  const auto attacked = Pgd(logits_of, input, pgd, clean_logits);

  const torch::NoGradGuard no_grad;
  if (options_.accuracy == AdversarialOptions::Accuracy::kClean) {
    Count(clean_logits, batch.labels);
  } else if (options_.accuracy != AdversarialOptions::Accuracy::kRobustTrain) {
    Count(logits_of(attacked), batch.labels);
  }
  return picture_of(attacked);
}

void AdversarialObjective::Count(const torch::Tensor& logits, const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  const auto wide = logits.detach().to(torch::kFloat64);
  const auto hits = (logits.argmax(1) == labels).to(torch::kFloat64).unsqueeze(1);
  const auto rows = torch::cat({torch::ones_like(hits), hits, torch::softmax(wide, 1)}, 1);
  counts_ = counts_.to(logits.device()).index_add(0, labels, rows);
}

Losses AdversarialObjective::Compute(SeverityNet net, const Batch& batch) {
  const auto& joint = options_.joint;
  const bool attack = joint.lambda3 > 0.0;
  const auto attacked = attack ? Attack(net, batch) : batch.pictures;

  const Decoupled decoupled = net->Decouple(batch.pictures);
  const auto decouplers = ComputeDecouplerLosses(joint, decoupled, batch.labels);
  const auto logits = net->Classify(ClassifierInput(joint, decoupled));

  const auto cross_entropy = ComputeSeverityLosses(joint, logits, batch);
  auto divergence = torch::zeros_like(cross_entropy);
  auto adversarial = cross_entropy;
  if (attack) {
    const Decoupled parts = options_.scope == AdversarialOptions::Scope::kEndToEnd
                                ? net->Decouple(attacked)
                                : net->WithPlanesOf(attacked, decoupled);
    const auto attacked_logits = net->Classify(ClassifierInput(joint, parts));
    if (options_.accuracy == AdversarialOptions::Accuracy::kRobustTrain) {
      Count(attacked_logits, batch.labels);
    }
    divergence = KlDivergence(options_.detach_clean ? logits.detach() : logits, attacked_logits);
    adversarial = AdversarialLoss(cross_entropy, divergence, PerSample(schedule_.beta(), batch));
  }

  const auto mean = WeightedMean(PerSample(schedule_.weight(), batch) * adversarial, batch.labels,
                                 class_weights_);
  const auto total = decouplers.weighted + joint.lambda3 * mean;
  return {total,
          torch::stack({total, decouplers.reconstruction, decouplers.auxiliary, mean,
                        cross_entropy.mean(), divergence.mean()})
              .detach(),
          logits.detach()};
}

std::vector<ClassFigures> AdversarialObjective::EndEpoch(
    const std::vector<double>& validation_accuracy) {
  const bool by_validation = options_.accuracy == AdversarialOptions::Accuracy::kValidation;
  if (by_validation && validation_accuracy.empty()) {
    throw Error(ErrorKind::kInvalid,
                "the classes' accuracy is to come from the validation part, but no attack is run "
                "on it; set a validation part and attack steps for it");
  }
  const auto counts = counts_.to(torch::kCPU);
  std::vector<ClassCounts> of_class(options_.schedule.classes);
  for (int k = 0; k < options_.schedule.classes; ++k) {
    const auto row = counts[k].contiguous();
    const double* values = row.data_ptr<double>();
    of_class[k].samples = values[0];
    of_class[k].hits = values[1];
    of_class[k].softmax.assign(values + 2, values + row.numel());
    if (by_validation) {
      // NaN for a class without a validation case.
      const double accuracy = validation_accuracy[k];
      of_class[k].samples = accuracy >= 0 ? 1 : 0;
      of_class[k].hits = accuracy >= 0 ? accuracy : 0;
    }
  }
  counts_ = torch::zeros_like(counts_);
  auto seen = schedule_.EndEpoch(of_class);
  for (ClassFigures& figures : seen) {
    if (figures.name != "robust_train_accuracy") continue;
    if (by_validation) figures.name = "robust_validation_accuracy";
    if (options_.accuracy == AdversarialOptions::Accuracy::kClean) {
      figures.name = "clean_train_accuracy";
    }
  }
  return seen;
}

std::string AdversarialObjective::State() const {
  const auto counts = counts_.to(torch::kCPU).contiguous();
  return nlohmann::json{{"schedule", nlohmann::json::parse(schedule_.State())},
                        {"counts", std::vector<double>(counts.data_ptr<double>(),
                                                       counts.data_ptr<double>() + counts.numel())}}
      .dump();
}

void AdversarialObjective::Restore(const std::string& state) {
  const auto object = nlohmann::json::parse(state);
  schedule_.Restore(object.at("schedule").dump());
  const auto counts = object.at("counts").get<std::vector<double>>();
  counts_ = torch::tensor(counts, torch::kFloat64).view_as(counts_);
}

}  // namespace hepar
