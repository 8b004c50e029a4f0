// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/gstvideofilter.h>

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_OVERLAY (gst_hepar_overlay_get_type())
G_DECLARE_FINAL_TYPE(GstHeparOverlay, gst_hepar_overlay, GST, HEPAR_OVERLAY, GstVideoFilter)

GST_ELEMENT_REGISTER_DECLARE(heparoverlay)

G_END_DECLS
