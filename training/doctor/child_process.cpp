// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/doctor/child_process.h"

#include <glib.h>
#include <sys/wait.h>

namespace hepar {

std::optional<ChildResult> RunChild(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const auto flags = static_cast<GSpawnFlags>(G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL);
  g_autofree gchar* out = nullptr;
  int status = 0;
  if (!g_spawn_sync(nullptr, argv.data(), nullptr, flags, nullptr, nullptr, &out, nullptr, &status,
                    nullptr)) {
    return std::nullopt;
  }
  ChildResult result;
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  result.out = out;
  return result;
}

}  // namespace hepar
