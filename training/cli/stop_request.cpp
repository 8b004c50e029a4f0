// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/stop_request.h"

#include <signal.h>

namespace hepar {
namespace {

volatile sig_atomic_t requested = 0;

}  // namespace

StopRequest::StopRequest() {
  struct sigaction action = {};
  action.sa_handler = [](int) { requested = 1; };
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

StopRequest::~StopRequest() {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
}

bool StopRequest::Requested() { return requested != 0; }

}  // namespace hepar
