// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/mqtt_broker.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <mosquitto.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace hepar::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kProgram[] = "/usr/sbin/mosquitto";

sockaddr_in Local(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Local(0);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

bool TakesConnections(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Local(port);
  const bool taken = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return taken;
}

template <typename Done>
bool WaitFor(Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

bool MqttBroker::Available() { return access(kProgram, X_OK) == 0; }

MqttBroker::MqttBroker(const std::string& listener, const std::string& global) : port_(FreePort()) {
  std::string name = ::testing::TempDir() + "brokerXXXXXX";
  folder_ = mkdtemp(name.data());
  std::ofstream settings(folder_ + "/mosquitto.conf");
  // What is published for a client that is away is on the disk after a second.
  settings << "user root\npersistence true\npersistence_location " << folder_
           << "/\nautosave_interval 1\nautosave_on_changes true\nlog_dest none\n"
           << "max_queued_messages 0\n"
           << global << (global.empty() ? "allow_anonymous true\n" : "") << "listener " << port_
           << " 127.0.0.1\n"
           << listener;
  settings.close();
  Start();
}

MqttBroker::~MqttBroker() {
  Kill();
  fs::remove_all(folder_);
}

void MqttBroker::Start() {
  process_ = fork();
  if (process_ == 0) {
    const std::string settings = folder_ + "/mosquitto.conf";
    execl(kProgram, kProgram, "-c", settings.c_str(), nullptr);
    _exit(127);
  }
  ASSERT_GT(process_, 0);
  EXPECT_TRUE(WaitFor([this] { return TakesConnections(port_); })) << "the broker did not start";
}

void MqttBroker::Kill() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

void MqttBroker::Freeze() { kill(process_, SIGSTOP); }

void MqttBroker::Thaw() { kill(process_, SIGCONT); }

MqttSubscriber::MqttSubscriber(int port, const std::string& topic, const std::string& client_id)
    : topic_(topic) {
  mosquitto_lib_init();
  client_ = mosquitto_new(client_id.c_str(), false, this);
  mosquitto_reconnect_delay_set(client_, 1, 1, false);
  mosquitto_connect_callback_set(client_, [](mosquitto* client, void* data, int) {
    auto* self = static_cast<MqttSubscriber*>(data);
    mosquitto_subscribe(client, nullptr, self->topic_.c_str(), 2);
  });
  mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* data, int, int, const int*) {
    auto* self = static_cast<MqttSubscriber*>(data);
    std::lock_guard<std::mutex> lock(self->mutex_);
    self->subscribed_ = true;
  });
  mosquitto_message_callback_set(
      client_, [](mosquitto*, void* data, const mosquitto_message* message) {
        auto* self = static_cast<MqttSubscriber*>(data);
        std::lock_guard<std::mutex> lock(self->mutex_);
        self->messages_.push_back({message->topic,
                                   std::string(static_cast<const char*>(message->payload),
                                               static_cast<std::size_t>(message->payloadlen)),
                                   message->retain});
      });
  EXPECT_EQ(mosquitto_connect(client_, "127.0.0.1", port, 30), MOSQ_ERR_SUCCESS);
  EXPECT_EQ(mosquitto_loop_start(client_), MOSQ_ERR_SUCCESS);
  EXPECT_TRUE(WaitFor([this] {
    std::lock_guard<std::mutex> lock(mutex_);
    return subscribed_;
  }));
}

MqttSubscriber::~MqttSubscriber() {
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, true);
  mosquitto_destroy(client_);
}

std::vector<MqttSubscriber::Message> MqttSubscriber::messages() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return messages_;
}

std::vector<std::string> MqttSubscriber::Under(const std::string& topic) const {
  std::vector<std::string> texts;
  for (const Message& message : messages()) {
    if (message.topic == topic) texts.push_back(message.text);
  }
  return texts;
}

}  // namespace hepar::testing
