// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "elements/overlay/theme.h"
#include "elements/overlay/trend.h"

namespace hepar {

// kAuto: at the left or right edge, where neither the scan nor text is covered.
enum class OverlayCorner { kTopLeft, kTopRight, kBottomLeft, kBottomRight, kAuto };

// The look of the overlay and the parts of its panel. "Research use only" cannot be disabled.
struct OverlayStyle {
  OverlayCorner corner = OverlayCorner::kAuto;
  OverlayTheme theme = OverlayTheme::kDark;
  bool panel = true;
  bool compact = false;  // The panel shows the grade alone.
  bool probabilities = true;
  bool trend = true;
  bool trust = true;
  bool latency = true;

  bool operator==(const OverlayStyle& other) const;
};

// The content of the panel, rounded to what is visible: equal content gives an equal picture, so it
// need not be drawn again.
struct PanelContent {
  enum class State {
    kWaiting,     // There is no result.
    kUncertain,   // A result without a grade.
    kUnfamiliar,  // A view of an unfamiliar scanner or setting, with or without a grade.
    kNotLiver,    // An out-of-distribution view.
    kGraded,
  };

  State state = State::kWaiting;
  std::string label;  // Class name of `grade`.
  int grade = -1;
  std::vector<std::string> class_names;  // May be shorter than `percents`.
  std::vector<int> percents;             // One for each class, 0..100.
  int trust_percent = 0;
  int inference_tenths = 0;  // Tenths of a millisecond.
  bool fresh = true;         // False: carried over from an earlier frame.
  int age_tenths = 0;        // Tenths of a second since that frame.
  std::vector<TrendPoint> trend;

  bool operator==(const PanelContent& other) const;
};

}  // namespace hepar
