// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The part of a communicator that needs LibTorch's distributed headers, for this folder only.
#pragma once

#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "training/distributed/communicator.h"

namespace hepar {

struct Communicator::Link {
  c10::intrusive_ptr<c10d::ProcessGroup> group;  // Null once contact is lost.
  torch::Device device;
  std::string loss;  // The message of that error.

  // Throws the error of a contact that was lost before.
  void RequireContact() const;

  // Waits for a collective call; throws as RequireContact() when it failed.
  void Await(c10d::Work& work);

  // Remembers that another process is lost, and throws Error(kFailed) with the cause.
  [[noreturn]] void ReportLoss(const std::exception& cause);
};

}  // namespace hepar
