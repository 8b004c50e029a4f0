// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/stop_request.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace hepar {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
constexpr std::size_t kStopSignalCount = std::size(kStopSignals);

struct NamedSignal {
  const char* name;
  int number;
};

constexpr NamedSignal kBatchSignals[] = {{"usr1", SIGUSR1}, {"term", SIGTERM}, {"hup", SIGHUP}};

// Signal handlers may touch nothing else.
volatile sig_atomic_t requested[kStopSignalCount] = {};
volatile sig_atomic_t exit_code = 0;
struct sigaction before[kStopSignalCount];

void Request(int number) {
  for (std::size_t i = 0; i < kStopSignalCount; ++i) {
    if (kStopSignals[i] != number) continue;
    requested[i] = 1;
    sigaction(number, &before[i], nullptr);
  }
}

}  // namespace

StopRequest::StopRequest() {
  struct sigaction action = {};
  action.sa_handler = Request;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kStopSignalCount; ++i) {
    const int number = kStopSignals[i];
    sigaction(number, nullptr, &before[i]);
    const bool ignored = number == SIGHUP && before[i].sa_handler == SIG_IGN;
    if (!ignored) sigaction(number, &action, nullptr);
  }
}

StopRequest::~StopRequest() {
  for (std::size_t i = 0; i < kStopSignalCount; ++i) {
    sigaction(kStopSignals[i], &before[i], nullptr);
  }
}

bool StopRequest::Requested() {
  return std::any_of(std::begin(requested), std::end(requested),
                     [](sig_atomic_t one) { return one != 0; });
}

bool StopRequest::RequestedBy(int number) {
  for (std::size_t i = 0; i < kStopSignalCount; ++i) {
    if (kStopSignals[i] == number) return requested[i] != 0;
  }
  return false;
}

ExitOnSignal::ExitOnSignal(int number, int code) : number_(number) {
  exit_code = code;
  struct sigaction action = {};
  action.sa_handler = [](int) { _exit(exit_code); };
  sigaction(number, &action, &before_);
}

ExitOnSignal::~ExitOnSignal() { sigaction(number_, &before_, nullptr); }

std::vector<std::string> BatchSignalNames() {
  std::vector<std::string> names;
  for (const NamedSignal& signal : kBatchSignals) names.emplace_back(signal.name);
  return names;
}

int BatchSignal(const std::string& name) {
  for (const NamedSignal& signal : kBatchSignals) {
    if (name == signal.name) return signal.number;
  }
  return 0;
}

}  // namespace hepar
