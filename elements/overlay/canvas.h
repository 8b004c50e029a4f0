// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <pango/pangocairo.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "elements/overlay/overlay_patch.h"
#include "elements/overlay/theme.h"

namespace hepar {

struct CairoDeleter {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using CairoPtr = std::unique_ptr<cairo_t, CairoDeleter>;
using SurfacePtr = std::unique_ptr<cairo_surface_t, CairoDeleter>;

struct ObjectDeleter {
  void operator()(gpointer object) const { g_object_unref(object); }
};
using ContextPtr = std::unique_ptr<PangoContext, ObjectDeleter>;
using LayoutPtr = std::unique_ptr<PangoLayout, ObjectDeleter>;

// Throws Error(kFailed) unless `status` is a success.
void CheckStatus(cairo_status_t status);

// Fonts for one renderer. The desktop's font settings do not change what is drawn.
ContextPtr MakeContext();

enum class Align { kLeft, kCenter, kRight };

// Draws on the pixels of one patch; dimensions are in pixels. The patch must outlive the canvas.
class Canvas {
 public:
  Canvas(PangoContext* context, OverlayPatch* patch);

  // Ends drawing: the pixels are complete after this. Throws Error(kFailed) if anything failed.
  void Finish();

  cairo_t* cairo() { return cairo_.get(); }

  void SetColor(const Color& c);

  // Adds a rectangle with rounded corners to the path.
  void Rounded(double x, double y, double width, double height, double radius);
  void FillRounded(double x, double y, double width, double height, double radius,
                   const Color& color);

  // The background of a patch of text size `em`, with its outline.
  void PaintBackground(const Theme& theme, const OverlayPatch& patch, double em);

  // Stretches `surface` over a rectangle. Its edges do not fade into the surroundings.
  void PaintStretched(cairo_surface_t* surface, double x, double y, double width, double height);

  // One line of text, centered between `y` and `y + height`. Text that is too long ends in an
  // ellipsis.
  void Text(const std::string& text, double x, double y, double width, double height, double size,
            bool bold, Align align, const Color& color);

  // The same, but text that is too long is shrunk: for text that must be complete.
  void ShrunkText(const std::string& text, double x, double y, double width, double height,
                  double size, bool bold, Align align, const Color& color);

  double TextWidth(const std::string& text, double size, bool bold);

 private:
  void SetText(const std::string& text, double size, bool bold);
  void Place(double x, double y, double width, double height, Align align, const Color& color);

  SurfacePtr surface_;
  CairoPtr cairo_;
  LayoutPtr layout_;
};

}  // namespace hepar
