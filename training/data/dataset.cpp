// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dataset.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <tuple>

#include "models/error.h"
#include "models/sha256.h"
#include "training/data/csv.h"
#include "training/data/mat_file.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxFolds = 1000;

// A sample and what its source says of it.
struct Found {
  std::string key;  // Its file relative to the source, with '/' and without '.' and '..'.
  Sample sample;
  std::string where;  // For messages.
};

// The cut points of the published data set, per cent of fat by biopsy.
constexpr double kMildFrom = 5.0;
constexpr double kMildTo = 33.0;
constexpr double kModerateTo = 66.0;

int LabelOfFat(double fat) {
  if (fat < kMildFrom) return 0;
  if (fat <= kMildTo) return 1;
  return fat <= kModerateTo ? 2 : 3;
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

bool IsHidden(const fs::path& path) { return path.filename().string().front() == '.'; }

std::string PatientOf(const fs::path& in_class_folder) {
  if (std::distance(in_class_folder.begin(), in_class_folder.end()) > 1) {
    return in_class_folder.begin()->string();
  }
  const std::string stem = in_class_folder.stem().string();
  const auto end = stem.rfind('_');
  return end == std::string::npos || end == 0 ? stem : stem.substr(0, end);
}

// Adds the samples that one file gives: a still itself, a recording the frames chosen.
void AddFrames(const Found& file, const SourceOptions& options, std::vector<Found>& found) {
  for (const int frame : ChooseFrames(CountFrames(file.sample.path), options)) {
    found.push_back(file);
    found.back().sample.frame = frame;
  }
}

std::vector<Found> FindInFolder(const fs::path& folder, const std::vector<std::string>& class_names,
                                const SourceOptions& options) {
  std::vector<Found> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory() || IsHidden(entry.path())) continue;
    const std::string name = entry.path().filename().string();
    if (std::find(class_names.begin(), class_names.end(), name) == class_names.end()) {
      throw Error(ErrorKind::kDamaged, entry.path().string() + ": is no class; expected folders " +
                                           ListOf(class_names) +
                                           ", or give a CSV manifest instead of the folder");
    }
    const std::size_t before = found.size();
    const auto follow = fs::directory_options::follow_directory_symlink;
    for (auto i = fs::recursive_directory_iterator(entry.path(), follow); i != fs::end(i); ++i) {
      if (IsHidden(i->path())) {
        i.disable_recursion_pending();
      } else if (i->is_regular_file() && IsPictureFile(i->path().string())) {
        const std::string path = i->path().string();
        const Sample sample = {path, LabelOf(class_names, name, path),
                               PatientOf(i->path().lexically_relative(entry.path()))};
        AddFrames({i->path().lexically_relative(folder).generic_string(), sample, path}, options,
                  found);
      }
    }
    if (found.size() == before) {
      throw Error(ErrorKind::kDamaged,
                  entry.path().string() + ": holds no picture, so the grade " + name +
                      " cannot be learnt; put its pictures there, or remove the folder");
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
                                  const SourceOptions& options) {
  const CsvTable table = CsvTable::Read(manifest.string());
  const int path_column = table.Column("path");
  const int label_column = table.Column("label");
  const int patient_column = table.Column("patient_id");
  const int copy_column = table.HasColumn("duplicate_of") ? table.Column("duplicate_of") : -1;
  const fs::path folder = fs::absolute(manifest).lexically_normal().parent_path();

  std::vector<Found> found;
  for (int row = 0; row < table.rows(); ++row) {
    if (copy_column >= 0 && !table.at(row, copy_column).empty()) continue;
    const std::string where = table.Where(row);
    const std::string& patient = table.at(row, patient_column);
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
    const Sample sample = {path.lexically_normal().string(),
                           LabelOf(class_names, table.at(row, label_column), where), patient};
    AddFrames({path.lexically_normal().lexically_proximate(folder).generic_string(), sample, where},
              options, found);
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

std::vector<Found> FindInMatFile(const fs::path& file) {
  std::vector<Found> found;
  int frame = 0;
  for (const MatPatient& patient : ReadMatFile(file.string())) {
    const std::string id = (patient.id < 10 ? "P0" : "P") + std::to_string(patient.id);
    for (std::size_t i = 0; i < patient.frames.size(); ++i, ++frame) {
      if (HasCopyBefore(patient.frames, i)) continue;
      found.push_back({file.filename().string(),
                       {file.string(), LabelOfFat(patient.fat), id, frame},
                       file.string() + ", patient " + id});
    }
  }
  return found;
}

void CheckConsistent(const std::vector<Found>& sorted,
                     const std::vector<std::string>& class_names) {
  std::map<std::string, const Found*> first_of;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i].key == sorted[i - 1].key &&
        sorted[i].sample.frame == sorted[i - 1].sample.frame) {
      throw Error(ErrorKind::kDamaged, sorted[i].where + ": lists " + sorted[i].key + ", as does " +
                                           sorted[i - 1].where + "; keep one of the two");
    }
    const Found& first = *first_of.emplace(sorted[i].sample.patient, &sorted[i]).first->second;
    if (first.sample.label != sorted[i].sample.label) {
      throw Error(ErrorKind::kDamaged,
                  "patient '" + first.sample.patient + "' is " + class_names[first.sample.label] +
                      " (" + first.where + ") and " + class_names[sorted[i].sample.label] + " (" +
                      sorted[i].where +
                      "); give each patient one label and an id of its own, in a folder by the "
                      "name of the patient");
    }
  }
}

std::string DigestOf(const std::vector<Found>& sorted,
                     const std::vector<std::string>& class_names) {
  Sha256 digest;
  // With its zero byte each text says where it ends.
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
      add(std::to_string(fs::file_size(sample.path)));
      AddContent(sample.path, &digest);
    }
    // Of a still its file says all.
    if (is_first && sample.frame == 0) continue;
    add(std::to_string(sample.frame));
    add(class_names[sample.label]);
    add(sample.patient);
  }
  return digest.Hex();
}

// The patients of each grade, sorted, so that nothing depends on the order of the samples.
using PatientsByGrade = std::map<int, std::set<std::string>>;

enum class Part { kTrain, kValidation, kTest };
using PartOfPatient = std::map<std::string, Part>;

void CheckFraction(const char* name, double fraction) {
  if (fraction >= 0.0 && fraction < 1.0) return;
  throw Error(ErrorKind::kInvalid, std::string(name) + " fraction is " + std::to_string(fraction) +
                                       ", expected at least 0 and below 1");
}

// How many of the `available` patients of a grade that has `of` make up a part.
int ShareOf(double fraction, int of, int available) {
  if (fraction == 0.0) return 0;
  const int wanted = std::max(1, static_cast<int>(std::lround(fraction * of)));
  return std::max(0, std::min(wanted, available - 1));
}

// Written out because what std::shuffle draws differs between standard libraries.
std::vector<std::string> Shuffled(const std::set<std::string>& patients,
                                  std::mt19937_64& generator) {
  std::vector<std::string> order(patients.begin(), patients.end());
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[generator() % i]);
  return order;
}

Split Assign(const Dataset& dataset, const PartOfPatient& parts) {
  Split split;
  for (int i = 0; i < static_cast<int>(dataset.samples.size()); ++i) {
    const Part part = parts.at(dataset.samples[i].patient);
    (part == Part::kTrain        ? split.train
     : part == Part::kValidation ? split.validation
                                 : split.test)
        .push_back(i);
  }
  return split;
}

void CheckNotEmpty(const char* name, const std::vector<int>& part) {
  if (!part.empty()) return;
  throw Error(ErrorKind::kMismatch, std::string("the ") + name +
                                        " part of the split is empty: too few patients for these "
                                        "fractions or folds");
}

// The patients `remaining` for training and validation, by `validation_fraction` of each grade.
void DrawValidation(const PatientsByGrade& remaining, double validation_fraction,
                    std::mt19937_64& generator, PartOfPatient& parts) {
  for (const auto& [grade, patients] : remaining) {
    const int count = static_cast<int>(patients.size());
    int left = ShareOf(validation_fraction, count, count);
    for (const auto& patient : Shuffled(patients, generator)) {
      parts[patient] = left-- > 0 ? Part::kValidation : Part::kTrain;
    }
  }
}

}  // namespace

Dataset LoadDataset(const std::string& path, const SourceOptions& options) {
  Dataset dataset;
  std::vector<Found> found;
  try {
    if (!fs::exists(path)) {
      throw Error(ErrorKind::kNotFound, path + ": no such file or folder");
    }
    found = fs::is_directory(path) ? FindInFolder(path, dataset.class_names, options)
            : IsMatFile(path)      ? FindInMatFile(path)
                                   : FindInManifest(path, dataset.class_names, options);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kUnreadable, error.path1().string() + ": " + error.code().message());
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.key, a.sample.frame) < std::tie(b.key, b.sample.frame);
  });
  CheckConsistent(found, dataset.class_names);
  dataset.digest = DigestOf(found, dataset.class_names);
  for (auto& one : found) dataset.samples.push_back(std::move(one.sample));
  return dataset;
}

Folds LoadFolds(const std::string& path) {
  const CsvTable table = CsvTable::Read(path);
  const int patient_column = table.Column("patient_id");
  const int fold_column = table.Column("fold");
  std::map<std::string, int> fold_of;
  std::set<int> used;
  for (int row = 0; row < table.rows(); ++row) {
    const std::string& patient = table.at(row, patient_column);
    const std::string& text = table.at(row, fold_column);
    int fold = -1;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, fold);
    if (patient.empty() || result.ec != std::errc() || result.ptr != end || fold < 0 ||
        fold >= kMaxFolds) {
      throw Error(ErrorKind::kDamaged, table.Where(row) + ": patient '" + patient + "', fold '" +
                                           text + "'; expected a name and a number from 0 to " +
                                           std::to_string(kMaxFolds - 1));
    }
    if (fold_of.emplace(patient, fold).first->second != fold) {
      throw Error(ErrorKind::kDamaged, table.Where(row) + ": puts patient '" + patient +
                                           "' into fold " + text + ", but a line above into " +
                                           std::to_string(fold_of[patient]));
    }
    used.insert(fold);
  }
  const int count = used.empty() ? 0 : *used.rbegin() + 1;
  if (count < 2 || static_cast<int>(used.size()) != count) {
    throw Error(ErrorKind::kDamaged, path + ": uses " + std::to_string(used.size()) +
                                         " fold numbers with the largest " +
                                         std::to_string(count - 1) +
                                         "; expected two or more, numbered from 0 without a gap");
  }
  return {{fold_of.begin(), fold_of.end()}, count};
}

int Folds::FoldOf(const std::string& patient) const {
  const auto found = std::lower_bound(fold_of.begin(), fold_of.end(), std::pair(patient, 0));
  if (found == fold_of.end() || found->first != patient) {
    throw Error(ErrorKind::kMismatch, "patient '" + patient + "' has no fold");
  }
  return found->second;
}

Split SplitByFold(const Dataset& dataset, const Folds& folds, int fold, double validation_fraction,
                  std::uint64_t seed) {
  CheckFraction("validation", validation_fraction);
  if (fold < -1 || fold >= folds.count) {
    throw Error(ErrorKind::kInvalid, "fold is " + std::to_string(fold) + ", expected 0 to " +
                                         std::to_string(folds.count - 1) + ", or -1 for none");
  }
  const std::map<std::string, int> fold_of(folds.fold_of.begin(), folds.fold_of.end());
  PatientsByGrade remaining;
  PartOfPatient parts;
  for (const auto& sample : dataset.samples) {
    const auto found = fold_of.find(sample.patient);
    if (fold >= 0 && found == fold_of.end()) {
      throw Error(ErrorKind::kMismatch,
                  "patient '" + sample.patient + "' (" + sample.path +
                      ") has no fold; add a line for it to the file of folds");
    }
    if (fold >= 0 && found->second == fold) {
      parts[sample.patient] = Part::kTest;
    } else {
      remaining[sample.label].insert(sample.patient);
    }
  }
  std::mt19937_64 generator(seed);
  DrawValidation(remaining, validation_fraction, generator, parts);
  Split split = Assign(dataset, parts);
  CheckNotEmpty("training", split.train);
  if (validation_fraction > 0.0) CheckNotEmpty("validation", split.validation);
  if (fold >= 0) CheckNotEmpty("test", split.test);
  CheckPatientDisjoint(dataset, split);
  return split;
}

Split SplitByPatient(const Dataset& dataset, double test_fraction, double validation_fraction,
                     std::uint64_t seed) {
  CheckFraction("test", test_fraction);
  CheckFraction("validation", validation_fraction);
  CheckFraction("test and validation", test_fraction + validation_fraction);
  PatientsByGrade patients;
  for (const auto& sample : dataset.samples) patients[sample.label].insert(sample.patient);

  std::mt19937_64 generator(seed);
  PartOfPatient parts;
  for (const auto& [grade, of_grade] : patients) {
    const int count = static_cast<int>(of_grade.size());
    int test = ShareOf(test_fraction, count, count);
    int validation = ShareOf(validation_fraction, count, count - test);
    for (const auto& patient : Shuffled(of_grade, generator)) {
      parts[patient] = test-- > 0         ? Part::kTest
                       : validation-- > 0 ? Part::kValidation
                                          : Part::kTrain;
    }
  }
  Split split = Assign(dataset, parts);
  CheckNotEmpty("training", split.train);
  if (validation_fraction > 0.0) CheckNotEmpty("validation", split.validation);
  if (test_fraction > 0.0) CheckNotEmpty("test", split.test);
  CheckPatientDisjoint(dataset, split);
  return split;
}

void CheckPatientDisjoint(const Dataset& dataset, const Split& split) {
  std::map<std::string, const char*> part_of;
  const auto check = [&](const std::vector<int>& part, const char* name) {
    for (const int index : part) {
      const std::string& patient = dataset.samples.at(index).patient;
      const char* first = part_of.emplace(patient, name).first->second;
      if (first != name) {
        throw Error(ErrorKind::kMismatch, "patient '" + patient + "' is in the " + first +
                                              " part and in the " + name +
                                              " part; frames of one patient are near-copies, so "
                                              "figures from such a split mean nothing");
      }
    }
  };
  check(split.train, "training");
  check(split.validation, "validation");
  check(split.test, "test");
}

std::vector<int> ShardByPatient(const Dataset& dataset, const std::vector<int>& indices, int shards,
                                int shard) {
  if (shards < 1 || shard < 0 || shard >= shards) {
    throw Error(ErrorKind::kInvalid, "shard is " + std::to_string(shard) + " of " +
                                         std::to_string(shards) +
                                         ", expected 0 to one less than their number");
  }
  // Of each grade its patients with their pictures.
  std::map<int, std::map<std::string, std::vector<int>>> grades;
  std::set<std::string> patients;
  for (const int index : indices) {
    const Sample& sample = dataset.samples.at(index);
    grades[sample.label][sample.patient].push_back(index);
    patients.insert(sample.patient);
  }
  if (static_cast<int>(patients.size()) < shards) {
    throw Error(ErrorKind::kMismatch, std::to_string(patients.size()) +
                                          " patients cannot be divided among " +
                                          std::to_string(shards) + " processes; start fewer");
  }
  std::vector<int> chosen;
  std::vector<int> of_all(shards);
  for (const auto& [grade, of_grade] : grades) {
    using Group = std::pair<std::string, std::vector<int>>;
    std::vector<Group> largest_first(of_grade.begin(), of_grade.end());
    std::stable_sort(
        largest_first.begin(), largest_first.end(),
        [](const Group& a, const Group& b) { return a.second.size() > b.second.size(); });
    std::vector<int> here(shards);
    for (const auto& [patient, pictures] : largest_first) {
      int to = 0;
      for (int i = 1; i < shards; ++i) {
        if (std::tie(here[i], of_all[i]) < std::tie(here[to], of_all[to])) to = i;
      }
      here[to] += static_cast<int>(pictures.size());
      of_all[to] += static_cast<int>(pictures.size());
      if (to == shard) chosen.insert(chosen.end(), pictures.begin(), pictures.end());
    }
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

namespace {

// The samples of one file by their frames: a recording is decoded once, from its start.
struct FileSamples {
  std::string path;
  std::map<int, std::vector<int>> of_frame;
};

std::vector<FileSamples> ByFile(const std::vector<Sample>& samples) {
  std::vector<FileSamples> files;
  std::map<std::string, std::size_t> place_of;
  for (int i = 0; i < static_cast<int>(samples.size()); ++i) {
    const auto [place, is_new] = place_of.emplace(samples[i].path, files.size());
    if (is_new) files.push_back({samples[i].path, {}});
    files[place->second].of_frame[samples[i].frame].push_back(i);
  }
  return files;
}

// Prepares the frames of one file that the cache, if there is one, does not know.
void PrepareSamples(const FileSamples& file, Preprocessor& preprocessor, PictureCache* cache,
                    std::vector<PreparedImage>& images) {
  std::string digest;
  if (cache != nullptr) {
    Sha256 content;
    AddContent(file.path, &content);
    digest = content.Hex();
  }
  const auto put = [&](int frame, const PreparedImage& image) {
    for (const int index : file.of_frame.at(frame)) images[index] = image;
  };
  std::vector<int> missing;
  for (const auto& [frame, indices] : file.of_frame) {
    const auto key = PictureCache::KeyOf(digest, frame, preprocessor.options());
    const auto known = cache == nullptr ? std::nullopt : cache->Find(key);
    if (known) {
      put(frame, *known);
    } else {
      missing.push_back(frame);
    }
  }
  if (missing.empty()) return;
  ReadFrames(file.path, missing, [&](int frame, const cv::Mat& picture) {
    const auto image = PreparePicture(picture, file.path, frame, preprocessor);
    put(frame, image);
    if (cache != nullptr) {
      cache->Add(PictureCache::KeyOf(digest, frame, preprocessor.options()), image);
    }
  });
}

}  // namespace

PreparedDataset::PreparedDataset(const Dataset& dataset, const PreprocessOptions& options,
                                 int threads, PictureCache* cache)
    : dataset_(dataset), images_(dataset.samples.size()) {
  if (threads < 1) {
    throw Error(ErrorKind::kInvalid,
                "number of threads is " + std::to_string(threads) + ", expected 1 or more");
  }
  const auto files = ByFile(dataset_.samples);
  const int count = static_cast<int>(files.size());
  std::atomic<int> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  int failed_file = count;
  std::exception_ptr failure;

  // Files are taken in order and what is taken is finished, so the error that is reported is that
  // of the first bad file, however many threads run.
  const auto work = [&] {
    int file = 0;
    try {
      Preprocessor preprocessor(options);
      while (!failed && (file = next++) < count) {
        PrepareSamples(files[file], preprocessor, cache, images_);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failed = true;
      if (file < failed_file) {
        failed_file = file;
        failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::future<void>> others;
    for (int i = 1; i < std::min(threads, count); ++i) {
      others.push_back(std::async(std::launch::async, work));
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

PreparedImage PreparePicture(const cv::Mat& picture, const std::string& path, int number,
                             Preprocessor& preprocessor) {
  FrameView frame;
  frame.format = picture.channels() == 3     ? PixelFormat::kBgr
                 : picture.depth() == CV_16U ? PixelFormat::kGray16Le
                                             : PixelFormat::kGray8;
  frame.width = picture.cols;
  frame.height = picture.rows;
  frame.planes[0] = picture.data;
  frame.strides[0] = static_cast<std::ptrdiff_t>(picture.step[0]);
  preprocessor.Reset();
  try {
    return preprocessor.Process(frame);
  } catch (const Error& error) {
    const std::string where = number == 0 ? path : path + ", frame " + std::to_string(number);
    throw Error(error.kind(), where + ": " + error.what());
  }
}

PreparedImage PrepareFile(const std::string& path, Preprocessor& preprocessor, int frame) {
  PreparedImage image;
  ReadFrames(path, {frame}, [&](int number, const cv::Mat& picture) {
    image = PreparePicture(picture, path, number, preprocessor);
  });
  return image;
}

}  // namespace hepar
