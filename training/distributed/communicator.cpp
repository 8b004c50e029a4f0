// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/distributed/communicator.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <torch/autograd.h>
#include <torch/utils.h>
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/version.h>

#include "models/error.h"
#include "models/nets/batch_norm.h"
#include "models/sha256.h"
#include "training/distributed/link.h"
#include "training/distributed/store_options.h"

namespace hepar {
namespace {

constexpr std::size_t kBroadcastBytes = 25 << 20;  // Of tensors that travel as one.

// The cause in one line, without backtrace and the place in a library's source.
std::string CauseOf(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string cause = torch_error ? torch_error->what_without_backtrace() : error.what();
  cause = cause.substr(0, cause.find('\n'));
  if (cause.empty()) return "unknown cause";
  // Gloo's begin with their place in brackets.
  const auto end = cause.find("] ");
  if (cause.front() == '[' && end != std::string::npos) cause = cause.substr(end + 2);
  return cause;
}

#ifdef USE_C10D_GLOO

// This machine's address on the network that reaches `launch.address`. Asking the routing table
// needs no packet, and unlike this machine's name cannot resolve to a loopback address.
std::string AddressToward(const Launch& launch) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int status =
      getaddrinfo(launch.address.c_str(), std::to_string(launch.port).c_str(), &hints, &found);
  if (status != 0) {
    throw Error(ErrorKind::kInvalid, "MASTER_ADDR '" + launch.address +
                                         "' is no address of a machine: " + gai_strerror(status));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    const int probe = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC, to->ai_protocol);
    if (probe < 0) continue;
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    char text[NI_MAXHOST] = "";
    const bool known = connect(probe, to->ai_addr, to->ai_addrlen) == 0 &&
                       getsockname(probe, reinterpret_cast<sockaddr*>(&from), &length) == 0 &&
                       getnameinfo(reinterpret_cast<sockaddr*>(&from), length, text, sizeof(text),
                                   nullptr, 0, NI_NUMERICHOST) == 0;
    close(probe);
    if (known) return text;
  }
  throw Error(ErrorKind::kInvalid, "no network of this machine reaches MASTER_ADDR '" +
                                       launch.address + "'; name one in GLOO_SOCKET_IFNAME");
}

using GlooDevices = std::vector<std::shared_ptr<::gloo::transport::Device>>;

// The interfaces that the user names, separated by commas; none: empty.
GlooDevices NamedDevices() {
  const char* interfaces = GetEnvironmentVariable("GLOO_SOCKET_IFNAME");
  GlooDevices devices;
  std::istringstream names(interfaces != nullptr ? interfaces : "");
  for (std::string name; std::getline(names, name, ',');) {
    try {
      devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(name));
    } catch (const std::exception& error) {
      throw Error(ErrorKind::kInvalid, "GLOO_SOCKET_IFNAME names '" + name +
                                           "', which cannot be used: " + CauseOf(error));
    }
  }
  return devices;
}

#endif

#if defined(USE_C10D_GLOO) || defined(USE_C10D_NCCL)

// The meeting point; returns once all processes are there.
c10::intrusive_ptr<c10d::Store> Meet(const Launch& launch, std::chrono::milliseconds timeout) {
  const std::string place = launch.address + ":" + std::to_string(launch.port);
  c10::intrusive_ptr<c10d::Store> store;
  int present = 0;
  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(launch.port);
    options.isServer = launch.rank == 0 && !launch.served_by_launcher;
    options.waitWorkers = false;
    options.timeout = timeout;
    ServeWithoutLibuv(&options);
    store = c10::make_intrusive<c10d::PrefixStore>(
        launch.prefix, c10::make_intrusive<c10d::TCPStore>(launch.address, options));
    // Gloo waits no longer for a process to come than for one in a collective call, so all of them
    // are awaited here first.
    present = static_cast<int>(store->add("present", 1));
    if (present == launch.size) store->set("complete", std::vector<std::uint8_t>{1});
    store->wait({"complete"}, timeout);
  } catch (const std::exception& error) {
    const std::string seen = present > 0
                                 ? ", " + std::to_string(present) + " of " +
                                       std::to_string(launch.size) + " had come with this one"
                                 : "";
    throw Error(ErrorKind::kFailed,
                "the processes of the training did not meet at MASTER_ADDR:MASTER_PORT " + place +
                    " (" + CauseOf(error) + seen + "); is each started, and the port free?");
  }
  return store;
}

#endif

#ifdef USE_C10D_NCCL

c10::intrusive_ptr<c10d::ProcessGroup> OpenNcclGroup(const Launch& launch,
                                                     const CommunicatorOptions& options) {
  const auto store = Meet(launch, options.connect_timeout);
  // Otherwise waiting for a call only queues it, and a lost process ends this one.
  setenv("NCCL_BLOCKING_WAIT", "1", /*overwrite=*/0);
  setenv("TORCH_NCCL_BLOCKING_WAIT", "1", /*overwrite=*/0);
  auto nccl_options = c10d::ProcessGroupNCCL::Options::create();
  nccl_options->timeout = options.collective_timeout;
  auto nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, launch.rank, launch.size,
                                                          std::move(nccl_options));
#if TORCH_VERSION_MAJOR >= 2
  auto group = c10::make_intrusive<c10d::ProcessGroup>(launch.rank, launch.size);
  group->setBackend(torch::kCUDA, c10d::ProcessGroup::BackendType::NCCL, nccl);
  return group;
#else
  return nccl;
#endif
}

#endif

#ifdef USE_C10D_GLOO

c10::intrusive_ptr<c10d::ProcessGroup> OpenGlooGroup(const Launch& launch,
                                                     const CommunicatorOptions& options) {
  GlooDevices devices = NamedDevices();
  const auto store = Meet(launch, options.connect_timeout);
  // Only now, since a name may come to be known with the machine.
  if (devices.empty()) {
    devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(AddressToward(launch)));
  }
  auto gloo_options = c10d::ProcessGroupGloo::Options::create(options.collective_timeout);
  gloo_options->devices = std::move(devices);
  gloo_options->threads = static_cast<int>(2 * gloo_options->devices.size());
  auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store, launch.rank, launch.size,
                                                          std::move(gloo_options));
#if TORCH_VERSION_MAJOR >= 2
  auto group = c10::make_intrusive<c10d::ProcessGroup>(launch.rank, launch.size);
  group->setBackend(torch::kCPU, c10d::ProcessGroup::BackendType::GLOO, gloo);
  group->setBackend(torch::kCUDA, c10d::ProcessGroup::BackendType::GLOO, gloo);
  return group;
#else
  return gloo;
#endif
}

#endif

// NCCL on CUDA devices where the build has it, Gloo otherwise. Either can be absent from a build.
c10::intrusive_ptr<c10d::ProcessGroup> OpenGroup(
    [[maybe_unused]] const Launch& launch, [[maybe_unused]] const CommunicatorOptions& options) {
#ifdef USE_C10D_NCCL
  if (options.device.is_cuda()) return OpenNcclGroup(launch, options);
#endif
#ifdef USE_C10D_GLOO
  return OpenGlooGroup(launch, options);
#else
  throw Error(
      ErrorKind::kUnsupported,
      std::string("this build trains in one process only on ") +
          (options.device.is_cuda() ? "CUDA: it was made without the headers of NCCL or Gloo"
                                    : "the CPU: it was made without Gloo's headers "
                                      "(libgloo-dev)"));
#endif
}

struct SumFunction : torch::autograd::Function<SumFunction> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& values, Communicator* communicator) {
    // What a graph can keep besides tensors are numbers.
    context->saved_data["communicator"] = reinterpret_cast<std::int64_t>(communicator);
    torch::Tensor sum = values.clone();
    communicator->Sum(sum);
    return sum;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    auto* communicator =
        reinterpret_cast<Communicator*>(context->saved_data["communicator"].toInt());
    return {communicator->DifferentiableSum(gradients[0]), torch::Tensor()};
  }
};

}  // namespace

void Communicator::Link::RequireContact() const {
  if (!group) throw Error(ErrorKind::kFailed, loss);
}

void Communicator::Link::Await(c10d::Work& work) {
  try {
    work.wait();
  } catch (const std::exception& error) {
    ReportLoss(error);
  }
}

void Communicator::Link::ReportLoss(const std::exception& cause) {
  loss = "lost contact with another process of the training (" + CauseOf(cause) +
         "); start all processes again with --resume";
  // Kept for ever: its destructor would wait for every call that is still under way.
  group.release();
  throw Error(ErrorKind::kFailed, loss);
}

Communicator::Communicator(const Launch& launch, const CommunicatorOptions& options)
    : launch_(launch) {
  try {
    link_.reset(new Link{OpenGroup(launch, options), options.device, ""});
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kFailed,
                "the processes of the training cannot be connected: " + CauseOf(error));
  }
}

Communicator::~Communicator() = default;

void Communicator::Sum(torch::Tensor& values) {
  link_->RequireContact();
  auto target = values.detach();
  std::vector<torch::Tensor> shared{target.to(link_->device).contiguous()};
  link_->Await(*link_->group->allreduce(shared));
  if (!shared[0].is_alias_of(target)) target.copy_(shared[0]);
}

torch::Tensor Communicator::DifferentiableSum(const torch::Tensor& values) {
  return SumFunction::apply(values, this);
}

double Communicator::ShareOf(double weight) {
  auto total = torch::full({1}, weight, torch::kFloat64);
  Sum(total);
  return weight / total.item<double>();
}

void Communicator::Broadcast(const std::vector<torch::Tensor>& tensors) {
  link_->RequireContact();
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> shared;
  for (const auto& tensor : tensors) {
    shared.push_back(tensor.detach().to(link_->device).contiguous());
  }
  try {
    c10d::broadcast_coalesced(link_->group, shared, kBroadcastBytes);
  } catch (const std::exception& error) {
    link_->ReportLoss(error);
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!shared[i].is_alias_of(tensors[i])) tensors[i].detach().copy_(shared[i]);
  }
}

void Communicator::RequireSame(const std::vector<std::pair<std::string, std::string>>& parts) {
  const auto count = static_cast<std::int64_t>(parts.size());
  auto digests = torch::zeros({count, 64}, torch::kUInt8);
  for (std::int64_t i = 0; i < count; ++i) {
    Sha256 hash;
    hash.Add(parts[i].second.data(), parts[i].second.size());
    const std::string hex = hash.Hex();
    std::copy(hex.begin(), hex.end(), digests[i].data_ptr<std::uint8_t>());
  }
  auto of_first = digests.clone();
  Broadcast({of_first});
  auto differs = torch::zeros({count, size()}, torch::kInt64);
  differs.select(1, rank()).copy_((digests != of_first).any(1));
  Sum(differs);

  for (std::int64_t i = 0; i < count; ++i) {
    if (!differs[i].any().item<bool>()) continue;
    throw Error(ErrorKind::kMismatch,
                "the processes of a training must be started with the same options, but process " +
                    std::to_string(differs[i].argmax().item<std::int64_t>()) + " has another " +
                    parts[i].first + " than process 0");
  }
}

std::unique_ptr<Communicator> JoinFromEnvironment(const CommunicatorOptions& options) {
  const Launch launch = ReadLaunch();
  if (launch.size == 1) return nullptr;
  return std::make_unique<Communicator>(launch, options);
}

void ShareWeights(torch::nn::Module& module, Communicator& communicator) {
  auto tensors = module.parameters();
  const auto buffers = module.buffers();
  tensors.insert(tensors.end(), buffers.begin(), buffers.end());
  communicator.Broadcast(tensors);
}

void SynchronizeNormalization(torch::nn::Module& module, Communicator& communicator) {
  for (const auto& part : module.modules()) {
    if (auto* norm = part->as<BatchNorm2dImpl>()) {
      norm->sum_over_processes = [&communicator](const torch::Tensor& values) {
        return communicator.DifferentiableSum(values);
      };
    }
  }
}

}  // namespace hepar
