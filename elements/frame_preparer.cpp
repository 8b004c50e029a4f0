// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/frame_preparer.h"

namespace hepar {

std::shared_ptr<FrameInference> FramePreparer::Prepare(const EngineRef& engine,
                                                       const std::string& sector,
                                                       const FrameView& view) {
  if (!preprocessor_ || engine_ != engine || sector_ != sector) {
    PreprocessOptions options = engine->spec().preprocess;
    if (!sector.empty()) options.sector = SectorRule::Parse(sector);
    preprocessor_.emplace(options);
    engine_ = engine;
    sector_ = sector;
  }
  return engine->Prepare(preprocessor_->Process(view));
}

}  // namespace hepar
