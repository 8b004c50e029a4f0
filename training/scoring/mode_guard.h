// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/nets/severity_net.h"

namespace hepar {

// Sets a net to training or evaluation mode, and restores its mode at the end of the scope.
class ModeGuard {
 public:
  ModeGuard(SeverityNet net, bool training) : net_(net), was_training_(net->is_training()) {
    net_->train(training);
  }
  ~ModeGuard() { net_->train(was_training_); }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  SeverityNet net_;
  bool was_training_;
};

}  // namespace hepar
