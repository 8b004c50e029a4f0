// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib-object.h>

#include <string>

#include "elements/gstheparenums.h"
#include "models/decision/decision_policy.h"
#include "models/engine/batch_runner.h"

namespace hepar {

// The properties of heparclassify. Not thread-safe.
struct ClassifySettings {
  // Identifiers of the properties.
  enum Property : guint {
    kMode = 1,
    kInterval,
    kSmoothing,
    kMinConfidence,
    kCheckView,
    kUnfamiliar,
    kStats,
    kPostStats,
    kBatch,
    kBatchDeadline,
    kThreads,
    kStreamId
  };

  GstHeparMode mode = GST_HEPAR_MODE_AUTO;
  guint interval = 1;
  DecisionChoices decision = {1.0};
  bool post_stats = false;
  BatchOptions batch;
  std::string stream_id;  // Empty: none.

  static void InstallProperties(GObjectClass* object_class);

  // Sets or gets the property `id`. Returns false where it is not one of the settings, as kStats is
  // not.
  bool SetProperty(guint id, const GValue* value);
  bool GetProperty(guint id, GValue* value) const;
};

}  // namespace hepar
