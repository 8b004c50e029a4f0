// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

#include "models/error.h"

namespace hepar {

// A place in the source code. As a default argument, Here() is the place of the call.
struct CodePlace {
  const char* file;
  const char* function;
  int line;

  static constexpr CodePlace Here(const char* file = __builtin_FILE(),
                                  const char* function = __builtin_FUNCTION(),
                                  int line = __builtin_LINE()) {
    return {file, function, line};
  }
};

// An error as it goes to the bus: what() is one line for the user, cause() is for the developer and
// goes to the debug text: the original text of a foreign exception, and what was being done.
class ReportedError : public Error {
 public:
  ReportedError(const Error& error, std::string cause = "")  // Any Error can be reported as it is.
      : Error(error), cause_(std::move(cause)) {}

  const std::string& cause() const { return cause_; }

  // The same error with one more sentence in cause().
  ReportedError With(const std::string& cause) const;

 private:
  std::string cause_;
};

// The exception that is being handled; call it in `catch (...)`. An exception that is not an Error
// becomes one of kFailed with a plain text, and its own text becomes the cause.
ReportedError CurrentError();

// Posts `error` on the bus as an error or a warning of `element`, in the domain that fits its kind,
// with the caller's place in the source code. Never call these with a lock held: bus handlers may
// call back into the element.
void PostError(GstElement* element, const ReportedError& error,
               const CodePlace& place = CodePlace::Here());
void PostWarning(GstElement* element, const ReportedError& error,
                 const CodePlace& place = CodePlace::Here());

}  // namespace hepar
