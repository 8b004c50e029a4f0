// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/pass_runner.h"

namespace hepar {
namespace {

class EagerRunner : public PassRunner {
 public:
  explicit EagerRunner(const Pass& pass) : pass_(pass) {}

  PassResults Run(const std::vector<torch::Tensor>& pictures) override {
    const c10::InferenceMode inference;
    const auto input = pass_.make_input(static_cast<std::int64_t>(pictures.size()));
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      input.narrow(0, static_cast<std::int64_t>(i), 1).copy_(pictures[i], /*non_blocking=*/true);
    }
    PassResults results = pass_.run(input);
    if (results.logits.defined()) results.logits = results.logits.to(torch::kFloat32).cpu();
    return results;
  }

  std::string name() const override { return "operator by operator"; }

 private:
  const Pass pass_;
};

}  // namespace

std::unique_ptr<PassRunner> MakeEagerRunner(const Pass& pass) {
  return std::make_unique<EagerRunner>(pass);
}

}  // namespace hepar
