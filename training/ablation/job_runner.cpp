// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/job_runner.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "models/error.h"
#include "models/file_io.h"

extern char** environ;

namespace hepar {
namespace {

constexpr std::size_t kMaxLogBytes = 1 << 28;

bool IsDone(const Job& job) { return std::filesystem::exists(job.result); }

pid_t Start(const std::string& program, const Job& job) {
  std::vector<std::string> words = job.arguments;
  words.insert(words.begin(), program);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, job.log.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  // Its own process group: Ctrl-C reaches the job through the caller only, and so just once.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Error(ErrorKind::kUnreadable, job.name + ": " + program + " cannot be started, or " +
                                            job.log + " not be written: " + std::strerror(error));
  }
  return pid;
}

std::string LastLine(const std::string& path) {
  std::string last;
  try {
    std::istringstream text(ReadFile(path, kMaxLogBytes));
    for (std::string line; std::getline(text, line);) {
      if (!line.empty()) last = line;
    }
  } catch (const Error&) {
    // Without a log there is nothing to quote.
  }
  return last;
}

class Run {
 public:
  Run(const std::string& program, const std::vector<Job>& jobs, int at_once, const JobHooks& hooks)
      : program_(program), jobs_(jobs), at_once_(at_once), hooks_(hooks), state_(jobs.size()) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!IsDone(jobs[i])) continue;
      state_[i] = State::kDone;
      ++done_;
    }
  }
  ~Run() {
    // Only after an exception: nothing waits for these jobs then.
    for (const auto& [pid, job] : running_) kill(pid, SIGTERM);
    while (!running_.empty()) Reap(true);
  }

  JobsEnd Loop() {
    while (true) {
      if (!stopping_ && hooks_.stop_requested && hooks_.stop_requested()) {
        stopping_ = true;
        for (const auto& [pid, job] : running_) kill(pid, SIGINT);
      }
      if (!stopping_ && !failed_) StartWhatMay();
      if (running_.empty()) break;
      if (!Reap(false)) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    if (stopping_) return JobsEnd::kInterrupted;
    if (failed_) {
      const Job& job = jobs_[*failed_];
      throw Error(ErrorKind::kFailed,
                  job.name + " failed: " + LastLine(job.log) + " (all of it in " + job.log + ")");
    }
    return JobsEnd::kFinished;
  }

 private:
  enum class State { kWaiting, kRunning, kDone };

  bool MayStart(std::size_t i) const {
    return state_[i] == State::kWaiting &&
           std::all_of(jobs_[i].after.begin(), jobs_[i].after.end(),
                       [&](int other) { return state_[other] == State::kDone; });
  }

  void StartWhatMay() {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (static_cast<int>(running_.size()) >= at_once_) return;
      if (!MayStart(i)) continue;
      running_[Start(program_, jobs_[i])] = i;
      state_[i] = State::kRunning;
      if (hooks_.started) hooks_.started(jobs_[i], done_, static_cast<int>(jobs_.size()));
    }
  }

  // Takes note of one job that has ended, if there is one.
  bool Reap(bool wait) {
    for (const auto& [pid, i] : running_) {
      int status = 0;
      const pid_t ended = waitpid(pid, &status, wait ? 0 : WNOHANG);
      if (ended == 0 || (ended < 0 && errno == EINTR)) continue;
      const bool good = ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
      const std::size_t job = i;
      running_.erase(pid);
      if (good && IsDone(jobs_[job])) {
        state_[job] = State::kDone;
        ++done_;
        if (hooks_.finished) hooks_.finished(jobs_[job], done_, static_cast<int>(jobs_.size()));
      } else if (!failed_) {
        failed_ = job;
      }
      return true;
    }
    return false;
  }

  const std::string& program_;
  const std::vector<Job>& jobs_;
  const int at_once_;
  const JobHooks& hooks_;
  std::vector<State> state_;
  std::map<pid_t, std::size_t> running_;
  std::optional<std::size_t> failed_;
  bool stopping_ = false;
  int done_ = 0;
};

}  // namespace

JobsEnd RunJobs(const std::string& program, const std::vector<Job>& jobs, int at_once,
                const JobHooks& hooks) {
  return Run(program, jobs, at_once, hooks).Loop();
}

}  // namespace hepar
