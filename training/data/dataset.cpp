// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dataset.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <random>
#include <set>
#include <string_view>
#include <system_error>

#include "models/error.h"
#include "models/file_io.h"
#include "models/sha256.h"
#include "training/data/csv.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxPictureBytes = 1u << 30;
constexpr int kMaxFolds = 1000;

// A sample and what its source says of it.
struct Found {
  std::string key;  // Its path relative to the source, with '/' and without '.' and '..'.
  Sample sample;
  std::string where;  // For messages.
};

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

// By its magic: DICOM files often have no extension.
bool IsDicom(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> magic = {};
  file.seekg(128);
  file.read(magic.data(), magic.size());
  return file && std::string_view(magic.data(), magic.size()) == "DICM";
}

bool IsPicture(const fs::path& path) {
  constexpr std::array<std::string_view, 11> kExtensions = {
      ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".webp", ".dcm"};
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end() ||
         IsDicom(path);
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

std::vector<Found> FindInFolder(const fs::path& folder,
                                const std::vector<std::string>& class_names) {
  std::vector<Found> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory() || IsHidden(entry.path())) continue;
    const std::string name = entry.path().filename().string();
    if (std::find(class_names.begin(), class_names.end(), name) == class_names.end()) {
      throw Error(ErrorKind::kDamaged, entry.path().string() + ": is no class; expected folders " +
                                           ListOf(class_names) +
                                           ", or give a CSV manifest instead of the folder");
    }
    const auto follow = fs::directory_options::follow_directory_symlink;
    for (auto i = fs::recursive_directory_iterator(entry.path(), follow); i != fs::end(i); ++i) {
      if (IsHidden(i->path())) {
        i.disable_recursion_pending();
      } else if (i->is_regular_file() && IsPicture(i->path())) {
        const std::string path = i->path().string();
        found.push_back({i->path().lexically_relative(folder).generic_string(),
                         {path, LabelOf(class_names, name, path),
                          PatientOf(i->path().lexically_relative(entry.path()))},
                         path});
      }
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
                                  const std::vector<std::string>& class_names) {
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
    found.push_back({path.lexically_normal().lexically_proximate(folder).generic_string(),
                     {path.lexically_normal().string(),
                      LabelOf(class_names, table.at(row, label_column), where), patient},
                     where});
  }
  if (found.empty()) {
    throw Error(ErrorKind::kDamaged, table.name() + ": lists no picture below its first line");
  }
  return found;
}

void CheckConsistent(const std::vector<Found>& sorted,
                     const std::vector<std::string>& class_names) {
  std::map<std::string, const Found*> first_of;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i].key == sorted[i - 1].key) {
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
  for (const auto& found : sorted) {
    const std::string content = ReadFile(found.sample.path, kMaxPictureBytes);
    add(found.key);
    add(class_names[found.sample.label]);
    add(found.sample.patient);
    add(std::to_string(content.size()));
    digest.Add(content.data(), content.size());
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

Error Unreadable(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kUnreadable, path + ": " + what);
}

// A picture as OpenCV decodes it, with grey or B, G, R in 8 or, for grey, 16 bits.
cv::Mat ReadPicture(const std::string& path) {
  cv::Mat picture;
  try {
    picture = cv::imread(path, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw Unreadable(path, "cannot be decoded: " + error.err);
  }
  if (picture.empty()) {
    throw Unreadable(path,
                     "is no picture that can be decoded, or a damaged one; expected PNG, "
                     "JPEG, TIFF, BMP, PNM, WebP or an uncompressed DICOM still");
  }
  if (picture.depth() != CV_8U && picture.depth() != CV_16U) {
    throw Unreadable(path, std::string("has samples of type ") +
                               cv::depthToString(picture.depth()) +
                               ", expected 8 or 16 bits without sign");
  }
  if (picture.channels() == 2) {
    cv::extractChannel(picture, picture, 0);
  } else if (picture.channels() == 4) {
    cv::cvtColor(picture, picture, cv::COLOR_BGRA2BGR);
  }
  if (picture.channels() == 3 && picture.depth() == CV_16U) {
    picture.convertTo(picture, CV_8U, 1.0 / 257.0);
  }
  // OpenCV hands out the pixels of a DICOM file in the file's order, which is R, G, B.
  if (picture.channels() == 3 && IsDicom(path)) cv::cvtColor(picture, picture, cv::COLOR_RGB2BGR);
  return picture;
}

}  // namespace

Dataset LoadDataset(const std::string& path) {
  Dataset dataset;
  std::vector<Found> found;
  try {
    if (!fs::exists(path)) {
      throw Error(ErrorKind::kNotFound, path + ": no such file or folder");
    }
    found = fs::is_directory(path) ? FindInFolder(path, dataset.class_names)
                                   : FindInManifest(path, dataset.class_names);
  } catch (const fs::filesystem_error& error) {
    throw Unreadable(error.path1().string(), error.code().message());
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.key < b.key; });
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

PreparedDataset::PreparedDataset(const Dataset& dataset, const PreprocessOptions& options,
                                 int threads)
    : dataset_(dataset), images_(dataset.samples.size()) {
  if (threads < 1) {
    throw Error(ErrorKind::kInvalid,
                "number of threads is " + std::to_string(threads) + ", expected 1 or more");
  }
  std::atomic<int> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  int failed_index = size();
  std::exception_ptr failure;

  // Indices are taken in order and what is taken is finished, so the error that is reported is that
  // of the first bad file, however many threads run.
  const auto work = [&] {
    int index = 0;
    try {
      Preprocessor preprocessor(options);
      while (!failed && (index = next++) < size()) {
        images_[index] = PrepareFile(dataset_.samples[index].path, preprocessor);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failed = true;
      if (index < failed_index) {
        failed_index = index;
        failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::future<void>> others;
    for (int i = 1; i < std::min(threads, size()); ++i) {
      others.push_back(std::async(std::launch::async, work));
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

PreparedImage PrepareFile(const std::string& path, Preprocessor& preprocessor) {
  std::error_code code;
  if (!fs::exists(path, code)) throw Error(ErrorKind::kNotFound, path + ": no such file");
  const cv::Mat picture = ReadPicture(path);
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
    throw Error(error.kind(), path + ": " + error.what());
  }
}

}  // namespace hepar
