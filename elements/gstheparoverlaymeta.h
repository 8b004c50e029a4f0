// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

// Marks a buffer that heparoverlay has drawn into: its picture is no longer the scan alone. A
// GstCustomMeta without fields and tags, so it survives conversion, scaling and cropping, but not
// encoding.
#define GST_HEPAR_OVERLAY_META_NAME "HeparOverlayMeta"

// Registers the meta. plugin_init calls it; more calls do no harm.
void gst_hepar_overlay_meta_register();

// Marks a writable buffer.
void gst_buffer_set_hepar_overlay(GstBuffer* buffer);

bool gst_buffer_has_hepar_overlay(GstBuffer* buffer);
