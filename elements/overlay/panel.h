// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "elements/overlay/canvas.h"
#include "elements/overlay/panel_content.h"

namespace hepar {

constexpr char kResearchLine[] = "Research use only";
constexpr char kResearchAbbreviation[] = "RUO";

// Lengths in em, the size of the panel's text.
constexpr double kPanelWidth = 13.5;
constexpr double kPanelPadding = 0.75;
constexpr double kPanelHeadingHeight = 2.0;
constexpr double kPanelRowHeight = 1.35;
constexpr double kPanelFooterHeight = 1.6;
constexpr double kPanelSmallText = 0.9;

// The rows between heading and footer.
struct PanelRows {
  int bars = 0;
  bool trend = false;
  bool trust = false;
  bool latency = false;
  bool hint = false;  // Says why there is no grade, or why it is in doubt.

  double Height() const;  // In em.
};

// The rows that `style` and `content` ask for, without those that do not fit into `height` em.
PanelRows ChoosePanelRows(const OverlayStyle& style, const PanelContent& content, double height);

// `doubt` is appended to the grade of a view of an unfamiliar scanner.
std::string PanelHeading(const PanelContent& content, const char* doubt);

// Paints the full panel, `width` pixels wide, with text of `em` pixels. The background is the
// caller's.
void PaintPanel(Canvas* canvas, const OverlayStyle& style, const PanelContent& content, double em,
                double width, const PanelRows& rows);

}  // namespace hepar
