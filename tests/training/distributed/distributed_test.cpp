// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What takes several processes is a role, a function that this program runs when it is started
// with `--role NAME`: the tests start it once for each process, as a launcher would.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <torch/autograd.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/nets/batch_norm.h"
#include "models/nets/severity_net.h"
#include "tests/training/support/temp_folder.h"
#include "training/distributed/communicator.h"
#include "training/distributed/gradient_averager.h"
#include "training/distributed/launch.h"
#include "training/distributed/store_options.h"
#include "training/trainer/objective.h"

namespace hepar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kReadyFile[] = "HEPAR_TEST_READY_FILE";  // Which a role makes once it trains.

// --- Starting processes -----------------------------------------------------------------------

const char* g_program = nullptr;

int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  bind(probe, reinterpret_cast<sockaddr*>(&address), length);
  getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
  close(probe);
  return ntohs(address.sin_port);
}

class Process {
 public:
  // `variables` are NAME=VALUE, beside those of a launcher.
  Process(const std::string& role, int rank, int port,
          const std::vector<std::string>& variables = {}) {
    // Made before the fork: the child of a program with threads may not allocate.
    std::vector<std::string> own = {"RANK=" + std::to_string(rank), "WORLD_SIZE=2",
                                    "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + std::to_string(port)};
    own.insert(own.end(), variables.begin(), variables.end());
    std::vector<char*> environment;
    for (auto& variable : own) environment.push_back(variable.data());
    for (char** inherited = environ; *inherited != nullptr; ++inherited) {
      environment.push_back(*inherited);
    }
    environment.push_back(nullptr);
    std::vector<std::string> words = {g_program, "--role", role};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    id_ = fork();
    if (id_ == 0) {
      execve(g_program, arguments.data(), environment.data());
      _exit(127);
    }
  }
  ~Process() {
    if (id_ > 0) {
      Signal(SIGKILL);
      waitpid(id_, nullptr, 0);
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int number) const { kill(id_, number); }

  // Exit status, or -1 when it did not end by itself in time. The limit is no measure of speed: a
  // busy machine takes minutes for what an idle one does in seconds.
  int Wait(std::chrono::seconds limit = std::chrono::seconds(900)) {
    const auto deadline = Clock::now() + limit;
    while (Clock::now() < deadline) {
      int status = 0;
      if (waitpid(id_, &status, WNOHANG) == id_) {
        id_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return -1;
  }

 private:
  pid_t id_ = -1;
};

// Starts two processes in a role and expects that both find everything as it should be.
void ExpectBothSucceed(const std::string& role, int port,
                       const std::vector<std::string>& variables = {}) {
  Process first(role, 0, port, variables), second(role, 1, port, variables);
  EXPECT_EQ(second.Wait(), 0) << role << ": process 1 found a fault, see above";
  EXPECT_EQ(first.Wait(), 0) << role << ": process 0 found a fault, see above";
}

void ExpectBothSucceed(const std::string& role) { ExpectBothSucceed(role, FreePort()); }

std::unique_ptr<Communicator> Join(std::chrono::seconds collective_timeout) {
  CommunicatorOptions options;
  options.connect_timeout = std::chrono::seconds(60);
  options.collective_timeout = collective_timeout;
  return JoinFromEnvironment(options);
}

std::unique_ptr<Communicator> Join() { return Join(std::chrono::seconds(60)); }

// --- Comparing --------------------------------------------------------------------------------

double LargestDifference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// This process's rows of a batch, the first of which are process 0's.
torch::Tensor PartOf(const torch::Tensor& batch, int rank, std::int64_t first) {
  return rank == 0 ? batch.slice(0, 0, first) : batch.slice(0, first);
}

// --- Roles ------------------------------------------------------------------------------------

void SumAndBroadcast() {
  const auto communicator = Join();
  const int rank = communicator->rank();

  auto counts = torch::tensor({1 + rank, 10 * rank}, torch::kInt64);
  communicator->Sum(counts);
  EXPECT_TRUE(torch::equal(counts, torch::tensor({3, 10}, torch::kInt64))) << counts;

  // Values in another order than in memory.
  auto transposed = (torch::arange(6, torch::kFloat64).view({2, 3}) * (rank + 1)).t();
  communicator->Sum(transposed);
  EXPECT_TRUE(torch::equal(transposed, (torch::arange(6, torch::kFloat64).view({2, 3}) * 3).t()));

  EXPECT_DOUBLE_EQ(communicator->ShareOf(rank == 0 ? 3.0 : 5.0), rank == 0 ? 3.0 / 8 : 5.0 / 8);

  // d/dx of (sum over processes of x)^2 times (rank + 1), which both processes' losses hold.
  auto x = torch::full({2}, 1.0 + rank, torch::kFloat64).requires_grad_();
  const auto loss = (communicator->DifferentiableSum(x).square() * (rank + 1)).sum();
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 2 * 9.0 * (rank + 1));
  EXPECT_TRUE(torch::equal(x.grad(), torch::full({2}, 2 * 3.0 * (1 + 2), torch::kFloat64)));

  torch::manual_seed(rank);
  torch::nn::Sequential net(torch::nn::Linear(3, 2), BatchNorm2d(2));
  ShareWeights(*net, *communicator);
  torch::manual_seed(0);
  const torch::nn::Linear of_first(3, 2);
  EXPECT_TRUE(torch::equal(net[0]->as<torch::nn::Linear>()->weight, of_first->weight));
  EXPECT_TRUE(net[0]->as<torch::nn::Linear>()->weight.requires_grad());
}

void CompareOptions() {
  const auto communicator = Join();
  communicator->RequireSame({{"list of options", "same"}, {"data set", "same too"}});
  const std::string own = "data of process " + std::to_string(communicator->rank());
  try {
    communicator->RequireSame({{"list of options", "same"}, {"data set", own}});
    ADD_FAILURE() << "other data was not noticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
    EXPECT_THAT(error.what(), testing::HasSubstr("process 1 has another data set than process 0"));
  }
}

// A batch whose halves differ much, far from zero, so that statistics of one half, or moments about
// zero, would show.
torch::Tensor UnevenBatch() {
  torch::manual_seed(3);
  auto x = torch::randn({8, 3, 5, 4}, torch::kFloat64) + 100.0;
  x.slice(0, 0, 3) *= 1.5;
  return x;
}

void NormalizeOver(Communicator& communicator, std::int64_t first) {
  const auto batch = UnevenBatch();
  const auto weights = torch::randn_like(batch);  // Of a loss that no symmetry makes trivial.
  const auto options = torch::nn::BatchNorm2dOptions(3).momentum(0.3);
  torch::nn::BatchNorm2d expected(options);
  BatchNorm2d norm(options);
  expected->to(torch::kFloat64);
  norm->to(torch::kFloat64);
  for (auto& parameters : {expected->parameters(), norm->parameters()}) {
    const torch::NoGradGuard no_grad;
    parameters[0].copy_(torch::tensor({0.5, -1.0, 2.0}));
    parameters[1].copy_(torch::tensor({0.1, 0.2, 0.3}));
  }
  SynchronizeNormalization(*norm, communicator);

  const auto part = [&](const torch::Tensor& whole) {
    return PartOf(whole, communicator.rank(), first);
  };
  for (int step = 0; step < 2; ++step) {
    auto whole = (batch + step).requires_grad_();
    const auto whole_output = expected(whole);
    (whole_output * weights).sum().backward();
    auto own = part(batch + step).detach().clone().requires_grad_();
    const auto output = norm(own);
    (output * part(weights)).sum().backward();

    EXPECT_LT(LargestDifference(output, part(whole_output)), 1e-9);
    EXPECT_LT(LargestDifference(own.grad(), part(whole.grad())), 1e-9);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    auto gradient = norm->parameters()[i].grad().clone();
    communicator.Sum(gradient);
    EXPECT_LT(LargestDifference(gradient, expected->parameters()[i].grad()), 1e-9);
  }
  EXPECT_LT(LargestDifference(norm->running_mean, expected->running_mean), 1e-9);
  EXPECT_LT(LargestDifference(norm->running_var, expected->running_var), 1e-9);
  EXPECT_EQ(norm->num_batches_tracked.item<int>(), 2);

  // In evaluation mode a process needs no other.
  norm->eval();
  expected->eval();
  if (communicator.rank() == 0) {
    EXPECT_TRUE(torch::allclose(norm(batch), expected(batch)));
  }
}

void NormalizeParts() {
  const auto communicator = Join();
  NormalizeOver(*communicator, 4);
  NormalizeOver(*communicator, 3);
}

// Gradients in buckets of a few values, with a parameter that no process's loss reaches, one that
// only process 0's reaches, and one that is frozen after the first step.
void AverageGradients() {
  const auto communicator = Join();
  const int rank = communicator->rank();
  torch::manual_seed(1);
  std::vector<torch::Tensor> parameters;
  for (int i = 0; i < 6; ++i) {
    parameters.push_back(torch::randn({3, 4}, torch::kFloat64).requires_grad_());
  }
  auto& never = parameters[4];
  auto& sometimes = parameters[5];
  GradientAverager averager(*communicator, parameters, /*bucket_bytes=*/2 * 12 * 8);

  for (int step = 0; step < 3; ++step) {
    for (auto& parameter : parameters) parameter.mutable_grad() = torch::Tensor();
    // An attack on the way to the loss, under parameters without gradients, is nobody else's
    // business.
    for (auto& parameter : parameters) parameter.set_requires_grad(false);
    auto picture = torch::ones({3, 4}, torch::kFloat64).requires_grad_();
    const auto attack = torch::autograd::grad({(picture * parameters[1]).sum()}, {picture});
    EXPECT_TRUE(torch::equal(attack[0], parameters[1]));
    for (auto& parameter : parameters) parameter.set_requires_grad(true);

    if (step == 2) parameters[0].set_requires_grad(false);
    auto loss = torch::zeros({}, torch::kFloat64);
    for (int i = 0; i < 4; ++i) loss = loss + (parameters[i] * (rank + i)).square().sum();
    if (rank == 0) loss = loss + sometimes.sum();

    averager.Backward(loss, rank == 0 ? 0.25 : 0.75);
    for (int i = 0; i < 4; ++i) {
      if (step == 2 && i == 0) {
        EXPECT_FALSE(parameters[0].grad().defined());
        continue;
      }
      const auto expected = 2 * parameters[i] * (0.25 * i * i + 0.75 * (i + 1) * (i + 1));
      EXPECT_LT(LargestDifference(parameters[i].grad(), expected), 1e-12) << i;
    }
    EXPECT_FALSE(never.grad().defined());
    EXPECT_TRUE(torch::equal(sometimes.grad(), torch::full({3, 4}, 0.25, torch::kFloat64)));
  }
}

// A net of the project's kind, in float64, in which rounding does not grow to a visible size.
SeverityNet SmallNet() {
  torch::manual_seed(5);
  Architecture architecture;
  architecture.size = "custom";
  architecture.decoupler = {{4, 4, 4, 4}, {4, 4, 4, 4}, 2};
  SeverityNet net(architecture);
  net->to(torch::kFloat64);
  for (const auto& part : net->modules()) {
    // What it drops depends on the shape of the batch.
    if (auto* dropout = part->as<torch::nn::DropoutImpl>()) dropout->options.p(0.0);
  }
  net->train();
  return net;
}

// Batches of 8, `first` of which are process 0's; `communicator` null: all are this one's.
void TrainSmallNet(SeverityNet net, int steps, Communicator* communicator = nullptr,
                   std::int64_t first = 8) {
  std::unique_ptr<GradientAverager> averager;
  if (communicator) {
    ShareWeights(*net, *communicator);
    SynchronizeNormalization(*net, *communicator);
    averager = std::make_unique<GradientAverager>(*communicator, net->parameters(), 64 << 10);
  }
  JointObjective objective{JointObjectiveOptions()};
  torch::optim::SGD optimizer(net->parameters(),
                              torch::optim::SGDOptions(0.01).momentum(0.9).weight_decay(5e-4));
  auto generator = at::detail::createCPUGenerator(11);
  for (int step = 0; step < steps; ++step) {
    Batch batch;
    batch.pictures = torch::rand({8, 1, 32, 32}, generator, torch::kFloat64);
    batch.labels = torch::randint(0, 4, {8}, generator, torch::kInt64);
    batch.pictures += 0.2 * batch.labels.view({8, 1, 1, 1});
    batch.seeds.resize(8);
    if (communicator) {
      batch.pictures = PartOf(batch.pictures, communicator->rank(), first);
      batch.labels = PartOf(batch.labels, communicator->rank(), first);
      batch.seeds.resize(batch.labels.size(0));
    }
    for (auto& parameter : net->parameters()) parameter.mutable_grad() = torch::Tensor();
    const auto loss = objective.Compute(net, batch).total;
    if (communicator) {
      averager->Backward(loss, communicator->ShareOf(static_cast<double>(batch.labels.size(0))));
    } else {
      loss.backward();
    }
    optimizer.step();
  }
}

// The net that both processes have in common after training on parts of the batches.
SeverityNet TrainTogether(Communicator& communicator, std::int64_t first, int steps) {
  auto net = SmallNet();
  if (communicator.rank() == 1) {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.zero_();  // Rank 0's are what counts.
  }
  TrainSmallNet(net, steps, &communicator, first);

  std::vector<torch::Tensor> of_first;
  for (const auto& parameter : net->parameters()) of_first.push_back(parameter.detach().clone());
  communicator.Broadcast(of_first);
  for (std::size_t i = 0; i < of_first.size(); ++i) {
    EXPECT_TRUE(torch::equal(net->parameters()[i], of_first[i])) << i;
  }
  return net;
}

// `net` is what one process comes to, in parameters and statistics.
void ExpectAsAlone(SeverityNet net, int steps) {
  const auto start = SmallNet();
  auto alone = SmallNet();
  TrainSmallNet(alone, steps);
  double moved = 0.0;
  const auto compare = [&](const auto& values, const auto& expected, const auto& before) {
    for (const auto& item : expected) {
      EXPECT_LT(LargestDifference(values[item.key()], item.value()), 1e-9) << item.key();
      moved = std::max(moved, LargestDifference(item.value(), before[item.key()]));
    }
  };
  compare(net->named_parameters(), alone->named_parameters(), start->named_parameters());
  EXPECT_GT(moved, 1e-3);
  compare(net->named_buffers(), alone->named_buffers(), start->named_buffers());
}

void TrainParts() {
  const auto communicator = Join();
  const auto even = TrainTogether(*communicator, 4, 20);
  const auto uneven = TrainTogether(*communicator, 5, 5);
  if (communicator->rank() == 0) {
    ExpectAsAlone(even, 20);
    ExpectAsAlone(uneven, 5);
  }
}

// Trains for ever, until contact is lost; a step normalizes and averages.
void TrainUntilLost(std::chrono::seconds collective_timeout) {
  auto communicator = Join(collective_timeout);
  torch::manual_seed(1);
  torch::nn::Sequential net(torch::nn::Conv2d(1, 4, 3), BatchNorm2d(4));
  SynchronizeNormalization(*net, *communicator);
  auto averager = std::make_unique<GradientAverager>(*communicator, net->parameters());
  const char* ready_file = std::getenv(kReadyFile);
  try {
    for (int step = 0;; ++step) {
      averager->Backward(net->forward(torch::randn({2, 1, 8, 8})).square().mean(), 0.5);
      if (step == 10 && ready_file) std::ofstream{ready_file};
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    EXPECT_THAT(error.what(), testing::HasSubstr("lost contact with another process"));
    EXPECT_THAT(error.what(), testing::HasSubstr("--resume"));
    std::cout << error.what() << std::endl;
  }
  const auto lost = Clock::now();
  // No further call waits, and there is time to write a checkpoint.
  auto nothing = torch::zeros({1});
  EXPECT_THROW(communicator->Sum(nothing), Error);
  EXPECT_THROW(averager->Backward(net->forward(torch::randn({2, 1, 8, 8})).sum(), 0.5), Error);
  averager.reset();
  communicator.reset();
  EXPECT_LT(Clock::now() - lost, std::chrono::seconds(1));
}

void TrainUntilKilled() { TrainUntilLost(std::chrono::seconds(300)); }
void TrainUntilStopped() { TrainUntilLost(std::chrono::seconds(3)); }

const std::map<std::string, std::function<void()>> kRoles = {
    {"sum-and-broadcast", SumAndBroadcast},
    {"compare-options", CompareOptions},
    {"normalize-parts", NormalizeParts},
    {"average-gradients", AverageGradients},
    {"train-parts", TrainParts},
    {"train-until-killed", TrainUntilKilled},
    {"train-until-stopped", TrainUntilStopped},
};

// --- Tests ------------------------------------------------------------------------------------

Launch ReadFrom(const std::map<std::string, std::string>& variables) {
  return ReadLaunch([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string MessageOf(const std::map<std::string, std::string>& variables) {
  try {
    ReadFrom(variables);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    return error.what();
  }
  return "no error";
}

TEST(Launch, IsOneProcessWithoutALauncher) {
  EXPECT_EQ(ReadFrom({}).size, 1);
  EXPECT_EQ(ReadFrom({{"MASTER_ADDR", "10.0.0.1"}}).size, 1);
  // In a batch script, where nothing was started with srun.
  EXPECT_EQ(ReadFrom({{"SLURM_NTASKS", "4"}}).size, 1);
  EXPECT_EQ(ReadFrom({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size, 1);
}

TEST(Launch, ReadsTorchrun) {
  const auto launch = ReadFrom({{"RANK", "3"},
                                {"WORLD_SIZE", "4"},
                                {"LOCAL_RANK", "1"},
                                {"LOCAL_WORLD_SIZE", "2"},
                                {"MASTER_ADDR", "node0"},
                                {"MASTER_PORT", "1234"},
                                {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                {"TORCHELASTIC_RESTART_COUNT", "2"}});
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.size, 4);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.address, "node0");
  EXPECT_EQ(launch.port, 1234);
  EXPECT_TRUE(launch.served_by_launcher);
  EXPECT_THAT(launch.prefix, testing::HasSubstr("2"));
}

TEST(Launch, ReadsMpirunAndSrun) {
  const auto mpirun = ReadFrom({{"OMPI_COMM_WORLD_RANK", "1"},
                                {"OMPI_COMM_WORLD_SIZE", "2"},
                                {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(mpirun.rank, 1);
  EXPECT_EQ(mpirun.size, 2);
  EXPECT_EQ(mpirun.local_rank, 1);
  EXPECT_EQ(mpirun.address, "127.0.0.1");
  EXPECT_FALSE(mpirun.served_by_launcher);

  const auto srun = ReadFrom({{"SLURM_PROCID", "5"},
                              {"SLURM_NTASKS", "8"},
                              {"SLURM_LOCALID", "1"},
                              {"SLURM_NNODES", "4"},
                              {"MASTER_ADDR", "node0"}});
  EXPECT_EQ(srun.rank, 5);
  EXPECT_EQ(srun.size, 8);
  EXPECT_EQ(srun.address, "node0");
}

TEST(Launch, NamesTheVariableThatIsWrong) {
  EXPECT_THAT(MessageOf({{"RANK", "0"}}), testing::HasSubstr("WORLD_SIZE is not set"));
  EXPECT_THAT(MessageOf({{"WORLD_SIZE", "2"}}), testing::HasSubstr("RANK is not set"));
  EXPECT_THAT(MessageOf({{"RANK", "2"}, {"WORLD_SIZE", "2"}}),
              testing::HasSubstr("RANK is '2', expected a whole number from 0 to 1"));
  EXPECT_THAT(MessageOf({{"RANK", "one"}, {"WORLD_SIZE", "2"}}), testing::HasSubstr("'one'"));
  EXPECT_THAT(MessageOf({{"RANK", "0"}, {"WORLD_SIZE", "-2"}}), testing::HasSubstr("WORLD_SIZE"));
  EXPECT_THAT(MessageOf({{"RANK", "0"}, {"WORLD_SIZE", "2"}}),
              testing::HasSubstr("MASTER_ADDR is not set"));
  EXPECT_THAT(
      MessageOf(
          {{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "node0"}, {"MASTER_PORT", "70000"}}),
      testing::HasSubstr("MASTER_PORT is '70000'"));
}

TEST(Communicator, SaysWhenTheOthersDoNotCome) {
  Launch launch;
  launch.size = 2;
  launch.address = "127.0.0.1";
  launch.port = FreePort();
  CommunicatorOptions options;
  options.connect_timeout = std::chrono::seconds(1);
  for (int rank : {0, 1}) {
    launch.rank = rank;
    const auto begin = Clock::now();
    try {
      Communicator communicator(launch, options);
      FAIL() << "there was nobody to meet";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailed);
      EXPECT_THAT(error.what(), testing::HasSubstr("127.0.0.1:" + std::to_string(launch.port)));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
    }
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  }
}

TEST(Communicator, NamesAnInterfaceThatIsNotThere) {
  Launch launch;
  launch.size = 2;
  launch.address = "127.0.0.1";
  launch.port = FreePort();
  setenv("GLOO_SOCKET_IFNAME", "cable9", 1);
  try {
    Communicator communicator(launch, CommunicatorOptions());
    ADD_FAILURE() << "no interface has that name";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), testing::HasSubstr("GLOO_SOCKET_IFNAME names 'cable9'"));
  }
  unsetenv("GLOO_SOCKET_IFNAME");
}

TEST(Communicator, MeetsWhereALauncherServesTheMeetingPoint) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(FreePort());
  options.isServer = true;
  options.waitWorkers = false;
  ServeWithoutLibuv(&options);
  const c10d::TCPStore agent("127.0.0.1", options);
  ExpectBothSucceed("sum-and-broadcast", options.port, {"TORCHELASTIC_USE_AGENT_STORE=True"});
}

TEST(Communicator, SumsBroadcastsAndDifferentiates) { ExpectBothSucceed("sum-and-broadcast"); }

TEST(Communicator, NamesWhatProcessesWereStartedWithDifferently) {
  ExpectBothSucceed("compare-options");
}

TEST(BatchNorm2d, NormalizesPartsAsOneProcessDoesTheWholeBatch) {
  ExpectBothSucceed("normalize-parts");
}

TEST(BatchNorm2d, IsTorchsWhenNotSynchronized) {
  torch::manual_seed(1);
  const auto x = torch::randn({4, 3, 5, 5});
  torch::nn::BatchNorm2d expected(3);
  BatchNorm2d norm(3);
  EXPECT_TRUE(torch::equal(norm(x), expected(x)));
  EXPECT_TRUE(torch::equal(norm->running_var, expected->running_var));
}

TEST(GradientAverager, AveragesWhatEachLossReaches) { ExpectBothSucceed("average-gradients"); }

TEST(Training, TwoProcessesReachTheWeightsOfOne) { ExpectBothSucceed("train-parts"); }

// Interrupts process `victim` of two that train, and returns how long the other took to end.
Clock::duration Interrupt(const std::string& role, int victim, int signal_number) {
  const int port = FreePort();
  const TempFolder folder;
  const std::string file = folder / "in-the-loop";
  Process first(role, 0, port, {kReadyFile + ("=" + file)}), second(role, 1, port);
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (!std::filesystem::exists(file) && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const auto begin = Clock::now();
  (victim == 0 ? first : second).Signal(signal_number);
  EXPECT_EQ((victim == 0 ? second : first).Wait(), 0) << "the other found a fault, see above";
  return Clock::now() - begin;
}

TEST(LostContact, WithAKilledProcessIsReportedAtOnce) {
  EXPECT_LT(Interrupt("train-until-killed", 1, SIGKILL), std::chrono::seconds(10));
  EXPECT_LT(Interrupt("train-until-killed", 0, SIGKILL), std::chrono::seconds(10));
}

TEST(LostContact, WithAStoppedProcessIsReportedAfterTheTimeout) {
  EXPECT_LT(Interrupt("train-until-stopped", 1, SIGSTOP), std::chrono::seconds(20));
}

}  // namespace
}  // namespace hepar

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  hepar::g_program = argv[0];
  at::set_num_threads(1);
  if (argc == 3 && std::string(argv[1]) == "--role") {
    const auto role = hepar::kRoles.find(argv[2]);
    if (role == hepar::kRoles.end()) {
      std::cerr << argv[0] << ": there is no role '" << argv[2] << "'\n";
      return 2;
    }
    role->second();
    return testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
  }
  return RUN_ALL_TESTS();
}
