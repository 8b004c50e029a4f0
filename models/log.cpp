// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/log.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "models/named_values.h"

namespace hepar {
namespace {

struct Output {
  LogSink sink;
  std::optional<LogLevel> most_detailed;  // Empty: nothing is logged.
};

constexpr NamedValue<std::optional<LogLevel>> kLevels[] = {{"none", std::nullopt},
                                                           {"warning", LogLevel::kWarning},
                                                           {"info", LogLevel::kInfo},
                                                           {"debug", LogLevel::kDebug}};

void PrintToStderr(LogLevel level, const std::string& message) {
  const char* const prefix = level == LogLevel::kWarning ? "hepar: warning: " : "hepar: ";
  std::fprintf(stderr, "%s%s\n", prefix, message.c_str());
}

std::optional<LogLevel> LevelOfEnvironment() {
  const char* const name = std::getenv("HEPAR_LOG");
  if (name == nullptr) return LogLevel::kWarning;
  try {
    return ValueOf(kLevels, name, "log level");
  } catch (const Error& error) {
    PrintToStderr(LogLevel::kWarning, std::string("HEPAR_LOG: ") + error.what());
    return LogLevel::kWarning;
  }
}

std::shared_ptr<const Output> DefaultOutput() {
  return std::make_shared<const Output>(Output{PrintToStderr, LevelOfEnvironment()});
}

struct Current {
  std::mutex mutex;
  std::shared_ptr<const Output> output = DefaultOutput();
};

// Never destroyed: threads may log while the program ends.
Current& TheCurrent() {
  static auto* const current = new Current;
  return *current;
}

std::shared_ptr<const Output> CurrentOutput() {
  Current& current = TheCurrent();
  const std::lock_guard<std::mutex> lock(current.mutex);
  return current.output;
}

bool Takes(const Output& output, LogLevel level) {
  return output.most_detailed && level <= *output.most_detailed;
}

}  // namespace

void SetLogSink(LogSink sink, LogLevel most_detailed) {
  auto output = sink ? std::make_shared<const Output>(Output{std::move(sink), most_detailed})
                     : DefaultOutput();
  Current& current = TheCurrent();
  const std::lock_guard<std::mutex> lock(current.mutex);
  current.output.swap(output);
}

void LogToStderr(LogLevel most_detailed) { SetLogSink(PrintToStderr, most_detailed); }

bool IsLogged(LogLevel level) { return Takes(*CurrentOutput(), level); }

void Log(LogLevel level, const std::string& message) {
  const std::shared_ptr<const Output> output = CurrentOutput();
  if (Takes(*output, level)) output->sink(level, message);
}

}  // namespace hepar
