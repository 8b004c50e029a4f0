// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>

// Messages of models/ for people who want to know what was chosen and why: devices, backends,
// kernels. Errors are exceptions and not logged.
namespace hepar {

enum class LogLevel {
  kWarning,  // It works, but more slowly or otherwise than asked for.
  kInfo,     // What was chosen.
  kDebug,    // Details for developers.
};

// Receives one message, a line without a newline (kDebug: several lines). May be called by any
// number of threads at the same time and must not throw.
using LogSink = std::function<void(LogLevel level, const std::string& message)>;

// Sends the messages of the whole process up to `most_detailed` to `sink` from now on. An empty
// sink restores the default, which prints to stderr up to the level that the environment variable
// HEPAR_LOG names ("none", "warning", "info", "debug"; unset: "warning"). The sink before may still
// be running on other threads when this returns. Thread-safe.
void SetLogSink(LogSink sink, LogLevel most_detailed = LogLevel::kDebug);

// Prints messages to stderr, whatever HEPAR_LOG says. As SetLogSink().
void LogToStderr(LogLevel most_detailed);

// Whether a message of this level would reach a sink: for messages that are costly to make.
bool IsLogged(LogLevel level);

// Thread-safe.
void Log(LogLevel level, const std::string& message);

}  // namespace hepar
