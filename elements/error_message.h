// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

#include "models/error.h"

namespace hepar {

// What is being caught, as an Error: to be called in `catch (...)`.
Error CurrentError();

// Posts `error` on the bus as an error or a warning of `element`, in the domain that fits its kind.
// Never with a lock held: bus handlers may call back into the element.
void PostError(GstElement* element, const Error& error);
void PostWarning(GstElement* element, const Error& error);

}  // namespace hepar
