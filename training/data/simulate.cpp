// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/simulate.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iomanip>
#include <opencv2/imgcodecs.hpp>
#include <random>
#include <sstream>
#include <system_error>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/simulator/scan_simulator.h"
#include "training/data/csv.h"
#include "training/data/dataset.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

struct Range {
  double low, high;
};
// What operators and patients differ in, well inside what the simulator takes.
constexpr Range kGainDb = {-5.0, 5.0};
constexpr Range kDepthCm = {13.0, 19.0};
constexpr Range kDepthOfScannersCm = {10.0, 22.0};
constexpr Range kBreathsPerMinute = {10.0, 18.0};

// Written out because what the standard distributions draw differs between libraries.
double Uniform(std::mt19937_64& generator, Range range) {
  constexpr double kUnit = 1.0 / (std::uint64_t{1} << 53);
  return range.low + (range.high - range.low) * kUnit * static_cast<double>(generator() >> 11);
}

void CheckRange(const char* name, int value, int low, int high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorKind::kInvalid, std::string("simulate: ") + name + " is " +
                                       std::to_string(value) + ", expected " + std::to_string(low) +
                                       " to " + std::to_string(high));
}

void CreateFolder(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) {
    throw Error(ErrorKind::kUnreadable, folder.string() + ": cannot be created: " + code.message());
  }
}

void CreateEmptyFolder(const fs::path& folder) {
  CreateFolder(folder);
  std::error_code code;
  const bool is_empty = fs::is_empty(folder, code);
  if (code) throw Error(ErrorKind::kUnreadable, folder.string() + ": " + code.message());
  if (!is_empty) {
    throw Error(ErrorKind::kUnreadable,
                folder.string() +
                    ": is not empty, and old frames would mix with the new; choose "
                    "another folder or empty this one");
  }
}

// Numbers of fixed width, so that names sort in their order.
std::string Padded(int number, std::size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

void WritePng(const fs::path& path, const cv::Mat& frame) {
  std::vector<unsigned char> png;
  cv::imencode(".png", frame, png);
  WriteFileAtomically(path.string(), {reinterpret_cast<const char*>(png.data()), png.size()});
}

// Gives the scan the scanner of this number, and an examination and fat of its own. None of them
// takes numbers from the generator of the patients, so that these stay who they are.
void Vary(int scanner, const SimulateOptions& options, SimulatedScan* scan) {
  std::mt19937_64 scanners(options.scanner_seed + 0x9E3779B97F4A7C15u * (scanner + 1));
  scan->scanner = RandomScanner(scanners(), options.scanner_breadth);
  std::mt19937_64 examinations(scan->seed ^ options.scanner_seed);
  scan->examination = RandomExamination(examinations(), options.scanner_breadth);
  scan->fat_percent = FatOfSeverity(scan->grade + Uniform(examinations, {0.01, 0.99}));
  scan->depth_cm = Uniform(examinations, kDepthOfScannersCm);
}

// Empty where the fat is what is typical of the grade.
std::string FatText(const SimulatedScan& scan) {
  if (scan.fat_percent < 0.0) return "";
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << scan.fat_percent;
  return text.str();
}

}  // namespace

std::string Simulate(const std::string& folder, const SimulateOptions& options,
                     const SimulateProgress& progress) {
  CheckRange("number of patients for each grade", options.patients_per_grade, 1, 10000);
  CheckRange("number of frames for each patient", options.frames_per_patient, 1, 10000);
  CheckRange("number of scanners", options.scanners, SimulateOptions::kScannerForEach, 10000);
  CheckRange("width", options.width, 64, 4096);
  CheckRange("height", options.height, 64, 4096);
  if (options.scanners != 0) RandomScanner(1, options.scanner_breadth);  // Refuses a bad breadth.
  const fs::path root(folder);
  CreateEmptyFolder(root);

  const auto grades = Dataset().class_names;
  const int grade_count = static_cast<int>(grades.size());
  const int total = options.patients_per_grade * grade_count * options.frames_per_patient;
  int done = 0;
  std::string manifest = "path,label,patient_id,frame,seed,fat_pct,scanner\n";
  std::mt19937_64 generator(options.seed);
  for (int patient = 0; patient < options.patients_per_grade * grade_count; ++patient) {
    SimulatedScan scan;
    scan.grade = patient % grade_count;
    scan.seed = generator();
    scan.gain_db = Uniform(generator, kGainDb);
    scan.depth_cm = Uniform(generator, kDepthCm);
    scan.breaths_per_minute = Uniform(generator, kBreathsPerMinute);
    scan.width = options.width;
    scan.height = options.height;
    int scanner = 0;
    if (options.scanners != 0) {
      scanner = options.scanners > 0 ? patient / grade_count % options.scanners : patient;
      Vary(scanner, options, &scan);
    }
    const double breath_seconds = 60.0 / scan.breaths_per_minute;
    const double start = Uniform(generator, {0.0, breath_seconds});

    const std::string& grade = grades[scan.grade];
    const std::string id = "S" + Padded(patient + 1, 5);
    CreateFolder(root / grade / id);
    ScanSimulator simulator(scan);
    for (int frame = 0; frame < options.frames_per_patient; ++frame) {
      const std::string name = grade + "/" + id + "/" + id + "_f" + Padded(frame, 4) + ".png";
      WritePng(root / name,
               simulator.Render(start + breath_seconds * frame / options.frames_per_patient));
      manifest += CsvField(name) + "," + grade + "," + id + "," + std::to_string(frame) + "," +
                  std::to_string(scan.seed) + "," + FatText(scan) + "," + std::to_string(scanner) +
                  "\n";
      ++done;
      if (progress) progress(done, total);
    }
  }
  const std::string path = (root / "manifest.csv").string();
  WriteFileAtomically(path, manifest);
  return path;
}

}  // namespace hepar
