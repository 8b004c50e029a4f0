// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/checkpoint.h"

#include <torch/serialize.h>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/json_text.h"
#include "models/nets/torchscript_classifier.h"
#include "models/printable.h"
#include "models/tensor_file/tensor_archive.h"
#include "models/tensor_file/torch_view.h"
#include "models/torch_archive.h"

namespace hepar {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 3;
constexpr char kRootClass[] = "Module";  // As OutputArchive calls it.
constexpr char kDescription[] = "description";
constexpr std::uint64_t kMaxCheckpointBytes = std::uint64_t{16} << 30;

// The generators that a training step may draw from.
std::vector<std::pair<std::string, at::Generator>> Generators(torch::Device device) {
  std::vector<std::pair<std::string, at::Generator>> generators = {
      {"cpu_generator", at::detail::getDefaultCPUGenerator()}};
  if (device.is_cuda()) {
    generators.emplace_back("cuda_generator", at::globalContext().defaultGenerator(device));
  }
  return generators;
}

json ToJson(const EpochRecord& record) {
  json object = {{"epoch", record.epoch},     {"learning_rate", record.learning_rate},
                 {"terms", record.terms},     {"train_accuracy", record.train_accuracy},
                 {"seconds", record.seconds}, {"peak_memory_mib", record.peak_memory_mib}};
  if (const auto& v = record.validation) {
    object["validation"] = {v->loss, v->accuracy, v->balanced_accuracy,
                            v->patient_balanced_accuracy, v->feature_correlation};
    if (v->robust_accuracy) object["robust"] = {*v->robust_accuracy, *v->robust_worst};
  }
  for (const ClassFigures& figures : record.per_class) {
    object["per_class"].push_back({{"name", figures.name}, {"values", figures.values}});
  }
  return object;
}

// JSON has no infinity or NaN: null represents both.
double NumberFrom(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

std::vector<double> NumbersFrom(const json& values) {
  std::vector<double> numbers;
  for (const json& value : values) numbers.push_back(NumberFrom(value));
  return numbers;
}

void CheckLength(const std::vector<double>& numbers, std::size_t expected) {
  if (numbers.size() == expected) return;
  throw std::invalid_argument("its log has " + std::to_string(numbers.size()) + " numbers where " +
                              std::to_string(expected) + " belong");
}

// A line of the log with so many loss terms, and figures of so many classes.
EpochRecord RecordFromJson(const json& object, std::size_t terms, std::size_t classes) {
  EpochRecord record;
  record.epoch = object.at("epoch");
  record.learning_rate = object.at("learning_rate");
  record.terms = NumbersFrom(object.at("terms"));
  CheckLength(record.terms, terms);
  record.train_accuracy = object.at("train_accuracy");
  record.seconds = object.at("seconds");
  record.peak_memory_mib = object.at("peak_memory_mib");
  if (object.contains("validation")) {
    const auto v = NumbersFrom(object.at("validation"));
    CheckLength(v, 5);
    record.validation = EpochRecord::Validation{v[0], v[1], v[2], v[3], v[4], {}, {}};
    if (object.contains("robust")) {
      record.validation->robust_accuracy = NumberFrom(object.at("robust").at(0));
      record.validation->robust_worst = NumberFrom(object.at("robust").at(1));
    }
  }
  for (const json& figures : object.value("per_class", json::array())) {
    record.per_class.push_back({figures.at("name"), NumbersFrom(figures.at("values"))});
    CheckLength(record.per_class.back().values, classes);
  }
  return record;
}

// The numbers of a record by the names that the log gives them.
ordered_json LogEntry(const EpochRecord& record, const std::vector<std::string>& terms,
                      const std::vector<std::string>& class_names) {
  ordered_json entry = {{"epoch", record.epoch}, {"learning_rate", record.learning_rate}};
  for (std::size_t i = 0; i < terms.size(); ++i) entry[terms[i]] = record.terms[i];
  entry["train_accuracy"] = record.train_accuracy;
  if (const auto& v = record.validation) {
    entry["validation_loss"] = v->loss;
    entry["validation_accuracy"] = v->accuracy;
    entry["validation_balanced_accuracy"] = v->balanced_accuracy;
    entry["validation_patient_balanced_accuracy"] = v->patient_balanced_accuracy;
    entry["validation_feature_correlation"] = v->feature_correlation;
    if (v->robust_accuracy) {
      entry["validation_robust_accuracy"] = *v->robust_accuracy;
      entry["validation_robust_worst"] = *v->robust_worst;
    }
  }
  for (const ClassFigures& figures : record.per_class) {
    for (std::size_t k = 0; k < figures.values.size(); ++k) {
      entry[figures.name + "_" + class_names[k]] = figures.values[k];
    }
  }
  entry["seconds"] = record.seconds;
  entry["peak_memory_mib"] = record.peak_memory_mib;
  return entry;
}

void CheckSameRun(const json& saved, const json& wanted, const std::string& path) {
  for (const auto& [key, value] : wanted.items()) {
    const json other = saved.value(key, json());
    if (other == value) continue;
    throw Error(ErrorKind::kMismatch, path + ": was made with " + key + " = " + other.dump() +
                                          ", this run has " + value.dump() +
                                          "; give the same options, or another --work");
  }
}

// Parameters and buffers by their path in the module tree.
Optimizer::State TensorsOf(SeverityNet net) {
  Optimizer::State tensors;
  for (const auto& item : net->named_parameters()) tensors.emplace(item.key(), item.value());
  for (const auto& item : net->named_buffers()) tensors.emplace(item.key(), item.value());
  return tensors;
}

// The parts of a checkpoint, each with its tensors: a name is PART.NAME.
class Parts {
 public:
  Parts(const StoredTensors& stored, const std::string& origin) : origin_(origin) {
    for (const auto& [name, tensor] : stored) {
      const std::size_t dot = std::min(name.find('.'), name.size());
      parts_[name.substr(0, dot)].emplace(name.substr(std::min(dot + 1, name.size())),
                                          ViewOf(tensor));
    }
  }

  Optimizer::State Take(const std::string& part) {
    Optimizer::State tensors = std::move(parts_[part]);
    parts_.erase(part);
    return tensors;
  }

  // The part that is one tensor.
  torch::Tensor TakeTensor(const std::string& part) {
    const Optimizer::State tensors = Take(part);
    if (tensors.size() != 1 || tensors.begin()->first != "") {
      throw Error(ErrorKind::kDamaged, origin_ + ": holds no tensor '" + part + "'");
    }
    return tensors.begin()->second;
  }

  void TakeNet(const std::string& part, SeverityNet net) {
    const Optimizer::State tensors = Take(part), targets = TensorsOf(net);
    for (const auto& [name, target] : targets) {
      const auto value = tensors.find(name);
      if (value == tensors.end()) {
        throw Error(ErrorKind::kMismatch,
                    origin_ + ": lacks the tensor '" + part + "." + name + "'");
      }
      const bool own = dynamic_cast<const TorchScriptClassifier*>(net->classifier.get()) == nullptr;
      CopyChecked(value->second, part + "." + name, origin_, target, /*allow_infinite=*/!own);
    }
    if (tensors.size() != targets.size()) {
      throw Error(ErrorKind::kMismatch, origin_ + ": holds " + std::to_string(tensors.size()) +
                                            " tensors of the part '" + part + "', this run needs " +
                                            std::to_string(targets.size()));
    }
  }

  void CheckAllTaken() const {
    if (parts_.empty()) return;
    throw Error(ErrorKind::kDamaged,
                origin_ + ": holds '" + Printable(parts_.begin()->first) + "', which is unknown");
  }

 private:
  const std::string& origin_;
  std::map<std::string, Optimizer::State> parts_;
};

json DescriptionOf(const TensorArchive& archive, const std::string& path) {
  const Pickle::Id* text = archive.Attribute(kDescription);
  if (text == nullptr || archive.pickle()[*text].kind != Pickle::Kind::kString) {
    throw Error(ErrorKind::kDamaged, path + ": is no checkpoint of this program");
  }
  try {
    return ParseJson(std::string(archive.pickle()[*text].text));
  } catch (const Error& error) {
    throw Error(error.kind(), path + ": its description is " + error.what());
  }
}

void ReadNumbers(const json& description, const Objective& objective, TrainingState& state) {
  state.epoch = description.at("epoch");
  state.step = description.at("step");
  state.updates = description.at("updates");
  if (state.epoch < 0 || state.step < 0 || state.updates < 0) {
    throw std::invalid_argument("its position is below 0");
  }
  state.seconds = description.at("seconds");
  state.best_epoch = description.at("best_epoch");
  state.best_value = NumberFrom(description.at("best_value"));
  state.best_loss = NumberFrom(description.at("best_loss"));
  state.stale_epochs = description.at("stale_epochs");
  state.fair_average_begun = description.at("fair_average_begun");
  state.history.clear();
  const std::size_t terms = objective.TermNames().size();
  const auto classes = static_cast<std::size_t>(state.net->architecture.classes);
  for (const json& record : description.at("history")) {
    state.history.push_back(RecordFromJson(record, terms, classes));
  }
}

void ReadState(const std::string& path, const std::string& content, const std::string& run,
               torch::Device device, TrainingState& state, Objective& objective) {
  const ArchiveParts file = ReadTorchArchive(content, path, "checkpoint of this program");
  const TensorArchive archive(file, "data", TensorArchive::Content::kTensors, path);
  const json description = DescriptionOf(archive, path);
  if (description.at("version") != kVersion) {
    throw Error(ErrorKind::kMismatch,
                path + ": checkpoint version " + description.at("version").dump() +
                    ", this program reads " + std::to_string(kVersion) +
                    "; finish that training with the version of gst-hepar that began it, or start "
                    "anew with another --work");
  }
  CheckSameRun(description.at("run"), json::parse(run), path);

  std::map<std::string, std::string> texts = {{kDescription, ""}};
  Parts parts(archive.ModuleTensors(kRootClass, &texts), path);
  parts.TakeNet("net", state.net);
  parts.TakeNet("average", state.average);
  parts.TakeNet("best", state.best);
  state.optimizer.Load(parts.Take("optimizer"), path);
  ReadNumbers(description, objective, state);
  state.sums = torch::Tensor();
  if (description.at("has_sums")) {
    // Pictures, the loss terms and hits.
    const auto sums = parts.TakeTensor("sums");
    const auto count = static_cast<std::int64_t>(objective.TermNames().size()) + 2;
    if (sums.dim() != 1 || sums.size(0) != count || sums.scalar_type() != torch::kFloat64) {
      throw Error(ErrorKind::kDamaged, path + ": tensor 'sums' is not what it should be");
    }
    state.sums = sums.clone().to(device);
  }
  objective.Restore(description.at("objective").dump());

  for (auto& [name, generator] : Generators(device)) {
    const auto value = parts.TakeTensor(name).clone();
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(value);
  }
  parts.CheckAllTaken();
}

void WriteTensors(const std::string& part, const Optimizer::State& tensors,
                  torch::serialize::OutputArchive* archive) {
  for (const auto& [name, tensor] : tensors) {
    archive->write(part + "." + name, tensor.detach(), /*is_buffer=*/true);
  }
}

}  // namespace

void SaveCheckpoint(const std::string& path, const std::string& run, const TrainingState& state,
                    const Objective& objective, torch::Device device) {
  json history = json::array();
  for (const EpochRecord& record : state.history) history.push_back(ToJson(record));
  const json description = {{"version", kVersion},
                            {"run", json::parse(run)},
                            {"epoch", state.epoch},
                            {"step", state.step},
                            {"updates", state.updates},
                            {"seconds", state.seconds},
                            {"best_epoch", state.best_epoch},
                            {"best_value", state.best_value},
                            {"best_loss", state.best_loss},
                            {"stale_epochs", state.stale_epochs},
                            {"fair_average_begun", state.fair_average_begun},
                            {"has_sums", state.sums.defined()},
                            {"objective", json::parse(objective.State())},
                            {"history", history}};

  torch::serialize::OutputArchive archive;
  archive.write(kDescription, c10::IValue(description.dump()));
  WriteTensors("net", TensorsOf(state.net), &archive);
  WriteTensors("average", TensorsOf(state.average), &archive);
  WriteTensors("best", TensorsOf(state.best), &archive);
  WriteTensors("optimizer", state.optimizer.Save(), &archive);
  if (state.sums.defined()) archive.write("sums", state.sums);
  for (auto& [name, generator] : Generators(device)) {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    archive.write(name, generator.get_state());
  }
  std::ostringstream stream;
  archive.save_to(stream);
  WriteFileAtomically(path, stream.str());
}

std::string ReadCheckpoint(const std::string& path) { return ReadFile(path, kMaxCheckpointBytes); }

void LoadCheckpoint(const std::string& path, const std::string& content, const std::string& run,
                    torch::Device device, TrainingState& state, Objective& objective) {
  try {
    ReadState(path, content, run, device, state, objective);
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kDamaged, path +
                                         ": is no checkpoint of this program, or a damaged one: " +
                                         error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kDamaged,
                path + ": is no checkpoint of this program, or a damaged one: " + error.what());
  }
}

std::string LogAsJsonLines(const TrainingState& state, const std::vector<std::string>& terms,
                           const std::vector<std::string>& class_names) {
  std::string text;
  for (const EpochRecord& record : state.history)
    text += LogEntry(record, terms, class_names).dump() + "\n";
  return text;
}

std::string LogAsCsv(const TrainingState& state, const std::vector<std::string>& terms,
                     const std::vector<std::string>& class_names) {
  std::string text;
  for (const EpochRecord& record : state.history) {
    const ordered_json entry = LogEntry(record, terms, class_names);
    if (text.empty()) {
      for (const auto& [name, value] : entry.items()) text += (text.empty() ? "" : ",") + name;
      text += "\n";
    }
    std::string line;
    for (const auto& [name, value] : entry.items())
      line += (line.empty() ? "" : ",") + value.dump();
    text += line + "\n";
  }
  return text;
}

}  // namespace hepar
