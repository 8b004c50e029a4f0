// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "elements/model_slot.h"
#include "models/image/preprocess.h"

namespace hepar {

// Prepares the frames of one stream for an engine, by the model's preprocessing. Not thread-safe.
class FramePreparer {
 public:
  // `sector` overrides the model's sector rule; "" is the model's own. Throws Error: kInvalid for a
  // sector that is not a rule, and whatever Preprocessor throws.
  std::shared_ptr<FrameInference> Prepare(const EngineRef& engine, const std::string& sector,
                                          const FrameView& view);

  // Whether the frames so far show that the range of the caps is wrong.
  bool has_wrong_range() const { return preprocessor_ && preprocessor_->has_wrong_range(); }

  // Forgets the frames so far.
  void Reset() {
    if (preprocessor_) preprocessor_->Reset();
  }

 private:
  std::optional<Preprocessor> preprocessor_;
  EngineRef engine_;
  std::string sector_;
};

}  // namespace hepar
