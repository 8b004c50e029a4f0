// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/inference_settings.h"

#include <gst/gst.h>

namespace hepar {

bool InferenceSettings::SetProperty(guint id, const GValue* value) {
  const auto text = [value](const std::string& unset) {
    const char* given = g_value_get_string(value);
    return given ? std::string(given) : unset;
  };
  switch (id) {
    case kModel:
      engine.model = text("");
      return true;
    case kDevice:
      engine.device = text(EngineConfig().device);
      return true;
    case kPrecision:
      engine.precision = static_cast<Precision>(g_value_get_enum(value));
      return true;
    case kOnError:
      on_error = static_cast<GstHeparOnError>(g_value_get_enum(value));
      return true;
    default:
      return false;
  }
}

bool InferenceSettings::GetProperty(guint id, GValue* value) const {
  switch (id) {
    case kModel:
      g_value_set_string(value, engine.model.empty() ? nullptr : engine.model.c_str());
      return true;
    case kDevice:
      g_value_set_string(value, engine.device.c_str());
      return true;
    case kPrecision:
      g_value_set_enum(value, static_cast<gint>(engine.precision));
      return true;
    case kOnError:
      g_value_set_enum(value, on_error);
      return true;
    default:
      return false;
  }
}

void InferenceSettings::InstallProperties(GObjectClass* object_class) {
  const InferenceSettings defaults;
  /**
   * GstHeparInference:model:
   *
   * The model bundle (.hepar) to use: its path, or the name of an installed one. If unset, the
   * element uses model, device and precision of the handle that an element upstream attached. A
   * model that is set while playing is loaded, checked and warmed up in the background. It is in
   * use from a later frame on, and the element message `hepar-model-changed` (old-id, new-id,
   * location) says so. If loading fails, a warning says why, and the old model stays in use.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kModel,
      g_param_spec_string("model", "Model",
                          "Model bundle (.hepar), path or name; unset uses the model of upstream",
                          nullptr,
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING)));
  /**
   * GstHeparInference:device:
   *
   * The device for the model that is set here: `auto` (the first CUDA device that works, else the
   * CPU), `cpu`, `cuda` or `cuda:N`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kDevice,
      g_param_spec_string("device", "Device",
                          "Device for the model that is set here: auto, cpu, cuda or cuda:N",
                          defaults.engine.device.c_str(),
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY)));
  /**
   * GstHeparInference:precision:
   *
   * The number format of the computations of the model that is set here.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kPrecision,
      g_param_spec_enum("precision", "Precision", "Number format of the model that is set here",
                        gst_hepar_precision_get_type(),
                        static_cast<gint>(defaults.engine.precision),
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_READY)));
  /**
   * GstHeparInference:on-error:
   *
   * What happens when a frame fails. `warn` posts a warning (the same one at most once per second)
   * and passes the frame on. `error` posts an error and stops. A model that cannot be opened at the
   * start is always an error.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kOnError,
      g_param_spec_enum("on-error", "On error", "What to do when a frame fails",
                        gst_hepar_on_error_get_type(), defaults.on_error,
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_PLAYING)));
  /**
   * GstHeparInference:actual-device:
   *
   * The device in use, `cpu` or `cuda:N`. Unset while there is no model.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kActualDevice,
      g_param_spec_string("actual-device", "Actual device", "Device in use", nullptr,
                          static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

}  // namespace hepar
