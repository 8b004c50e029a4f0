// SPDX-License-Identifier: LGPL-2.1-or-later
//
// heparpublish in a pipeline: what it sends, that it holds to the published schema, and that
// nothing on the other side delays or ends the stream.
#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "elements/gstheparseveritymeta.h"
#ifdef HEPAR_HAVE_MQTT
#include <mosquitto.h>

#include "tests/support/mqtt_broker.h"
#endif

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr GstClockTime kFrameTime = 40 * GST_MSECOND;

bool WaitFor(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

GstHeparSeverity Severity(int grade, bool fresh = true) {
  static const std::vector<std::string> kNames = {"normal", "mild", "moderate", "severe"};
  GstHeparSeverity severity;
  severity.grade = grade;
  severity.state = grade < 0 ? GstHeparState::kUncertain : GstHeparState::kGraded;
  severity.label = grade < 0 ? "uncertain" : kNames[static_cast<size_t>(grade)];
  severity.class_names = kNames;
  severity.probabilities = {0.1, 0.2, 0.3, 0.4};
  severity.raw_probabilities = {0.4, 0.3, 0.2, 0.1};
  severity.confidence = 0.4;
  severity.trust = 0.1;
  severity.model_name = "test";
  severity.model_id = "00ff";
  severity.fresh = fresh;
  severity.age = fresh ? 0 : kFrameTime;
  severity.inference_time = 5 * GST_MSECOND;
  return severity;
}

// The element between pads of the test, with a bus.
class Publish {
 public:
  explicit Publish(const std::string& location, const std::string& more = "") {
    const std::string launch = "heparpublish name=p location=\"" + location + "\" " + more;
    g_autoptr(GError) error = nullptr;
    GstElement* bin = gst_parse_bin_from_description(launch.c_str(), TRUE, &error);
    EXPECT_NE(bin, nullptr) << (error ? error->message : "");
    bin_ = GST_ELEMENT(gst_object_ref_sink(bin));
    bus_ = gst_bus_new();
    gst_element_set_bus(bin_, bus_);
    harness_ = gst_harness_new_with_element(bin_, "sink", "src");
    gst_harness_set_src_caps_str(harness_, "application/x-anything");
    element_ = gst_bin_get_by_name(GST_BIN(bin_), "p");
  }
  ~Publish() {
    gst_harness_teardown(harness_);
    gst_element_set_bus(bin_, nullptr);
    gst_object_unref(element_);
    gst_object_unref(bus_);
    gst_object_unref(bin_);
  }
  Publish(const Publish&) = delete;
  Publish& operator=(const Publish&) = delete;

  // Frame `index`; without a severity if null.
  void Push(int index, const GstHeparSeverity* severity) {
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 16, nullptr);
    GST_BUFFER_PTS(buffer) = static_cast<GstClockTime>(index) * kFrameTime;
    if (severity != nullptr) gst_buffer_set_hepar_severity(buffer, *severity);
    ASSERT_EQ(gst_harness_push(harness_, buffer), GST_FLOW_OK);
    GstBuffer* out = gst_harness_try_pull(harness_);
    EXPECT_EQ(out, buffer) << "the very buffer passes";
    gst_clear_buffer(&out);
  }
  void Push(int index, const GstHeparSeverity& severity) { Push(index, &severity); }

  void Stop() { gst_element_set_state(bin_, GST_STATE_NULL); }

  guint64 Stat(const char* field) const {
    GstStructure* stats = nullptr;
    g_object_get(element_, "stats", &stats, nullptr);
    EXPECT_NE(stats, nullptr);
    guint64 value = 0;
    gboolean flag = FALSE;
    if (gst_structure_get_boolean(stats, field, &flag)) {
      value = flag;
    } else {
      EXPECT_TRUE(gst_structure_get_uint64(stats, field, &value)) << field;
    }
    gst_structure_free(stats);
    return value;
  }
  void ExpectSum() const {
    EXPECT_EQ(Stat("lines"), Stat("published") + Stat("dropped") + Stat("waiting"));
  }
  bool WaitPublished(guint64 count) const {
    return WaitFor([&] { return Stat("published") >= count; });
  }

  // The text of the next message of a type; empty if there is none for a minute.
  std::string Text(GstMessageType type) {
    g_autoptr(GstMessage) message = gst_bus_timed_pop_filtered(bus_, 60 * GST_SECOND, type);
    if (message == nullptr) return "";
    g_autoptr(GError) error = nullptr;
    if (type == GST_MESSAGE_WARNING) {
      gst_message_parse_warning(message, &error, nullptr);
    } else {
      gst_message_parse_error(message, &error, nullptr);
    }
    return error->message;
  }
  bool HasMessage(GstMessageType type) {
    g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus_, type);
    return message != nullptr;
  }

 private:
  GstElement* bin_ = nullptr;
  GstElement* element_ = nullptr;
  GstBus* bus_ = nullptr;
  GstHarness* harness_ = nullptr;
};

class GstHeparPublishTest : public testing::Test {
 protected:
  GstHeparPublishTest() {
    std::string name = testing::TempDir() + "publishXXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~GstHeparPublishTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::vector<json> Lines(const std::string& name) const {
    std::ifstream file(folder_ / name);
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
    return lines;
  }

  fs::path folder_;
};

TEST_F(GstHeparPublishTest, WritesALineForEachResult) {
  Publish publish(Path("r"), "stream-id=\"room 3\"");
  publish.Push(0, nullptr);
  publish.Push(1, Severity(1));
  publish.Push(2, Severity(1, false));  // Carries the result of frame 1.
  publish.Push(3, Severity(2));
  publish.Stop();
  const std::vector<json> lines = Lines("r");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["sequence"], 0);
  EXPECT_EQ(lines[0]["label"], "mild");
  EXPECT_EQ(lines[0]["stream"], "room 3");
  EXPECT_DOUBLE_EQ(lines[0]["stream_time"], 0.04);
  EXPECT_EQ(lines[1]["sequence"], 1);
  EXPECT_EQ(lines[1]["grade"], 2);
  EXPECT_DOUBLE_EQ(lines[1]["running_time"], 0.12);
  EXPECT_EQ(publish.Stat("published"), 2u);
  publish.ExpectSum();
  EXPECT_FALSE(publish.HasMessage(GST_MESSAGE_WARNING));
}

TEST_F(GstHeparPublishTest, AResultThatOnlyLaterFramesCarryIsALine) {
  // As in mode `newest`: frame 3 is the first to carry the result of frame 1.
  GstHeparSeverity late = Severity(1, false);
  Publish publish(Path("r"));
  late.age = 2 * kFrameTime;
  publish.Push(3, late);
  late.age = 3 * kFrameTime;
  publish.Push(4, late);
  publish.Push(5, late);  // The result of frame 2, with the same numbers.
  publish.Stop();
  const std::vector<json> lines = Lines("r");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_DOUBLE_EQ(lines[0]["stream_time"], 0.04);
  EXPECT_DOUBLE_EQ(lines[0]["running_time"], 0.12);
  EXPECT_DOUBLE_EQ(lines[1]["stream_time"], 0.08);
}

TEST_F(GstHeparPublishTest, WritesChangesOrAllFramesIfAsked) {
  for (const auto& [choice, expected] :
       std::vector<std::pair<std::string, size_t>>{{"change", 2}, {"frame", 4}, {"result", 3}}) {
    SCOPED_TRACE(choice);
    Publish publish(Path(choice), "publish=" + choice);
    publish.Push(0, Severity(1));
    publish.Push(1, Severity(1, false));
    publish.Push(2, Severity(1));
    publish.Push(3, Severity(-1));
    publish.Stop();
    EXPECT_EQ(Lines(choice).size(), expected);
  }
}

TEST_F(GstHeparPublishTest, LinesFollowThePublishedSchema) {
  {
    Publish publish(Path("r"), "stream-id=x publish=frame");
    for (int grade = -1; grade < 4; ++grade) publish.Push(grade + 1, Severity(grade));
    GstHeparSeverity severity = Severity(-1, false);
    severity.state = GstHeparState::kNotLiver;
    severity.domain_score = 1.5;
    severity.familiarity_score = 0.5;
    publish.Push(9, severity);
    publish.Stop();
  }
  ASSERT_EQ(Lines("r").size(), 6u);
  if (std::system("python3 -W ignore -c 'import jsonschema'") != 0) {
    GTEST_SKIP() << "there is no python3-jsonschema";
  }
  const std::string check =
      std::string("python3 -W ignore ") + PROJECT_DIR + "/tests/elements/check_schema.py ";
  const std::string schema = std::string(PROJECT_DIR) + "/docs/result-1.schema.json ";
  EXPECT_EQ(std::system((check + schema + Path("r")).c_str()), 0);

  // The schema refuses what is not a result.
  json wrong = Lines("r")[0];
  wrong["confidence"] = 1.5;
  std::ofstream(Path("wrong")) << wrong << '\n';
  EXPECT_NE(std::system((check + schema + Path("wrong") + " 2> /dev/null").c_str()), 0);
}

TEST_F(GstHeparPublishTest, AWrongLocationIsAnError) {
  for (const char* location : {"http://x", "mqtt://host:0", ""}) {
    SCOPED_TRACE(location);
    g_autoptr(GstElement) element = gst_element_factory_make("heparpublish", nullptr);
    gst_object_ref_sink(element);
    g_object_set(element, "location", location, nullptr);
    EXPECT_EQ(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    gst_element_set_state(element, GST_STATE_NULL);
  }
}

TEST_F(GstHeparPublishTest, AFullDiskIsAWarningAndCounts) {
  Publish publish("/dev/full", "queue-size=2 drain-timeout=0");
  for (int i = 0; i < 5; ++i) publish.Push(i, Severity(1));
  EXPECT_NE(publish.Text(GST_MESSAGE_WARNING).find("No space left"), std::string::npos);
  publish.Stop();
  EXPECT_EQ(publish.Stat("lines"), 5u);
  EXPECT_EQ(publish.Stat("published"), 0u);
  EXPECT_GE(publish.Stat("dropped"), 2u);
  EXPECT_GE(publish.Stat("waiting"), 1u);
  publish.ExpectSum();
  EXPECT_NE(publish.Text(GST_MESSAGE_WARNING).find("could not be published"), std::string::npos);
}

#ifdef HEPAR_HAVE_MQTT

using hepar::testing::MqttBroker;
using hepar::testing::MqttSubscriber;

class GstHeparPublishMqttTest : public GstHeparPublishTest {
 protected:
  void SetUp() override {
    if (!MqttBroker::Available()) GTEST_SKIP() << "there is no mosquitto";
  }

  static std::string Location(const MqttBroker& broker) {
    return "mqtt://127.0.0.1:" + std::to_string(broker.port()) + "/room/liver";
  }

  static std::set<int> Sequences(const MqttSubscriber& subscriber) {
    std::set<int> sequences;
    for (const std::string& text : subscriber.Under("room/liver/result")) {
      sequences.insert(json::parse(text)["sequence"].get<int>());
    }
    return sequences;
  }
};

TEST_F(GstHeparPublishMqttTest, PublishesResultsStateAndStatus) {
  MqttBroker broker;
  MqttSubscriber subscriber(broker.port(), "room/liver/#", "s");
  Publish publish(Location(broker), "qos=2");
  for (int i = 0; i < 4; ++i) publish.Push(i, Severity(i < 2 ? 1 : 2));
  ASSERT_TRUE(publish.WaitPublished(4));
  EXPECT_TRUE(WaitFor([&] { return Sequences(subscriber).size() == 4; }));
  EXPECT_EQ(subscriber.Under("room/liver/result").size(), 4u) << "exactly once";

  // Who comes later learns the last change of state, and that the stream is on.
  MqttSubscriber later(broker.port(), "room/liver/#", "later");
  EXPECT_TRUE(WaitFor([&] { return later.messages().size() >= 2; }));
  ASSERT_EQ(later.Under("room/liver/state").size(), 1u);
  EXPECT_EQ(json::parse(later.Under("room/liver/state")[0])["sequence"], 2);
  EXPECT_EQ(later.Under("room/liver/status"), std::vector<std::string>{"online"});
  for (const auto& message : later.messages()) EXPECT_TRUE(message.retained) << message.topic;

  publish.Stop();
  EXPECT_TRUE(WaitFor([&] { return later.Under("room/liver/status").size() == 2; }));
  EXPECT_EQ(later.Under("room/liver/status").back(), "offline");
}

TEST_F(GstHeparPublishMqttTest, ABrokerThatIsKilledCostsOnlyWhatTheQueueCannotHold) {
  MqttBroker broker;
  MqttSubscriber subscriber(broker.port(), "room/liver/#", "s");
  Publish publish(Location(broker), "queue-size=20 drain-timeout=60000");
  int frame = 0;
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(round);
    for (int i = 0; i < 30; ++i) publish.Push(frame++, Severity(i % 4));
    ASSERT_TRUE(WaitFor([&] { return publish.Stat("waiting") == 0; }));
    const auto all = [&] {
      return Sequences(subscriber).size() + publish.Stat("dropped") == publish.Stat("lines");
    };
    ASSERT_TRUE(WaitFor(all)) << "all is quiet";
    // What the broker knows of the session of the subscriber is on the disk after a second.
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    broker.Kill();
    EXPECT_FALSE(publish.Text(GST_MESSAGE_WARNING).empty());
    const guint64 dropped = publish.Stat("dropped");
    for (int i = 0; i < 50; ++i) publish.Push(frame++, Severity(i % 4));
    EXPECT_EQ(publish.Stat("dropped") - dropped, 30u) << "20 of 50 wait";
    EXPECT_EQ(publish.Stat("connected"), 0u);
    publish.ExpectSum();
    broker.Start();
    ASSERT_TRUE(WaitFor([&] { return publish.Stat("waiting") == 0; }));
    EXPECT_TRUE(WaitFor(all));
  }
  publish.Stop();
  EXPECT_EQ(publish.Stat("lines"), 160u);
  EXPECT_EQ(publish.Stat("published"), Sequences(subscriber).size());
  EXPECT_EQ(publish.Stat("waiting"), 0u);
  publish.ExpectSum();
}

TEST_F(GstHeparPublishMqttTest, ABrokerThatFreezesDelaysNoBuffer) {
  MqttBroker broker;
  MqttSubscriber subscriber(broker.port(), "room/liver/#", "s");
  Publish publish(Location(broker), "queue-size=200 drain-timeout=60000");
  publish.Push(0, Severity(1));
  ASSERT_TRUE(publish.WaitPublished(1));
  broker.Freeze();
  for (int i = 1; i < 101; ++i) publish.Push(i, Severity(1));  // Hangs if a buffer waits.
  EXPECT_EQ(publish.Stat("published"), 1u);
  EXPECT_EQ(publish.Stat("waiting"), 100u);
  broker.Thaw();
  ASSERT_TRUE(publish.WaitPublished(101));
  EXPECT_TRUE(WaitFor([&] { return Sequences(subscriber).size() == 101; }));
  EXPECT_EQ(publish.Stat("dropped"), 0u);
}

TEST_F(GstHeparPublishMqttTest, ABrokenConnectionLeavesTheLastWill) {
  MqttBroker broker;
  MqttSubscriber subscriber(broker.port(), "room/liver/status", "s");
  Publish publish(Location(broker), "client-id=liver");
  ASSERT_TRUE(WaitFor([&] { return subscriber.messages().size() == 1; }));
  // A client with the same identifier takes the connection away.
  mosquitto* thief = mosquitto_new("liver", true, nullptr);
  ASSERT_EQ(mosquitto_connect(thief, "127.0.0.1", broker.port(), 30), MOSQ_ERR_SUCCESS);
  EXPECT_TRUE(WaitFor([&] {
    mosquitto_loop(thief, 10, 1);
    return subscriber.messages().size() >= 2;
  }));
  EXPECT_EQ(subscriber.messages()[0].text, "online");
  EXPECT_EQ(subscriber.messages()[1].text, "offline");
  mosquitto_destroy(thief);
}

TEST_F(GstHeparPublishMqttTest, APasswordIsNeededWhereTheBrokerAsksForOne) {
  const std::string passwords = Path("passwords");
  if (std::system(("mosquitto_passwd -c -b " + passwords + " anna secret").c_str()) != 0) {
    GTEST_SKIP() << "there is no mosquitto_passwd";
  }
  MqttBroker broker("", "allow_anonymous false\npassword_file " + passwords + "\n");
  const std::string at = "@127.0.0.1:" + std::to_string(broker.port());
  std::ofstream(Path("wrong")) << "guess\n";
  std::ofstream(Path("right")) << "secret\n";
  {
    Publish publish("mqtt://anna" + at, "drain-timeout=0 password-file=" + Path("wrong"));
    publish.Push(0, Severity(1));
    const std::string text = publish.Text(GST_MESSAGE_WARNING);
    EXPECT_NE(text.find("refused"), std::string::npos) << text;
    EXPECT_EQ(text.find("guess"), std::string::npos) << "a password is not shown";
    publish.Push(1, Severity(1));
    EXPECT_EQ(publish.Stat("waiting"), 2u);
  }
  Publish publish("mqtt://anna" + at, "password-file=" + Path("right"));
  publish.Push(0, Severity(1));
  EXPECT_TRUE(publish.WaitPublished(1));
}

TEST_F(GstHeparPublishMqttTest, TlsChecksTheBroker) {
  const auto certificate = [&](const std::string& name) {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
        "/CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
        Path(name + ".key") + " -out " + Path(name + ".pem") + " 2> /dev/null";
    return std::system(command.c_str()) == 0;
  };
  if (!certificate("broker") || !certificate("other")) GTEST_SKIP() << "there is no openssl";
  MqttBroker broker("certfile " + Path("broker.pem") + "\nkeyfile " + Path("broker.key") + "\n");
  const std::string location = "mqtts://localhost:" + std::to_string(broker.port());
  {
    Publish publish(location, "drain-timeout=0 ca-file=" + Path("other.pem"));
    publish.Push(0, Severity(1));
    EXPECT_FALSE(publish.Text(GST_MESSAGE_WARNING).empty());
    EXPECT_EQ(publish.Stat("published"), 0u);
  }
  Publish publish(location, "ca-file=" + Path("broker.pem"));
  publish.Push(0, Severity(1));
  EXPECT_TRUE(publish.WaitPublished(1));
}

#endif

}  // namespace
