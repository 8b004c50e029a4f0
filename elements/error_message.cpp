// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/error_message.h"

#include <exception>
#include <new>

#include "models/named_values.h"

namespace hepar {
namespace {

constexpr NamedValue<ErrorKind> kKinds[] = {{"not found", ErrorKind::kNotFound},
                                            {"unreadable", ErrorKind::kUnreadable},
                                            {"damaged", ErrorKind::kDamaged},
                                            {"mismatch", ErrorKind::kMismatch},
                                            {"unsupported", ErrorKind::kUnsupported},
                                            {"invalid", ErrorKind::kInvalid},
                                            {"failed", ErrorKind::kFailed}};

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

void Post(GstElement* element, GstMessageType type, const ReportedError& error,
          const CodePlace& place) {
  const GErrorCode code = CodeOf(error.kind());
  const std::string debug =
      NameOf(kKinds, error.kind()) + (error.cause().empty() ? "" : ": " + error.cause());
  gst_element_message_full(element, type, code.domain, code.code, g_strdup(error.what()),
                           g_strdup(debug.c_str()), place.file, place.function, place.line);
}

ReportedError Foreign(const std::string& text, const std::string& cause) {
  return ReportedError(Error(ErrorKind::kFailed, text), cause);
}

}  // namespace

ReportedError ReportedError::With(const std::string& cause) const {
  return ReportedError(*this, cause_.empty() ? cause : cause_ + "; " + cause);
}

ReportedError CurrentError() {
  try {
    throw;
  } catch (const ReportedError& error) {
    return error;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc& error) {
    return Foreign("out of memory", error.what());
  } catch (const std::exception& error) {
    return Foreign("an internal computation failed", error.what());
  } catch (...) {
    return Foreign("an internal computation failed", "an exception of an unknown type");
  }
}

void PostError(GstElement* element, const ReportedError& error, const CodePlace& place) {
  Post(element, GST_MESSAGE_ERROR, error, place);
}

void PostWarning(GstElement* element, const ReportedError& error, const CodePlace& place) {
  Post(element, GST_MESSAGE_WARNING, error, place);
}

}  // namespace hepar
