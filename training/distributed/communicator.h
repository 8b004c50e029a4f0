// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "training/distributed/launch.h"

namespace hepar {

struct CommunicatorOptions {
  // Where the tensors to share lie: NCCL carries those of a GPU where LibTorch has it, else Gloo.
  torch::Device device = torch::kCPU;
  std::chrono::seconds connect_timeout{300};  // For all processes to connect.
  // How long one process may wait for the others in a collective call, and so how much longer than
  // theirs its work between two calls may take. A process that was killed is noticed at once, one
  // that hangs or a machine that is cut off after this time.
  std::chrono::seconds collective_timeout{30};
};

// The processes that train together. Every call below but rank() and size() is collective: all
// processes make the same calls in the same order, with tensors of the same shape and type, and
// each waits for the others.
//
// A process that cannot reach another one throws Error(kFailed) from the call, and from every later
// one at once; destruction does not wait then, so that the process can save its work and end.
// Used by one thread at a time.
class Communicator {
 public:
  // Throws Error(kFailed) when the others do not connect in time, kInvalid for a network interface
  // in GLOO_SOCKET_IFNAME or an address that is not there, and kUnsupported in a build without
  // Gloo. `launch.size` is 2 or more.
  Communicator(const Launch& launch, const CommunicatorOptions& options);
  ~Communicator();

  int rank() const { return launch_.rank; }
  int size() const { return launch_.size; }

  // In place, the sum over all processes; on any device.
  void Sum(torch::Tensor& values);

  // Sum(), differentiable: the gradient is the sum of the gradients of all processes, which must
  // therefore all go backward through it. This must outlive the graph.
  torch::Tensor DifferentiableSum(const torch::Tensor& values);

  // weight / (sum of the weights of all processes), such as this one's share of a batch.
  double ShareOf(double weight);

  // In place, the values of rank 0.
  void Broadcast(const std::vector<torch::Tensor>& tensors);

  // Throws Error(kMismatch) in every process, naming what differs and where, unless all have equal
  // texts. `parts` are (name, text), with the same names in all processes.
  void RequireSame(const std::vector<std::pair<std::string, std::string>>& parts);

  // LibTorch's part, for the files of this folder.
  struct Link;
  Link& link() { return *link_; }

 private:
  Launch launch_;
  std::unique_ptr<Link> link_;
};

// The communicator that the environment describes, or null for one process. Errors as ReadLaunch()
// and the constructor.
std::unique_ptr<Communicator> JoinFromEnvironment(const CommunicatorOptions& options);

// Gives `module` the weights and statistics of rank 0. Collective.
void ShareWeights(torch::nn::Module& module, Communicator& communicator);

// From now on every BatchNorm2d of `module` takes its statistics from the batches of all processes,
// in training mode. `communicator` must outlive every such forward and backward pass.
void SynchronizeNormalization(torch::nn::Module& module, Communicator& communicator);

}  // namespace hepar
