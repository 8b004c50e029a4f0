// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

#include <mutex>
#include <string>
#include <vector>

struct mosquitto;

namespace hepar::testing {

// A Mosquitto broker of the test's own, in a process that can be killed, stopped and restarted.
class MqttBroker {
 public:
  // Whether the program is installed.
  static bool Available();

  // Writes the settings and starts the broker. `listener`: more lines for the listener, such as
  // TLS. `global`: lines before it.
  explicit MqttBroker(const std::string& listener = "", const std::string& global = "");
  ~MqttBroker();
  MqttBroker(const MqttBroker&) = delete;
  MqttBroker& operator=(const MqttBroker&) = delete;

  void Start();   // Returns when it takes connections.
  void Kill();    // As by a power cut.
  void Freeze();  // Keeps its connections, and does nothing.
  void Thaw();

  int port() const { return port_; }

 private:
  std::string folder_;
  int port_ = 0;
  pid_t process_ = -1;
};

// A client that collects what is published under a topic, in a session that outlives connections.
class MqttSubscriber {
 public:
  struct Message {
    std::string topic;
    std::string text;
    bool retained = false;
  };

  // Returns when it has subscribed.
  MqttSubscriber(int port, const std::string& topic, const std::string& client_id);
  ~MqttSubscriber();
  MqttSubscriber(const MqttSubscriber&) = delete;
  MqttSubscriber& operator=(const MqttSubscriber&) = delete;

  std::vector<Message> messages() const;

  // The texts under `topic`.
  std::vector<std::string> Under(const std::string& topic) const;

 private:
  mosquitto* client_;
  std::string topic_;
  mutable std::mutex mutex_;
  bool subscribed_ = false;
  std::vector<Message> messages_;
};

}  // namespace hepar::testing
