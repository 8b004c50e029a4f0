// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/torch_archive.h"

#include <zip.h>

#include <array>
#include <memory>

#include "models/error.h"

namespace hepar {
namespace {

constexpr zip_int64_t kMaxParts = 20000;
constexpr zip_uint64_t kMaxCompressed = 64 << 20;

struct ZipDiscard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct ZipFileClose {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, ZipDiscard>;

Archive OpenArchive(std::string_view bytes, const std::string& origin, const std::string& kind) {
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
                origin + ": is no " + kind + ", or a truncated one (" + reason + ")");
  }
  return archive;
}

bool IsSafeName(std::string_view name) {
  return !name.empty() && name.size() < 1024 && name.front() != '/' &&
         name.find("..") == std::string_view::npos && name.find('\\') == std::string_view::npos;
}

}  // namespace

void ReadTorchArchive(
    std::string_view bytes, const std::string& origin, const std::string& kind,
    const std::function<void(const std::string& part, std::string_view piece)>& take) {
  const Archive archive = OpenArchive(bytes, origin, kind);
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  if (count <= 0 || count > kMaxParts) {
    throw Error(ErrorKind::kDamaged,
                origin + ": holds " + std::to_string(count) + " parts, which no " + kind + " does");
  }

  zip_uint64_t compressed = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive.get(), i, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded ||
        !IsSafeName(stat.name)) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": part " + std::to_string(i) + " has no proper name or size");
    }
    const std::string name = stat.name;
    // Tensors are stored, so that none can be larger than the file; only code is compressed.
    const bool stored = stat.comp_method == ZIP_CM_STORE;
    const zip_uint64_t room = stored ? bytes.size() : kMaxCompressed - compressed;
    if (stat.size > room) {
      throw Error(ErrorKind::kDamaged, origin + ": part '" + name + "' claims " +
                                           std::to_string(stat.size) + " bytes in a file of " +
                                           std::to_string(bytes.size()));
    }
    if (!stored) compressed += stat.size;

    const std::string part = name.substr(name.find('/') + 1);
    take(part, {});
    const std::unique_ptr<zip_file_t, ZipFileClose> file(zip_fopen_index(archive.get(), i, 0));
    std::array<char, 1 << 16> chunk;
    zip_uint64_t total = 0;
    zip_int64_t got = file ? 0 : -1;
    while (file && (got = zip_fread(file.get(), chunk.data(), chunk.size())) > 0) {
      total += static_cast<zip_uint64_t>(got);
      take(part, {chunk.data(), static_cast<std::size_t>(got)});
    }
    // libzip compares the CRC-32 when it reaches the end of a part.
    if (got < 0 || total != stat.size) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": part '" + name + "' is damaged; copy or make the " + kind + " again");
    }
  }
}

}  // namespace hepar
