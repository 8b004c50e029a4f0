// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "elements/publish/result_line.h"

namespace hepar {

// Where lines go: a file, a socket or a broker. Used by one thread. Every function may throw Error;
// the caller then calls Close() and begins again with Open(). No function waits for the other side,
// except for the resolution of a host name and for the disk.
class Outlet {
 public:
  virtual ~Outlet() = default;

  // Begins to open or connect, or goes on with it. Returns true when lines can be sent.
  virtual bool Open() = 0;

  // Takes over a line. Returns false if it cannot now.
  virtual bool Send(const ResultLine& line) = 0;

  // Does what is to be done. Returns how many lines have arrived since the last call.
  virtual std::size_t Work() = 0;

  // What to wait for before the next call. A negative `fd`: nothing.
  virtual pollfd Watch() const { return {-1, 0, 0}; }

  // Gives up the connection. Lines that were taken over and have not arrived are sent again after
  // the next Open().
  virtual void Close() noexcept = 0;

  // Says goodbye to the other side after the last line.
  virtual void Finish() {}
};

// The options of all outlets.
struct OutletOptions {
  // stdout: (or -), file:PATH (or PATH), unix:PATH, mqtt://[USER@]HOST[:PORT][/TOPIC] or mqtts://
  std::string location;
  // File: begins a new file before one grows beyond this many bytes; 0: never.
  std::uint64_t rotate_bytes = 0;
  int rotate_files = 5;  // File: how many old files are kept: PATH.1 (the newest), PATH.2 ...
  // MQTT.
  int qos = 1;                // 0..2
  std::string client_id;      // Empty: a random one.
  std::string password_file;  // Its first line is the password. Empty: none.
  std::string ca_file;        // PEM. Empty: the certificates of the system.
  std::string cert_file;      // PEM, with key_file: the client's certificate. Empty: none.
  std::string key_file;
};

// Makes the outlet for `options.location`, without opening it. Throws Error: kInvalid for a
// location or option that makes no sense, kNotFound and kUnreadable for a file that is named and
// cannot be read, kUnsupported for MQTT in a build without it.
std::unique_ptr<Outlet> MakeOutlet(const OutletOptions& options);

}  // namespace hepar
