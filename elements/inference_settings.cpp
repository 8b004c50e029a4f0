// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/inference_settings.h"

#include <gst/gst.h>

#include <vector>

namespace hepar {
namespace {

// The parts between the commas, without blanks around them; none for an empty text.
std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  g_auto(GStrv) given = g_strsplit(text.c_str(), ",", -1);
  for (gchar** part = given; *part != nullptr; ++part) parts.emplace_back(g_strstrip(*part));
  return parts;
}

std::string JoinWithCommas(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

}  // namespace

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
    case kAllowCode:
      engine.permission.allow_code = g_value_get_boolean(value);
      return true;
    case kModelSha256:
      engine.permission.sha256 = SplitAtCommas(text(""));
      return true;
    case kTrustedKeys:
      engine.permission.trusted_keys = text("");
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
    case kAllowCode:
      g_value_set_boolean(value, engine.permission.allow_code);
      return true;
    case kModelSha256: {
      const std::string digests = JoinWithCommas(engine.permission.sha256);
      g_value_set_string(value, digests.empty() ? nullptr : digests.c_str());
      return true;
    }
    case kTrustedKeys: {
      const std::string& path = engine.permission.trusted_keys;
      g_value_set_string(value, path.empty() ? nullptr : path.c_str());
      return true;
    }
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
   * GstHeparInference:allow-code:
   *
   * Whether the program in a model with a TorchScript classifier may run, with all permissions of
   * this process. Models without such a classifier, among them all that come with gst-hepar, never
   * run code. Set it only for models from a source that you trust, or name the file with
   * model-sha256. It applies to the next model that is loaded.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kAllowCode,
      g_param_spec_boolean("allow-code", "Allow code",
                           "Run the program in a TorchScript classifier; only for models from a "
                           "source that you trust",
                           defaults.engine.permission.allow_code,
                           static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                    GST_PARAM_MUTABLE_PLAYING)));
  /**
   * GstHeparInference:model-sha256:
   *
   * The SHA-256 of the model file, 64 hexadecimal digits as sha256sum prints them; several are
   * separated by commas. Any other file is refused, and code in a file that is named here may run.
   * If unset, any file is accepted. It applies to the next model that is loaded: set it before
   * `model`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kModelSha256,
      g_param_spec_string("model-sha256", "Model SHA-256",
                          "SHA-256 of the model file; any other file is refused, code in this one "
                          "may run",
                          nullptr,
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING)));
  /**
   * GstHeparInference:trusted-keys:
   *
   * The public keys of those whose models are accepted: a PEM file, or a folder of which the files
   * *.pub are read. A model whose signature, the file of the same name with .sig behind it, is
   * missing or by another key is refused. If unset, models need no signature. It applies to the
   * next model that is loaded: set it before `model`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kTrustedKeys,
      g_param_spec_string("trusted-keys", "Trusted keys",
                          "Public keys, a PEM file or a folder of *.pub; a model that none of them "
                          "has signed is refused",
                          nullptr,
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING)));
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
