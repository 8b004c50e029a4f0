// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/decision/frame_state.h"
#include "models/decision/frames_decision.h"
#include "models/error.h"
#include "models/file_io.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/progress.h"
#include "training/data/csv.h"
#include "training/data/mat_file.h"
#include "training/data/unlabeled.h"
#include "training/report/table.h"
#include "training/scoring/scorer.h"
#include "training/verbs/device_option.h"
#include "training/verbs/threads.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct GradeOptions {
  std::vector<std::string> paths;
  std::string model, precision = "fp32", csv;
  std::string unfamiliar = "grade";
  DecisionChoices choices;
  SourceOptions source;
  ModelPermission permission;
  DeviceOptions device;
  Output output;
};

OptionTable MakeTable(GradeOptions* o) {
  OptionTable table("grade", "--model FILE.hepar FILE|FOLDER... [OPTION...]",
                    "Grades scans without labels: stills, DICOM files and videos, and those in "
                    "folders, one row each. The frames of a video or cine are combined as 'hepar "
                    "evaluate' combines those of a patient: by the mean of their probabilities. A "
                    "file that cannot be read gets a row with the error, the others are graded, "
                    "and the exit code is 3. For research use only.");
  table.Heading("Options");
  AddModelOption(&table, &o->model, "the model bundle to grade with");
  AddPermissionOptions(&table, &o->permission);
  AddSourceOptions(&table, &o->source);
  table.Number("min-confidence", &o->choices.min_confidence, 0, 1,
               "Mean probability below which there is no grade; the model's own threshold applies "
               "where it is higher");
  table.OnOff("check-view", &o->choices.check_view,
              "Give no grade where more than half of the frames are unlike the model's pictures");
  table.Choice("unfamiliar", &o->unfamiliar, {"grade", "withhold"},
               "Whether liver views of unfamiliar scanners get a grade");
  AddDeviceOptions(&table, &o->device);
  table.Choice("precision", &o->precision, {"fp32", "bf16", "fp16"}, "Precision of the model");
  table.Heading("Output");
  o->output.AddTo(&table, "Write the rows as JSON");
  table.Path("csv", &o->csv, "FILE", "Write the rows as CSV; - for standard output");
  table.Positional(&o->paths, std::numeric_limits<std::size_t>::max());
  return table;
}

// A file with what the model says of it, or why it says nothing.
struct Row {
  std::string path;
  FramesDecision decision;
  std::string error;
};

// The states of HeparSeverityMeta, and one for what cannot be read.
const char* StateName(const Row& row) {
  return row.error.empty() ? ToString(StateOf(row.decision)) : "error";
}

// Empty where there is no grade.
std::string SeverityOf(const Row& row, const ModelSpec& spec) {
  return row.decision.grade ? spec.class_names[*row.decision.grade] : "";
}

// The median score over the model's limit, as heparclassify gives it.
std::optional<double> DomainScoreOf(const Row& row, const ModelSpec& spec) {
  if (!row.decision.domain_score || !spec.out_of_domain_above) return std::nullopt;
  return *row.decision.domain_score / *spec.out_of_domain_above;
}

std::optional<double> FamiliarityScoreOf(const Row& row, const ModelSpec& spec) {
  if (!row.decision.familiarity_score || !spec.familiarity) return std::nullopt;
  return *row.decision.familiarity_score / spec.familiarity->unfamiliar_above;
}

Row GradeFile(const std::string& path, const GradeOptions& options, const Warn& warn,
              Scorer* scorer) {
  Row row;
  row.path = path;
  try {
    if (IsMatFile(path)) {
      throw Error(ErrorKind::kDamaged, path + ": is a set of labeled scans; see 'hepar evaluate'");
    }
    const int count = CountFrames(path, warn);
    if (count == 0) throw Error(ErrorKind::kDamaged, path + ": a DICOM file without a picture");
    const auto frames = ChooseFrames(count, options.source);
    row.decision = DecideTogether(scorer->ScoreFile(path, frames, [] {}),
                                  DecisionOptions(scorer->spec(), options.choices));
  } catch (const Error& error) {
    row.error = error.what();
  }
  return row;
}

std::vector<Row> GradeAll(const GradeOptions& options, Scorer* scorer) {
  std::vector<Row> rows;
  std::vector<std::string> paths;
  LoadSummary summary;
  for (const std::string& path : options.paths) {
    try {
      for (const PictureFile& file : FindPictureFiles(path, &summary)) paths.push_back(file.path);
    } catch (const Error& error) {
      Row row;
      row.path = path;
      row.error = error.what();
      rows.push_back(row);
    }
  }
  Progress progress("grading", static_cast<int>(paths.size()), "files");
  for (const std::string& path : paths) {
    const auto warn = [&summary](const std::string& line) { summary.Warn(line); };
    rows.push_back(GradeFile(path, options, warn, scorer));
    progress.Update(static_cast<int>(rows.size()));
  }
  progress.Clear();
  const std::string skipped = SkippedText(summary);
  if (!skipped.empty()) std::cerr << "hepar grade: " << skipped << "\n";
  for (const std::string& line : summary.warnings) std::cerr << "hepar grade: " << line << "\n";
  return rows;
}

std::string ToTable(const std::vector<Row>& rows, const ModelSpec& spec) {
  std::vector<std::vector<std::string>> cells = {{"file", "state", "severity"}};
  for (const auto& name : spec.class_names) cells[0].push_back(name + " %");
  cells[0].insert(cells[0].end(), {"trust", "frames"});
  for (const Row& row : rows) {
    cells.push_back({row.path, StateName(row), SeverityOf(row, spec)});
    if (cells.back()[2].empty()) cells.back()[2] = "-";
    if (!row.error.empty()) continue;
    for (const double p : row.decision.probabilities) cells.back().push_back(Fixed(100 * p, 1));
    cells.back().push_back(Fixed(row.decision.trust, 2));
    cells.back().push_back(std::to_string(row.decision.frames));
  }
  return FormatTable(cells);
}

std::string ToCsv(const std::vector<Row>& rows, const ModelSpec& spec) {
  std::string text = "path,state,severity,confidence";
  for (const auto& name : spec.class_names) text += ",p_" + name;
  text += ",trust,domain_score,familiarity_score,frames,not_liver_frames,unfamiliar_frames,error\n";
  for (const Row& row : rows) {
    const FramesDecision& d = row.decision;
    text += CsvField(row.path) + "," + StateName(row) + "," + SeverityOf(row, spec) + ",";
    if (row.error.empty()) {
      const auto score = DomainScoreOf(row, spec), familiarity = FamiliarityScoreOf(row, spec);
      text += json(d.confidence).dump();
      for (const double p : d.probabilities) text += "," + json(p).dump();
      text += "," + json(d.trust).dump() + "," + (score ? json(*score).dump() : "") + "," +
              (familiarity ? json(*familiarity).dump() : "") + "," + std::to_string(d.frames) +
              "," + std::to_string(d.frames_out_of_domain) + "," +
              std::to_string(d.frames_unfamiliar) + ",";
    } else {
      text += std::string(spec.class_names.size() + 7, ',') + CsvField(row.error);
    }
    text += "\n";
  }
  return text;
}

ordered_json ToJson(const std::vector<Row>& rows, const ModelSpec& spec) {
  ordered_json files = ordered_json::array();
  for (const Row& row : rows) {
    ordered_json file = {{"path", row.path}, {"state", StateName(row)}};
    if (!row.error.empty()) {
      file["error"] = row.error;
      files.push_back(file);
      continue;
    }
    const FramesDecision& d = row.decision;
    ordered_json probabilities = ordered_json::object();
    for (std::size_t k = 0; k < d.probabilities.size(); ++k) {
      probabilities[spec.class_names[k]] = d.probabilities[k];
    }
    const auto score = DomainScoreOf(row, spec), familiarity = FamiliarityScoreOf(row, spec);
    file["severity"] = d.grade ? ordered_json(SeverityOf(row, spec)) : ordered_json();
    file["grade"] = d.grade ? ordered_json(*d.grade) : ordered_json();
    file["confidence"] = d.confidence;
    file["probabilities"] = probabilities;
    file["trust"] = d.trust;
    file["domain_score"] = score ? ordered_json(*score) : ordered_json();
    file["familiarity_score"] = familiarity ? ordered_json(*familiarity) : ordered_json();
    file["frames"] = d.frames;
    file["not_liver_frames"] = d.frames_out_of_domain;
    file["unfamiliar_frames"] = d.frames_unfamiliar;
    files.push_back(file);
  }
  return {
      {"model", spec.name}, {"model_id", spec.id}, {"research_use_only", true}, {"files", files}};
}

void CheckOptions(const GradeOptions& o) {
  if (o.paths.empty()) {
    throw UsageError("nothing to grade; usage: hepar grade --model FILE.hepar FILE|FOLDER...");
  }
  if (o.csv == "-" && o.output.JsonToStdout()) {
    throw UsageError("--csv and --json both ask for standard output");
  }
}

}  // namespace

int RunGrade(const std::vector<std::string>& arguments) {
  GradeOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  CheckOptions(options);
  options.choices.withhold_unfamiliar = options.unfamiliar == "withhold";
  EngineConfig config;
  config.model = options.model;
  config.device = DeviceOption(options.device.name);
  config.permission = options.permission;
  config.precision = ParsePrecision(options.precision);
  SetThreads(options.device);
  Scorer scorer = WithExitCode(kExitModel, [&] { return Scorer(config); });
  const std::vector<Row> rows = GradeAll(options, &scorer);

  const ModelSpec& spec = scorer.spec();
  std::ostream& text = options.csv == "-" ? std::cerr : options.output.text();
  text << ToTable(rows, spec) << "\nmodel " << spec.name << "; for research use only\n";
  if (options.csv == "-") {
    std::cout << ToCsv(rows, spec);
  } else if (!options.csv.empty()) {
    WriteFileAtomically(options.csv, ToCsv(rows, spec));
  }
  options.output.Write(ToJson(rows, spec));
  std::cout << std::flush;
  bool failed = false;
  for (const Row& row : rows) {
    if (row.error.empty()) continue;
    failed = true;
    std::cerr << "hepar grade: " << row.error << "\n";
  }
  return failed ? kExitInputData : kExitOk;
}

}  // namespace hepar
