// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/error_message.h"

#include <exception>

namespace hepar {
namespace {

struct GErrorCode {
  GQuark domain;
  gint code;
};

GErrorCode CodeOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kNotFound:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND};
    case ErrorKind::kUnreadable:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ};
    case ErrorKind::kDamaged:
    case ErrorKind::kMismatch:
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
      return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS};
    case ErrorKind::kFailed:
      break;
  }
  return {GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED};
}

void Post(GstElement* element, GstMessageType type, const Error& error) {
  const GErrorCode code = CodeOf(error.kind());
  gst_element_message_full(element, type, code.domain, code.code, g_strdup(error.what()), nullptr,
                           __FILE__, GST_FUNCTION, __LINE__);
}

}  // namespace

Error CurrentError() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorKind::kFailed, error.what());
  } catch (...) {
    return Error(ErrorKind::kFailed, "something that is no exception was thrown");
  }
}

void PostError(GstElement* element, const Error& error) { Post(element, GST_MESSAGE_ERROR, error); }

void PostWarning(GstElement* element, const Error& error) {
  Post(element, GST_MESSAGE_WARNING, error);
}

}  // namespace hepar
