// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>

namespace hepar {

// The place of this process among those that train together, as its launcher gives it in the
// environment.
struct Launch {
  int rank = 0;        // 0..size-1.
  int size = 1;        // 1: this process is all there is.
  int local_rank = 0;  // Among the processes of this machine, and so which of its GPUs is its own.

  // Where rank 0 is to be met; empty and 0 for one process.
  std::string address;
  int port = 0;
  // torchrun's agent may serve the meeting point itself; rank 0 must not serve a second one then.
  bool served_by_launcher = false;
  std::string prefix;  // Of this attempt's keys there.
};

// Value of an environment variable, or null.
using GetVariable = std::function<const char*(const char*)>;
const char* GetEnvironmentVariable(const char* name);

// Reads RANK and WORLD_SIZE (torchrun, or set by hand), else OMPI_COMM_WORLD_RANK and _SIZE
// (mpirun), else SLURM_PROCID and SLURM_STEP_NUM_TASKS or SLURM_NTASKS (srun); none of them: one
// process. MASTER_ADDR may be missing when all processes run on one machine, MASTER_PORT always.
// Throws Error(kInvalid), naming the variable, when one is missing or out of its range.
Launch ReadLaunch(const GetVariable& get = GetEnvironmentVariable);

}  // namespace hepar
