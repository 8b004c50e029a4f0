// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/checkpoint.h"

#include <torch/utils.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <tuple>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/torch_archive.h"
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
  options.learning_rate = 5e-3;
  Optimizer loaded(options, net);
  ASSERT_EQ(loaded.learning_rate(), 5e-3);
  loaded.Load(saved.Save(), "file");
  EXPECT_EQ(loaded.learning_rate(), 1e-3);
}

TEST(OptimizerTest, StateThatDoesNotFitIsRefused) {
  for (const auto& [name, kind] : kOptimizerKinds) {
    SCOPED_TRACE(name);
    OptimizerOptions options;
    options.kind = kind;
    SeverityNet net = TinyNet();
    Optimizer optimizer(options, net);
    optimizer.ZeroGrad();
    net->forward(torch::rand({2, 1, 32, 32})).sum().backward();
    optimizer.Step();
    const Optimizer::State state = optimizer.Save();
    ASSERT_GT(state.size(), 10u);
    EXPECT_NO_THROW(optimizer.Load(state, "file"));
    const std::string moment = kind == OptimizerKind::kSgd ? "momentum_buffer.0" : "exp_avg.0";
    const auto error = [&](const std::function<void(Optimizer::State*)>& change) {
      Optimizer::State changed = state;
      change(&changed);
      try {
        optimizer.Load(changed, "file");
      } catch (const Error& error) {
        return std::string(error.what());
      }
      ADD_FAILURE() << "was accepted";
      return std::string();
    };
    const auto set = [&](const std::string& key, const torch::Tensor& value) {
      return error([&](Optimizer::State* s) { (*s)[key] = value; });
    };
    EXPECT_THAT(set(moment, torch::zeros({3})), HasSubstr("'" + moment + "' has the shape"));
    EXPECT_THAT(set(moment, state.at(moment) * NAN), HasSubstr("not finite"));
    EXPECT_THAT(set("learning_rate", torch::tensor(NAN, torch::kFloat64)), HasSubstr("not finite"));
    EXPECT_THAT(set("more", torch::zeros({3})), HasSubstr("tensors of an optimizer"));
    EXPECT_THAT(error([](Optimizer::State* s) { s->erase("learning_rate"); }), HasSubstr("lacks"));
    if (kind == OptimizerKind::kSgd) continue;
    EXPECT_THAT(error([&](Optimizer::State* s) { s->erase(moment); }), HasSubstr("lacks"));
    EXPECT_THAT(set("step.0", torch::tensor(-1, torch::kInt64)), HasSubstr("below 0"));
  }
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
  ExpectLoadError(kRun, ErrorKind::kDamaged, "truncated");
}

TEST_F(CheckpointTest, ForeignFileIsDamaged) {
  std::ofstream(path_) << "not a checkpoint";
  ExpectLoadError(kRun, ErrorKind::kDamaged, "is no checkpoint");
}

TEST_F(CheckpointTest, EveryFlippedBitIsDamage) {
  const std::string sound = ReadCheckpoint(path_);
  int refused = 0;
  for (std::size_t at = 11; at < sound.size(); at += sound.size() / 40) {
    std::string bytes = sound;
    bytes[at] ^= 0x10;
    try {
      LoadCheckpoint(path_, bytes, kRun, torch::kCPU, state_, objective_);  // In padding.
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kDamaged) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 20);
}

// A checkpoint with its parts changed and sound checksums.
TEST_F(CheckpointTest, HostileContentIsRefused) {
  const ArchiveParts sound = ReadTorchArchive(ReadCheckpoint(path_), path_, "checkpoint");
  const auto refused = [&](const std::function<void(ArchiveParts*)>& change, ErrorKind kind,
                           const std::string& text) {
    ArchiveParts parts = sound;
    change(&parts);
    WriteFileAtomically(path_, WriteTorchArchive(parts));
    ExpectLoadError(kRun, kind, text);
  };
  const auto replaced = [](const std::string& from, const std::string& to) {
    return [=](ArchiveParts* parts) {
      std::string& pickle = (*parts)["data.pkl"];
      const auto at = pickle.find(from);
      ASSERT_NE(at, std::string::npos) << from;
      pickle.replace(at, from.size(), to);
    };
  };
  ArchiveParts same = sound;
  WriteFileAtomically(path_, WriteTorchArchive(same));
  EXPECT_NO_THROW(
      LoadCheckpoint(path_, ReadCheckpoint(path_), kRun, torch::kCPU, state_, objective_));
  const auto damaged = ErrorKind::kDamaged;
  refused([](ArchiveParts* p) { (*p)["data/0"].clear(); }, damaged, "'data/0' has");
  refused([](ArchiveParts* p) { (*p)["data/0"].resize(4); }, damaged, "'data/0' has");
  refused([](ArchiveParts* p) { (*p)["data/9999"] = "x"; }, damaged, "data/9999");
  refused([](ArchiveParts* p) { (*p)["data.pkl"] = "\x80\2)" + std::string(100000, '\x85') + "."; },
          damaged, "nested too deeply");
  refused(replaced("collections\nOrderedDict", "os\nsystem"), damaged, "os.system");
  refused(replaced("\"version\":3", "\"version\":2"), ErrorKind::kMismatch, "checkpoint version 2");
  refused(replaced("\"version\":3", "\"version\":["), damaged, "damaged");
  refused(replaced("\"epoch\":0", "\"epoch\":-"), damaged, "damaged");
  refused(replaced("best.ic1.", "bets.ic1."), ErrorKind::kMismatch, "lacks the tensor 'best.ic1.");
  refused(replaced("cpu_generator", "xpu_generator"), damaged, "cpu_generator");
  refused(
      [](ArchiveParts* p) {
        std::string& part = (*p)["data/0"];
        for (std::size_t i = 0; i + 4 <= part.size(); i += 4)
          part.replace(i, 4, "\xff\xff\xff\x7f");
      },
      damaged, "not finite");
}

TEST_F(CheckpointTest, LogsOfAnotherLengthAreRefused) {
  EpochRecord record;
  record.epoch = 1;
  record.terms.assign(objective_.TermNames().size(), 1.0);
  record.validation = EpochRecord::Validation();
  state_.history = {record};
  SaveCheckpoint(path_, kRun, state_, objective_, torch::kCPU);
  EXPECT_NO_THROW(
      LoadCheckpoint(path_, ReadCheckpoint(path_), kRun, torch::kCPU, state_, objective_));
  record.terms.pop_back();
  state_.history = {record};
  SaveCheckpoint(path_, kRun, state_, objective_, torch::kCPU);
  ExpectLoadError(kRun, ErrorKind::kDamaged, "its log has");
  record.terms.push_back(1.0);
  record.per_class = {{"epsilon", {0.5, 0.5, 0.5}}};  // Of four classes.
  state_.history = {record};
  SaveCheckpoint(path_, kRun, state_, objective_, torch::kCPU);
  ExpectLoadError(kRun, ErrorKind::kDamaged, "its log has");
}

TEST_F(CheckpointTest, NumbersThatAreNotFiniteAreNamed) {
  {
    torch::NoGradGuard no_grad;
    state_.average->classifier->parameters()[0].view(-1)[1] = NAN;
  }
  SaveCheckpoint(path_, kRun, state_, objective_, torch::kCPU);
  ExpectLoadError(kRun, ErrorKind::kDamaged, "tensor 'average.classifier.");
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
