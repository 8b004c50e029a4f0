// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/archive_check.h"

#include <zip.h>

#include <array>
#include <memory>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

constexpr zip_uint64_t kMaxDescription = 4 << 20;
constexpr zip_int64_t kMaxEntries = 20000;

struct ZipDiscard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct ZipFileClose {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, ZipDiscard>;

Archive OpenArchive(std::string_view bytes, const std::string& origin) {
  zip_error_t error;
  zip_error_init(&error);
  Archive archive;
  if (zip_source_t* source =
          zip_source_buffer_create(bytes.data(), bytes.size(), /*freep=*/0, &error)) {
    archive.reset(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error));
    if (!archive) zip_source_free(source);
  }
  const std::string reason = archive ? "" : zip_error_strerror(&error);
  zip_error_fini(&error);
  if (!archive) {
    throw Error(ErrorKind::kDamaged,
                origin + ": is no model bundle, or a truncated one (" + reason + ")");
  }
  return archive;
}

bool IsSafeName(std::string_view name) {
  return !name.empty() && name.size() < 1024 && name.front() != '/' &&
         name.find("..") == std::string_view::npos && name.find('\\') == std::string_view::npos;
}

bool IsDescription(std::string_view name) {
  constexpr std::string_view kTail = "/extra/hepar.json";
  return name.size() > kTail.size() && name.substr(name.size() - kTail.size()) == kTail;
}

}  // namespace

std::string CheckArchive(std::string_view bytes, const std::string& origin) {
  const Archive archive = OpenArchive(bytes, origin);
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  if (count <= 0 || count > kMaxEntries) {
    throw Error(ErrorKind::kDamaged,
                origin + ": holds " + std::to_string(count) + " parts, which no bundle does");
  }

  std::string description;
  bool found = false;
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE;
    if (zip_stat_index(archive.get(), i, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded ||
        !IsSafeName(stat.name)) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": part " + std::to_string(i) + " has no proper name or size");
    }
    const std::string name = stat.name;
    // Bundles are stored, not compressed: a part cannot be larger than the file.
    if (stat.size > bytes.size()) {
      throw Error(ErrorKind::kDamaged, origin + ": part '" + name + "' claims " +
                                           std::to_string(stat.size) + " bytes in a file of " +
                                           std::to_string(bytes.size()));
    }
    const bool keep = IsDescription(name);
    if (keep && stat.size > kMaxDescription) {
      throw Error(ErrorKind::kDamaged, origin + ": part '" + name + "' is too large");
    }

    const std::unique_ptr<zip_file_t, ZipFileClose> file(zip_fopen_index(archive.get(), i, 0));
    std::array<char, 1 << 16> chunk;
    zip_uint64_t total = 0;
    zip_int64_t got = file ? 0 : -1;
    while (file && (got = zip_fread(file.get(), chunk.data(), chunk.size())) > 0) {
      total += static_cast<zip_uint64_t>(got);
      if (keep) description.append(chunk.data(), static_cast<std::size_t>(got));
    }
    // libzip compares the CRC-32 when it reaches the end of a part.
    if (got < 0 || total != stat.size) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": part '" + name + "' is damaged; copy or train the model again");
    }
    found = found || keep;
  }
  if (!found) {
    throw Error(ErrorKind::kDamaged,
                origin +
                    ": holds no hepar.json; it is a foreign TorchScript or zip file, not a "
                    "bundle that 'hepar train' wrote");
  }
  return description;
}

}  // namespace hepar
