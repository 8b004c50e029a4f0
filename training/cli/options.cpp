// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/options.h"

#include <glib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "models/error.h"
#include "models/file_io.h"
#include "training/cli/exit_codes.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;
constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 98;

Error Invalid(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

std::string NumberText(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e9) {
    return std::to_string(static_cast<long>(value));
  }
  return ordered_json(value).dump();
}

double ParseNumber(const std::string& text, double low, double high) {
  char* end = nullptr;
  double value = g_ascii_strtod(text.c_str(), &end);
  if (*end == '/' && end != text.c_str() && end[1] != '\0') {
    value /= g_ascii_strtod(end + 1, &end);
  }
  if (text.empty() || *end != '\0' || !(value >= low && value <= high)) {
    throw Invalid("expected a number in " + NumberText(low) + ".." + NumberText(high) + ", got '" +
                  text + "'");
  }
  return value;
}

int ParseInteger(const std::string& text, int low, int high) {
  gint64 value = 0;
  if (!g_ascii_string_to_signed(text.c_str(), 10, low, high, &value, nullptr)) {
    throw Invalid("expected an integer in " + std::to_string(low) + ".." + std::to_string(high) +
                  ", got '" + text + "'");
  }
  return static_cast<int>(value);
}

bool ParseBoolean(const std::string& text) {
  for (const char* yes : {"on", "true", "yes", "1"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"off", "false", "no", "0"}) {
    if (text == no) return false;
  }
  throw Invalid("expected on or off, got '" + text + "'");
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string Suggestion(const std::string& name, const std::vector<std::string>& candidates,
                       const std::string& prefix) {
  const std::string nearest = NearestName(name, candidates);
  return nearest.empty() ? "" : "; did you mean " + prefix + nearest + "?";
}

using Given = std::vector<std::pair<std::string, std::string>>;

// Only collects: an exception must not cross GLib's frames.
gboolean Collect(const gchar* flag, const gchar* value, gpointer given, GError** /*error*/) {
  static_cast<Given*>(given)->emplace_back(flag + 2, value ? value : "true");
  return TRUE;
}

// Appends `text` to `out`, broken at blanks so that continued lines start at `column`.
void AppendWrapped(const std::string& text, std::size_t column, std::string* out) {
  std::istringstream words(text);
  std::size_t at = column;
  bool first = true;
  for (std::string word; words >> word; first = false) {
    if (!first && at + 1 + word.size() > kHelpWidth) {
      *out += "\n" + std::string(column, ' ');
      at = column;
    } else if (!first) {
      *out += ' ';
      ++at;
    }
    *out += word;
    at += word.size();
  }
  *out += "\n";
}

}  // namespace

std::vector<std::string> VerbNames() {
  return {"train", "evaluate", "attack",  "ablate",   "probe",
          "bench", "export",   "inspect", "simulate", "trust"};
}

std::string Join(const std::vector<std::string>& values, const std::string& separator) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : separator) + value;
  return text;
}

std::string NearestName(const std::string& name, const std::vector<std::string>& candidates) {
  std::string nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = EditDistance(name, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

OptionTable::OptionTable(std::string verb, std::string synopsis, std::string description)
    : verb_(std::move(verb)),
      synopsis_(std::move(synopsis)),
      description_(std::move(description)) {}

void OptionTable::Heading(const std::string& heading) { heading_ = heading; }

void OptionTable::Add(const std::string& name, const std::string& placeholder,
                      const std::string& help, Kind kind,
                      std::function<void(const std::string&)> set,
                      std::function<std::string()> get) {
  options_.push_back({heading_, name, placeholder, help, kind, std::move(set), std::move(get)});
}

void OptionTable::Integer(const std::string& name, int* value, int low, int high,
                          const std::string& help) {
  Add(
      name, "N", help, Kind::kNumber,
      [=](const std::string& text) { *value = ParseInteger(text, low, high); },
      [=] { return std::to_string(*value); });
}

void OptionTable::Number(const std::string& name, double* value, double low, double high,
                         const std::string& help) {
  Add(
      name, "X", help, Kind::kNumber,
      [=](const std::string& text) { *value = ParseNumber(text, low, high); },
      [=] { return NumberText(*value); });
}

void OptionTable::Text(const std::string& name, std::string* value, const std::string& placeholder,
                       const std::string& help) {
  Add(
      name, placeholder, help, Kind::kText, [=](const std::string& text) { *value = text; },
      [=] { return *value; });
}

void OptionTable::Path(const std::string& name, std::string* value, const std::string& placeholder,
                       const std::string& help) {
  Add(
      name, placeholder, help, Kind::kPath, [=](const std::string& text) { *value = text; },
      [=] { return *value; });
}

void OptionTable::Choice(const std::string& name, std::string* value,
                         const std::vector<std::string>& choices, const std::string& help) {
  Add(
      name, Join(choices, "|"), help, Kind::kText,
      [=](const std::string& text) {
        if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
          throw Invalid("unknown value '" + text + "'; choose one of " + Join(choices, ", "));
        }
        *value = text;
      },
      [=] { return *value; });
}

void OptionTable::OnOff(const std::string& name, bool* value, const std::string& help) {
  Add(
      name, "on|off", help, Kind::kBoolean,
      [=](const std::string& text) { *value = ParseBoolean(text); },
      [=] { return std::string(*value ? "on" : "off"); });
}

void OptionTable::Switch(const std::string& name, bool* value, const std::string& help) {
  Add(
      name, "", help, Kind::kSwitch, [=](const std::string& text) { *value = ParseBoolean(text); },
      [=] { return std::string(*value ? "on" : "off"); });
}

void OptionTable::List(const std::string& name, std::vector<std::string>* values,
                       const std::string& placeholder, const std::string& help) {
  Add(
      name, placeholder, help, Kind::kList, [=](const std::string& text) { *values = Split(text); },
      [=] { return Join(*values, ","); });
}

void OptionTable::Presets(const std::string& name, std::string* value,
                          const std::vector<std::pair<std::string, Values>>& presets,
                          const std::string& help) {
  std::vector<std::string> names;
  for (const auto& [preset, values] : presets) {
    names.push_back(preset);
    presets_[preset] = values;
  }
  preset_option_ = name;
  Choice(name, value, names, help);
}

void OptionTable::Positional(std::vector<std::string>* values, std::size_t max_count) {
  positionals_ = values;
  max_positionals_ = max_count;
}

std::vector<std::string> OptionTable::Names() const {
  std::vector<std::string> names = {"config", "help"};
  for (const auto& option : options_) names.push_back(option.name);
  return names;
}

const OptionTable::Option* OptionTable::Find(const std::string& name) const {
  for (const auto& option : options_) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

bool OptionTable::Parse(const std::vector<std::string>& arguments) {
  Given given;
  std::vector<GOptionEntry> entries;
  // FILENAME: values pass as they are, in whatever encoding the locale has.
  const auto add_entry = [&entries](const char* name, char letter, int flags) {
    entries.push_back({name, letter, G_OPTION_FLAG_FILENAME | flags, G_OPTION_ARG_CALLBACK,
                       reinterpret_cast<gpointer>(Collect), nullptr, nullptr});
  };
  for (const auto& option : options_) {
    add_entry(option.name.c_str(), 0, option.kind == Kind::kSwitch ? G_OPTION_FLAG_NO_ARG : 0);
  }
  add_entry("config", 0, 0);
  gboolean help = FALSE;
  entries.push_back({"help", 'h', 0, G_OPTION_ARG_NONE, &help, nullptr, nullptr});
  entries.push_back({});

  const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(
      g_option_context_new(nullptr), g_option_context_free);
  GOptionGroup* group = g_option_group_new("main", "", "", &given, nullptr);
  g_option_group_add_entries(group, entries.data());
  g_option_context_set_main_group(context.get(), group);
  g_option_context_set_help_enabled(context.get(), FALSE);
  g_option_context_set_ignore_unknown_options(context.get(), TRUE);

  std::vector<const char*> argv = {verb_.c_str()};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  g_auto(GStrv) rest = g_strdupv(const_cast<gchar**>(argv.data()));
  g_autoptr(GError) error = nullptr;
  if (!g_option_context_parse_strv(context.get(), &rest, &error)) throw Invalid(error->message);
  if (help) return false;

  for (gchar** left = rest + 1; *left; ++left) {
    const std::string argument = *left;
    if (argument.size() > 1 && argument[0] == '-' && argument != "--") {
      const std::string flag = argument.substr(0, argument.find('='));
      const std::string name = flag.substr(flag.find_first_not_of('-'));
      throw Invalid("unknown option " + flag + Suggestion(name, Names(), "--") + " ('hepar " +
                    verb_ + " --help' lists all)");
    }
    if (argument == "--") continue;
    if (positionals_ == nullptr || positionals_->size() == max_positionals_) {
      throw Invalid("unexpected argument '" + argument + "'; 'hepar " + verb_ +
                    " --help' shows the use");
    }
    positionals_->push_back(argument);
  }

  for (const auto& [name, value] : given) {
    if (name == "config") config_ = value;
  }
  std::vector<Setting> settings;
  if (!config_.empty()) settings = ReadConfig(config_);

  // A list on the command line replaces the file's, as every other flag does; its repetitions add.
  std::map<std::string, std::string> flags;
  for (const auto& [name, value] : given) {
    const Option* option = Find(name);
    if (option == nullptr) continue;
    std::string& text = flags[name];
    text = option->kind == Kind::kList && !text.empty() ? text + "," + value : value;
  }
  for (const auto& [name, value] : flags) settings.push_back({name, value, "--" + name});

  const Setting* preset = nullptr;
  for (const Setting& setting : settings) {
    if (setting.name == preset_option_) preset = &setting;
  }
  if (preset != nullptr) {
    Apply(*preset);
    for (const auto& [name, value] : presets_[preset->value]) {
      Apply({name, value, "preset " + preset->value + ": " + name});
    }
  }
  for (const Setting& setting : settings) {
    Apply(setting);
    given_.insert(setting.name);
  }
  return true;
}

void OptionTable::Apply(const Setting& setting) {
  try {
    Find(setting.name)->set(setting.value);
  } catch (const Error& wrong) {
    throw Invalid(setting.where + ": " + wrong.what());
  }
}

std::vector<OptionTable::Setting> OptionTable::ReadConfig(const std::string& path) const {
  const std::string text = ReadFile(path, kMaxConfigBytes);
  const std::unique_ptr<GKeyFile, decltype(&g_key_file_free)> file(g_key_file_new(),
                                                                   g_key_file_free);
  g_autoptr(GError) error = nullptr;
  if (!g_key_file_load_from_data(file.get(), text.data(), text.size(), G_KEY_FILE_NONE, &error)) {
    throw Invalid(path + ": " + error->message);
  }
  const auto verbs = VerbNames();
  g_auto(GStrv) groups = g_key_file_get_groups(file.get(), nullptr);
  for (gchar** group = groups; *group; ++group) {
    if (std::find(verbs.begin(), verbs.end(), *group) == verbs.end()) {
      throw Invalid(path + ": unknown group [" + *group + "]" + Suggestion(*group, verbs, "") +
                    " (groups are " + Join(verbs, ", ") + ")");
    }
  }
  std::vector<Setting> settings;
  if (!g_key_file_has_group(file.get(), verb_.c_str())) return settings;

  g_auto(GStrv) keys = g_key_file_get_keys(file.get(), verb_.c_str(), nullptr, nullptr);
  for (gchar** key = keys; *key; ++key) {
    const std::string where = path + ": [" + verb_ + "] " + *key;
    if (Find(*key) == nullptr) {
      throw Invalid(where + ": unknown key" + Suggestion(*key, Names(), ""));
    }
    g_autofree gchar* value = g_key_file_get_string(file.get(), verb_.c_str(), *key, &error);
    if (value == nullptr) throw Invalid(where + ": " + error->message);
    settings.push_back({*key, value, where});
  }
  return settings;
}

std::string OptionTable::Help() const {
  std::string text = "Usage: hepar " + verb_ + " " + synopsis_ + "\n\n";
  AppendWrapped(description_, 0, &text);
  std::string heading = "\n";
  const auto add_line = [&text](const std::string& flag, const std::string& help) {
    text += "  " + flag;
    const std::size_t width = flag.size() + 2;
    text += width < kHelpColumn ? std::string(kHelpColumn - width, ' ')
                                : "\n" + std::string(kHelpColumn, ' ');
    AppendWrapped(help, kHelpColumn, &text);
  };
  for (const auto& option : options_) {
    if (option.heading != heading) text += "\n" + option.heading + ":\n";
    heading = option.heading;
    const std::string value = option.get();
    const bool shows_default = option.kind != Kind::kSwitch && !value.empty();
    add_line("--" + option.name + (option.placeholder.empty() ? "" : " ") + option.placeholder,
             option.help + (shows_default ? " (default " + value + ")" : ""));
  }
  text += "\nGeneral:\n";
  add_line("--config FILE",
           "INI file with the same options as keys in a group [" + verb_ + "]; flags win");
  add_line("-h, --help", "This text");
  return text + "\n" + kExitCodesHelp;
}

std::string OptionTable::ToJson() const {
  ordered_json object = ordered_json::object();
  for (const auto& option : options_) {
    const std::string value = option.get();
    std::string key = option.name;
    std::replace(key.begin(), key.end(), '-', '_');
    switch (option.kind) {
      case Kind::kNumber:
        object[key] = ordered_json::parse(value);
        break;
      case Kind::kSwitch:
      case Kind::kBoolean:
        object[key] = value == "on";
        break;
      case Kind::kPath:
        object[key] = std::filesystem::path(value).filename().string();
        break;
      case Kind::kText:
      case Kind::kList:
        object[key] = value;
        break;
    }
  }
  return object.dump();
}

}  // namespace hepar
