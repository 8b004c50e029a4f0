// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/options.h"

#include <glib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "models/error.h"
#include "models/file_io.h"
#include "training/cli/exit_codes.h"
#include "training/cli/version.h"
#include "training/report/utf8.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;
constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 98;

std::string Suggestion(const std::string& name, const std::vector<std::string>& candidates,
                       const std::string& prefix) {
  const std::string nearest = NearestName(name, candidates);
  return nearest.empty() ? "" : "; did you mean " + prefix + nearest + "?";
}

// Only collects: an exception must not cross GLib's frames.
gboolean Collect(const gchar* flag, const gchar* value, gpointer flags, GError** /*error*/) {
  static_cast<std::vector<std::pair<std::string, std::string>>*>(flags)->emplace_back(
      flag + 2, value ? value : "true");
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
  return {"train",   "evaluate", "grade", "attack", "ablate",  "probe", "bench",  "export",
          "inspect", "simulate", "trust", "adapt",  "average", "sign",  "verify", "import"};
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
  options_.push_back(
      {heading_, name, placeholder, help, kind, std::move(set), std::move(get), "", "", false});
}

void OptionTable::Number(const std::string& name, double* value, double low, double high,
                         const std::string& help) {
  Add(
      name, "X", help, Kind::kNumber,
      [=](const std::string& text) { *value = ParseNumber(text, low, high); },
      [=] { return ShortestText(*value); });
}

void OptionTable::Text(const std::string& name, std::string* value, const std::string& placeholder,
                       const std::string& help, const Check& check) {
  Add(
      name, placeholder, help, Kind::kText,
      [=](const std::string& text) {
        if (check) check(text);
        *value = text;
      },
      [=] { return *value; });
}

void OptionTable::Path(const std::string& name, std::string* value, const std::string& placeholder,
                       const std::string& help) {
  Add(
      name, placeholder, help, Kind::kPath, [=](const std::string& text) { *value = text; },
      [=] { return *value; });
}

void OptionTable::Output(const std::string& name, std::string* value,
                         const std::string& placeholder, const std::string& help) {
  Path(name, value, placeholder, help);
  options_.back().is_output = true;
}

void OptionTable::Choice(const std::string& name, std::string* value,
                         const std::vector<std::string>& choices, const std::string& help) {
  Add(
      name, Join(choices, "|"), help, Kind::kText,
      [=](const std::string& text) { *value = choices[IndexOf(text, choices)]; },
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
      name, placeholder, help, Kind::kList,
      [=](const std::string& text) { *values = SplitList(text); },
      [=] { return Join(*values, ","); });
}

template <typename T>
void OptionTable::AddList(const std::string& name, std::vector<T>* values,
                          const std::string& initial, const std::string& placeholder,
                          const std::string& help, T (*parse)(const std::string&, T, T), T low,
                          T high) {
  const auto text = std::make_shared<std::string>();
  const auto set = [=](const std::string& given) {
    std::vector<T> parsed;
    for (const std::string& part : SplitList(given)) parsed.push_back(parse(part, low, high));
    *values = parsed;
    *text = Join(SplitList(given), ",");
  };
  set(initial);
  Add(name, placeholder, help, Kind::kList, set, [=] { return *text; });
}

void OptionTable::Integers(const std::string& name, std::vector<int>* values,
                           const std::string& initial, int low, int high,
                           const std::string& placeholder, const std::string& help) {
  AddList(name, values, initial, placeholder, help, ParseInteger, low, high);
}

void OptionTable::Numbers(const std::string& name, std::vector<double>* values,
                          const std::string& initial, double low, double high,
                          const std::string& placeholder, const std::string& help) {
  AddList(name, values, initial, placeholder, help, ParseNumber, low, high);
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

void OptionTable::FormerName(const std::string& name) { options_.back().former_name = name; }

void OptionTable::Required(const std::string& what) { options_.back().required = what; }

void OptionTable::AlsoPositional() { positional_option_ = options_.back().name; }

std::vector<std::string> OptionTable::Names() const {
  std::vector<std::string> names = {"config", "describe", "help", "version"};
  for (const auto& option : options_) names.push_back(option.name);
  return names;
}

const OptionTable::Option* OptionTable::Find(const std::string& name) const {
  for (const auto& option : options_) {
    if (option.Has(name)) return &option;
  }
  return nullptr;
}

// The flag that an argument without one was probably meant for.
std::string OptionTable::FlagFor(const std::string& argument) const {
  const bool bundle = std::filesystem::path(argument).extension() == ".hepar";
  const std::string name = bundle ? "model" : "data";
  return Find(name) == nullptr ? "" : "; did you mean --" + name + " " + argument + "?";
}

bool OptionTable::Parse(const std::vector<std::string>& arguments) {
  Given given;
  const std::vector<std::string> rest = ReadFlags(arguments, &given);
  if (!reply_.empty()) return false;
  ReadPositionals(rest, &given);
  ApplyAll(SettingsOf(given));
  return true;
}

std::vector<std::string> OptionTable::ReadFlags(const std::vector<std::string>& arguments,
                                                Given* given) {
  std::vector<GOptionEntry> entries;
  // FILENAME: values pass as they are, in whatever encoding the locale has.
  const auto add_entry = [&entries](const std::string& name, int flags) {
    entries.push_back({name.c_str(), 0, G_OPTION_FLAG_FILENAME | flags, G_OPTION_ARG_CALLBACK,
                       reinterpret_cast<gpointer>(Collect), nullptr, nullptr});
  };
  for (const auto& option : options_) {
    const int flags = option.kind == Kind::kSwitch ? G_OPTION_FLAG_NO_ARG : 0;
    add_entry(option.name, flags);
    if (!option.former_name.empty()) add_entry(option.former_name, flags);
  }
  const std::string config = "config";
  add_entry(config, 0);
  gboolean help = FALSE, version = FALSE, describe = FALSE;
  entries.push_back({"help", 'h', 0, G_OPTION_ARG_NONE, &help, nullptr, nullptr});
  entries.push_back({"version", 0, 0, G_OPTION_ARG_NONE, &version, nullptr, nullptr});
  entries.push_back({"describe", 0, 0, G_OPTION_ARG_NONE, &describe, nullptr, nullptr});
  entries.push_back({});

  const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(
      g_option_context_new(nullptr), g_option_context_free);
  GOptionGroup* group = g_option_group_new("main", "", "", given, nullptr);
  g_option_group_add_entries(group, entries.data());
  g_option_context_set_main_group(context.get(), group);
  g_option_context_set_help_enabled(context.get(), FALSE);
  g_option_context_set_ignore_unknown_options(context.get(), TRUE);

  std::vector<const char*> argv = {verb_.c_str()};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  g_auto(GStrv) rest = g_strdupv(const_cast<gchar**>(argv.data()));
  g_autoptr(GError) error = nullptr;
  if (!g_option_context_parse_strv(context.get(), &rest, &error)) throw UsageError(error->message);
  if (version) reply_ = VersionText();
  if (help) reply_ = Help();
  if (describe) reply_ = Describe();
  std::vector<std::string> left;
  for (gchar** argument = rest + 1; *argument; ++argument) left.emplace_back(*argument);
  return left;
}

void OptionTable::ReadPositionals(const std::vector<std::string>& rest, Given* given) {
  for (const std::string& argument : rest) {
    if (argument.size() > 1 && argument[0] == '-' && argument != "--") {
      const std::string flag = argument.substr(0, argument.find('='));
      const std::size_t begin = flag.find_first_not_of('-');
      const std::string name = begin == std::string::npos ? "" : flag.substr(begin);
      throw UsageError("unknown option " + flag + Suggestion(name, Names(), "--") + " ('hepar " +
                       verb_ + " --help' lists all)");
    }
    if (argument == "--") continue;
    if (!positional_option_.empty()) {
      const bool twice = std::any_of(given->begin(), given->end(), [this](const auto& flag) {
        return flag.first == positional_option_;
      });
      if (!twice) {
        given->emplace_back(positional_option_, argument);
        continue;
      }
    } else if (positionals_ != nullptr && positionals_->size() < max_positionals_) {
      positionals_->push_back(argument);
      continue;
    }
    throw UsageError("unexpected argument '" + argument + "'" + FlagFor(argument) + " ('hepar " +
                     verb_ + " --help' shows the use)");
  }
}

std::vector<OptionTable::Setting> OptionTable::SettingsOf(const Given& given) const {
  std::string config;
  for (const auto& [name, value] : given) {
    if (name == "config") config = value;
  }
  std::vector<Setting> settings;
  if (!config.empty()) settings = ReadConfig(config);

  // A list on the command line replaces the file's, as every other flag does; its repetitions add.
  std::map<std::string, Setting> flags;
  for (const auto& [name, value] : given) {
    const Option* option = Find(name);
    if (option == nullptr) continue;
    Setting& flag = flags[option->name];
    const bool adds = option->kind == Kind::kList && !flag.value.empty();
    flag = {option->name, adds ? flag.value + "," + value : value, "--" + name};
  }
  for (const auto& [name, flag] : flags) settings.push_back(flag);
  return settings;
}

void OptionTable::ApplyAll(const std::vector<Setting>& settings) {
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
}

void OptionTable::Apply(const Setting& setting) {
  try {
    Find(setting.name)->set(setting.value);
  } catch (const Error& wrong) {
    throw UsageError(setting.where + ": " + wrong.what());
  }
}

void OptionTable::CheckRequired() const {
  for (const auto& option : options_) {
    if (option.required.empty() || !option.get().empty()) continue;
    throw UsageError("--" + option.name + " is missing: " + option.required);
  }
  CheckOutputs();
}

void OptionTable::CheckOutputs() const {
  namespace fs = std::filesystem;
  const auto fail = [](const Option& option, const std::string& what) {
    throw UsageError("--" + option.name + ": " + what);
  };
  std::map<std::string, std::string> writer_of;  // Of each file.
  for (const Option& option : options_) {
    const std::string value = option.get();
    if (!option.is_output || value.empty() || value == "-") continue;
    std::error_code code;
    if (fs::is_directory(value, code) || fs::path(value).filename().empty()) {
      fail(option, value + " is a folder, expected the name of a file");
    }
    const fs::path folder = fs::absolute(value).lexically_normal().parent_path();
    if (!fs::is_directory(folder, code)) {
      fail(option, "the folder " + folder.string() + " does not exist");
    }
    if (access(folder.c_str(), W_OK) != 0) {
      fail(option, "nothing can be written to the folder " + folder.string());
    }
    const auto [first, is_new] =
        writer_of.emplace(fs::absolute(value).lexically_normal().string(), option.name);
    if (!is_new) fail(option, value + " is where --" + first->second + " writes");
    for (const Option& other : options_) {
      const bool reads = other.kind == Kind::kPath && !other.is_output;
      if (reads && fs::equivalent(value, other.get(), code)) {
        fail(option, value + " is what --" + other.name + " reads");
      }
    }
  }
}

std::vector<OptionTable::Setting> OptionTable::ReadConfig(const std::string& path) const {
  const std::string text = [&path] {
    try {
      return ReadFile(path, kMaxConfigBytes);
    } catch (const Error& error) {
      throw UsageError(std::string("--config: ") + error.what());
    }
  }();
  const std::unique_ptr<GKeyFile, decltype(&g_key_file_free)> file(g_key_file_new(),
                                                                   g_key_file_free);
  g_autoptr(GError) error = nullptr;
  if (!g_key_file_load_from_data(file.get(), text.data(), text.size(), G_KEY_FILE_NONE, &error)) {
    const bool no_group =
        g_error_matches(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND);
    throw UsageError(path + ": " + error->message +
                     (no_group ? "; put the line [" + verb_ + "] above its keys" : ""));
  }
  const auto verbs = VerbNames();
  g_auto(GStrv) groups = g_key_file_get_groups(file.get(), nullptr);
  for (gchar** group = groups; *group; ++group) {
    if (std::find(verbs.begin(), verbs.end(), *group) == verbs.end()) {
      throw UsageError(path + ": unknown group [" + *group + "]" + Suggestion(*group, verbs, "") +
                       " (groups are " + Join(verbs, ", ") + ")");
    }
  }
  if (!g_key_file_has_group(file.get(), verb_.c_str())) {
    const std::vector<std::string> there(groups, groups + g_strv_length(groups));
    throw UsageError(path + ": has no group [" + verb_ + "], which 'hepar " + verb_ + "' reads" +
                     (there.empty() ? "" : "; it has [" + Join(there, "], [") + "]"));
  }
  std::vector<Setting> settings;

  g_auto(GStrv) keys = g_key_file_get_keys(file.get(), verb_.c_str(), nullptr, nullptr);
  for (gchar** key = keys; *key; ++key) {
    const std::string where = path + ": [" + verb_ + "] " + *key;
    const Option* option = Find(*key);
    if (option == nullptr) {
      throw UsageError(where + ": unknown key" + Suggestion(*key, Names(), ""));
    }
    g_autofree gchar* value = g_key_file_get_string(file.get(), verb_.c_str(), *key, &error);
    if (value == nullptr) throw UsageError(where + ": " + error->message);
    settings.push_back({option->name, value, where});
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
             option.help + (option.required.empty() ? "" : ". Required") +
                 (shows_default ? " (default " + value + ")" : "") +
                 (option.former_name.empty() ? "" : "; formerly --" + option.former_name));
  }
  text += "\nGeneral:\n";
  add_line("--config FILE",
           "INI file with the same options as keys in a group [" + verb_ + "]; flags win");
  add_line("-h, --help", "Show this text");
  add_line("--version", "Show the version");
  add_line("--describe", "Show the options as JSON");
  return text + "\n" + kExitCodesHelp;
}

std::string OptionTable::Describe() const {
  ordered_json options = ordered_json::array();
  for (const auto& option : options_) {
    ordered_json choices = ordered_json::array();
    if (option.placeholder.find('|') != std::string::npos) {
      std::istringstream words(option.placeholder);
      for (std::string word; std::getline(words, word, '|');) choices.push_back(word);
    }
    const bool names_file =
        option.kind == Kind::kPath || (option.kind == Kind::kList && option.placeholder == "FILE");
    const char* value = option.kind == Kind::kSwitch ? "none" : names_file ? "file" : "text";
    options.push_back({{"heading", option.heading},
                       {"name", option.name},
                       {"placeholder", option.placeholder},
                       {"help", option.help},
                       {"default", option.kind == Kind::kSwitch ? "" : option.get()},
                       {"required", !option.required.empty()},
                       {"former_name", option.former_name},
                       {"value", value},
                       {"choices", choices}});
  }
  return JsonText({{"verb", verb_},
                   {"synopsis", synopsis_},
                   {"description", description_},
                   {"arguments", positionals_ != nullptr || !positional_option_.empty()},
                   {"options", options}},
                  2) +
         "\n";
}

std::string OptionTable::ToJson() const {
  ordered_json object = ordered_json::object();
  for (const auto& option : options_) {
    const std::string value = option.get();
    std::string key = option.former_name.empty() ? option.name : option.former_name;
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
  return JsonText(object);
}

}  // namespace hepar
