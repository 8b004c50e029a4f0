// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/scan_simulator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/simulator/acoustics.h"
#include "models/simulator/beam.h"
#include "models/simulator/display.h"
#include "models/simulator/fan_geometry.h"
#include "models/simulator/grid.h"
#include "models/simulator/noise.h"
#include "models/simulator/organs.h"
#include "models/simulator/patient.h"
#include "models/simulator/random.h"

namespace hepar {
namespace {

// The noise of the receiver is larger than a frame by this, to begin at another place each time.
constexpr int kNoiseRowsSpare = 251;
constexpr int kNoiseLinesSpare = 61;

void Check(bool good, const char* what, const char* range, double got) {
  if (good) return;
  std::ostringstream message;
  message << "simulated scan: " << what << " must be " << range << ", got " << got;
  throw Error(ErrorKind::kInvalid, message.str());
}

const SimulatedScan& Checked(const SimulatedScan& scan) {
  Check(scan.grade >= 0 && scan.grade <= 3, "grade", "0..3", scan.grade);
  Check(std::abs(scan.gain_db) <= 20.0, "gain", "-20..20 dB", scan.gain_db);
  Check(scan.depth_cm >= 8.0 && scan.depth_cm <= 24.0, "depth", "8..24 cm", scan.depth_cm);
  Check(scan.width >= 64 && scan.width <= 4096, "width", "64..4096 pixels", scan.width);
  Check(scan.height >= 64 && scan.height <= 4096, "height", "64..4096 pixels", scan.height);
  Check(scan.breaths_per_minute >= 0.0 && scan.breaths_per_minute <= 60.0, "breathing rate",
        "0..60 per minute", scan.breaths_per_minute);
  Check(scan.fat_percent <= 100.0, "fat", "0..100 %", scan.fat_percent);
  CheckScanner(scan.scanner);
  CheckExamination(scan.examination);
  return scan;
}

}  // namespace

struct ScanSimulator::Impl {
  explicit Impl(const SimulatedScan& wanted);

  void SetGrade();
  void SetDepth();
  void SetGain();
  void MakeWall();
  void MakeScanConversion();
  void DrawBurnIn();

  cv::Point2d BreathCm(double seconds) const;
  void SampleScatterers(const cv::Point2d& shift);
  void SpreadPoints();
  void Transmit(const cv::Point2d& shift);
  double Severity() const;
  void ReceivePower(double seconds);
  void Show();
  double MeanGray(double gain_db) const;

  SimulatedScan scan;
  Patient patient;
  Organs organs;
  DecibelTable decibels;
  cv::Mat2f noise;  // The receiver's, with spare rows and lines to start at another place.

  // By grade.
  cv::Mat2f echoes;           // Scatterers times the level of their tissue.
  cv::Mat1f attenuation_map;  // dB per cm, on every kCoarse-th point of the organ grid.

  // By depth of view.
  FanGeometry fan;
  std::vector<cv::Point2f> field_points;  // Of each sample and line, on the organ grid.
  cv::Mat2f wall_echoes;
  cv::Mat1f wall_share;                             // 1 in the body wall, 0 in the organs.
  std::vector<std::vector<float>> lateral_kernels;  // One for each depth.
  std::vector<float> axial_kernel;
  cv::Mat1f fixed_loss_db;  // Coarse: body wall, contact, shadows of ribs.
  std::vector<float> noise_level;
  cv::Mat scan_map;
  cv::Mat scan_map_fraction;

  // By gain and depth of view.
  std::vector<float> display_db;  // Added at each depth.
  std::vector<float> clutter;     // Power added at each depth.

  // Work space of a frame.
  cv::Mat2f samples;
  cv::Mat2f spread;
  cv::Mat1f coarse_transmission;
  cv::Mat1f transmission;
  cv::Mat1f power;  // What the receiver has at each sample and line.
  cv::Mat1b polar;
  cv::Mat frame;
};

ScanSimulator::Impl::Impl(const SimulatedScan& wanted)
    : scan(Checked(wanted)),
      patient(scan.seed, scan.examination),
      organs(patient, scan.scanner.probe_radius_cm, scan.seed),
      fan(scan, patient.half_angle),
      samples(kSamples, kLines),
      spread(kSamples, kLines),
      coarse_transmission(kCoarseSamples, kCoarseLines),
      power(kSamples, kLines),
      polar(kSamples, kLines) {
  Random random(scan.seed, kNoiseStream);
  noise = ComplexNoise(&random, {kLines + kNoiseLinesSpare, kSamples + kNoiseRowsSpare}, 0.6, 1.0);
  SetGrade();
  SetDepth();
  SetGain();
}

double ScanSimulator::Impl::Severity() const {
  return scan.fat_percent < 0.0 ? scan.grade + 0.5 : SeverityOfFat(scan.fat_percent);
}

void ScanSimulator::Impl::SetGrade() {
  const auto acoustics = AcousticsOf(patient, Severity());

  cv::Mat1f level(kFieldHeight, kFieldWidth);
  for (int y = 0; y < kFieldHeight; ++y) {
    for (int x = 0; x < kFieldWidth; ++x) {
      const Acoustics& here = acoustics[organs.tissue(y, x)];
      const float db = here.level_db + here.mottle_db * organs.mottle(y, x) + organs.local_db(y, x);
      level(y, x) = db * static_cast<float>(std::log(10.0) / 20.0);
    }
  }
  cv::exp(level, level);
  cv::GaussianBlur(level, level, {0, 0}, 0.9);

  echoes.create(kFieldHeight, kFieldWidth);
  for (int y = 0; y < kFieldHeight; ++y) {
    for (int x = 0; x < kFieldWidth; ++x) {
      const float coherent = acoustics[organs.tissue(y, x)].coherent;
      const cv::Vec2f& scatterer = organs.scatterers(y, x);
      echoes(y, x) = level(y, x) * cv::Vec2f(coherent + (1.0F - coherent) * scatterer[0],
                                             (1.0F - coherent) * scatterer[1]);
    }
  }

  attenuation_map.create(kFieldHeight / kCoarse, kFieldWidth / kCoarse);
  const auto scale = static_cast<float>(scan.scanner.frequency_mhz / kReferenceMhz);
  for (int y = 0; y < attenuation_map.rows; ++y) {
    for (int x = 0; x < attenuation_map.cols; ++x) {
      attenuation_map(y, x) =
          scale * acoustics[organs.tissue(y * kCoarse, x * kCoarse)].attenuation_db;
    }
  }
}

void ScanSimulator::Impl::SetDepth() {
  fan = FanGeometry(scan, patient.half_angle);
  const double sample_cm = scan.depth_cm / kSamples;

  field_points.resize(static_cast<std::size_t>(kSamples) * kLines);
  lateral_kernels.resize(kSamples);
  noise_level.resize(kSamples);
  const Scanner& scanner = scan.scanner;
  axial_kernel = GaussianKernel(scanner.pulse_cm / sample_cm);
  KeepPower(sample_cm, &axial_kernel);
  for (int i = 0; i < kSamples; ++i) {
    const double depth = i * sample_cm;
    for (int j = 0; j < kLines; ++j) {
      const cv::Point2d point = fan.ToField({depth, ShareOfAngle(j)});
      field_points[static_cast<std::size_t>(i) * kLines + j] = {
          static_cast<float>(std::clamp(point.x, kFieldMarginX, kFieldWidth - 1.0 - kFieldMarginX)),
          static_cast<float>(
              std::clamp(point.y, kFieldMarginY, kFieldHeight - 1.0 - kFieldMarginY))};
    }
    // A beam is narrowest at its focus and widens beyond.
    const double beam_cm =
        scanner.beam_scale * (0.07 + 0.006 * std::abs(depth - scanner.focus_cm) + 0.003 * depth);
    const double line_cm = (fan.radius_cm + depth) * 2.0 * fan.half_angle / (kLines - 1);
    lateral_kernels[i] = GaussianKernel(beam_cm / line_cm);
    KeepPower(line_cm, &lateral_kernels[i]);
    // The time-gain curve raises the receiver's noise with depth.
    noise_level[i] = static_cast<float>(FromDb(patient.noise_db + scanner.noise_db + 1.9 * depth));
  }

  fixed_loss_db.create(kCoarseSamples, kCoarseLines);
  for (int i = 0; i < kCoarseSamples; ++i) {
    for (int j = 0; j < kCoarseLines; ++j) {
      const double depth = i * kCoarse * sample_cm;
      const double share = 2.0 * j / (kCoarseLines - 1) - 1.0;
      double loss = patient.contact_db[share > 0.0] * SmoothStep(0.45, 1.0, std::abs(share));
      for (const Examination::Shadow& shadow : patient.shadows) {
        const double off = (share - shadow.angle) / shadow.width;
        const double begin = std::max(patient.WallCm(share) - 0.5, shadow.begin_cm);
        loss += shadow.loss_db * std::exp(-0.5 * off * off) * SmoothStep(begin, begin + 1.0, depth);
      }
      fixed_loss_db(i, j) = static_cast<float>(loss);
    }
  }
  MakeWall();
  MakeScanConversion();
  DrawBurnIn();
}

// Skin, fat with its septa, muscle with its fibers, and the line where the liver begins. The probe
// presses on them, so they follow its face and stay still when the organs slide beneath.
void ScanSimulator::Impl::MakeWall() {
  const double sample_cm = scan.depth_cm / kSamples;
  wall_echoes.create(kSamples, kLines);
  wall_echoes = cv::Vec2f();
  wall_share.create(kSamples, kLines);
  for (int i = 0; i < kSamples; ++i) {
    for (int j = 0; j < kLines; ++j) {
      const cv::Point at = field_points[static_cast<std::size_t>(i) * kLines + j];
      const double depth = i * sample_cm;
      const double share = ShareOfAngle(j);
      const double wall_cm = patient.WallCm(share);
      const double in_wall = 1.0 - SmoothStep(wall_cm - 0.03, wall_cm + 0.05, depth);
      wall_share(i, j) = static_cast<float>(in_wall);
      if (in_wall == 0.0) continue;

      const double phase = patient.wall_wave_phase;
      const double bent = depth + 0.06 * std::sin(5.0 * share + 2.0 * phase) +
                          0.03 * std::sin(13.0 * share + phase);
      const double fat_end = wall_cm - patient.muscle_cm + 1.4 * (depth - bent);
      double db = 2.0 * organs.mottle(at);
      double coherent = 0.0;
      if (depth < 0.16) {
        db += 15.0 - 30.0 * depth;
        coherent = 0.6;
      } else if (depth < fat_end - 0.05) {
        const double septa = SmoothStep(
            0.4, 0.95,
            std::sin(9.0 * bent + phase) * std::sin(4.0 * share + 5.0 * bent + 3.0 * phase));
        db += -2.0 + 9.0 * septa;
        coherent = 0.6 * septa;
      } else if (depth < fat_end + 0.05 || depth > wall_cm - 0.08) {
        db += 9.0 + 4.0 * std::sin(7.0 * share + phase);
        coherent = 0.5;
      } else {
        const double fibers = SmoothStep(
            0.4, 1.0,
            std::sin(24.0 * bent + 2.0 * share) * std::sin(9.0 * share + 4.0 * bent + phase));
        db += -5.0 + 8.0 * fibers;
        coherent = 0.4 * fibers;
      }
      const cv::Vec2f& scatterer = organs.scatterers(at);
      const auto level = static_cast<float>(FromDb(db));
      const auto mirror = static_cast<float>(coherent);
      wall_echoes(i, j) = level * cv::Vec2f(mirror + (1.0F - mirror) * scatterer[0],
                                            (1.0F - mirror) * scatterer[1]);
    }
  }
}

void ScanSimulator::Impl::MakeScanConversion() {
  scan_map.create(scan.height, scan.width, CV_16SC2);
  scan_map_fraction.create(scan.height, scan.width, CV_16UC1);
  // Neighbors to interpolate between must exist at the last line and sample, too.
  constexpr double kShort = 0.05;
  cv::Mat1f lines(1, scan.width);
  cv::Mat1f depths(1, scan.width);
  for (int y = 0; y < scan.height; ++y) {
    for (int x = 0; x < scan.width; ++x) {
      const cv::Point2d polar_point = fan.ToPolar(x, y);
      double line = -10.0;
      double depth = -10.0;
      if (fan.Contains(polar_point)) {
        line = std::min(0.5 * (polar_point.y + 1.0) * (kLines - 1), kLines - 1 - kShort);
        depth = std::min(polar_point.x / fan.depth_cm * kSamples, kSamples - 1 - kShort);
      }
      lines(x) = static_cast<float>(line);
      depths(x) = static_cast<float>(depth);
    }
    cv::Mat map_row = scan_map.row(y);
    cv::Mat fraction_row = scan_map_fraction.row(y);
    cv::convertMaps(lines, depths, map_row, fraction_row, CV_16SC2);
  }
}

// Nothing here may depend on the grade: a network would learn to read it.
void ScanSimulator::Impl::DrawBurnIn() {
  frame.create(scan.height, scan.width, CV_8UC1);
  frame.setTo(0);
  const double unit = std::min(scan.height / 480.0, scan.width / 640.0);
  const int thickness = std::max(1, static_cast<int>(std::lround(unit)));
  const auto text = [&](const std::string& what, double x, double y) {
    cv::putText(frame, what, cv::Point(static_cast<int>(x), static_cast<int>(y)),
                cv::FONT_HERSHEY_SIMPLEX, 0.4 * unit, 190, thickness, cv::LINE_AA);
  };

  const double scale_x = scan.width - 40.0 * unit;
  for (int cm = 0; cm <= scan.depth_cm; ++cm) {
    const double y = fan.face_y + cm * fan.pixels_per_cm;
    const double length = (cm % 5 == 0 ? 8.0 : 4.0) * unit;
    cv::line(frame, cv::Point2d(scale_x, y), cv::Point2d(scale_x + length, y), 170, thickness);
    if (cm % 5 == 0) text(std::to_string(cm), scale_x + 11.0 * unit, y + 4.0 * unit);
  }

  const cv::Rect bar(static_cast<int>(12.0 * unit), static_cast<int>(scan.height - 120.0 * unit),
                     std::max(2, static_cast<int>(10.0 * unit)),
                     std::max(2, static_cast<int>(80.0 * unit)));
  for (int y = 0; y < bar.height; ++y) {
    const int gray = 255 - 255 * y / bar.height;
    frame(cv::Rect(bar.x, bar.y + y, bar.width, 1)).setTo(gray);
  }

  text("SIMULATED", 10.0 * unit, 20.0 * unit);
  text("ID " + std::to_string(scan.seed % 1000000), 10.0 * unit, 36.0 * unit);
  text("ABD LIVER", scan.width - 100.0 * unit, 20.0 * unit);
  text(std::to_string(std::lround(scan.depth_cm)) + " cm", 10.0 * unit, scan.height - 12.0 * unit);
  text("MI 1.2", scan.width - 100.0 * unit, scan.height - 12.0 * unit);

  // remap() leaves these pixels as they are, but the fan must cover what reaches into it.
  polar.setTo(0);
  cv::remap(polar, frame, scan_map, scan_map_fraction, cv::INTER_LINEAR, cv::BORDER_TRANSPARENT);
}

void ScanSimulator::Impl::SetGain() {
  const Scanner& scanner = scan.scanner;
  // What fat takes from a pulse on each centimeter, of which the operator takes a share back.
  const double liver_db = AcousticsOf(patient, Severity())[kLiver].attenuation_db *
                          scanner.frequency_mhz / kReferenceMhz;
  display_db.resize(kSamples);
  clutter.resize(kSamples);
  for (int i = 0; i < kSamples; ++i) {
    const double depth = i * scan.depth_cm / kSamples;
    double db = scan.gain_db + patient.gain_db;
    for (std::size_t k = 0; k < patient.tgc_db.size(); ++k) {
      const double turns = 0.3 * static_cast<double>(k + 1) * i * scan.depth_cm / kSamples;
      db += patient.tgc_db[k] * std::sin(turns + patient.tgc_phase[k]);
    }
    const double below_wall = std::max(0.0, depth - patient.WallCm(0.0));
    db += scanner.attenuation_correction * liver_db * below_wall +
          scanner.time_gain_db_per_cm * depth + KnobsDb(scanner, depth / scan.depth_cm);
    display_db[i] = static_cast<float>(db);
    clutter[i] = scanner.haze_db <= -100.0 ? 0.0F
                                           : static_cast<float>(FromDb(2.0 * scanner.haze_db) *
                                                                std::exp(-depth / scanner.haze_cm));
  }
  if (scanner.brightness == 0.0) return;

  ReceivePower(0.0);
  double low = -80.0;
  double high = 80.0;
  for (int step = 0; step < 12; ++step) {
    const double middle = 0.5 * (low + high);
    (MeanGray(middle) < 255.0 * scanner.brightness ? low : high) = middle;
  }
  for (float& db : display_db) db += static_cast<float>(0.5 * (low + high));
}

// Quiet breathing rests at the end of each breath. The organs move along the body, in the picture
// mostly sideways.
cv::Point2d ScanSimulator::Impl::BreathCm(double seconds) const {
  const double turn = kPi * (seconds * scan.breaths_per_minute / 60.0 + patient.breath_phase);
  const double breath = std::pow(std::sin(turn), 4.0);
  return {(patient.mirrored ? -1.0 : 1.0) * patient.breath_x_cm * breath,
          patient.breath_y_cm * breath};
}

// `shift`: how far the organs have moved, in points of their grid.
void ScanSimulator::Impl::SampleScatterers(const cv::Point2d& shift) {
  const auto shift_x = static_cast<float>(shift.x);
  const auto shift_y = static_cast<float>(shift.y);
  for (int i = 0; i < kSamples; ++i) {
    const cv::Point2f* points = &field_points[static_cast<std::size_t>(i) * kLines];
    const float* wall = wall_share[i];
    const cv::Vec2f* wall_row = wall_echoes[i];
    cv::Vec2f* out = samples[i];
    for (int j = 0; j < kLines; ++j) {
      const float x = points[j].x - shift_x;
      const float y = points[j].y - shift_y;
      const int left = static_cast<int>(x);
      const int top = static_cast<int>(y);
      const float fx = x - static_cast<float>(left);
      const float fy = y - static_cast<float>(top);
      const cv::Vec2f* upper = echoes[top] + left;
      const cv::Vec2f* lower = echoes[top + 1] + left;
      for (int c = 0; c < 2; ++c) {
        const float up = upper[0][c] + fx * (upper[1][c] - upper[0][c]);
        const float low = lower[0][c] + fx * (lower[1][c] - lower[0][c]);
        const float organ = up + fy * (low - up);
        out[j][c] = organ + wall[j] * (wall_row[j][c] - organ);
      }
    }
  }
}

// What the scanner makes of a point: across the beam, then along it.
void ScanSimulator::Impl::SpreadPoints() {
  std::array<float, kRowFloats + 4 * kMaxKernelRadius> padded = {};
  for (int i = 0; i < kSamples; ++i) {
    const auto* in = reinterpret_cast<const float*>(samples[i]);
    std::copy(in, in + kRowFloats, padded.begin() + 2 * kMaxKernelRadius);
    auto* out = reinterpret_cast<float*>(spread[i]);
    std::fill(out, out + kRowFloats, 0.0F);
    const std::vector<float>& kernel = lateral_kernels[i];
    const int radius = static_cast<int>(kernel.size()) / 2;
    for (int t = -radius; t <= radius; ++t) {
      AddScaled(padded.data() + 2 * (kMaxKernelRadius + t), kernel[radius + t], out);
    }
  }
  const int radius = static_cast<int>(axial_kernel.size()) / 2;
  for (int i = 0; i < kSamples; ++i) {
    auto* out = reinterpret_cast<float*>(samples[i]);
    std::fill(out, out + kRowFloats, 0.0F);
    for (int t = -radius; t <= radius; ++t) {
      const int row = std::clamp(i + t, 0, kSamples - 1);
      AddScaled(reinterpret_cast<const float*>(spread[row]), axial_kernel[radius + t], out);
    }
  }
}

// What is left of a pulse after its way down and back, along each line.
void ScanSimulator::Impl::Transmit(const cv::Point2d& shift) {
  const double step_cm = kCoarse * scan.depth_cm / kSamples;
  std::array<float, kCoarseLines> lost_db = {};
  for (int i = 0; i < kCoarseSamples; ++i) {
    for (int j = 0; j < kCoarseLines; ++j) {
      const std::size_t sample = static_cast<std::size_t>(i) * kCoarse;
      const std::size_t line = static_cast<std::size_t>(j) * (kLines - 1) / (kCoarseLines - 1);
      const cv::Point2f& point = field_points[sample * kLines + line];
      const int x = static_cast<int>((point.x - shift.x) / kCoarse);
      const int y = static_cast<int>((point.y - shift.y) / kCoarse);
      const float in_organs = 1.0F - wall_share(static_cast<int>(sample), static_cast<int>(line));
      lost_db[j] += in_organs * attenuation_map(y, x) * static_cast<float>(step_cm);
      const double db = -lost_db[j] - fixed_loss_db(i, j);
      coarse_transmission(i, j) = static_cast<float>(std::exp(db * std::log(10.0) / 20.0));
    }
  }
  cv::resize(coarse_transmission, transmission, {kLines, kSamples}, 0, 0, cv::INTER_LINEAR);
}

void ScanSimulator::Impl::ReceivePower(double seconds) {
  const cv::Point2d shift = BreathCm(seconds) / kPitchCm;
  SampleScatterers(shift);
  SpreadPoints();
  Transmit(shift);

  // Another noise for each frame, by its time alone.
  const auto tick = static_cast<std::uint64_t>(std::llround(seconds * 1e4));
  const std::uint64_t mixed = (tick + 1) * 0x9E3779B97F4A7C15u;
  const int first_row = static_cast<int>((mixed >> 40) % kNoiseRowsSpare);
  const int first_line = static_cast<int>((mixed >> 20) % kNoiseLinesSpare);

  std::array<float, kLines + 2> looks = {};
  for (int i = 0; i < kSamples; ++i) {
    const cv::Vec2f* noise_row = noise[first_row + i] + first_line;
    const cv::Vec2f* in = samples[i];
    for (int j = 0; j < kLines; ++j) {
      const float real = in[j][0] * transmission(i, j) + noise_level[i] * noise_row[j][0];
      const float imaginary = in[j][1] * transmission(i, j) + noise_level[i] * noise_row[j][1];
      looks[j + 1] = real * real + imaginary * imaginary;
    }
    looks.front() = looks[1];
    looks.back() = looks[kLines];
    // Scanners average neighboring looks to soften the speckle.
    float* out = power[i];
    for (int j = 0; j < kLines; ++j) {
      out[j] = 0.25F * (looks[j] + looks[j + 2]) + 0.5F * looks[j + 1] + clutter[i];
    }
  }
}

// Of every fourth sample and line, with more gain.
double ScanSimulator::Impl::MeanGray(double gain_db) const {
  const GrayScale gray(scan.scanner);
  double sum = 0.0;
  double weights = 0.0;
  for (int i = 0; i < kSamples; i += 4) {
    const double weight = fan.radius_cm + i * fan.depth_cm / kSamples;  // A line's width there.
    for (int j = 0; j < kLines; j += 4) {
      sum += weight * gray(decibels(power(i, j)) + display_db[i] + static_cast<float>(gain_db));
      weights += weight;
    }
  }
  return sum / weights;
}

void ScanSimulator::Impl::Show() {
  const Scanner& scanner = scan.scanner;
  const GrayScale gray(scanner);
  for (int i = 0; i < kSamples; ++i) {
    std::uint8_t* out = polar[i];
    for (int j = 0; j < kLines; ++j) {
      out[j] = static_cast<std::uint8_t>(gray(decibels(power(i, j)) + display_db[i]));
    }
  }
  if (scanner.smooth_lines > 0.1 || scanner.smooth_samples > 0.1) {
    cv::GaussianBlur(polar, polar, {0, 0}, std::max(scanner.smooth_lines, 0.1),
                     std::max(scanner.smooth_samples, 0.1), cv::BORDER_REPLICATE);
  }
  if (scanner.sharpen > 0.0) {
    cv::Mat soft;
    cv::GaussianBlur(polar, soft, {0, 0}, 3.0, 3.0, cv::BORDER_REPLICATE);
    cv::addWeighted(polar, 1.0 + scanner.sharpen, soft, -scanner.sharpen, 0.0, polar);
  }
}

ScanSimulator::ScanSimulator(const SimulatedScan& scan) : impl_(std::make_unique<Impl>(scan)) {}

ScanSimulator::~ScanSimulator() = default;

const cv::Mat& ScanSimulator::Render(double seconds) {
  Check(seconds >= 0.0, "time", "0 s or later", seconds);
  impl_->ReceivePower(seconds);
  impl_->Show();
  cv::remap(impl_->polar, impl_->frame, impl_->scan_map, impl_->scan_map_fraction, cv::INTER_LINEAR,
            cv::BORDER_TRANSPARENT);
  return impl_->frame;
}

cv::Mat ScanSimulator::Regions(double seconds) const {
  Check(seconds >= 0.0, "time", "0 s or later", seconds);
  const cv::Point2d shift = impl_->BreathCm(seconds) / kPitchCm;
  const auto region = [&](const cv::Point2d& polar) {
    if (!impl_->fan.Contains(polar)) return ScanRegion::kOutside;
    if (polar.x < impl_->patient.WallCm(polar.y)) return ScanRegion::kWall;
    switch (impl_->organs.tissue(cv::Point(impl_->fan.ToField(polar) - shift))) {
      case kLiver:
        return ScanRegion::kLiver;
      case kPortalWall:
      case kPortalLumen:
      case kHepaticLumen:
        return ScanRegion::kVessel;
      case kCortex:
        return ScanRegion::kCortex;
      default:
        return ScanRegion::kOther;
    }
  };

  cv::Mat1b regions(impl_->scan.height, impl_->scan.width);
  for (int y = 0; y < regions.rows; ++y) {
    for (int x = 0; x < regions.cols; ++x) {
      regions(y, x) = static_cast<std::uint8_t>(region(impl_->fan.ToPolar(x, y)));
    }
  }
  return regions;
}

void ScanSimulator::Change(int grade, double gain_db, double depth_cm) {
  SimulatedScan next = impl_->scan;
  next.grade = grade;
  next.fat_percent = -1.0;
  next.gain_db = gain_db;
  next.depth_cm = depth_cm;
  const SimulatedScan last = std::exchange(impl_->scan, Checked(next));
  const bool other_liver = grade != last.grade || last.fat_percent >= 0.0;
  if (other_liver) impl_->SetGrade();
  if (depth_cm != last.depth_cm) impl_->SetDepth();
  if (other_liver || gain_db != last.gain_db || depth_cm != last.depth_cm) impl_->SetGain();
}

}  // namespace hepar
