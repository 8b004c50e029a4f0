// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Times one step of adversarial training as `hepar train` does it: attack, losses, gradients,
// update. Random pictures and weights; the options and the printed line are those of
// adversarial_step.py, which does the same in plain eager PyTorch.
#include <torch/cuda.h>
#include <torch/nn/utils/clip_grad.h>

#include <ATen/record_function.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "models/engine/device.h"
#include "models/engine/frozen_net.h"
#include "models/error.h"
#include "training/attacks/attack.h"
#include "training/trainer/adversarial_objective.h"
#include "training/trainer/optimizer.h"

namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsOf(const std::function<void()>& step) {
  const auto start = Clock::now();
  step();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Of the processor, all threads together: what others on the machine take does not count.
double CpuMilliseconds() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Time that each operator spent without those that it called.
struct SelfTimes {
  struct Call {
    std::string name;
    Clock::time_point start;
    double in_others = 0.0;
  };
  std::vector<Call> running;
  std::map<std::string, std::pair<double, int>> of_operator;  // Milliseconds, calls.
};
thread_local SelfTimes self_times;  // On the CPU the backward pass runs on the calling thread.

std::unique_ptr<at::ObserverContext> Enter(const at::RecordFunction& call) {
  self_times.running.push_back({call.name(), Clock::now()});
  return nullptr;
}

void Leave(const at::RecordFunction& /*call*/, at::ObserverContext* /*context*/) {
  const auto call = self_times.running.back();
  self_times.running.pop_back();
  const double all = std::chrono::duration<double, std::milli>(Clock::now() - call.start).count();
  auto& [time, calls] = self_times.of_operator[call.name];
  time += all - call.in_others;
  ++calls;
  if (!self_times.running.empty()) self_times.running.back().in_others += all;
}

void PrintProfile(const std::function<void()>& step) {
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(Enter, Leave));
  const double all = MillisecondsOf(step);
  at::removeCallback(handle);
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [name, figures] : self_times.of_operator) {
    sorted.emplace_back(figures.first, name);
  }
  std::sort(sorted.rbegin(), sorted.rend());
  sorted.resize(std::min<std::size_t>(sorted.size(), 15));
  for (const auto& [time, name] : sorted) {
    std::printf("%6.1f %%  %8.1f ms  %5d calls  %s\n", 100 * time / all, time,
                self_times.of_operator[name].second, name.c_str());
  }
}

// What folding and packing the weights costs the attack of a step: the processor time of the first
// passes of one picture after Refresh(), less that of the next ones. Median of five.
double PackingMilliseconds(hepar::SeverityNet net, const hepar::AdversarialOptions& options,
                           const torch::Tensor& picture) {
  const hepar::AttackGuard guard(*net);
  const torch::NoGradGuard no_grad;
  hepar::FrozenNet frozen(net,
                          options.bf16_attack ? hepar::Precision::kBf16 : hepar::Precision::kFp32);
  const auto passes = [&] {
    const double start = CpuMilliseconds();
    if (options.scope == hepar::AdversarialOptions::Scope::kEndToEnd) {
      frozen.Logits(picture);
    } else {
      const auto clean = frozen.LogitsAndFeatures(picture);
      frozen.LogitsWith(picture, clean.specific, clean.common);
    }
    return CpuMilliseconds() - start;
  };
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    frozen.Refresh();
    const double first = passes();
    times.push_back(first - passes());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {
      {"--size", "live"},   {"--input", "224"}, {"--batch", "16"},  {"--steps", "10"},
      {"--scope", "image"}, {"--repeat", "3"},  {"--threads", "1"}, {"--precision", "fp32"},
      {"--profile", "no"},  {"--device", "cpu"}};
  for (int i = 1; i < argc; ++i) {
    if (options.count(argv[i]) == 0 || i + 1 == argc) {
      std::fprintf(stderr, "unknown option or missing value: %s; options are", argv[i]);
      for (const auto& [name, value] : options) std::fprintf(stderr, " %s", name.c_str());
      std::fprintf(stderr, "\n");
      return 2;
    }
    const char* name = argv[i];
    options[name] = argv[++i];
  }
  const auto number = [&](const char* name) { return std::atoi(options[name].c_str()); };

  // As the program `hepar` does.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  at::set_num_threads(number("--threads"));
  torch::manual_seed(1);

  hepar::Architecture architecture;
  architecture.size = options["--size"];
  architecture.decoupler = hepar::DecouplerShapeOf(architecture.size);
  std::string device_name;
  try {
    device_name = hepar::ResolveDevice(options["--device"]);
  } catch (const hepar::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  const torch::Device device(device_name);
  hepar::SeverityNet net(architecture);
  net->to(device);
  hepar::ToChannelsLast(*net);
  hepar::Optimizer optimizer(hepar::OptimizerOptions(), net);

  hepar::AdversarialOptions adversarial;
  adversarial.steps = number("--steps");
  adversarial.scope = options["--scope"] == "image" ? hepar::AdversarialOptions::Scope::kImage
                                                    : hepar::AdversarialOptions::Scope::kEndToEnd;
  adversarial.bf16_attack = options["--precision"] == "bf16";
  hepar::AdversarialObjective objective(adversarial);

  const int size = number("--batch"), side = number("--input");
  hepar::Batch batch;
  batch.pictures = torch::rand({size, 1, side, side}).to(device);
  batch.labels = torch::randint(0, 4, {size}, torch::kInt64).to(device);
  for (int i = 0; i < size; ++i) batch.seeds.push_back(static_cast<std::uint64_t>(i));

  const auto step = [&] {
    optimizer.ZeroGrad();
    objective.Compute(net, batch).total.backward();
    torch::nn::utils::clip_grad_norm_(net->parameters(), 5.0);
    optimizer.Step();
    if (device.is_cuda()) torch::cuda::synchronize(device.index());
  };
  step();  // The first pass makes the buffers of all later ones.
  std::vector<double> times, cpu_times;
  for (int i = 0; i < number("--repeat"); ++i) {
    const double cpu_start = CpuMilliseconds();
    times.push_back(MillisecondsOf(step));
    cpu_times.push_back(CpuMilliseconds() - cpu_start);
  }
  std::sort(times.begin(), times.end());
  std::sort(cpu_times.begin(), cpu_times.end());
  std::printf(
      "hepar step: size=%s input=%d batch=%d steps=%d scope=%s attack=%s device=%s threads=%d: "
      "median %.1f "
      "ms, min %.1f, max %.1f, n=%zu, cpu %.1f ms\n",
      options["--size"].c_str(), side, size, adversarial.steps, options["--scope"].c_str(),
      options["--precision"].c_str(), device.str().c_str(), number("--threads"),
      times[times.size() / 2], times.front(), times.back(), times.size(),
      cpu_times[cpu_times.size() / 2]);
  if (options["--profile"] != "yes") return 0;
  const double packing = PackingMilliseconds(net, adversarial, batch.pictures.narrow(0, 0, 1));
  std::printf("folding and packing of the weights: %.1f ms of processor time, %.1f %% of a step\n",
              packing, 100 * packing / cpu_times[cpu_times.size() / 2]);
  PrintProfile(step);
  return 0;
}
