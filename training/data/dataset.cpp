// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dataset.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <opencv2/core.hpp>
#include <set>
#include <system_error>
#include <tuple>

#include "models/error.h"
#include "models/sha256.h"
#include "models/simulator/scan_simulator.h"
#include "training/data/csv.h"
#include "training/data/folder_walk.h"
#include "training/data/mat_file.h"
#include "training/data/patient_id.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

// A sample with its place in the source.
struct Found {
  std::string key;  // Its file relative to the source, with '/' and without '.' and '..'.
  Sample sample;
  std::string where;  // For messages.
};

// -1 for an empty field.
double FatOf(const std::string& text, const std::string& where) {
  if (text.empty()) return -1.0;
  double fat = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fat);
  if (error != std::errc() || end != text.data() + text.size() || !(fat >= 0.0 && fat <= 100.0)) {
    throw Error(ErrorKind::kDamaged, where + ": fat_pct is '" + text +
                                         "', expected a percentage from 0 to 100, or nothing where "
                                         "it is unknown");
  }
  return fat;
}

std::string ListOf(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

int LabelOf(const std::vector<std::string>& class_names, const std::string& name,
            const std::string& where) {
  const auto found = std::find(class_names.begin(), class_names.end(), name);
  if (found != class_names.end()) return static_cast<int>(found - class_names.begin());
  throw Error(ErrorKind::kDamaged,
              where + ": unknown label '" + name + "', expected one of " + ListOf(class_names));
}

std::string PatientOf(const fs::path& in_class_folder) {
  if (std::distance(in_class_folder.begin(), in_class_folder.end()) > 1) {
    return Trimmed(in_class_folder.begin()->string());
  }
  const std::string stem = in_class_folder.stem().string();
  const auto end = stem.rfind('_');
  return Trimmed(end == std::string::npos || end == 0 ? stem : stem.substr(0, end));
}

// Adds the samples that one file gives: a still itself, a recording the frames chosen. False for
// one that is sound but holds no picture.
bool AddFrames(const Found& file, const SourceOptions& options, LoadSummary* summary,
               std::vector<Found>& found) {
  const int count =
      CountFrames(file.sample.path, [summary](const std::string& line) { summary->Warn(line); });
  for (const int frame : ChooseFrames(count, options)) {
    found.push_back(file);
    found.back().sample.frame = frame;
  }
  return count > 0;
}

std::vector<Found> FindInFolder(const fs::path& folder, const std::vector<std::string>& class_names,
                                const SourceOptions& options, LoadSummary* summary) {
  std::vector<Found> found;
  const std::set<fs::directory_entry> entries{fs::directory_iterator(folder), {}};
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || IsSetAside(entry.path())) {
      summary->Skip("outside the folders of the classes", name);
      continue;
    }
    if (std::find(class_names.begin(), class_names.end(), name) == class_names.end()) {
      throw Error(ErrorKind::kDamaged, entry.path().string() + ": is no class; expected folders " +
                                           ListOf(class_names) +
                                           ", or give a CSV manifest instead of the folder");
    }
    const std::size_t before = found.size();
    for (const fs::path& file : PictureFilesIn(entry.path(), folder, summary)) {
      const std::string path = file.string();
      const Sample sample = {path, LabelOf(class_names, name, path),
                             PatientOf(file.lexically_relative(entry.path()))};
      const std::string key = file.lexically_relative(folder).generic_string();
      if (!AddFrames({key, sample, path}, options, summary, found)) {
        summary->Skip("DICOM without a picture", key);
      }
    }
    if (found.size() == before) {
      throw Error(ErrorKind::kDamaged,
                  entry.path().string() + ": holds no picture, so the grade " + name +
                      " cannot be learned; put its pictures there, or remove the folder");
    }
  }
  if (found.empty()) {
    throw Error(ErrorKind::kDamaged, folder.string() + ": holds no picture in folders named " +
                                         ListOf(class_names) +
                                         "; give such a folder, or a CSV manifest with the "
                                         "columns path, label and patient_id");
  }
  return found;
}

std::vector<Found> FindInManifest(const fs::path& manifest,
                                  const std::vector<std::string>& class_names,
                                  const SourceOptions& options, LoadSummary* summary) {
  const CsvTable table = CsvTable::Read(manifest.string());
  const int path_column = table.Column("path");
  const int label_column = table.Column("label");
  const int patient_column = table.Column("patient_id");
  const int fat_column = table.HasColumn("fat_pct") ? table.Column("fat_pct") : -1;
  const int copy_column = table.HasColumn("duplicate_of") ? table.Column("duplicate_of") : -1;
  const fs::path folder = fs::absolute(manifest).lexically_normal().parent_path();

  std::vector<Found> found;
  std::map<std::string, std::string> where_of;  // By file, before any is opened.
  for (int row = 0; row < table.rows(); ++row) {
    const std::string where = table.Where(row);
    if (copy_column >= 0 && !Trimmed(table.at(row, copy_column)).empty()) {
      summary->Skip("copy, by the column duplicate_of", table.at(row, path_column));
      continue;
    }
    const std::string patient = Trimmed(table.at(row, patient_column));
    if (table.at(row, path_column).empty() || patient.empty()) {
      throw Error(ErrorKind::kDamaged, where +
                                           ": has an empty path or patient_id; every picture "
                                           "needs both, so that no patient is in two parts");
    }
    const fs::path path = folder / table.at(row, path_column);
    if (!fs::is_regular_file(path)) {
      throw Error(ErrorKind::kNotFound, where + ": there is no file " + path.string() +
                                            "; paths are relative to the manifest");
    }
    Sample sample = {path.lexically_normal().string(),
                     LabelOf(class_names, Trimmed(table.at(row, label_column)), where), patient};
    if (fat_column >= 0) sample.fat = FatOf(Trimmed(table.at(row, fat_column)), where);
    const std::string key = path.lexically_normal().lexically_proximate(folder).generic_string();
    const auto [first, is_new] = where_of.emplace(key, where);
    if (!is_new) {
      throw Error(ErrorKind::kDamaged, where + ": lists " + key + ", as does " + first->second +
                                           "; keep one of the two");
    }
    if (!AddFrames({key, sample, where}, options, summary, found)) {
      throw Error(ErrorKind::kDamaged,
                  where + ": " + key +
                      " is a DICOM file without a picture, such as a directory or a report; remove "
                      "the row");
    }
  }
  if (found.empty()) {
    throw Error(ErrorKind::kDamaged, table.name() + ": lists no picture below its first line");
  }
  return found;
}

bool HasCopyBefore(const std::vector<cv::Mat>& frames, std::size_t frame) {
  for (std::size_t i = 0; i < frame; ++i) {
    if (frames[i].size() == frames[frame].size() &&
        cv::norm(frames[i], frames[frame], cv::NORM_INF) == 0.0) {
      return true;
    }
  }
  return false;
}

std::vector<Found> FindInMatFile(const fs::path& file, LoadSummary* summary) {
  std::vector<Found> found;
  int frame = 0;
  for (const MatPatient& patient : ReadMatFile(file.string())) {
    const std::string id = (patient.id < 10 ? "P0" : "P") + std::to_string(patient.id);
    for (std::size_t i = 0; i < patient.frames.size(); ++i, ++frame) {
      if (HasCopyBefore(patient.frames, i)) {
        summary->Skip("copy of a frame before", "patient " + id + ", frame " + std::to_string(i));
        continue;
      }
      found.push_back({file.filename().string(),
                       {file.string(), GradeOfFat(patient.fat), id, frame, patient.fat},
                       file.string() + ", patient " + id});
    }
  }
  return found;
}

void CheckConsistent(const std::vector<Found>& sorted,
                     const std::vector<std::string>& class_names) {
  std::map<std::string, const Found*> first_of;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Found& first = *first_of.emplace(sorted[i].sample.patient, &sorted[i]).first->second;
    if (first.sample.label != sorted[i].sample.label) {
      throw Error(ErrorKind::kDamaged,
                  "patient '" + first.sample.patient + "' is " + class_names[first.sample.label] +
                      " (" + first.where + ") and " + class_names[sorted[i].sample.label] + " (" +
                      sorted[i].where +
                      "); give each patient one label and a unique id, in a folder with the "
                      "name of the patient");
    }
  }
}

// Two files of the same content weigh twice or, under two patients, stand in two parts of a split.
// Only files of one size can be equal, so the content of others is not compared.
class CopyFinder {
 public:
  explicit CopyFinder(const std::vector<Found>& files) {
    std::set<std::string> seen;
    for (const Found& file : files) {
      if (seen.insert(file.key).second) ++files_of_[fs::file_size(file.sample.path)];
    }
  }

  bool MayHaveCopy(std::uint64_t size) const { return files_of_.at(size) > 1; }

  // Throws Error(kDamaged), naming both, for content that was there before.
  void Add(const Found& file, const std::string& content_digest) {
    const auto [first, is_new] = first_of_.emplace(content_digest, &file);
    if (is_new) return;
    const auto name = [](const Found& one) {
      return one.sample.path + " (patient '" + one.sample.patient + "')";
    };
    const bool is_same_patient = first->second->sample.patient == file.sample.patient;
    throw Error(ErrorKind::kDamaged,
                name(*first->second) + " and " + name(file) + " have the same content" +
                    (is_same_patient ? "" : " under two patients") +
                    "; remove one of the two, or name it in the column duplicate_of of a manifest");
  }

 private:
  std::map<std::uint64_t, int> files_of_;  // By size.
  std::map<std::string, const Found*> first_of_;
};

// Also checks that no two files are copies.
std::string DigestOf(const std::vector<Found>& sorted,
                     const std::vector<std::string>& class_names) {
  Sha256 digest;
  CopyFinder copies(sorted);
  // The zero byte ends each text.
  const auto add = [&digest](const std::string& text) {
    digest.Add(text.c_str(), text.size() + 1);
  };
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Sample& sample = sorted[i].sample;
    const bool is_first = i == 0 || sorted[i - 1].key != sorted[i].key;
    if (is_first) {
      add(sorted[i].key);
      add(class_names[sample.label]);
      add(sample.patient);
      const std::uint64_t size = fs::file_size(sample.path);
      add(std::to_string(size));
      Sha256 content;
      const bool is_compared = copies.MayHaveCopy(size);
      AddContent(sample.path, &digest, is_compared ? &content : nullptr);
      if (is_compared) copies.Add(sorted[i], content.Hex());
    }
    // A still has no frame number.
    if (is_first && sample.frame == 0) continue;
    add(std::to_string(sample.frame));
    add(class_names[sample.label]);
    add(sample.patient);
  }
  return digest.Hex();
}

}  // namespace

Dataset LoadDataset(const std::string& path, const SourceOptions& options) {
  Dataset dataset;
  std::vector<Found> found;
  try {
    if (!fs::exists(path)) {
      throw Error(ErrorKind::kNotFound, path + ": no such file or folder");
    }
    if (!fs::is_directory(path) && !IsMatFile(path) && IsPictureFile(path)) {
      throw Error(ErrorKind::kDamaged,
                  path +
                      ": is a picture or a video, and nothing says its grade; labeled scans are "
                      "a folder with one folder for each grade, or a CSV file with the columns "
                      "path, label and patient_id ('hepar grade' takes scans without labels)");
    }
    LoadSummary* summary = &dataset.summary;
    found = fs::is_directory(path) ? FindInFolder(path, dataset.class_names, options, summary)
            : IsMatFile(path)      ? FindInMatFile(path, summary)
                                   : FindInManifest(path, dataset.class_names, options, summary);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kUnreadable, error.path1().string() + ": " + error.code().message());
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.key, a.sample.frame) < std::tie(b.key, b.sample.frame);
  });
  CheckConsistent(found, dataset.class_names);
  dataset.digest = DigestOf(found, dataset.class_names);
  std::set<std::string> files, patients;
  for (auto& one : found) {
    files.insert(one.key);
    patients.insert(one.sample.patient);
    dataset.samples.push_back(std::move(one.sample));
  }
  dataset.summary.files = static_cast<int>(files.size());
  dataset.summary.pictures = static_cast<int>(dataset.samples.size());
  dataset.summary.patients = static_cast<int>(patients.size());
  for (const std::string& line : AlikeIds(patients)) dataset.summary.Warn(line);
  return dataset;
}

}  // namespace hepar
