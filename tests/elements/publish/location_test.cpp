// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/location.h"

#include <gtest/gtest.h>

#include "models/error.h"

namespace hepar {
namespace {

using Kind = PublishLocation::Kind;

TEST(LocationTest, ReadsEachKind) {
  EXPECT_EQ(ParsePublishLocation("-").kind, Kind::kStdout);
  EXPECT_EQ(ParsePublishLocation("stdout:").kind, Kind::kStdout);

  for (const char* text : {"file:/a/b c.jsonl", "/a/b c.jsonl"}) {
    const PublishLocation file = ParsePublishLocation(text);
    EXPECT_EQ(file.kind, Kind::kFile);
    EXPECT_EQ(file.path, "/a/b c.jsonl");
  }
  const PublishLocation socket = ParsePublishLocation("unix:/run/x.sock");
  EXPECT_EQ(socket.kind, Kind::kUnix);
  EXPECT_EQ(socket.path, "/run/x.sock");
}

TEST(LocationTest, ReadsBrokers) {
  const PublishLocation plain = ParsePublishLocation("mqtt://host");
  EXPECT_EQ(plain.kind, Kind::kMqtt);
  EXPECT_EQ(plain.host, "host");
  EXPECT_EQ(plain.port, 1883);
  EXPECT_EQ(plain.topic, "hepar");
  EXPECT_EQ(plain.user, "");
  EXPECT_FALSE(plain.tls);

  const PublishLocation full = ParsePublishLocation("mqtts://an@na@[fe80::1]:99/room 3/liver");
  EXPECT_EQ(full.host, "fe80::1");
  EXPECT_EQ(full.port, 99);
  EXPECT_EQ(full.topic, "room 3/liver");
  EXPECT_EQ(full.user, "an@na");
  EXPECT_TRUE(full.tls);
  EXPECT_EQ(ParsePublishLocation("mqtts://host").port, 8883);
}

TEST(LocationTest, RefusesWhatMakesNoSense) {
  for (const char* text :
       {"", "file:", "unix:", "http://host/", "mqtt://", "mqtt://:1883", "mqtt://host:0",
        "mqtt://host:65536", "mqtt://host:1x", "mqtt://host:", "mqtt://[::1", "mqtt://[::1]9",
        "mqtt://host/a/#", "mqtt://host/+", "mqtt://host/a/", "mqtt://user:secret@host"}) {
    SCOPED_TRACE(text);
    try {
      ParsePublishLocation(text);
      ADD_FAILURE() << "was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    }
  }
}

}  // namespace
}  // namespace hepar
