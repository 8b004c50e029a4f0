// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/error_message.h"

#include <gst/gst.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

namespace hepar {
namespace {

struct Posted {
  GstMessageType type = GST_MESSAGE_UNKNOWN;
  GQuark domain = 0;
  int code = 0;
  std::string text;
  std::string debug;
};

// Calls `post` with an element and returns what it put on the bus.
template <typename Post>
Posted Catch(const Post& post) {
  g_autoptr(GstElement) element = gst_bin_new("e");
  gst_object_ref_sink(element);
  g_autoptr(GstBus) bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  post(element);
  gst_element_set_bus(element, nullptr);
  g_autoptr(GstMessage) message = gst_bus_pop(bus);
  Posted posted;
  if (message == nullptr) return posted;
  posted.type = GST_MESSAGE_TYPE(message);
  g_autoptr(GError) error = nullptr;
  g_autofree gchar* debug = nullptr;
  (posted.type == GST_MESSAGE_ERROR ? gst_message_parse_error : gst_message_parse_warning)(
      message, &error, &debug);
  posted.domain = error->domain;
  posted.code = error->code;
  posted.text = error->message;
  posted.debug = debug ? debug : "";
  return posted;
}

TEST(ErrorMessageTest, GivesThePlaceOfTheCaller) {
  const int line = __LINE__ + 2;
  const Posted posted =
      Catch([](GstElement* e) { PostError(e, Error(ErrorKind::kDamaged, "the file is broken")); });
  EXPECT_EQ(posted.type, GST_MESSAGE_ERROR);
  EXPECT_NE(posted.debug.find("error_message_test.cpp(" + std::to_string(line) + ")"),
            std::string::npos)
      << posted.debug;
}

TEST(ErrorMessageTest, KeepsTheTextForTheUserAndTheCauseApart) {
  const Posted posted = Catch([](GstElement* e) {
    PostWarning(e, ReportedError(Error(ErrorKind::kFailed, "the frame failed"), "bad pointer")
                       .With("frame 7"));
  });
  EXPECT_EQ(posted.type, GST_MESSAGE_WARNING);
  EXPECT_EQ(posted.text, "the frame failed");
  EXPECT_NE(posted.debug.find("failed: bad pointer; frame 7"), std::string::npos) << posted.debug;
}

TEST(ErrorMessageTest, ChoosesTheDomainByTheKind) {
  const auto posted = [](ErrorKind kind) {
    return Catch([kind](GstElement* e) { PostError(e, Error(kind, "x")); });
  };
  EXPECT_EQ(posted(ErrorKind::kNotFound).domain, GST_RESOURCE_ERROR);
  EXPECT_EQ(posted(ErrorKind::kNotFound).code, GST_RESOURCE_ERROR_NOT_FOUND);
  EXPECT_EQ(posted(ErrorKind::kUnreadable).code, GST_RESOURCE_ERROR_READ);
  for (const ErrorKind kind :
       {ErrorKind::kDamaged, ErrorKind::kMismatch, ErrorKind::kInvalid, ErrorKind::kUnsupported}) {
    EXPECT_EQ(posted(kind).domain, GST_LIBRARY_ERROR);
    EXPECT_EQ(posted(kind).code, GST_LIBRARY_ERROR_SETTINGS);
  }
  EXPECT_EQ(posted(ErrorKind::kFailed).domain, GST_STREAM_ERROR);
}

template <typename Exception>
ReportedError Caught(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return CurrentError();
  }
}

TEST(ErrorMessageTest, AnErrorIsReportedAsItIs) {
  const ReportedError error = Caught(Error(ErrorKind::kInvalid, "no such sector"));
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_STREQ(error.what(), "no such sector");
  EXPECT_EQ(error.cause(), "");
}

TEST(ErrorMessageTest, TheTextOfAForeignExceptionIsTheCauseOnly) {
  const ReportedError error = Caught(std::runtime_error("matrix.cpp:250: assertion failed"));
  EXPECT_EQ(error.kind(), ErrorKind::kFailed);
  EXPECT_EQ(std::string(error.what()).find("matrix"), std::string::npos);
  EXPECT_EQ(error.cause(), "matrix.cpp:250: assertion failed");
  EXPECT_STREQ(Caught(std::bad_alloc()).what(), "out of memory");
  EXPECT_EQ(Caught(7).kind(), ErrorKind::kFailed);
}

}  // namespace
}  // namespace hepar
