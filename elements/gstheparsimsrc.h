// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_SIM_SRC (gst_hepar_sim_src_get_type())
G_DECLARE_FINAL_TYPE(GstHeparSimSrc, gst_hepar_sim_src, GST, HEPAR_SIM_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE(heparsimsrc)

G_END_DECLS
