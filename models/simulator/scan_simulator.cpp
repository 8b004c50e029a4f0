// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/scan_simulator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/simulator/random.h"

namespace hepar {
namespace {

constexpr double kPi = 3.14159265358979323846;

// Beams fan out from an apex behind the probe's face; a beam has samples from the face down to the
// depth of view.
constexpr int kLines = 192;
constexpr int kSamples = 480;
constexpr int kRowFloats = 2 * kLines;  // A row holds one depth of all lines, I and Q in turn.
constexpr double kReferenceMhz = 3.5;   // Frequency that attenuations are given for.
constexpr double kWhiteDb = 37.0;       // Level shown as white, relative to a normal liver's mean.

// The scatterers are held on a Cartesian grid fixed to the organs, x to the right and y down from
// the middle of the probe's face. It covers the widest, deepest view and the way of a breath.
constexpr double kPitchCm = 0.035;
constexpr double kLeftCm = -20.5;
constexpr double kTopCm = -2.5;
constexpr int kFieldWidth = 1172;
constexpr int kFieldHeight = 790;
// Grid points, more than the longest way of a breath.
constexpr double kFieldMarginX = 46.0;
constexpr double kFieldMarginY = 16.0;

// Attenuation and shadows are smooth, so a coarse grid will do.
constexpr int kCoarse = 4;
constexpr int kCoarseLines = kLines / kCoarse;
constexpr int kCoarseSamples = kSamples / kCoarse;

// White noise resampled between its points loses variance, by more the farther from a point, which
// would show as a moving weave. Smoothing it by this much first makes the loss small.
constexpr double kScatterSigma = 1.0;  // Grid points.

constexpr int kNoiseRowsSpare = 251;
constexpr int kNoiseLinesSpare = 61;

enum Tissue : std::uint8_t {
  kLiver,
  kPortalWall,
  kPortalLumen,
  kHepaticLumen,
  kDiaphragm,
  kBehindDiaphragm,
  kCapsule,
  kCortex,
  kPyramid,
  kSinus,
  kRetroperitoneum,
  kTissueCount,
};

// How a tissue sounds at one grade.
struct Acoustics {
  float level_db;        // Relative to a normal liver.
  float attenuation_db;  // Per cm, there and back, beyond what the time-gain curve makes up for.
  float coherent;        // Share of a mirror-like reflection, which has no speckle.
  float mottle_db;       // Spread of slow variations of level.
};

double SmoothStep(double low, double high, double x) {
  const double t = std::clamp((x - low) / (high - low), 0.0, 1.0);
  return t * t * (3.0 - 2.0 * t);
}

double FromDb(double db) { return std::pow(10.0, db / 20.0); }

// What differs from person to person and from examination to examination.
struct Patient {
  Patient(std::uint64_t seed, const Examination& examination);

  bool mirrored;
  double half_angle;
  double fat_cm;
  double muscle_cm;
  double wall_wave_phase;
  double breath_x_cm;
  double breath_y_cm;
  double breath_phase;
  double gain_db;
  double liver_db;
  double cortex_db;
  double attenuation_db;
  double fat_attenuation;
  double visibility;  // Of vessel walls and diaphragm, dB.
  double noise_db;
  std::array<double, 3> tgc_db = {};
  std::array<double, 3> tgc_phase = {};
  std::array<double, 2> contact_db = {};     // Lost at the left and the right edge of the probe.
  std::vector<Examination::Shadow> shadows;  // Begin at the wall, or where they say.
  bool has_gallbladder;
  cv::Point2d kidney;
  double kidney_a;
  double kidney_b;
  double kidney_tilt;
  double sinus_size;
  int pyramids;
  cv::Point2d dome;  // Centre of the diaphragm's arc.
  double dome_radius;

  double WallCm(double share_of_angle) const {
    return fat_cm + muscle_cm + 0.12 * std::sin(2.5 * share_of_angle + wall_wave_phase);
  }
};

Patient::Patient(std::uint64_t seed, const Examination& examination) {
  Random random(seed, kPatientStream);
  mirrored = random.Chance(0.3);
  half_angle = random.Uniform(0.54, 0.65);
  fat_cm = random.Uniform(0.5, 1.0);
  if (random.Chance(0.5)) fat_cm += random.Uniform(0.0, 1.5);
  muscle_cm = random.Uniform(0.5, 1.0);
  wall_wave_phase = random.Uniform(0.0, 2.0 * kPi);
  breath_x_cm = random.Uniform(0.7, 1.5);
  breath_y_cm = random.Uniform(0.1, 0.5);
  breath_phase = random.Uniform();
  gain_db = 1.8 * random.Normal();
  liver_db = 0.9 * random.Normal();
  cortex_db = -1.0 + 0.7 * random.Normal();
  attenuation_db = 0.1 * random.Normal();
  visibility = 1.2 * random.Normal();
  noise_db = random.Uniform(-58.0, -52.0) + 1.5 * (fat_cm - 0.5);
  for (double& db : tgc_db) db = 0.9 * random.Normal();
  for (double& phase : tgc_phase) phase = random.Uniform(0.0, 2.0 * kPi);
  contact_db = {random.Uniform(0.0, 4.0), random.Uniform(0.0, 4.0)};
  if (random.Chance(0.4)) {
    const bool right = random.Chance(0.5);
    contact_db[right] += random.Uniform(4.0, 12.0);
  }
  if (random.Chance(0.4)) {
    shadows.push_back(
        {random.Uniform(-0.9, 0.9), random.Uniform(0.06, 0.14), 0.0, random.Uniform(3.0, 9.0)});
  }
  const double deeper = 0.5 * (fat_cm - 1.0);
  kidney = {random.Uniform(2.2, 4.4), random.Uniform(9.0, 10.6) + deeper};
  kidney_a = random.Uniform(4.6, 5.6);
  kidney_b = random.Uniform(1.9, 2.5);
  kidney_tilt = random.Uniform(0.12, 0.5);
  sinus_size = random.Uniform(0.85, 1.15);
  pyramids = 6 + static_cast<int>(random.Uniform(0.0, 4.0));
  dome = {random.Uniform(0.2, 1.6), random.Uniform(0.8, 2.0) + deeper};
  dome_radius = random.Uniform(10.9, 12.2);

  constexpr double kOutOfViewCm = 40.0;
  if (!examination.has_kidney) kidney.x += kOutOfViewCm;
  has_gallbladder = examination.has_gallbladder;
  const double wall_cm = examination.wall_cm;
  fat_cm += wall_cm;
  kidney.y += 0.5 * wall_cm;
  dome.y += 0.5 * wall_cm;
  liver_db += examination.liver_db;
  cortex_db += examination.cortex_db;
  fat_attenuation = examination.fat_attenuation;
  attenuation_db += examination.attenuation_db;
  visibility += examination.visibility_db;
  shadows.insert(shadows.end(), examination.shadows.begin(), examination.shadows.end());
}

// Smooth random field of unit spread: `cells` across the width of the organ grid.
cv::Mat SmoothField(Random* random, int cells) {
  cv::Mat1f nodes(cells * kFieldHeight / kFieldWidth + 1, cells);
  for (float& node : nodes) node = static_cast<float>(random->Normal());
  cv::Mat field;
  cv::resize(nodes, field, {kFieldWidth, kFieldHeight}, 0, 0, cv::INTER_CUBIC);
  cv::Scalar mean;
  cv::Scalar deviation;
  cv::meanStdDev(field, mean, deviation);
  return (field - mean[0]) / deviation[0];
}

// Complex white noise, smoothed, with E|z|^2 = 1.
cv::Mat ComplexNoise(Random* random, cv::Size size, double sigma_x, double sigma_y) {
  cv::Mat2f noise(size);
  for (cv::Vec2f& z : noise) {
    z = {static_cast<float>(random->Normal()), static_cast<float>(random->Normal())};
  }
  cv::GaussianBlur(noise, noise, {0, 0}, sigma_x, sigma_y, cv::BORDER_REFLECT);
  const double power = noise.dot(noise) / static_cast<double>(noise.total());
  return noise / std::sqrt(power);
}

class VesselPainter {
 public:
  VesselPainter(const Patient& patient, std::uint64_t seed)
      : patient_(patient),
        random_(seed, kVesselStream),
        outer_(kFieldHeight, kFieldWidth, std::uint8_t{0}),
        portal_(outer_.clone()),
        hepatic_(outer_.clone()) {}

  // Marks the vessels in `tissue`, in liver only.
  void Paint(cv::Mat1b* tissue) {
    const double depth = patient_.fat_cm + patient_.muscle_cm;
    const cv::Point2d hilum = {random_.Uniform(0.0, 2.5), depth + random_.Uniform(3.6, 5.0)};
    const double trunk_angle = kPi + random_.Uniform(-0.3, 0.5);
    PaintPortal(hilum, trunk_angle, random_.Uniform(0.32, 0.5), 3);
    if (random_.Chance(0.6)) PaintPortal(hilum, random_.Uniform(-1.4, -0.6), 0.28, 2);
    const int cross_sections = 3 + static_cast<int>(random_.Uniform(0.0, 6.0));
    for (int i = 0; i < cross_sections; ++i) {
      const cv::Point2d at = {random_.Uniform(-7.0, 5.0), depth + random_.Uniform(1.2, 7.0)};
      const cv::Point2d way = {random_.Uniform(-0.4, 0.4), 0.1 * random_.Normal()};
      PaintPortalPiece(at, at + way, random_.Uniform(0.08, 0.2));
    }
    if (patient_.has_gallbladder) PaintGallbladder(hilum);
    const cv::Point2d cava = {patient_.dome.x - random_.Uniform(3.5, 6.0), depth + 8.5};
    const int veins = 1 + static_cast<int>(random_.Uniform(0.0, 3.0));
    for (int i = 0; i < veins; ++i) PaintHepatic(cava, -0.2 - 0.5 * i - random_.Uniform(0.0, 0.4));

    for (int y = 0; y < kFieldHeight; ++y) {
      std::uint8_t* row = (*tissue)[y];
      for (int x = 0; x < kFieldWidth; ++x) {
        if (row[x] != kLiver) continue;
        if (outer_(y, x)) row[x] = kPortalWall;
        if (portal_(y, x)) row[x] = kPortalLumen;
        if (hepatic_(y, x)) row[x] = kHepaticLumen;
      }
    }
  }

 private:
  void Line(cv::Mat1b* mask, cv::Point2d from, cv::Point2d to, double radius_cm) const {
    if (patient_.mirrored) {
      from.x = -from.x;
      to.x = -to.x;
    }
    const cv::Point2d origin = {kLeftCm, kTopCm};
    const int thickness = std::max(1, static_cast<int>(std::lround(2.0 * radius_cm / kPitchCm)));
    cv::line(*mask, cv::Point((from - origin) / kPitchCm), cv::Point((to - origin) / kPitchCm), 255,
             thickness);
  }

  void PaintPortalPiece(const cv::Point2d& from, const cv::Point2d& to, double radius_cm) {
    Line(&outer_, from, to, radius_cm + 0.11);
    Line(&portal_, from, to, radius_cm);
  }

  void PaintPortal(cv::Point2d at, double angle, double radius_cm, int generations) {
    const double length = random_.Uniform(1.6, 2.8);
    for (int step = 0; step < 6; ++step) {
      angle += 0.13 * random_.Normal();
      const cv::Point2d to = at + length / 6.0 * cv::Point2d(std::cos(angle), std::sin(angle));
      // The plane of the scan leaves a vessel here and there.
      if (!random_.Chance(0.12)) PaintPortalPiece(at, to, radius_cm);
      radius_cm *= 0.97;
      at = to;
    }
    if (generations == 1) return;
    PaintPortal(at, angle + random_.Uniform(0.25, 0.7), 0.72 * radius_cm, generations - 1);
    PaintPortal(at, angle - random_.Uniform(0.25, 0.7), 0.66 * radius_cm, generations - 1);
  }

  // Bile looks like blood here: black, and brighter behind.
  void PaintGallbladder(const cv::Point2d& hilum) {
    cv::Point2d from = hilum + cv::Point2d(random_.Uniform(-2.0, 2.0), random_.Uniform(-1.0, 2.0));
    const double angle = random_.Uniform(0.0, kPi);
    const double radius_cm = random_.Uniform(0.7, 1.5);
    const cv::Point2d way = 0.25 * cv::Point2d(std::cos(angle), std::sin(angle));
    const int steps = 4 + static_cast<int>(random_.Uniform(0.0, 10.0));
    for (int step = 0; step < steps; ++step, from += way) {
      PaintPortalPiece(from, from, radius_cm * (0.7 + 0.3 * step / steps));
    }
  }

  void PaintHepatic(cv::Point2d at, double angle) {
    double radius_cm = random_.Uniform(0.22, 0.42);
    const int steps = 12 + static_cast<int>(random_.Uniform(0.0, 8.0));
    for (int step = 0; step < steps; ++step) {
      angle += 0.06 * random_.Normal();
      const cv::Point2d to = at + 0.4 * cv::Point2d(std::cos(angle), std::sin(angle));
      Line(&hepatic_, at, to, radius_cm);
      radius_cm *= 0.94;
      at = to;
    }
  }

  const Patient& patient_;
  Random random_;
  cv::Mat1b outer_;
  cv::Mat1b portal_;
  cv::Mat1b hepatic_;
};

// The inside of a patient, on the organ grid; the same at all grades.
struct Organs {
  Organs(const Patient& patient, double probe_radius_cm, std::uint64_t seed);

  cv::Mat1b tissue;      // Tissue at each point.
  cv::Mat1f local_db;    // What the place adds to its tissue's level: angle to the beam, distance.
  cv::Mat1f mottle;      // Slow variation of level, spread 1.
  cv::Mat2f scatterers;  // Unit power.
};

Organs::Organs(const Patient& patient, double probe_radius_cm, std::uint64_t seed)
    : tissue(kFieldHeight, kFieldWidth), local_db(kFieldHeight, kFieldWidth, 0.0F) {
  Random random(seed, kFieldStream);
  scatterers = ComplexNoise(&random, {kFieldWidth, kFieldHeight}, kScatterSigma, kScatterSigma);
  mottle = 0.6 * SmoothField(&random, 180) + 0.4 * SmoothField(&random, 60) +
           0.5 * SmoothField(&random, 14);
  const cv::Mat1f warp_x = 0.22 * SmoothField(&random, 18);
  const cv::Mat1f warp_y = 0.22 * SmoothField(&random, 18);
  const cv::Mat1f ragged = SmoothField(&random, 70);

  const double tilt_cos = std::cos(patient.kidney_tilt);
  const double tilt_sin = std::sin(patient.kidney_tilt);
  for (int y = 0; y < kFieldHeight; ++y) {
    for (int x = 0; x < kFieldWidth; ++x) {
      const double right = kLeftCm + x * kPitchCm;
      const double down = kTopCm + y * kPitchCm;
      const cv::Point2d at = {(patient.mirrored ? -right : right) + warp_x(y, x),
                              down + warp_y(y, x)};

      // Along the kidney's long axis, whose cranial end lies deeper, and across it.
      const cv::Point2d from_kidney = at - patient.kidney;
      const double along = from_kidney.x * tilt_cos - from_kidney.y * tilt_sin;
      const double across = from_kidney.x * tilt_sin + from_kidney.y * tilt_cos;
      const double rim = std::hypot(along / patient.kidney_a, across / patient.kidney_b);
      const double past_pole = along + patient.kidney_a + 0.5 * across + 0.25 * ragged(y, x);
      const bool behind_kidney = across > 0.0 && past_pole > 0.0;

      const cv::Point2d from_dome = at - patient.dome;
      const double radius = std::hypot(from_dome.x, from_dome.y);
      const double past_dome = radius - patient.dome_radius;

      Tissue kind = kLiver;
      double db = 0.0;
      if (rim < 1.0) {
        kind = kCortex;
        const double sinus = std::hypot(along / (0.62 * patient.kidney_a * patient.sinus_size),
                                        across / (0.4 * patient.kidney_b * patient.sinus_size)) +
                             0.16 * ragged(y, x);
        const double turn = std::atan2(across / patient.kidney_b, along / patient.kidney_a);
        const double pyramid = std::cos(turn * patient.pyramids);
        if (sinus < 1.0) {
          kind = kSinus;
          db = 3.0 * ragged(y, x) - 4.0 * SmoothStep(0.6, 1.0, sinus);
        } else if (rim < 0.82 && pyramid > 0.35) {
          kind = kPyramid;
        }
      } else if ((rim - 1.0) * patient.kidney_b < 0.16) {
        kind = kCapsule;
        // The capsule mirrors best where it faces the probe.
        db = -9.0 + 9.0 * std::pow(std::abs(across) / patient.kidney_b, 2.0);
      } else if (behind_kidney) {
        kind = kRetroperitoneum;
        db = 2.5 * ragged(y, x) * SmoothStep(0.2, 0.8, across);
        if (past_dome > 0.0) db -= 8.0 * (1.0 - SmoothStep(0.0, 2.0, past_pole));
      } else if (std::abs(past_dome) < 0.08 + 0.04 * ragged(y, x)) {
        kind = kDiaphragm;
        const cv::Point2d beam = {right, down + probe_radius_cm};
        const cv::Point2d normal = {patient.mirrored ? -from_dome.x : from_dome.x, from_dome.y};
        const double facing = beam.dot(normal) / (std::hypot(beam.x, beam.y) * radius);
        db = 40.0 * std::log10(std::max(facing, 0.2));
      } else if (past_dome > 0.0) {
        // Air mirrors the liver, ever fainter.
        kind = kBehindDiaphragm;
        db = -1.5 * past_dome;
      }
      tissue(y, x) = kind;
      local_db(y, x) = static_cast<float>(db);
    }
  }
  VesselPainter(patient, seed).Paint(&tissue);
}

// A sign of steatosis at `severity`, between what is typical of the grades, in their middle.
double SignOf(const std::array<double, 4>& typical, double severity) {
  const double at = severity - 0.5;
  const auto below = static_cast<std::size_t>(std::clamp(std::floor(at), 0.0, 2.0));
  return typical[below] + (at - static_cast<double>(below)) * (typical[below + 1] - typical[below]);
}

// The signs of steatosis, from normal to severe. Attenuations are at kReferenceMhz.
std::array<Acoustics, kTissueCount> AcousticsOf(const Patient& patient, double severity) {
  constexpr std::array<double, 4> kLiverDb = {0.0, 2.3, 4.6, 7.0};
  constexpr std::array<double, 4> kPortalWallDb = {13.0, 9.0, 4.5, 1.0};
  constexpr std::array<double, 4> kLumenDb = {-24.0, -20.0, -15.0, -11.0};
  constexpr std::array<double, 4> kDiaphragmDb = {22.0, 18.0, 12.0, 5.0};
  constexpr std::array<double, 4> kAttenuationDb = {0.0, 0.32, 0.75, 1.3};
  constexpr std::array<double, 4> kMottleDb = {2.2, 1.7, 1.2, 0.8};

  const auto sign = [severity](const std::array<double, 4>& typical) {
    return SignOf(typical, severity);
  };
  const double liver_db = sign(kLiverDb) + patient.liver_db;
  const double attenuation_db =
      patient.fat_attenuation * sign(kAttenuationDb) + patient.attenuation_db;
  const double lumen_db = liver_db + sign(kLumenDb);
  const auto acoustics = [](double level, double attenuation, double coherent, double mottle) {
    return Acoustics{static_cast<float>(level), static_cast<float>(attenuation),
                     static_cast<float>(coherent), static_cast<float>(mottle)};
  };

  std::array<Acoustics, kTissueCount> table = {};
  table[kLiver] = acoustics(liver_db, attenuation_db, 0.0, sign(kMottleDb));
  table[kPortalWall] = acoustics(liver_db + sign(kPortalWallDb) + patient.visibility,
                                 attenuation_db + 0.3, 0.5, 2.0);
  table[kPortalLumen] = acoustics(lumen_db, -0.6, 0.0, 1.0);
  table[kHepaticLumen] = acoustics(lumen_db, -0.6, 0.0, 1.0);
  table[kDiaphragm] = acoustics(sign(kDiaphragmDb) + patient.visibility, 1.0, 0.45, 4.0);
  table[kBehindDiaphragm] = acoustics(liver_db - 7.0, 0.3, 0.0, 3.0);
  table[kCapsule] = acoustics(12.0, 0.4, 0.4, 3.5);
  table[kCortex] = acoustics(patient.cortex_db, 0.0, 0.0, 1.0);
  table[kPyramid] = acoustics(patient.cortex_db - 5.0, -0.1, 0.0, 1.0);
  table[kSinus] = acoustics(patient.cortex_db + 9.0, 0.3, 0.0, 2.0);
  table[kRetroperitoneum] = acoustics(4.0, 0.5, 0.0, 2.5);
  return table;
}

// Where the fan lies in a frame.
struct FanGeometry {
  FanGeometry(const SimulatedScan& scan, double patients_half_angle)
      : radius_cm(scan.scanner.probe_radius_cm),
        half_angle(scan.scanner.half_angle > 0.0 ? scan.scanner.half_angle : patients_half_angle),
        depth_cm(scan.depth_cm),
        probe_at(scan.examination.shift_x_cm, scan.examination.shift_y_cm) {
    const double rise_cm = radius_cm * (1.0 - std::cos(half_angle));
    const double width_cm = 2.0 * (radius_cm + depth_cm) * std::sin(half_angle);
    lowest_cm = depth_cm * (1.0 - scan.scanner.crop_bottom);
    widest_cm = 0.5 * width_cm * (1.0 - scan.scanner.crop_sides);
    pixels_per_cm =
        std::min(0.9 * scan.height / (depth_cm + rise_cm), 0.84 * scan.width / width_cm);
    face_x = 0.49 * scan.width;
    face_y = 0.5 * (scan.height - pixels_per_cm * (depth_cm + rise_cm)) + pixels_per_cm * rise_cm;
  }

  // Depth below the probe's face in cm (x) and share of the half angle (y).
  cv::Point2d ToPolar(double pixel_x, double pixel_y) const {
    const double right = (pixel_x - face_x) / pixels_per_cm;
    const double down = (pixel_y - face_y) / pixels_per_cm + radius_cm;
    return {std::hypot(right, down) - radius_cm, std::atan2(right, down) / half_angle};
  }
  bool Contains(const cv::Point2d& polar) const {
    if (polar.x < 0.0 || polar.x > depth_cm || std::abs(polar.y) > 1.0) return false;
    const double radius = radius_cm + polar.x;
    const double angle = polar.y * half_angle;
    constexpr double kRounding = 1e-9;
    return radius * std::cos(angle) - radius_cm <= lowest_cm + kRounding &&
           std::abs(radius * std::sin(angle)) <= widest_cm + kRounding;
  }
  // A polar place as a place on the organ grid, when the breath is held at its start.
  cv::Point2d ToField(const cv::Point2d& polar) const {
    const double radius = radius_cm + polar.x;
    const double angle = polar.y * half_angle;
    return {(radius * std::sin(angle) + probe_at.x - kLeftCm) / kPitchCm,
            (radius * std::cos(angle) - radius_cm + probe_at.y - kTopCm) / kPitchCm};
  }

  double radius_cm;  // Of the probe.
  double half_angle;
  double depth_cm;
  double lowest_cm;  // Where the frame cuts the fan off: below the probe's face,
  double widest_cm;  // and to either side.
  cv::Point2d probe_at;
  double pixels_per_cm;
  double face_x;
  double face_y;
};

double ShareOfAngle(int line) { return 2.0 * line / (kLines - 1) - 1.0; }

// The widest, that of the beams at the probe's face, reaches 8 lines to either side.
constexpr int kMaxKernelRadius = 12;

std::vector<float> GaussianKernel(double sigma) {
  const int radius = std::clamp(static_cast<int>(std::ceil(2.5 * sigma)), 1, kMaxKernelRadius);
  std::vector<float> kernel;
  for (int i = -radius; i <= radius; ++i) {
    kernel.push_back(static_cast<float>(std::exp(-0.5 * (i / sigma) * (i / sigma))));
  }
  return kernel;
}

// Scales `kernel` so that it keeps the power of scatterers sampled `step_cm` apart, which are more
// alike the closer they are.
void KeepPower(double step_cm, std::vector<float>* kernel) {
  const double step = step_cm / (kScatterSigma * kPitchCm);
  double power = 0.0;
  const int taps = static_cast<int>(kernel->size());
  for (int a = 0; a < taps; ++a) {
    for (int b = 0; b < taps; ++b) {
      const double lag = step * (a - b);
      power += static_cast<double>((*kernel)[a]) * (*kernel)[b] * std::exp(-0.25 * lag * lag);
    }
  }
  for (float& tap : *kernel) tap = static_cast<float>(tap / std::sqrt(power));
}

// Fixed length and no overlap, so that compilers use vector instructions.
void AddScaled(const float* in, float factor, float* __restrict out) {
  for (int i = 0; i < kRowFloats; ++i) out[i] += factor * in[i];
}

// Power to decibels by table on the leading bits of a float: 0.07 dB steps, a tenth of std::log10's
// cost.
class DecibelTable {
 public:
  DecibelTable() : table_(1U << (31 - kShift)) {
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const std::uint32_t bits = (static_cast<std::uint32_t>(i) << kShift) + (1U << (kShift - 1));
      float power;
      std::memcpy(&power, &bits, sizeof(power));
      table_[i] = std::isfinite(power) ? static_cast<float>(10.0 * std::log10(power)) : 400.0F;
    }
  }
  float operator()(float power) const {
    std::uint32_t bits;
    std::memcpy(&bits, &power, sizeof(bits));
    return table_[bits >> kShift];
  }

 private:
  static constexpr int kShift = 17;
  std::vector<float> table_;
};

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
  double MeanGrey(double gain_db) const;

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

// Skin, fat with its septa, muscle with its fibres, and the line where the liver begins. The probe
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
        const double fibres = SmoothStep(
            0.4, 1.0,
            std::sin(24.0 * bent + 2.0 * share) * std::sin(9.0 * share + 4.0 * bent + phase));
        db += -5.0 + 8.0 * fibres;
        coherent = 0.4 * fibres;
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
  // Neighbours to interpolate between must exist at the last line and sample, too.
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
    const int grey = 255 - 255 * y / bar.height;
    frame(cv::Rect(bar.x, bar.y + y, bar.width, 1)).setTo(grey);
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

namespace {
// Time gain of the operator at a share of the depth of view; eased from knob to knob.
double KnobsDb(const Scanner& scanner, double share_of_depth) {
  constexpr int kLast = Scanner::kTimeGainKnobs - 1;
  const double at = share_of_depth * kLast;
  const int knob = std::min(static_cast<int>(at), kLast - 1);
  const double low = scanner.knobs_db[static_cast<std::size_t>(knob)];
  const double high = scanner.knobs_db[static_cast<std::size_t>(knob) + 1];
  return low + (high - low) * SmoothStep(0.0, 1.0, at - knob);
}
}  // namespace

void ScanSimulator::Impl::SetGain() {
  const Scanner& scanner = scan.scanner;
  // What fat takes from a pulse on each centimetre, of which the operator takes a share back.
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
    (MeanGrey(middle) < 255.0 * scanner.brightness ? low : high) = middle;
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
    // Scanners average neighbouring looks to soften the speckle.
    float* out = power[i];
    for (int j = 0; j < kLines; ++j) {
      out[j] = 0.25F * (looks[j] + looks[j + 2]) + 0.5F * looks[j + 1] + clutter[i];
    }
  }
}

namespace {
// Grey levels of decibels, before the filters of the display.
class GreyScale {
 public:
  explicit GreyScale(const Scanner& scanner)
      : black_db_(static_cast<float>(kWhiteDb - scanner.dynamic_range_db)),
        per_db_(static_cast<float>(255.0 / scanner.dynamic_range_db)),
        is_straight_(scanner.bend == 0.0 && scanner.pedestal == 0.0) {
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      const double bent = std::pow(static_cast<double>(i) / static_cast<double>(levels_.size() - 1),
                                   std::exp(scanner.bend));
      levels_[i] = static_cast<float>(255.0 * (scanner.pedestal + (1.0 - scanner.pedestal) * bent));
    }
  }
  float operator()(float db) const {
    const float grey = std::clamp((db - black_db_) * per_db_, 0.0F, 255.0F);
    return is_straight_ ? grey : levels_[static_cast<std::size_t>(grey * 4.0F)];
  }

 private:
  float black_db_;
  float per_db_;
  bool is_straight_;
  std::array<float, 1021> levels_ = {};  // Steps of a quarter of a grey level.
};

}  // namespace

// Of every fourth sample and line, with more gain.
double ScanSimulator::Impl::MeanGrey(double gain_db) const {
  const GreyScale grey(scan.scanner);
  double sum = 0.0;
  double weights = 0.0;
  for (int i = 0; i < kSamples; i += 4) {
    const double weight = fan.radius_cm + i * fan.depth_cm / kSamples;  // A line's width there.
    for (int j = 0; j < kLines; j += 4) {
      sum += weight * grey(decibels(power(i, j)) + display_db[i] + static_cast<float>(gain_db));
      weights += weight;
    }
  }
  return sum / weights;
}

void ScanSimulator::Impl::Show() {
  const Scanner& scanner = scan.scanner;
  const GreyScale grey(scanner);
  for (int i = 0; i < kSamples; ++i) {
    std::uint8_t* out = polar[i];
    for (int j = 0; j < kLines; ++j) {
      out[j] = static_cast<std::uint8_t>(grey(decibels(power(i, j)) + display_db[i]));
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

namespace {
// Where the grades begin, % fat, and where the last one ends.
constexpr std::array<double, 5> kGradeBegins = {0.0, 5.0, 33.0, 66.0, 100.0};
}  // namespace

int GradeOfFat(double fat_percent) {
  if (fat_percent < kGradeBegins[1]) return 0;
  return fat_percent > kGradeBegins[3] ? 3 : fat_percent > kGradeBegins[2] ? 2 : 1;
}

double FatOfSeverity(double severity) {
  const double within = std::clamp(severity, 0.0, 4.0);
  const auto grade = static_cast<std::size_t>(std::min(within, 3.0));
  return kGradeBegins[grade] +
         (within - static_cast<double>(grade)) * (kGradeBegins[grade + 1] - kGradeBegins[grade]);
}

double SeverityOfFat(double fat_percent) {
  const auto grade = static_cast<std::size_t>(GradeOfFat(fat_percent));
  return static_cast<double>(grade) +
         (fat_percent - kGradeBegins[grade]) / (kGradeBegins[grade + 1] - kGradeBegins[grade]);
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
