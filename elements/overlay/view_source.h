// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "elements/overlay/overlay_renderer.h"
#include "models/engine/engine.h"

namespace hepar {

// Which feature views are shown: beside the scan, or one over it.
enum class ViewChoice {
  kNone,
  kSpecific,
  kCommon,
  kReconstruction,
  kAll,
  kOverSpecific,
  kOverCommon
};

// Whether the view lies over the scan.
bool IsOver(ViewChoice choice);

// The views that `choice` asks for and the frame's model has. The frame must be decoupled.
std::vector<OverlayView> TakeViews(FrameInference* frame, ViewChoice choice);

// Where the part of the frame that the network saw lies in a frame that may have been scaled since.
OverlayRect ScaledBounds(const FrameInference& frame, const OverlayRect& visible);

// Finds the frame of a stream whose views are shown: the newest one that was decoupled. That is the
// present frame, or an earlier one whose inference ended after it had passed. Never starts an
// inference. Not thread-safe.
class ViewSource {
 public:
  // Takes the frame (null: none) that passes at `now` seconds. Returns true if current() is another
  // frame than before.
  bool Update(double now, std::shared_ptr<FrameInference> frame);

  // The frame to show; null while there is none that is recent enough.
  FrameInference* current() const { return shown_.frame.get(); }

  void Clear();

 private:
  struct Pending {
    double time = 0.0;
    std::shared_ptr<FrameInference> frame;
  };

  std::deque<Pending> pending_;  // Oldest first; none was decoupled when last asked.
  Pending shown_;
};

}  // namespace hepar
