// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/trainer.h"

#include <torch/utils.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "tests/training/support/tiny_training.h"

namespace hepar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// The loss of each epoch of a short run.
std::vector<double> LossTrace(const TinyData& data, int seed, int epochs) {
  TrainingState state(TinyNet(seed), OptimizerOptions());
  BatchesOptions batch_options = TinyBatches();
  batch_options.seed = static_cast<std::uint64_t>(seed);
  Batches batches(data.prepared(), data.all(), batch_options, torch::kCPU);
  JointObjective objective{JointObjectiveOptions()};
  Train(TinyOptions(epochs), data, batches, {}, objective, state);
  std::vector<double> losses;
  for (const EpochRecord& record : state.history) losses.push_back(record.terms[0]);
  return losses;
}

// Loss 0 / 0 from its third call on.
class BrokenObjective : public JointObjective {
 public:
  BrokenObjective() : JointObjective(JointObjectiveOptions()) {}
  Losses Compute(SeverityNet net, const Batch& batch) override {
    Losses losses = JointObjective::Compute(net, batch);
    if (++calls_ >= 3) losses.total = losses.total * std::numeric_limits<double>::quiet_NaN();
    return losses;
  }

 private:
  int calls_ = 0;
};

// Trains and returns the first severity loss of scans whose fat puts them on the upper end of their
// grade.
double FirstSeverityLoss(double soft_grades) {
  TinyData data;
  JointObjectiveOptions options;
  options.soft_grades = soft_grades;
  Batch batch = MakeBatch(data.prepared(), data.all(), torch::kCPU);
  batch.severities = batch.labels.to(torch::kFloat32) + 1;
  return JointObjective(options).Compute(TinyNet(), batch).terms[3].item<double>();
}

TEST(SoftGradesTest, ReachTheObjectiveAndChangeNothingWhereTheyAreOff) {
  TinyData data;
  const Batch batch = MakeBatch(data.prepared(), data.all(), torch::kCPU);
  EXPECT_TRUE(torch::isnan(batch.severities).all().item<bool>());
  EXPECT_NE(FirstSeverityLoss(0.5), FirstSeverityLoss(0.0));
}

TEST(LearningRateScheduleTest, CosineIsHalfWayAtHalfTime) {
  LearningRateSchedule schedule;
  schedule.base = 0.1;
  schedule.epochs = 10;
  schedule.warm_up = 0;
  EXPECT_NEAR(schedule.At(0), 0.1, 1e-12);
  EXPECT_NEAR(schedule.At(5), 0.05, 1e-12);
  EXPECT_NEAR(schedule.At(10), 0.0, 1e-12);
}

TEST(LearningRateScheduleTest, StepLowersTheRateAtItsMilestones) {
  LearningRateSchedule schedule;
  schedule.kind = LearningRateSchedule::Kind::kStep;
  schedule.base = 0.1;
  schedule.warm_up = 0;
  schedule.milestones = {100, 150};
  EXPECT_NEAR(schedule.At(99.9), 0.1, 1e-12);
  EXPECT_NEAR(schedule.At(100), 0.01, 1e-12);
  EXPECT_NEAR(schedule.At(149.9), 0.01, 1e-12);
  EXPECT_NEAR(schedule.At(150), 0.001, 1e-12);
}

TEST(LearningRateScheduleTest, WarmUpRisesLinearly) {
  LearningRateSchedule schedule;
  schedule.kind = LearningRateSchedule::Kind::kConstant;
  schedule.base = 0.1;
  schedule.warm_up = 4;
  EXPECT_NEAR(schedule.At(1), 0.025, 1e-12);
  EXPECT_NEAR(schedule.At(4), 0.1, 1e-12);
  EXPECT_NEAR(schedule.At(40), 0.1, 1e-12);
}

TEST(BatchesTest, ShowEachPictureOnceInAnEpochInSharesThatDifferByOne) {
  const TinyData data;
  Batches batches(data.prepared(), {0, 1, 2, 3, 4, 5, 6}, TinyBatches(3), torch::kCPU);
  ASSERT_EQ(batches.steps(), 3);
  std::vector<std::int64_t> sizes, labels;
  for (int step = 0; step < 3; ++step) {
    const Batch batch = batches.Get(0, step);
    sizes.push_back(batch.pictures.size(0));
    for (int i = 0; i < batch.labels.size(0); ++i) {
      labels.push_back(batch.labels[i].item<std::int64_t>());
    }
  }
  EXPECT_THAT(sizes, ElementsAre(2, 2, 3));
  std::sort(labels.begin(), labels.end());
  std::vector<std::int64_t> expected;
  for (int i = 0; i < 7; ++i) expected.push_back(data.prepared().dataset().samples[i].label);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(labels, expected);
}

TEST(BatchesTest, DependOnSeedEpochAndStepOnly) {
  const TinyData data;
  Batches first(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
  BatchesOptions ahead = TinyBatches();
  ahead.prefetch = true;
  Batches second(data.prepared(), data.all(), ahead, torch::kCPU);
  first.Get(0, 0);
  first.Get(0, 1);
  for (int step = 0; step < 2; ++step) {
    const Batch a = first.Get(1, step), b = second.Get(1, step);
    EXPECT_TRUE(a.pictures.equal(b.pictures));
    EXPECT_TRUE(a.labels.equal(b.labels));
  }
  EXPECT_FALSE(first.Get(0, 0).pictures.equal(first.Get(1, 0).pictures));

  BatchesOptions other = TinyBatches();
  other.seed = 2;
  Batches third(data.prepared(), data.all(), other, torch::kCPU);
  EXPECT_FALSE(first.Get(0, 0).pictures.equal(third.Get(0, 0).pictures));
}

TEST(BatchesTest, NeedAPicture) {
  const TinyData data;
  EXPECT_THROW(Batches(data.prepared(), std::vector<int>(), TinyBatches(), torch::kCPU), Error);
}

TEST(BatchesTest, NoBatchHasOnePictureForBatchNormalization) {
  const TinyData data;
  for (const std::vector<int>& pictures :
       {std::vector<int>{0, 1, 2}, {0, 1, 2, 3, 4}, {0, 1, 2, 3, 4, 5, 6}}) {
    Batches batches(data.prepared(), pictures, TinyBatches(2), torch::kCPU);
    EXPECT_EQ(batches.steps(), static_cast<int>(pictures.size()) / 2);
    std::size_t shown = 0;
    for (int step = 0; step < batches.steps(); ++step) {
      const auto size = batches.Get(0, step).seeds.size();
      EXPECT_GE(size, 2u);
      shown += size;
    }
    EXPECT_EQ(shown, pictures.size());
  }
  Batches single(data.prepared(), {0, 1, 2}, TinyBatches(1), torch::kCPU);
  EXPECT_EQ(single.steps(), 3);
}

TEST(BatchesTest, BalancedSamplingShowsEachClassEquallyOften) {
  const TinyData data;  // Samples 0 and 1 are normal, 2 mild, 4 moderate, 6 severe.
  BatchesOptions options = TinyBatches(8);
  options.sampling = Sampling::kBalanced;
  Batches batches(data.prepared(), {0, 0, 0, 0, 1, 2, 4, 6}, options, torch::kCPU);
  const Batch batch = batches.Get(0, 0);
  const auto counts = torch::bincount(batch.labels, {}, 4);
  EXPECT_TRUE(counts.eq(2).all().item<bool>()) << counts;
  // What comes again is augmented anew.
  std::set<std::uint64_t> seeds(batch.seeds.begin(), batch.seeds.end());
  EXPECT_THAT(seeds, SizeIs(8));
}

TEST(BatchesTest, PartsOfSeveralProcessesMakeUpTheBatchesOfOne) {
  const TinyData data;
  const std::vector<std::vector<int>> parts = {{0, 2, 4}, {1, 3, 5, 6, 7}};
  Batches all(data.prepared(), Parts{parts, 0, 8}, TinyBatches(), torch::kCPU);
  Batches first(data.prepared(), Parts{{parts[0]}, 0, 8}, TinyBatches(), torch::kCPU);
  Batches second(data.prepared(), Parts{{parts[1]}, 1, 8}, TinyBatches(), torch::kCPU);
  ASSERT_EQ(all.steps(), 2);
  ASSERT_EQ(first.steps(), 2);
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (int step = 0; step < 2; ++step) {
      const Batch whole = all.Get(epoch, step);
      const Batch a = first.Get(epoch, step), b = second.Get(epoch, step);
      EXPECT_TRUE(whole.pictures.equal(torch::cat({a.pictures, b.pictures})));
      EXPECT_TRUE(whole.labels.equal(torch::cat({a.labels, b.labels})));
      auto seeds = a.seeds;
      seeds.insert(seeds.end(), b.seeds.begin(), b.seeds.end());
      EXPECT_EQ(whole.seeds, seeds);
    }
  }
}

TEST(BatchesTest, APartNeedsAPictureForEachStep) {
  const TinyData data;
  EXPECT_THROW(Batches(data.prepared(), Parts{{{0}}, 0, 8}, TinyBatches(), torch::kCPU), Error);
}

TEST(JointObjectiveTest, TotalIsTheWeightedSumOfItsTerms) {
  const TinyData data;
  JointObjectiveOptions options;
  options.lambda1 = 0.1;
  options.lambda2 = 0.2;
  options.lambda3 = 3.0;
  JointObjective objective(options);
  const Batch batch = MakeBatch(data.prepared(), data.all(), torch::kCPU);
  const Losses losses = objective.Compute(TinyNet(), batch);
  ASSERT_EQ(losses.terms.size(0), static_cast<int>(objective.TermNames().size()));
  const auto term = [&](int i) { return losses.terms[i].item<double>(); };
  EXPECT_NEAR(losses.total.item<double>(), 0.1 * term(1) + 0.2 * term(2) + 3.0 * term(3), 1e-5);
  EXPECT_FALSE(losses.terms.requires_grad());
}

TEST(JointObjectiveTest, AuxiliaryLossAloneTeachesIc1Only) {
  const TinyData data;
  JointObjectiveOptions options;
  options.lambda1 = options.lambda3 = 0.0;
  JointObjective objective(options);
  SeverityNet net = TinyNet();
  const Batch batch = MakeBatch(data.prepared(), data.all(), torch::kCPU);
  objective.Compute(net, batch).total.backward();
  const auto largest = [](const torch::nn::Module& module) {
    double value = 0.0;
    for (const auto& p : module.parameters()) {
      if (p.grad().defined()) value = std::max(value, p.grad().abs().max().item<double>());
    }
    return value;
  };
  EXPECT_GT(largest(*net->ic1), 0.0);
  EXPECT_EQ(largest(*net->ic2), 0.0);
  EXPECT_EQ(largest(*net->classifier), 0.0);
}

TEST(JointObjectiveTest, DetachedFeaturesKeepTheSeverityLossOutOfTheDecouplers) {
  const TinyData data;
  JointObjectiveOptions options;
  options.lambda1 = options.lambda2 = 0.0;
  options.detach_features = true;
  JointObjective objective(options);
  SeverityNet net = TinyNet();
  objective.Compute(net, MakeBatch(data.prepared(), data.all(), torch::kCPU)).total.backward();
  for (const auto& parameter : net->ic1->parameters()) {
    EXPECT_TRUE(!parameter.grad().defined() || !parameter.grad().any().item<bool>());
  }
  EXPECT_TRUE(net->classifier->parameters()[0].grad().any().item<bool>());
}

TEST(TrainTest, FrozenDecouplersKeepWeightsAndStatistics) {
  const TinyData data;
  TrainingState state(TinyNet(), OptimizerOptions());
  Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
  JointObjective objective{JointObjectiveOptions()};
  TrainerOptions options = TinyOptions(4);
  options.epochs = options.freeze_decouplers_after = 2;
  Train(options, data, batches, {}, objective, state);
  SeverityNet before = CopyNet(state.net);
  options.epochs = 4;
  Train(options, data, batches, {}, objective, state);
  ASSERT_EQ(state.epoch, 4);
  const auto same = [](torch::nn::Module& a, torch::nn::Module& b) {
    bool equal = true;
    for (const auto& item : a.named_parameters()) {
      equal = equal && item.value().equal(b.named_parameters()[item.key()]);
    }
    for (const auto& item : a.named_buffers()) {
      equal = equal && item.value().equal(b.named_buffers()[item.key()]);
    }
    return equal;
  };
  EXPECT_TRUE(same(*before->ic1, *state.net->ic1));
  EXPECT_TRUE(same(*before->ic2, *state.net->ic2));
  EXPECT_FALSE(same(*before->classifier, *state.net->classifier));
}

TEST(TrainTest, NormalizationThatDoesNotLearnKeepsItsStatistics) {
  const TinyData data;
  SeverityNet net = TinyNet();
  for (auto& parameter : net->ic1->parameters()) parameter.set_requires_grad(false);
  const auto statistics = [](torch::nn::Module& module) {
    return module.named_buffers()["trunk.stem.bn.running_mean"].clone();
  };
  const auto frozen = statistics(*net->ic1), learned = statistics(*net->ic2);
  TrainingState state(net, OptimizerOptions());
  Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
  JointObjective objective{JointObjectiveOptions()};
  Train(TinyOptions(1), data, batches, {}, objective, state);
  EXPECT_TRUE(statistics(*net->ic1).equal(frozen));
  EXPECT_FALSE(statistics(*net->ic2).equal(learned));
}

TEST(TrainTest, FrozenNormalizationLearnsButKeepsItsStatistics) {
  const TinyData data;
  TrainingState state(TinyNet(1), OptimizerOptions());
  Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
  JointObjective objective{JointObjectiveOptions()};
  TrainerOptions options = TinyOptions(2);
  options.freeze_normalization = true;
  SeverityNet before = CopyNet(state.net);
  Train(options, data, batches, {}, objective, state);
  ASSERT_EQ(state.epoch, 2);
  for (const auto& item : before->named_buffers()) {
    EXPECT_TRUE(item.value().equal(state.net->named_buffers()[item.key()])) << item.key();
  }
  const std::string scale = "ic1.trunk.stem.bn.weight";
  ASSERT_TRUE(before->named_parameters().contains(scale));
  EXPECT_FALSE(before->named_parameters()[scale].equal(state.net->named_parameters()[scale]));
}

TEST(TrainTest, LossFallsOnEightPictures) {
  const TinyData data;
  const auto losses = LossTrace(data, 1, 12);
  ASSERT_THAT(losses, SizeIs(12));
  EXPECT_LT(losses.back(), 0.9 * losses.front());
}

TEST(TrainTest, SameSeedGivesTheSameTrace) {
  const TinyData data;
  const auto first = LossTrace(data, 1, 2);
  EXPECT_EQ(first, LossTrace(data, 1, 2));
  EXPECT_NE(first, LossTrace(data, 2, 2));
}

TEST(TrainTest, StopsBeforeALossThatIsNotFiniteReachesTheWeights) {
  const TinyData data;
  for (double clip : {0.0, 5.0}) {
    TrainingState state(TinyNet(), OptimizerOptions());
    Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
    TrainerOptions options = TinyOptions(3);
    options.gradient_clip = clip;
    BrokenObjective objective;
    try {
      Train(options, data, batches, {}, objective, state);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailed);
      EXPECT_THAT(error.what(), HasSubstr("epoch 2, step 1"));
    }
    for (const auto& parameter : state.net->parameters()) {
      EXPECT_TRUE(parameter.isfinite().all().item<bool>());
    }
  }
}

TEST(TrainTest, KeepsTheBestEpochAndStopsWhenNothingIsGained) {
  const TinyData data;
  TrainingState state(TinyNet(), OptimizerOptions());
  Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
  TrainerOptions options = TinyOptions(50);
  options.select = TrainerOptions::Select::kLoss;
  options.patience = 2;
  options.min_delta = 1e6;  // Only the first epoch is a gain.
  JointObjective objective{JointObjectiveOptions()};
  EXPECT_EQ(Train(options, data, batches, data.all(), objective, state),
            TrainingEnd::kStoppedEarly);
  EXPECT_EQ(state.epoch, 3);

  std::vector<double> losses;
  for (const EpochRecord& record : state.history) losses.push_back(record.validation->loss);
  const auto best = std::min_element(losses.begin(), losses.end());
  EXPECT_EQ(state.best_epoch, best - losses.begin() + 1);
  EXPECT_NEAR(Score(state.Result(options), data.prepared(), data.all(), 4, torch::kCPU).loss, *best,
              1e-6);
}

TEST(TrainTest, WithoutValidationKeepsTheLastWeightsOrTheirAverage) {
  const TinyData data;
  for (double ema : {0.0, 0.5}) {
    TrainingState state(TinyNet(), OptimizerOptions());
    Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
    TrainerOptions options = TinyOptions(2);
    options.ema = ema;
    JointObjective objective{JointObjectiveOptions()};
    EXPECT_EQ(Train(options, data, batches, {}, objective, state), TrainingEnd::kFinished);
    const std::string kept = ParameterDigest(state.Result(options));
    EXPECT_EQ(kept == ParameterDigest(state.net), ema == 0.0);
    EXPECT_EQ(kept == ParameterDigest(state.average), ema > 0.0);
  }
}

TEST(TrainTest, SelectLastKeepsTheLastEpochWhateverTheValidationSays) {
  const TinyData data;
  TrainingState state(TinyNet(), OptimizerOptions());
  Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
  TrainerOptions options = TinyOptions(2);
  options.select = TrainerOptions::Select::kLast;
  options.patience = 1;
  JointObjective objective{JointObjectiveOptions()};
  EXPECT_EQ(Train(options, data, batches, data.all(), objective, state), TrainingEnd::kFinished);
  EXPECT_TRUE(state.history.back().validation.has_value());
  EXPECT_EQ(state.best_epoch, 0);
  EXPECT_EQ(ParameterDigest(state.Result(options)), ParameterDigest(state.net));
}

TEST(TrainTest, CallsTheHooksAndStopsBetweenSteps) {
  const TinyData data;
  TrainingState state(TinyNet(), OptimizerOptions());
  Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
  JointObjective objective{JointObjectiveOptions()};
  std::vector<int> steps;
  int epochs = 0;
  TrainingHooks hooks;
  hooks.step_done = [&](int step) { steps.push_back(step); };
  hooks.epoch_done = [&](const EpochRecord&) { ++epochs; };
  hooks.stop_requested = [&] { return steps.size() == 3; };
  EXPECT_EQ(Train(TinyOptions(5), data, batches, {}, objective, state, hooks),
            TrainingEnd::kInterrupted);
  EXPECT_THAT(steps, ElementsAre(1, 2, 1));
  EXPECT_EQ(epochs, 1);
  EXPECT_EQ(state.epoch, 1);
  EXPECT_EQ(state.step, 1);
}

TEST(UpdateAverageTest, MovesParametersAndStatisticsAndCopiesCounters) {
  SeverityNet net = TinyNet(1), average = CopyNet(net);
  torch::NoGradGuard no_grad;
  auto parameter = net->named_parameters().begin()->value();
  parameter.fill_(1.0);
  average->named_parameters().begin()->value().fill_(0.0);
  for (auto& buffer : net->named_buffers()) buffer.value().fill_(2);
  UpdateAverage(net, 0.75, 1000, average);
  EXPECT_NEAR(average->named_parameters().begin()->value().mean().item<double>(), 0.25, 1e-6);
  for (const auto& buffer : average->named_buffers()) {
    const double value = buffer.value().to(torch::kFloat64).mean().item<double>();
    if (!buffer.value().is_floating_point()) {
      EXPECT_EQ(value, 2.0) << buffer.key();
    } else if (buffer.key().find("running_mean") != std::string::npos) {
      EXPECT_NEAR(value, 0.5, 1e-6) << buffer.key();
    }
  }
}

// FAWA with decay .85 and threshold .2 over weights 1, 2, 3, 4 of which two epochs are fair enough
// at first.
TEST(UpdateFairAverageTest, TakesFairEpochsOnly) {
  SeverityNet net = TinyNet(1), average = CopyNet(net);
  torch::NoGradGuard no_grad;
  const auto fill = [&](double value) {
    for (auto& parameter : net->parameters()) parameter.fill_(value);
    for (auto& buffer : net->buffers()) buffer.fill_(value);
  };
  const auto expect_all = [&](double value) {
    for (const auto& parameter : average->parameters()) {
      EXPECT_NEAR(parameter.mean().item<double>(), value, 1e-6);
    }
    for (const auto& item : average->named_buffers()) {
      if (!item.value().is_floating_point()) continue;
      EXPECT_NEAR(item.value().mean().item<double>(), value, 1e-6) << item.key();
    }
  };
  const double worst[] = {.1, .3, .15, .4};
  const double expected[] = {0, 2, 2, 2.3};
  bool begun = false;
  for (int epoch = 0; epoch < 4; ++epoch) {
    fill(epoch + 1);
    UpdateFairAverage(net, FairAverageOptions{}, worst[epoch], &begun, average);
    EXPECT_EQ(begun, epoch > 0);
    if (epoch > 0) expect_all(expected[epoch]);
  }
  for (const auto& item : average->named_buffers()) {
    if (item.value().is_floating_point()) continue;
    EXPECT_EQ(item.value().item<std::int64_t>(), 4) << item.key();
  }
}

TEST(CopyNetTest, LeavesTheGeneratorAlone) {
  SeverityNet net = TinyNet(1);
  torch::manual_seed(3);
  const auto expected = torch::rand({4});
  torch::manual_seed(3);
  CopyNet(net);
  EXPECT_TRUE(torch::rand({4}).equal(expected));
}

TEST(UpdateAverageTest, SoonForgetsTheStart) {
  SeverityNet net = TinyNet(1), average = CopyNet(net);
  torch::NoGradGuard no_grad;
  net->named_parameters().begin()->value().fill_(1.0);
  average->named_parameters().begin()->value().fill_(0.0);
  UpdateAverage(net, 0.999, 1, average);
  EXPECT_NEAR(average->named_parameters().begin()->value().mean().item<double>(), 9.0 / 11, 1e-6);
}

}  // namespace
}  // namespace hepar
