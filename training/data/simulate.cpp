// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/simulate.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <future>
#include <iomanip>
#include <mutex>
#include <opencv2/imgcodecs.hpp>
#include <random>
#include <sstream>
#include <system_error>
#include <thread>
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

// One patient of the set, as drawn before any is rendered.
struct SimulatedPatient {
  SimulatedScan scan;
  int scanner = 0;
  double start = 0.0;  // Seconds, of the first frame.
  std::string id;
};

std::vector<SimulatedPatient> DrawPatients(const SimulateOptions& options, int grade_count) {
  std::vector<SimulatedPatient> patients;
  std::mt19937_64 generator(options.seed);
  for (int number = 0; number < options.patients_per_grade * grade_count; ++number) {
    SimulatedPatient patient;
    SimulatedScan& scan = patient.scan;
    scan.grade = number % grade_count;
    scan.seed = generator();
    scan.gain_db = Uniform(generator, kGainDb);
    scan.depth_cm = Uniform(generator, kDepthCm);
    scan.breaths_per_minute = Uniform(generator, kBreathsPerMinute);
    scan.width = options.width;
    scan.height = options.height;
    if (options.scanners != 0) {
      patient.scanner = options.scanners > 0 ? number / grade_count % options.scanners : number;
      Vary(patient.scanner, options, &scan);
    }
    patient.start = Uniform(generator, {0.0, 60.0 / scan.breaths_per_minute});
    patient.id = "S" + Padded(number + 1, 5);
    patients.push_back(patient);
  }
  return patients;
}

// Writes the frames of one patient and returns their rows of the manifest. `written` is called
// after each frame.
std::string Render(const SimulatedPatient& patient, const fs::path& root, const std::string& grade,
                   int frames, const std::function<void()>& written) {
  const SimulatedScan& scan = patient.scan;
  CreateFolder(root / grade / patient.id);
  ScanSimulator simulator(scan);
  std::string rows;
  for (int frame = 0; frame < frames; ++frame) {
    const std::string name =
        grade + "/" + patient.id + "/" + patient.id + "_f" + Padded(frame, 4) + ".png";
    WritePng(root / name,
             simulator.Render(patient.start + 60.0 / scan.breaths_per_minute * frame / frames));
    rows += CsvField(name) + "," + grade + "," + patient.id + "," + std::to_string(frame) + "," +
            std::to_string(scan.seed) + "," + FatText(scan) + "," +
            std::to_string(patient.scanner) + "\n";
    written();
  }
  return rows;
}

// Calls `work` with each number below `count`, on `threads` threads; throws the first error.
void ForEach(int count, int threads, const std::function<void(int)>& work) {
  std::atomic<int> next{0};
  std::vector<std::future<void>> running;
  for (int thread = 0; thread < std::min(count, threads); ++thread) {
    running.push_back(std::async(std::launch::async, [&] {
      try {
        for (int number = next++; number < count; number = next++) work(number);
      } catch (...) {
        next = count;
        throw;
      }
    }));
  }
  for (auto& one : running) one.wait();
  for (auto& one : running) one.get();
}

}  // namespace

std::string Simulate(const std::string& folder, const SimulateOptions& options,
                     const SimulateProgress& progress) {
  CheckRange("number of patients for each grade", options.patients_per_grade, 1, 10000);
  CheckRange("number of frames for each patient", options.frames_per_patient, 1, 10000);
  CheckRange("number of scanners", options.scanners, SimulateOptions::kScannerForEach, 10000);
  CheckRange("width", options.width, 64, 4096);
  CheckRange("height", options.height, 64, 4096);
  CheckRange("number of threads", options.threads, 0, 256);
  if (options.scanners != 0) RandomScanner(1, options.scanner_breadth);  // Refuses a bad breadth.
  const fs::path root(folder);
  CreateEmptyFolder(root);

  const auto grades = Dataset().class_names;
  const auto patients = DrawPatients(options, static_cast<int>(grades.size()));
  const int count = static_cast<int>(patients.size());
  const int total = count * options.frames_per_patient;
  std::mutex mutex;  // Guards `done` and calls of `progress`.
  int done = 0;
  std::vector<std::string> rows(patients.size());
  const int threads = options.threads > 0
                          ? options.threads
                          : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  ForEach(count, threads, [&](int number) {
    const SimulatedPatient& patient = patients[number];
    rows[number] =
        Render(patient, root, grades[patient.scan.grade], options.frames_per_patient, [&] {
          const std::lock_guard<std::mutex> lock(mutex);
          ++done;
          if (progress) progress(done, total);
        });
  });

  std::string manifest = "path,label,patient_id,frame,seed,fat_pct,scanner\n";
  for (const std::string& of_patient : rows) manifest += of_patient;
  const std::string path = (root / "manifest.csv").string();
  WriteFileAtomically(path, manifest);
  return path;
}

}  // namespace hepar
