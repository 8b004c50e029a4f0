// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/model_spec.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "models/error.h"
#include "models/json_text.h"
#include "models/nets/classifier_names.h"

namespace hepar {
namespace {

using nlohmann::json;

// Bounds that no sensible model leaves; they keep a damaged description from asking for memory.
constexpr int kMaxChannels = 1024;
constexpr int kMaxInputSize = 1024;
constexpr int kMaxClasses = 64;
constexpr std::size_t kMaxTensors = 10000;

// Reads fields of one JSON object and names the field in every complaint.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) throw Error(ErrorKind::kDamaged, where_ + " is not an object");
  }

  bool Has(const char* key) const { return object_.contains(key); }

  const json& At(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) {
      throw Error(ErrorKind::kDamaged, where_ + " has no '" + key + "'");
    }
    return *found;
  }

  Fields Object(const char* key) const { return Fields(At(key), where_ + "." + key); }

  std::string String(const char* key) const {
    const json& value = At(key);
    if (!value.is_string()) throw Wrong(key, "a string");
    return value.get<std::string>();
  }

  double Number(const char* key, double low, double high) const {
    return CheckNumber(At(key), key, low, high);
  }

  std::optional<double> OptionalNumber(const char* key, double low, double high) const {
    const json& value = At(key);
    if (value.is_null()) return std::nullopt;
    return CheckNumber(value, key, low, high);
  }

  int Integer(const char* key, int low, int high) const {
    return CheckInteger(At(key), key, low, high);
  }

  bool Boolean(const char* key) const {
    const json& value = At(key);
    if (!value.is_boolean()) throw Wrong(key, "true or false");
    return value.get<bool>();
  }

  // `count` numbers.
  std::vector<double> Numbers(const char* key, std::size_t count, double low, double high) const {
    const json& value = At(key);
    if (!value.is_array() || value.size() != count) {
      throw Wrong(key, "a list of " + std::to_string(count) + " numbers");
    }
    std::vector<double> numbers;
    for (const json& item : value) numbers.push_back(CheckNumber(item, key, low, high));
    return numbers;
  }

  template <std::size_t N>
  std::array<int, N> Integers(const char* key, int low, int high) const {
    const json& value = At(key);
    if (!value.is_array() || value.size() != N) {
      throw Wrong(key, "a list of " + std::to_string(N) + " integers");
    }
    std::array<int, N> numbers;
    for (std::size_t i = 0; i < N; ++i) numbers[i] = CheckInteger(value[i], key, low, high);
    return numbers;
  }

  std::vector<std::string> Strings(const char* key, std::size_t low, std::size_t high) const {
    const json& value = At(key);
    std::vector<std::string> strings;
    if (!value.is_array() || value.size() < low || value.size() > high) {
      throw Wrong(key,
                  "a list of " + std::to_string(low) + " to " + std::to_string(high) + " strings");
    }
    for (const json& item : value) {
      if (!item.is_string()) throw Wrong(key, "a list of strings");
      strings.push_back(item.get<std::string>());
    }
    return strings;
  }

  std::string ObjectText(const char* key) const {
    const json& value = At(key);
    if (!value.is_object()) throw Wrong(key, "an object");
    return value.dump();
  }

  Error Wrong(const char* key, const std::string& expected) const {
    return Error(ErrorKind::kDamaged,
                 where_ + "." + key + ": expected " + expected + ", got " + Excerpt(At(key)));
  }

 private:
  static std::string Excerpt(const json& value) {
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    if (text.size() > 60) text.replace(57, std::string::npos, "...");
    return text;
  }

  double CheckNumber(const json& value, const char* key, double low, double high) const {
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < low ||
        value.get<double>() > high) {
      throw Wrong(key, "a number in " + std::to_string(low) + ".." + std::to_string(high));
    }
    return value.get<double>();
  }

  int CheckInteger(const json& value, const char* key, int low, int high) const {
    if (!value.is_number_integer() || value.get<double>() < low || value.get<double>() > high) {
      throw Wrong(key, "an integer in " + std::to_string(low) + ".." + std::to_string(high));
    }
    return value.get<int>();
  }

  const json& object_;
  std::string where_;
};

json OptionalToJson(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

Architecture ReadArchitecture(const Fields& fields) {
  Architecture a;
  a.size = fields.String("size");
  a.decoupler.widths = fields.Integers<4>("widths", 4, kMaxChannels);
  a.decoupler.inner = fields.Integers<4>("inner_widths", 4, kMaxChannels);
  for (int inner : a.decoupler.inner) {
    if (inner % 4 != 0) throw fields.Wrong("inner_widths", "multiples of the 4 attention heads");
  }
  a.decoupler.stem_stride = fields.Integer("stem_stride", 1, 2);
  // Bundles from before decouplers could be left out do not say.
  if (fields.Has("decouplers")) a.decouplers = ParseDecouplerSet(fields.String("decouplers"));
  a.planes = ParseColorPlanes(fields.String("planes"));
  a.feature_channels = fields.Integer("feature_channels", 1, 16);
  a.ic2_skips = ParseDecouplerSkips(fields.String("ic2_skips"));
  a.classifier = fields.String("classifier");
  CheckClassifierName(a.classifier);
  a.final_relu = fields.Boolean("final_relu");
  a.classes = fields.Integer("classes", 2, kMaxClasses);
  a.mean = fields.Number("mean", -10, 10);
  a.std = fields.Number("std", 1e-3, 10);
  return a;
}

constexpr double kLargestDomainNumber = 1e6;

void CheckVersion(const std::string& part, int version, int known) {
  if (version == known) return;
  throw Error(ErrorKind::kMismatch,
              "hepar.json." + part + " is of version " + std::to_string(version) +
                  ", this program reads " + std::to_string(known) +
                  (version > known ? "; update gst-hepar" : "; fit it again by 'hepar trust'"));
}

// The lower triangle of a Cholesky factor.
std::vector<double> ReadTriangle(const Fields& fields) {
  std::vector<double> triangle = fields.Numbers("factor", TriangleSize(kDescriptorSize),
                                                -kLargestDomainNumber, kLargestDomainNumber);
  for (int i = 0, diagonal = 0; i < kDescriptorSize; ++i, diagonal += i + 1) {
    if (triangle[static_cast<std::size_t>(diagonal)] < 1e-6) {
      throw fields.Wrong("factor", "a triangle with a diagonal above 0");
    }
  }
  return triangle;
}

// The out-of-domain score, which older bundles do not have.
std::optional<DomainModel> ReadDomain(const Fields& root) {
  if (!root.Has("domain")) return std::nullopt;
  const Fields fields = root.Object("domain");
  const int version = fields.Integer("version", 0, 1 << 30);
  CheckVersion("domain", version, kDescriptorVersion);
  constexpr double kLargest = kLargestDomainNumber;
  DomainModel domain;
  domain.mean = fields.Numbers("mean", kDescriptorSize, -kLargest, kLargest);
  domain.scale = fields.Numbers("scale", kDescriptorSize, 1e-6, kLargest);
  domain.factor = ReadTriangle(fields);
  return domain;
}

// What tells the model's own scanners from others, which older bundles do not have.
std::optional<Familiarity> ReadFamiliarity(const Fields& root) {
  if (!root.Has("familiarity")) return std::nullopt;
  const Fields fields = root.Object("familiarity");
  CheckVersion("familiarity", fields.Integer("version", 0, 1 << 30), kFamiliarityVersion);
  Familiarity familiarity;
  familiarity.factor = ReadTriangle(fields);
  familiarity.unfamiliar_above = fields.Number("unfamiliar_above", 1e-6, kLargestDomainNumber);
  familiarity.full_doubt_above = fields.Number("full_doubt_above", 1e-6, kLargestDomainNumber);
  if (familiarity.full_doubt_above <= familiarity.unfamiliar_above) {
    throw fields.Wrong("full_doubt_above", "a number above unfamiliar_above");
  }
  familiarity.evidence = fields.Number("evidence", 0, 1);
  return familiarity;
}

std::vector<TensorEntry> ReadTensors(const Fields& fields) {
  const json& list = fields.At("tensors");
  if (!list.is_array() || list.empty() || list.size() > kMaxTensors) {
    throw fields.Wrong("tensors", "a list of tensors");
  }
  std::vector<TensorEntry> tensors;
  for (const json& item : list) {
    const Fields entry(item, "hepar.json.tensors");
    TensorEntry tensor;
    tensor.name = entry.String("name");
    const json& shape = entry.At("shape");
    if (!shape.is_array() || shape.size() > 8) throw entry.Wrong("shape", "up to 8 sizes");
    for (const json& side : shape) {
      if (!side.is_number_integer() || side.get<double>() < 0 || side.get<double>() > 1e7) {
        throw entry.Wrong("shape", "sizes in 0..10000000");
      }
      tensor.shape.push_back(side.get<std::int64_t>());
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

ModelSpec ReadSpec(const json& root) {
  const Fields fields(root, "hepar.json");
  const int version = fields.Integer("schema_version", 0, 1 << 30);
  if (version != ModelSpec::kSchemaVersion) {
    throw Error(ErrorKind::kMismatch,
                "bundle schema version " + std::to_string(version) + ", this program reads " +
                    std::to_string(ModelSpec::kSchemaVersion) +
                    (version > ModelSpec::kSchemaVersion ? "; update gst-hepar"
                                                         : "; train or export the model again"));
  }

  ModelSpec spec;
  spec.name = fields.String("name");
  spec.id = fields.String("id");
  spec.architecture = ReadArchitecture(fields.Object("architecture"));
  spec.class_names = fields.Strings("class_names", 2, kMaxClasses);
  if (static_cast<int>(spec.class_names.size()) != spec.architecture.classes) {
    throw Error(ErrorKind::kMismatch, "hepar.json names " +
                                          std::to_string(spec.class_names.size()) +
                                          " classes, but the architecture has " +
                                          std::to_string(spec.architecture.classes));
  }

  const Fields input = fields.Object("input");
  spec.preprocess.size = input.Integer("size", 32, kMaxInputSize);
  spec.preprocess.channels = input.Integer("channels", 1, 3);
  spec.preprocess.sector = SectorRule::Parse(input.String("sector"));
  if (spec.preprocess.channels == 2 ||
      (spec.preprocess.channels == 1 && PlaneCount(spec.architecture.planes) == 3)) {
    throw Error(ErrorKind::kMismatch,
                "hepar.json: pictures of " + std::to_string(spec.preprocess.channels) +
                    " channels do not give the planes " + ToString(spec.architecture.planes));
  }

  spec.temperature = fields.Number("temperature", 1e-3, 1e3);
  spec.abstain_below = fields.OptionalNumber("abstain_below", 0, 1);
  spec.out_of_domain_above = fields.OptionalNumber("out_of_domain_above", -1e9, 1e9);
  spec.domain = ReadDomain(fields);
  if (spec.domain && !(spec.out_of_domain_above.value_or(0.0) > 0.0)) {
    throw fields.Wrong("out_of_domain_above", "a number above 0 for the score that is there");
  }
  spec.familiarity = ReadFamiliarity(fields);
  if (spec.familiarity && !spec.domain) {
    throw fields.Wrong("familiarity", "none without a 'domain'");
  }
  spec.training_options = fields.ObjectText("training_options");
  spec.metrics = fields.ObjectText("metrics");
  spec.dataset_digest = fields.String("dataset_digest");
  spec.licence = fields.String("licence");
  spec.citation = fields.String("citation");
  spec.tensors = ReadTensors(fields);
  return spec;
}

}  // namespace

std::string ModelSpecToJson(const ModelSpec& spec) {
  const Architecture& a = spec.architecture;
  json tensors = json::array();
  for (const TensorEntry& tensor : spec.tensors) {
    tensors.push_back({{"name", tensor.name}, {"shape", tensor.shape}});
  }
  json root = {
      {"schema_version", ModelSpec::kSchemaVersion},
      {"name", spec.name},
      {"id", spec.id},
      {"architecture",
       {{"size", a.size},
        {"widths", a.decoupler.widths},
        {"inner_widths", a.decoupler.inner},
        {"stem_stride", a.decoupler.stem_stride},
        {"decouplers", ToString(a.decouplers)},
        {"planes", ToString(a.planes)},
        {"feature_channels", a.feature_channels},
        {"ic2_skips", ToString(a.ic2_skips)},
        {"classifier", a.classifier},
        {"final_relu", a.final_relu},
        {"classes", a.classes},
        {"mean", a.mean},
        {"std", a.std}}},
      {"class_names", spec.class_names},
      {"input",
       {{"size", spec.preprocess.size},
        {"channels", spec.preprocess.channels},
        {"sector", spec.preprocess.sector.ToString()}}},
      {"temperature", spec.temperature},
      {"abstain_below", OptionalToJson(spec.abstain_below)},
      {"out_of_domain_above", OptionalToJson(spec.out_of_domain_above)},
      {"training_options", json::parse(spec.training_options)},
      {"metrics", json::parse(spec.metrics)},
      {"dataset_digest", spec.dataset_digest},
      {"licence", spec.licence},
      {"citation", spec.citation},
      {"tensors", tensors},
  };
  if (spec.domain) {
    root["domain"] = {{"version", kDescriptorVersion},
                      {"mean", spec.domain->mean},
                      {"scale", spec.domain->scale},
                      {"factor", spec.domain->factor}};
  }
  if (spec.familiarity) {
    root["familiarity"] = {{"version", kFamiliarityVersion},
                           {"factor", spec.familiarity->factor},
                           {"unfamiliar_above", spec.familiarity->unfamiliar_above},
                           {"full_doubt_above", spec.familiarity->full_doubt_above},
                           {"evidence", spec.familiarity->evidence}};
  }
  return root.dump(1);
}

ModelSpec ModelSpecFromJson(const std::string& text, const std::string& origin) {
  try {
    return ReadSpec(ParseJson(text));
  } catch (const json::exception& error) {
    throw Error(ErrorKind::kDamaged, origin + ": hepar.json is not valid JSON: " + error.what());
  } catch (const Error& error) {
    // Names of planes, skips and classifiers that this version does not know come as kInvalid.
    const ErrorKind kind =
        error.kind() == ErrorKind::kInvalid ? ErrorKind::kMismatch : error.kind();
    throw Error(kind, origin + ": hepar.json: " + error.what());
  }
}

}  // namespace hepar
