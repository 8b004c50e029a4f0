// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/mqtt_outlet.h"

#include <mosquitto.h>

#include <chrono>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "models/error.h"
#include "models/file_io.h"

namespace hepar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kKeepAliveSeconds = 15;
constexpr std::chrono::seconds kConnectTimeout{10};
constexpr std::chrono::seconds kFinishTimeout{1};
// Lines that wait for their acknowledgment. The others wait in the queue, where the number is
// bounded.
constexpr std::size_t kInFlight = 20;
constexpr char kSystemCertificates[] = "/etc/ssl/certs";
constexpr int kOneMiB = 1 << 20;

struct MosquittoDeleter {
  void operator()(mosquitto* client) const { mosquitto_destroy(client); }
};

std::string FirstLineOf(const std::string& path) {
  const std::string text = ReadFile(path, kOneMiB);
  return text.substr(0, text.find_first_of("\r\n"));
}

class MqttOutlet : public Outlet {
 public:
  MqttOutlet(PublishLocation location, OutletOptions options)
      : location_(std::move(location)), options_(std::move(options)) {
    static std::once_flag once;
    std::call_once(once, mosquitto_lib_init);
    const bool named = !options_.client_id.empty();
    client_.reset(mosquitto_new(named ? options_.client_id.c_str() : nullptr, true, this));
    if (client_ == nullptr) throw Error(ErrorKind::kFailed, "out of memory for an MQTT client");
    mosquitto_connect_callback_set(client_.get(), [](mosquitto*, void* self, int code) {
      static_cast<MqttOutlet*>(self)->answer_ = code;
    });
    mosquitto_publish_callback_set(client_.get(), [](mosquitto*, void* self, int id) {
      static_cast<MqttOutlet*>(self)->acknowledged_.insert(id);
    });
    SetLogin();
    if (location_.tls) SetTls();
    Check(mosquitto_will_set(client_.get(), Topic("status").c_str(),
                             static_cast<int>(std::strlen(kOffline)), kOffline, 1, true),
          ErrorKind::kInvalid);
  }

  bool Open() override {
    if (!connecting_) {
      answer_ = -1;
      connecting_ = true;
      deadline_ = Clock::now() + kConnectTimeout;
      Check(mosquitto_connect_async(client_.get(), location_.host.c_str(), location_.port,
                                    kKeepAliveSeconds),
            ErrorKind::kUnreadable);
    }
    Loop();
    if (answer_ < 0) {
      if (Clock::now() < deadline_) return false;
      throw Error(ErrorKind::kUnreadable, Broker() + " does not answer");
    }
    if (answer_ > 0) {
      throw Error(ErrorKind::kUnreadable,
                  Broker() + " refused the connection: " + mosquitto_connack_string(answer_) +
                      " Check the user, password-file and client-id.");
    }
    Publish("status", kOnline, true);
    return true;
  }

  bool Send(const ResultLine& line) override {
    if (lines_.size() >= kInFlight) return false;
    lines_.insert(Publish("result", line.text, false));
    if (retained_ != line.state) {
      Publish("state", line.text, true);
      retained_ = line.state;
    }
    return true;
  }

  std::size_t Work() override {
    if (connecting_) Loop();
    std::size_t arrived = 0;
    for (const int id : acknowledged_) arrived += lines_.erase(id);
    acknowledged_.clear();
    return arrived;
  }

  pollfd Watch() const override {
    const bool write = mosquitto_want_write(client_.get());
    return {mosquitto_socket(client_.get()), static_cast<short>(write ? POLLIN | POLLOUT : POLLIN),
            0};
  }

  void Close() noexcept override {
    // Without a DISCONNECT packet, so that the broker publishes the last will. The library keeps
    // what is not acknowledged and sends it again.
    connecting_ = false;
  }

  void Finish() override {
    const int id = Publish("status", kOffline, true);
    const Clock::time_point end = Clock::now() + kFinishTimeout;
    while (acknowledged_.count(id) == 0 && Clock::now() < end) {
      pollfd watch = Watch();
      poll(&watch, 1, 50);
      Loop();
    }
    mosquitto_disconnect(client_.get());
  }

 private:
  static constexpr char kOnline[] = "online";
  static constexpr char kOffline[] = "offline";

  std::string Topic(const char* part) const { return location_.topic + "/" + part; }

  std::string Broker() const {
    return "the MQTT broker " + location_.host + ":" + std::to_string(location_.port);
  }

  void Check(int code, ErrorKind kind) const {
    if (code == MOSQ_ERR_SUCCESS || code == MOSQ_ERR_CONN_PENDING) return;
    const std::string reason =
        code == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(code);
    throw Error(kind, Broker() + ": " + reason);
  }

  void SetLogin() {
    if (location_.user.empty() && options_.password_file.empty()) return;
    if (location_.user.empty()) {
      throw Error(ErrorKind::kInvalid,
                  "a password-file needs a user: write the location as mqtt://USER@HOST");
    }
    const bool secret = !options_.password_file.empty();
    const std::string password = secret ? FirstLineOf(options_.password_file) : "";
    Check(mosquitto_username_pw_set(client_.get(), location_.user.c_str(),
                                    secret ? password.c_str() : nullptr),
          ErrorKind::kInvalid);
  }

  void SetTls() {
    for (const std::string& path : {options_.ca_file, options_.cert_file, options_.key_file}) {
      if (!path.empty()) ReadFile(path, kOneMiB);  // Says which file cannot be read, and why.
    }
    if (options_.cert_file.empty() != options_.key_file.empty()) {
      throw Error(ErrorKind::kInvalid, "cert-file and key-file belong together; set both");
    }
    const auto name = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
    Check(mosquitto_tls_set(client_.get(), name(options_.ca_file),
                            options_.ca_file.empty() ? kSystemCertificates : nullptr,
                            name(options_.cert_file), name(options_.key_file), nullptr),
          ErrorKind::kInvalid);
  }

  void Loop() {
    const int code = mosquitto_loop(client_.get(), 0, 1);
    // A refusal is more telling than the end of the connection that follows it.
    if (code != MOSQ_ERR_SUCCESS && answer_ <= 0) Check(code, ErrorKind::kUnreadable);
  }

  int Publish(const char* part, const std::string& text, bool retain) {
    int id = 0;
    const int code =
        mosquitto_publish(client_.get(), &id, Topic(part).c_str(), static_cast<int>(text.size()),
                          text.data(), options_.qos, retain);
    // The library has taken over the message even if the connection turns out to be lost.
    if (code != MOSQ_ERR_NO_CONN && code != MOSQ_ERR_CONN_LOST && code != MOSQ_ERR_ERRNO) {
      Check(code, ErrorKind::kFailed);
    }
    return id;
  }

  const PublishLocation location_;
  const OutletOptions options_;
  std::unique_ptr<mosquitto, MosquittoDeleter> client_;
  bool connecting_ = false;  // Or connected.
  int answer_ = -1;          // The code of the broker's CONNACK; negative: none yet.
  Clock::time_point deadline_;
  std::set<int> lines_;  // The identifiers of lines that are not acknowledged.
  std::set<int> acknowledged_;
  std::string retained_;  // The state of the line that the broker retains.
};

}  // namespace

std::unique_ptr<Outlet> MakeMqttOutlet(const PublishLocation& location,
                                       const OutletOptions& options) {
  if (options.qos < 1 || options.qos > 2) {
    throw Error(ErrorKind::kInvalid, "qos is " + std::to_string(options.qos) + ", expected 1 or 2");
  }
  return std::make_unique<MqttOutlet>(location, options);
}

}  // namespace hepar
