// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <optional>

// Where the scan is in a picture and how large its pixels are, as the source knows it of the
// scanner. The elements that prepare frames use it in place of their search for the sector. A
// GstCustomMeta whose structure has the fields "x", "y", "width", "height", "frame-width",
// "frame-height" (int) and, where they are known, "pixel-width-mm", "pixel-height-mm" and
// "depth-mm" (double). It survives conversion, is scaled with the picture, and is dropped where a
// picture changes otherwise.
#define GST_HEPAR_SCAN_META_NAME "HeparScanMeta"

struct GstHeparScan {
  int x = 0, y = 0, width = 0, height = 0;  // Pixels of the frame, which it lies inside of.
  int frame_width = 0, frame_height = 0;    // The frame that these refer to.
  std::optional<double> pixel_width_mm, pixel_height_mm;

  // The depth that the scan shows; empty where the height of pixels is not known.
  std::optional<double> depth_mm() const;
};

// Registers the meta. plugin_init calls it; more calls do no harm.
void gst_hepar_scan_meta_register();

// Attaches `scan` to a writable buffer and replaces what it may have.
void gst_buffer_set_hepar_scan(GstBuffer* buffer, const GstHeparScan& scan);

// Returns false where the buffer has no such meta, or one that describes no part of its frame.
bool gst_buffer_get_hepar_scan(GstBuffer* buffer, GstHeparScan* scan);

// Adds the fields above to `structure`.
void gst_hepar_scan_to_structure(const GstHeparScan& scan, GstStructure* structure);
