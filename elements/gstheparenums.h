// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib-object.h>

// The enumerations of the properties that several elements have.

// What becomes of a frame that fails.
enum GstHeparOnError { GST_HEPAR_ON_ERROR_WARN, GST_HEPAR_ON_ERROR_ERROR };
GType gst_hepar_on_error_get_type();

// The values are those of hepar::Precision.
GType gst_hepar_precision_get_type();

// Whether frames wait for their grade.
enum GstHeparMode { GST_HEPAR_MODE_AUTO, GST_HEPAR_MODE_SYNC, GST_HEPAR_MODE_NEWEST };
GType gst_hepar_mode_get_type();

// What becomes of a liver view of an unfamiliar scanner or setting.
enum GstHeparUnfamiliar { GST_HEPAR_UNFAMILIAR_GRADE, GST_HEPAR_UNFAMILIAR_WITHHOLD };
GType gst_hepar_unfamiliar_get_type();
