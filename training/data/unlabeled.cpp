// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/unlabeled.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "models/error.h"
#include "training/data/csv.h"
#include "training/data/folder_walk.h"
#include "training/data/picture_source.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

// The picture files of a folder, with their names relative to it, sorted by those.
std::vector<PictureFile> FilesOf(const fs::path& folder, LoadSummary* summary) {
  std::vector<PictureFile> files;
  for (const fs::path& file : PictureFilesIn(folder, folder, summary)) {
    files.push_back({file.lexically_relative(folder).generic_string(), file.string()});
  }
  std::sort(files.begin(), files.end(),
            [](const PictureFile& a, const PictureFile& b) { return a.name < b.name; });
  return files;
}

// The files that a table lists, by the ids of their patients, sorted by path.
std::vector<PictureFile> FilesOfTable(const fs::path& path) {
  const CsvTable table = CsvTable::Read(path.string());
  const int file = table.Column("path");
  const bool named = table.HasColumn("patient_id");
  std::vector<PictureFile> files;
  for (int row = 0; row < table.rows(); ++row) {
    const std::string& name = table.at(row, file);
    const std::string patient = named ? table.at(row, table.Column("patient_id")) : name;
    if (name.empty() || patient.empty()) {
      throw Error(ErrorKind::kDamaged, table.Where(row) + ": path or patient_id is empty");
    }
    files.push_back({patient, (path.parent_path() / name).string()});
  }
  std::sort(files.begin(), files.end(),
            [](const PictureFile& a, const PictureFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace

std::vector<PictureFile> FindPictureFiles(const std::string& path, LoadSummary* summary) {
  std::vector<PictureFile> files;
  try {
    if (!fs::exists(path)) throw Error(ErrorKind::kNotFound, path + ": no such file or folder");
    if (fs::is_directory(path)) {
      files = FilesOf(path, summary);
    } else {
      files.push_back({fs::path(path).filename().string(), path});
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kUnreadable, error.path1().string() + ": " + error.code().message());
  }
  if (files.empty()) {
    throw Error(ErrorKind::kDamaged, path + ": holds no picture and no video");
  }
  return files;
}

Dataset LoadUnlabeled(const std::string& path, const SourceOptions& options) {
  Dataset dataset;
  LoadSummary& summary = dataset.summary;
  std::set<std::string> patients;
  const bool is_table = fs::path(path).extension() == ".csv";
  for (const auto& [name, file] :
       is_table ? FilesOfTable(path) : FindPictureFiles(path, &summary)) {
    const int count =
        CountFrames(file, [&summary](const std::string& line) { summary.Warn(line); });
    if (count == 0) summary.Skip("DICOM without a picture", name);
    for (const int frame : ChooseFrames(count, options)) {
      dataset.samples.push_back({file, 0, name, frame});
    }
    if (count == 0) continue;
    ++summary.files;
    patients.insert(name);
  }
  if (dataset.samples.empty()) {
    throw Error(ErrorKind::kDamaged, path + ": holds no picture and no video");
  }
  summary.pictures = static_cast<int>(dataset.samples.size());
  summary.patients = static_cast<int>(patients.size());
  return dataset;
}

}  // namespace hepar
