// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/checkpoint.h"

#include <torch/serialize.h>
#include <torch/utils.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <memory>
#include <sstream>
#include <tuple>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "tests/training/support/tiny_training.h"
#include "training/trainer/adversarial_objective.h"

namespace hepar {
namespace {

using testing::HasSubstr;

constexpr char kRun[] = R"({"lr": 0.001, "batch": 4})";

struct Outcome {
  std::string net, average, best;
  std::vector<double> losses;
  int best_epoch = 0;
};

Outcome OutcomeOf(const TrainingState& state) {
  Outcome outcome{ParameterDigest(state.net),
                  ParameterDigest(state.average),
                  ParameterDigest(state.best),
                  {},
                  state.best_epoch};
  for (const EpochRecord& record : state.history) {
    outcome.losses.push_back(record.terms[0]);
    outcome.losses.push_back(record.validation->loss);
    for (const ClassFigures& figures : record.per_class) {
      outcome.losses.insert(outcome.losses.end(), figures.values.begin(), figures.values.end());
    }
  }
  return outcome;
}

TrainerOptions Options(bool adversarial) {
  TrainerOptions options = TinyOptions(3);
  options.select = TrainerOptions::Select::kLoss;
  if (adversarial) {
    options.robust_check = RobustCheck{4.0 / 255.0, 2};
    options.fair_average = FairAverageOptions{0.85, 0.0};
  } else {
    options.ema = 0.9;
  }
  return options;
}

std::unique_ptr<Objective> MakeObjective(bool adversarial) {
  if (!adversarial) return std::make_unique<JointObjective>(JointObjectiveOptions());
  AdversarialOptions options;
  options.steps = 2;
  // So that the classes part and the ramp goes on between the stop and the end.
  options.schedule.begin = 1;
  options.schedule.ramp = 3;
  return std::make_unique<AdversarialObjective>(options);
}

// Trains three epochs; with `stop_after` > 0 stops after so many steps, and goes on in a new state
// that starts from other weights, another learning rate and another generator state.
Outcome RunWithStop(const TinyData& data, OptimizerKind kind, bool adversarial,
                    std::size_t stop_after, DecouplerSet decouplers) {
  OptimizerOptions optimizer;
  optimizer.kind = kind;
  const auto objective = MakeObjective(adversarial), go_on = MakeObjective(adversarial);
  TrainingState state(TinyNet(1, decouplers), optimizer);
  torch::manual_seed(5);
  const auto train = [&](TrainingState& from, Objective& by, const TrainingHooks& hooks) {
    Batches batches(data.prepared(), data.all(), TinyBatches(), torch::kCPU);
    return Train(Options(adversarial), data, batches, data.all(), by, from, hooks);
  };
  if (stop_after == 0) {
    EXPECT_EQ(train(state, *objective, {}), TrainingEnd::kFinished);
    return OutcomeOf(state);
  }

  const TempFolder folder;
  const std::string path = folder / "last.ckpt";
  std::size_t steps = 0;
  TrainingHooks hooks;
  hooks.step_done = [&](int) { ++steps; };
  hooks.stop_requested = [&] { return steps == stop_after; };
  EXPECT_EQ(train(state, *objective, hooks), TrainingEnd::kInterrupted);
  SaveCheckpoint(path, kRun, state, *objective, torch::kCPU);

  OptimizerOptions other = optimizer;
  other.learning_rate = 0.5;
  TrainingState resumed(TinyNet(9, decouplers), other);
  torch::manual_seed(77);
  LoadCheckpoint(path, ReadCheckpoint(path), kRun, torch::kCPU, resumed, *go_on);
  EXPECT_EQ(train(resumed, *go_on, {}), TrainingEnd::kFinished);
  return OutcomeOf(resumed);
}

class ResumeTest : public testing::TestWithParam<std::tuple<OptimizerKind, bool, DecouplerSet>> {};

TEST_P(ResumeTest, GoesOnBitForBit) {
  const TinyData data;
  const auto [optimizer, adversarial, decouplers] = GetParam();
  const Outcome whole = RunWithStop(data, optimizer, adversarial, 0, decouplers);
  for (std::size_t stop_after : {1, 2, 3}) {
    const Outcome parts = RunWithStop(data, optimizer, adversarial, stop_after, decouplers);
    EXPECT_EQ(parts.net, whole.net) << "stopped after step " << stop_after;
    EXPECT_EQ(parts.average, whole.average) << "stopped after step " << stop_after;
    EXPECT_EQ(parts.best, whole.best) << "stopped after step " << stop_after;
    EXPECT_EQ(parts.losses, whole.losses) << "stopped after step " << stop_after;
    EXPECT_EQ(parts.best_epoch, whole.best_epoch);
  }
}

INSTANTIATE_TEST_SUITE_P(Joint, ResumeTest,
                         testing::Combine(testing::Values(OptimizerKind::kSgd, OptimizerKind::kAdam,
                                                          OptimizerKind::kAdamW),
                                          testing::Values(false),
                                          testing::Values(DecouplerSet::kBoth)));
INSTANTIATE_TEST_SUITE_P(
    Adversarial, ResumeTest,
    testing::Combine(testing::Values(OptimizerKind::kSgd, OptimizerKind::kAdamW),
                     testing::Values(true), testing::Values(DecouplerSet::kBoth)));
INSTANTIATE_TEST_SUITE_P(FewerDecouplers, ResumeTest,
                         testing::Combine(testing::Values(OptimizerKind::kAdamW),
                                          testing::Values(false, true),
                                          testing::Values(DecouplerSet::kNone,
                                                          DecouplerSet::kSpecific,
                                                          DecouplerSet::kCommon)));

TEST(OptimizerTest, LoadRestoresTheLearningRate) {
  OptimizerOptions options;
  options.classifier_factor = 0.5;
  SeverityNet net = TinyNet();
  Optimizer saved(options, net);
  saved.SetLearningRate(1e-3);
  torch::serialize::OutputArchive out;
  saved.Save(out);
  std::stringstream stream;
  out.save_to(stream);

  options.learning_rate = 5e-3;
  Optimizer loaded(options, net);
  ASSERT_EQ(loaded.learning_rate(), 5e-3);
  torch::serialize::InputArchive in;
  in.load_from(stream);
  loaded.Load(in);
  EXPECT_EQ(loaded.learning_rate(), 1e-3);
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : state_(TinyNet(), OptimizerOptions()) {
    SaveCheckpoint(path_, kRun, state_, objective_, torch::kCPU);
  }

  void ExpectLoadError(const std::string& run, ErrorKind kind, const std::string& text) {
    try {
      LoadCheckpoint(path_, ReadCheckpoint(path_), run, torch::kCPU, state_, objective_);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
      EXPECT_THAT(error.what(), HasSubstr(path_));
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }

  TempFolder folder_;
  std::string path_ = folder_ / "last.ckpt";
  JointObjective objective_{JointObjectiveOptions()};
  TrainingState state_;
};

TEST_F(CheckpointTest, RestoresTheGenerator) {
  torch::manual_seed(3);
  SaveCheckpoint(path_, kRun, state_, objective_, torch::kCPU);
  const auto expected = torch::rand({8});
  torch::manual_seed(4);
  LoadCheckpoint(path_, ReadCheckpoint(path_), kRun, torch::kCPU, state_, objective_);
  EXPECT_TRUE(torch::rand({8}).equal(expected));
}

TEST_F(CheckpointTest, OfAnotherRunNamesTheDifference) {
  ExpectLoadError(R"({"lr": 0.002, "batch": 4})", ErrorKind::kMismatch,
                  "made with lr = 0.001, this run has 0.002");
}

TEST_F(CheckpointTest, MissingIsNotFound) {
  std::filesystem::remove(path_);
  ExpectLoadError(kRun, ErrorKind::kNotFound, "no such file");
}

TEST_F(CheckpointTest, TruncatedIsDamaged) {
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  ExpectLoadError(kRun, ErrorKind::kDamaged, "damaged");
}

TEST_F(CheckpointTest, ForeignFileIsDamaged) {
  std::ofstream(path_) << "not a checkpoint";
  ExpectLoadError(kRun, ErrorKind::kDamaged, "is no checkpoint");
}

TEST_F(CheckpointTest, LeavesNoTemporaryFile) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path().filename(), "last.ckpt");
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST(TrainingLogTest, HasOneLineForEachEpochWithTheTermsByName) {
  TrainingState state(TinyNet(), OptimizerOptions());
  EpochRecord record;
  record.epoch = 1;
  record.terms = {2.5, 1.5};
  record.per_class = {{"epsilon", {0.5, std::numeric_limits<double>::quiet_NaN()}}};
  state.history.push_back(record);
  record.epoch = 2;
  state.history.push_back(record);
  const std::string lines = LogAsJsonLines(state, {"loss", "other_loss"}, {"a", "b"});
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_THAT(lines, HasSubstr(R"("loss":2.5,"other_loss":1.5)"));
  const std::string csv = LogAsCsv(state, {"loss", "other_loss"}, {"a", "b"});
  EXPECT_THAT(lines, HasSubstr(R"("epsilon_a":0.5,"epsilon_b":null)"));
  EXPECT_THAT(csv, HasSubstr("epoch,learning_rate,loss,other_loss,train_accuracy,epsilon_a,"));
  EXPECT_THAT(csv, HasSubstr("\n2,0.0,2.5,1.5,"));
}

}  // namespace
}  // namespace hepar
