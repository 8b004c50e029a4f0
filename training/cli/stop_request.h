// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <signal.h>

#include <string>
#include <vector>

namespace hepar {

// During its lifetime, the first Ctrl-C (SIGINT), SIGTERM, SIGHUP or SIGUSR1 requests a stop
// instead of ending the program. The second one of a kind does what it did before, and so does any
// after its lifetime. A SIGHUP that was ignored, as under nohup, stays so. One at a time.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  static bool Requested();
  // Whether signal `number` was among the requests.
  static bool RequestedBy(int number);
};

// During its lifetime, signal `number` ends the program at once with exit code `code`, wherever no
// StopRequest takes it.
class ExitOnSignal {
 public:
  ExitOnSignal(int number, int code);
  ~ExitOnSignal();
  ExitOnSignal(const ExitOnSignal&) = delete;
  ExitOnSignal& operator=(const ExitOnSignal&) = delete;

 private:
  const int number_;
  struct sigaction before_ = {};
};

// The signals that batch systems send before they end a job, by name without "SIG": what
// --requeue-signal accepts, after "none".
std::vector<std::string> BatchSignalNames();
// The number of one of them; 0 for "none".
int BatchSignal(const std::string& name);

}  // namespace hepar
