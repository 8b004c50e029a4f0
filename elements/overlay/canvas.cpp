// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/canvas.h"

#include <algorithm>
#include <cmath>

#include "models/error.h"

namespace hepar {

void CheckStatus(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return;
  throw Error(ErrorKind::kFailed,
              std::string("Cairo could not draw the overlay: ") + cairo_status_to_string(status));
}

ContextPtr MakeContext() {
  // The default font map belongs to one thread, so the renderer has its own.
  PangoFontMap* map = pango_cairo_font_map_new();
  pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map), 72.0);
  ContextPtr context(pango_font_map_create_context(map));
  g_object_unref(map);

  // The font settings of the desktop must not change the picture, and subpixel colors are wrong on
  // video.
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_ON);
  pango_cairo_context_set_font_options(context.get(), options);
  cairo_font_options_destroy(options);
  return context;
}

Canvas::Canvas(PangoContext* context, OverlayPatch* patch)
    : surface_(cairo_image_surface_create_for_data(
          reinterpret_cast<unsigned char*>(patch->pixels.data()), CAIRO_FORMAT_ARGB32, patch->width,
          patch->height, patch->width * 4)),
      cairo_(cairo_create(surface_.get())),
      layout_(pango_layout_new(context)) {
  CheckStatus(cairo_status(cairo_.get()));
  pango_layout_set_single_paragraph_mode(layout_.get(), TRUE);
  pango_layout_set_ellipsize(layout_.get(), PANGO_ELLIPSIZE_END);
}

void Canvas::Finish() {
  CheckStatus(cairo_status(cairo_.get()));
  cairo_surface_flush(surface_.get());
}

void Canvas::SetColor(const Color& c) {
  cairo_set_source_rgba(cairo_.get(), c.red, c.green, c.blue, c.alpha);
}

void Canvas::Rounded(double x, double y, double width, double height, double radius) {
  const double r = std::min({radius, width / 2, height / 2});
  cairo_t* cr = cairo_.get();
  cairo_new_sub_path(cr);
  cairo_arc(cr, x + width - r, y + r, r, -G_PI_2, 0);
  cairo_arc(cr, x + width - r, y + height - r, r, 0, G_PI_2);
  cairo_arc(cr, x + r, y + height - r, r, G_PI_2, G_PI);
  cairo_arc(cr, x + r, y + r, r, G_PI, 3 * G_PI_2);
  cairo_close_path(cr);
}

void Canvas::FillRounded(double x, double y, double width, double height, double radius,
                         const Color& color) {
  if (width <= 0) return;
  SetColor(color);
  Rounded(x, y, width, height, radius);
  cairo_fill(cairo_.get());
}

void Canvas::PaintBackground(const Theme& theme, const OverlayPatch& patch, double em) {
  FillRounded(0, 0, patch.width, patch.height, 0.5 * em, theme.background);
  SetColor(theme.outline);
  const double line = std::max(1.0, 0.06 * em);
  cairo_set_line_width(cairo(), line);
  Rounded(line / 2, line / 2, patch.width - line, patch.height - line, 0.5 * em);
  cairo_stroke(cairo());
}

void Canvas::PaintStretched(cairo_surface_t* surface, double x, double y, double width,
                            double height) {
  cairo_t* cr = cairo();
  cairo_save(cr);
  cairo_rectangle(cr, x, y, width, height);
  cairo_clip(cr);
  cairo_translate(cr, x, y);
  cairo_scale(cr, width / cairo_image_surface_get_width(surface),
              height / cairo_image_surface_get_height(surface));
  cairo_set_source_surface(cr, surface, 0, 0);
  // The "good" filter keeps a shrunk picture from flickering, at many times the cost.
  const bool shrinks = width < cairo_image_surface_get_width(surface);
  cairo_pattern_set_filter(cairo_get_source(cr),
                           shrinks ? CAIRO_FILTER_GOOD : CAIRO_FILTER_BILINEAR);
  cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
  cairo_paint(cr);
  cairo_restore(cr);
}

void Canvas::Text(const std::string& text, double x, double y, double width, double height,
                  double size, bool bold, Align align, const Color& color) {
  SetText(text, size, bold);
  pango_layout_set_width(layout_.get(), static_cast<int>(std::ceil(width * PANGO_SCALE)));
  Place(x, y, width, height, align, color);
}

void Canvas::ShrunkText(const std::string& text, double x, double y, double width, double height,
                        double size, bool bold, Align align, const Color& color) {
  const double natural = TextWidth(text, size, bold);
  Text(text, x, y, width, height, natural > width ? size * width / natural * 0.98 : size, bold,
       align, color);
}

double Canvas::TextWidth(const std::string& text, double size, bool bold) {
  SetText(text, size, bold);
  pango_layout_set_width(layout_.get(), -1);
  PangoRectangle logical;
  pango_layout_get_extents(layout_.get(), nullptr, &logical);
  return static_cast<double>(logical.width) / PANGO_SCALE;
}

void Canvas::SetText(const std::string& text, double size, bool bold) {
  PangoFontDescription* font = pango_font_description_new();
  pango_font_description_set_family_static(font, "Sans");
  pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
  pango_layout_set_font_description(layout_.get(), font);
  pango_font_description_free(font);
  // Class names come from bundles and metadata that anyone may have written.
  gchar* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
  pango_layout_set_text(layout_.get(), valid, -1);
  g_free(valid);
}

void Canvas::Place(double x, double y, double width, double height, Align align,
                   const Color& color) {
  PangoRectangle logical;
  pango_layout_get_extents(layout_.get(), nullptr, &logical);
  const double free_width = width - static_cast<double>(logical.width) / PANGO_SCALE;
  const double free_height = height - static_cast<double>(logical.height) / PANGO_SCALE;
  if (align == Align::kRight) x += free_width;
  if (align == Align::kCenter) x += free_width / 2;
  SetColor(color);
  cairo_move_to(cairo_.get(), x, std::round(y + free_height / 2));
  pango_cairo_show_layout(cairo_.get(), layout_.get());
}

}  // namespace hepar
