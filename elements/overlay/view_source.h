// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "elements/overlay/overlay_renderer.h"
#include "models/engine/engine.h"

namespace hepar {

// Which views are shown: beside the scan, or one over it.
enum class ViewChoice {
  kNone,
  kSpecific,
  kCommon,
  kReconstruction,
  kAll,
  kOverSpecific,
  kOverCommon,
  kSaliency  // Over the scan.
};

// Whether the view lies over the scan.
bool IsOver(ViewChoice choice);

// Whether the frame has what `choice` shows, so that TakeViews() returns at once.
bool IsReady(const FrameInference& frame, ViewChoice choice);

// The views that `choice` asks for and the frame's model has. The frame must be ready.
std::vector<OverlayView> TakeViews(FrameInference* frame, ViewChoice choice);

// Where the part of the frame that the network saw lies in a frame that may have been scaled since.
OverlayRect ScaledBounds(const FrameInference& frame, const OverlayRect& visible);

// Finds the frame of a stream whose views are shown: the newest one that is ready. That is the
// present frame, or an earlier one whose inference ended after it had passed. Never starts an
// inference. Not thread-safe.
class ViewSource {
 public:
  // Takes the frame (null: none) that passes at `now` seconds, and finds the one to show `choice`
  // of. Returns true if current() is another frame than before. Another choice than in the call
  // before begins anew.
  bool Update(double now, std::shared_ptr<FrameInference> frame, ViewChoice choice);

  // The frame to show; null while there is none that is recent enough.
  FrameInference* current() const { return shown_.frame.get(); }

  void Clear();

 private:
  struct Pending {
    double time = 0.0;
    std::shared_ptr<FrameInference> frame;
  };

  std::deque<Pending> pending_;  // Oldest first; none was ready when last asked.
  Pending shown_;
  ViewChoice choice_ = ViewChoice::kNone;
};

}  // namespace hepar
