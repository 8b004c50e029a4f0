// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <optional>

#include "elements/overlay/overlay_patch.h"

namespace hepar {

// The sizes that a panel can have; the coordinates are not used.
struct PanelSizes {
  OverlayRect full;
  OverlayRect compact;  // Not larger.

  bool operator==(const PanelSizes& other) const {
    return full == other.full && compact == other.compact;
  }
};

// Where a panel lies in the visible part of a frame, and which of its sizes it has.
struct PanelPlace {
  OverlayRect rect;
  bool compact = false;

  bool operator==(const PanelPlace& other) const {
    return rect == other.rect && compact == other.compact;
  }
};

// Chooses where a panel covers neither the scan nor text, the compact one where there is no room
// for the full one, and stays there: it looks again once a second, and moves only when another
// place has been clearly better three times in a row. Not thread-safe.
class PanelPlacer {
 public:
  // The place at `seconds` of stream time. `frame` is mapped for reading and shows no panel yet.
  PanelPlace Place(double seconds, const GstVideoFrame& frame, const OverlayRect& visible,
                   const PanelSizes& sizes, int margin);

  void Reset() { *this = PanelPlacer(); }

 private:
  std::optional<PanelPlace> place_;
  PanelSizes sizes_;      // For which `place_` was chosen.
  double looked_ = 0.0;   // When, in seconds.
  bool settled_ = false;  // The place was chosen while a scan was to be seen.
  int worse_ = 0;         // How often in a row another place was clearly better.
};

}  // namespace hepar
