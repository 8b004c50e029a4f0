// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/distributed/launch.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "models/error.h"

namespace hepar {
namespace {

constexpr int kMaxProcesses = 4096;
constexpr int kDefaultPort = 29500;  // As torchrun's.

// The variables of one launcher.
struct Names {
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* machine_count;  // "1": all processes run on one machine; may be null.
  const char* local_size;     // Equal to `size`: the same; may be null.
};

constexpr Names kTorchrun = {"RANK", "WORLD_SIZE", "LOCAL_RANK", nullptr, "LOCAL_WORLD_SIZE"};
constexpr Names kMpirun = {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                           "OMPI_COMM_WORLD_LOCAL_RANK", nullptr, "OMPI_COMM_WORLD_LOCAL_SIZE"};
// The number of tasks of the step that srun started, where it is told: a batch script that runs
// the program without srun has SLURM_NTASKS of the whole job, but is one process.
constexpr Names kSrunStep = {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID",
                             "SLURM_STEP_NUM_NODES", nullptr};
constexpr Names kSrun = {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NNODES", nullptr};

class Environment {
 public:
  explicit Environment(const GetVariable& get) : get_(get) {}

  // Empty variables count as unset, as shells make them.
  std::optional<std::string> Text(const char* name) const {
    const char* value = name != nullptr ? get_(name) : nullptr;
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  }

  std::optional<int> Number(const char* name, int low, int high) const {
    const auto text = Text(name);
    if (!text) return std::nullopt;
    int number = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, number);
    if (error != std::errc() || stop != end || number < low || number > high) {
      throw Error(ErrorKind::kInvalid, std::string(name) + " is '" + *text +
                                           "', expected a whole number from " +
                                           std::to_string(low) + " to " + std::to_string(high));
    }
    return number;
  }

  int Required(const char* name, const char* other, int low, int high) const {
    const auto number = Number(name, low, high);
    if (!number) {
      throw Error(ErrorKind::kInvalid, std::string(name) + " is not set, but " + other +
                                           " is: set both, or neither to train in one process");
    }
    return *number;
  }

  bool Has(const Names& names) const {
    return Text(names.rank).has_value() || Text(names.size).has_value();
  }

 private:
  const GetVariable& get_;
};

std::optional<Names> FindLauncher(const Environment& environment) {
  if (environment.Has(kTorchrun)) return kTorchrun;
  if (environment.Has(kMpirun)) return kMpirun;
  if (environment.Text(kSrunStep.size)) return kSrunStep;
  // SLURM_NTASKS alone is what a batch script sees.
  if (environment.Text(kSrun.rank) && environment.Text(kSrun.size)) return kSrun;
  return std::nullopt;
}

bool OnOneMachine(const Environment& environment, const Names& names, int size) {
  const auto machines = environment.Text(names.machine_count);
  const auto local_size = environment.Text(names.local_size);
  return machines == "1" || local_size == std::to_string(size);
}

}  // namespace

const char* GetEnvironmentVariable(const char* name) { return std::getenv(name); }

Launch ReadLaunch(const GetVariable& get) {
  const Environment environment(get);
  Launch launch;
  const auto names = FindLauncher(environment);
  if (!names) return launch;

  launch.size = environment.Required(names->size, names->rank, 1, kMaxProcesses);
  launch.rank = environment.Required(names->rank, names->size, 0, launch.size - 1);
  launch.local_rank = environment.Number(names->local_rank, 0, kMaxProcesses - 1).value_or(0);
  if (launch.size == 1) return launch;

  launch.port = environment.Number("MASTER_PORT", 1, 65535).value_or(kDefaultPort);
  if (const auto address = environment.Text("MASTER_ADDR")) {
    launch.address = *address;
  } else if (OnOneMachine(environment, *names, launch.size)) {
    launch.address = "127.0.0.1";
  } else {
    throw Error(ErrorKind::kInvalid, std::string("MASTER_ADDR is not set, but ") + names->size +
                                         " is " + std::to_string(launch.size) +
                                         ": set it to the address of the machine of rank 0");
  }
  launch.served_by_launcher = environment.Text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  launch.prefix = "hepar/" + environment.Text("TORCHELASTIC_RESTART_COUNT").value_or("0") + "/";
  return launch;
}

}  // namespace hepar
