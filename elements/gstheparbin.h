// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_BIN (gst_hepar_bin_get_type())
G_DECLARE_FINAL_TYPE(GstHeparBin, gst_hepar_bin, GST, HEPAR_BIN, GstBin)

GST_ELEMENT_REGISTER_DECLARE(heparbin)

G_END_DECLS
