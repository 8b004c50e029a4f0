// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/torch_archive.h"

#include <zip.h>

#include <array>
#include <memory>

#include "models/error.h"
#include "models/printable.h"

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
struct ZipSourceFree {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
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

// "ROOT/part", which is what PyTorch writes.
bool IsSafeName(std::string_view name) {
  return name.size() < 1024 && name.find('/') != std::string_view::npos && name.front() != '/' &&
         name.back() != '/' && name.find("..") == std::string_view::npos &&
         name.find('\\') == std::string_view::npos;
}

// The content of part `index`, of `size` bytes as the container says.
std::string ReadPart(zip_t* archive, zip_uint64_t index, zip_uint64_t size, bool* sound) {
  std::string content(size, '\0');
  const std::unique_ptr<zip_file_t, ZipFileClose> file(zip_fopen_index(archive, index, 0));
  zip_uint64_t total = 0;
  while (file && total < size) {
    const zip_int64_t got = zip_fread(file.get(), content.data() + total, size - total);
    if (got <= 0) break;
    total += static_cast<zip_uint64_t>(got);
  }
  // libzip compares the CRC-32 when it reaches the end of a part, so it must be asked for more.
  char more;
  *sound = file && total == size && zip_fread(file.get(), &more, 1) == 0;
  return content;
}

}  // namespace

ArchiveParts ReadTorchArchive(std::string_view bytes, const std::string& origin,
                              const std::string& kind) {
  const Archive archive = OpenArchive(bytes, origin, kind);
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  if (count <= 0 || count > kMaxParts) {
    throw Error(ErrorKind::kDamaged,
                origin + ": holds " + std::to_string(count) + " parts, which no " + kind + " does");
  }

  ArchiveParts parts;
  std::string root;
  zip_uint64_t stored = 0, compressed = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive.get(), index, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded ||
        !IsSafeName(stat.name)) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": part " + std::to_string(i) + " has no proper name or size");
    }
    const std::string name = stat.name;
    const auto wrong = [&](const std::string& what) {
      return Error(ErrorKind::kDamaged, origin + ": part '" + Printable(name) + "' " + what);
    };
    // Tensors are stored, so that all of them together are no larger than the file; only code is
    // compressed.
    const bool is_stored = stat.comp_method == ZIP_CM_STORE;
    const zip_uint64_t room = is_stored ? bytes.size() - stored : kMaxCompressed - compressed;
    if (stat.size > room) {
      throw wrong("claims " + std::to_string(stat.size) + " bytes in a file of " +
                  std::to_string(bytes.size()));
    }
    (is_stored ? stored : compressed) += stat.size;

    const std::size_t slash = name.find('/');
    if (i == 0) root = name.substr(0, slash);
    if (name.compare(0, slash, root) != 0)
      throw wrong("is not in the folder '" + Printable(root) + "' of the others");
    bool sound = false;
    std::string content = ReadPart(archive.get(), index, stat.size, &sound);
    if (!sound) throw wrong("is damaged; copy or make the " + kind + " again");
    if (!parts.emplace(name.substr(slash + 1), std::move(content)).second) {
      throw wrong("is there twice");
    }
  }
  return parts;
}

std::string WriteTorchArchive(const ArchiveParts& parts) {
  zip_error_t error;
  zip_error_init(&error);
  const auto failed = [&error] {
    return Error(ErrorKind::kFailed,
                 std::string("a container cannot be written: ") + zip_error_strerror(&error));
  };
  const std::unique_ptr<zip_source_t, ZipSourceFree> target(
      zip_source_buffer_create(nullptr, 0, /*freep=*/0, &error));
  if (!target) throw failed();
  zip_source_keep(target.get());  // The archive frees what it is opened from.
  Archive archive(zip_open_from_source(target.get(), ZIP_TRUNCATE, &error));
  if (!archive) {
    zip_source_free(target.get());
    throw failed();
  }
  for (const auto& [name, content] : parts) {
    zip_source_t* source = zip_source_buffer(archive.get(), content.data(), content.size(), 0);
    const zip_int64_t index =
        source ? zip_file_add(archive.get(), ("archive/" + name).c_str(), source, ZIP_FL_ENC_UTF_8)
               : -1;
    if (index < 0) {
      zip_source_free(source);
      throw failed();
    }
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  if (zip_close(archive.get()) != 0) throw failed();
  archive.release();  // zip_close() did.

  std::string bytes;
  std::array<char, 1 << 16> chunk;
  if (zip_source_open(target.get()) != 0) throw failed();
  zip_int64_t got;
  while ((got = zip_source_read(target.get(), chunk.data(), chunk.size())) > 0) {
    bytes.append(chunk.data(), static_cast<std::size_t>(got));
  }
  zip_source_close(target.get());
  if (got < 0) throw failed();
  return bytes;
}

}  // namespace hepar
