// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <opencv2/core.hpp>

#include "models/simulator/scanner.h"

namespace hepar {

// One simulated patient and scanner setting.
struct SimulatedScan {
  int grade = 0;           // 0 normal, 1 mild, 2 moderate, 3 severe.
  std::uint64_t seed = 1;  // The patient: anatomy, speckle, habitus. Equal seeds, equal pictures.
  double gain_db = 0.0;    // Overall gain, dB, -20..20.
  double depth_cm = 16.0;  // Depth of view, cm, 8..24.
  int width = 640;         // Frame size, pixels, 64..4096.
  int height = 480;
  double breaths_per_minute = 14.0;  // 0 (breath held) .. 60.
  // Fat of the liver, % of its cells, 0..100, in place of the grade, which GradeOfFat() then tells;
  // negative: what is typical of the grade.
  double fat_percent = -1.0;
  Scanner scanner;
  Examination examination;
};

// The grade of a liver: 0 below 5 % fat, 1 to 33 %, 2 to 66 %, 3 above (the thresholds of Byra et
// al., IJCARS 2018).
int GradeOfFat(double fat_percent);

// Fat at `severity`: 0..1 are the normal grade's percentages, 1..2 the mild one's, to 4. Inverse:
// SeverityOfFat. In severity the signs of fat grow evenly; in percent they grow ever less.
double FatOfSeverity(double severity);
double SeverityOfFat(double fat_percent);

// What a pixel shows: the ground truth that a real scan lacks.
enum class ScanRegion : std::uint8_t {
  kOutside,  // Outside the fan: black, or burned-in text.
  kWall,     // Skin, fat and muscle in front of the liver.
  kLiver,    // Liver tissue, without vessels.
  kVessel,   // Lumen and wall of portal and hepatic veins.
  kCortex,   // Kidney cortex, without pyramids, sinus and capsule.
  kOther,    // Diaphragm, what lies behind it, the rest of the kidney.
};

// Simulates B-mode video of a right liver lobe with kidney and diaphragm under a curved probe:
// fan geometry, fully developed speckle from a scatterer model, depth attenuation with a time-gain
// curve, portal and hepatic vessels, breathing. What the grade changes follows the clinical signs
// of steatosis (liver brighter than kidney cortex; vessel walls then diaphragm fade; deep
// attenuation rises). For demonstrations and tests; it is no phantom and proves nothing clinical.
//
// Every frame is a pure function of scan and time: the same scan and time give the same pixels
// whatever was rendered before. Construction takes some tenths of a second. Not thread-safe.
class ScanSimulator {
 public:
  // Throws Error(kInvalid) for a scan outside the ranges above.
  explicit ScanSimulator(const SimulatedScan& scan);
  ~ScanSimulator();

  // The frame at `seconds` of scan time (>= 0): CV_8UC1, height x width, valid until the next call.
  // Includes what a scanner burns in outside the fan (depth scale, text), which preprocessing must
  // mask out. Throws Error(kInvalid) for a negative time.
  const cv::Mat& Render(double seconds);

  // What each pixel of that frame shows: CV_8UC1 of ScanRegion. Does not depend on the grade.
  cv::Mat Regions(double seconds) const;

  // Changes grade (to what is typical of it), gain or depth in mid-stream; all else stays as
  // constructed. Throws as the constructor does, and then changes nothing.
  void Change(int grade, double gain_db, double depth_cm);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar
