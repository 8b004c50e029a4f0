// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace hepar {

// One run of a program, which is done when its result is there.
struct Job {
  std::string name;                    // For people.
  std::vector<std::string> arguments;  // Arguments after the program name.
  std::string result;                  // The file that the program writes last, atomically.
  std::string log;                     // Captures its output; the folder must exist.
  std::vector<int> after;  // Indices of jobs, lower than its own, whose results it needs.
};

struct JobHooks {
  std::function<void(const Job&job, int done, int total)> started, finished;
  // Asked a few times a second; true ends the running jobs by SIGINT and starts no more.
  std::function<bool()> stop_requested;
};

enum class JobsEnd { kFinished, kInterrupted };

// Runs the jobs that are not done, at most `at_once` at a time, in order where dependencies allow.
// When a job fails, those that run are waited for, no other is started, and Error(kFailed) names
// it, its log and the last line of that; what is done stays done, so that the same call goes on.
// Throws Error(kUnreadable) when a log cannot be written or the program not be started.
JobsEnd RunJobs(const std::string& program, const std::vector<Job>& jobs, int at_once,
                const JobHooks& hooks);

}  // namespace hepar
