// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib-object.h>

#include <string>

#include "elements/gstheparenums.h"
#include "models/engine/engine.h"

namespace hepar {

// The properties that the elements of the inference chain have in common. Not thread-safe.
struct InferenceSettings {
  // Identifiers of the properties.
  enum Property : guint {
    kModel = 1,
    kDevice,
    kPrecision,
    kAllowCode,
    kModelSha256,
    kTrustedKeys,
    kOnError,
    kActualDevice
  };

  EngineConfig engine;
  GstHeparOnError on_error = GST_HEPAR_ON_ERROR_WARN;
  std::string sector;  // Overrides the model's sector rule; "" is the model's own.

  static void InstallProperties(GObjectClass* object_class);

  // Sets or gets the property `id`. Returns false where it is not one of the settings, as
  // kActualDevice is not.
  bool SetProperty(guint id, const GValue* value);
  bool GetProperty(guint id, GValue* value) const;
};

}  // namespace hepar
