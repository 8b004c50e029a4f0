// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hepar {

// All values in one text, `separator` between them.
std::string Join(const std::vector<std::string>& values, const std::string& separator);

// The candidate that `name` was probably meant to be, or "" when none is near.
std::string NearestName(const std::string& name, const std::vector<std::string>& candidates);

// The options of one verb. From this one table come the command-line flags, the keys of the INI
// file that `--config` names, `--help`, and the record of what a run was made with.
//
// Options are bound to variables, which hold the defaults and, after Parse(), what was given.
class OptionTable {
 public:
  // `verb` is also the group of the INI file that is read. Each table has --config and --help.
  OptionTable(std::string verb, std::string synopsis, std::string description);

  // Starts a group of options under a heading in --help.
  void Heading(const std::string& heading);

  void Integer(const std::string& name, int* value, int low, int high, const std::string& help);
  // A number, or a fraction such as 8/255.
  void Number(const std::string& name, double* value, double low, double high,
              const std::string& help);
  void Text(const std::string& name, std::string* value, const std::string& placeholder,
            const std::string& help);
  // A text that names a file: of no meaning on another machine, so records keep its last part only.
  void Path(const std::string& name, std::string* value, const std::string& placeholder,
            const std::string& help);
  void Choice(const std::string& name, std::string* value, const std::vector<std::string>& choices,
              const std::string& help);
  // `on` or `off`.
  void OnOff(const std::string& name, bool* value, const std::string& help);
  // Given without a value on the command line, true or false in a file.
  void Switch(const std::string& name, bool* value, const std::string& help);
  // Repeatable, or separated by commas.
  void List(const std::string& name, std::vector<std::string>* values,
            const std::string& placeholder, const std::string& help);
  // A name for the values of several options: those of the preset that is chosen are set first, so
  // that a configuration file and flags win over them. Throws Error(kInvalid) when Parse() meets
  // another name.
  using Values = std::vector<std::pair<std::string, std::string>>;
  void Presets(const std::string& name, std::string* value,
               const std::vector<std::pair<std::string, Values>>& presets, const std::string& help);
  // Arguments without a flag, at most `max_count`.
  void Positional(std::vector<std::string>* values, std::size_t max_count);

  // Reads the arguments after the verb, and first the file that --config names: flags win.
  // Returns false when --help was asked for and nothing else was looked at.
  // Throws Error(kInvalid), naming the flag or file and key, and the nearest name for an unknown
  // one; Error(kNotFound, kUnreadable) for the file.
  bool Parse(const std::vector<std::string>& arguments);

  // Whether the file or a flag gave the option, after Parse(); what a preset sets does not count.
  bool IsGiven(const std::string& name) const { return given_.count(name) > 0; }

  std::string Help() const;

  // The options and their values as JSON text (an object), without --config.
  std::string ToJson() const;

 private:
  enum class Kind { kText, kPath, kNumber, kSwitch, kBoolean, kList };
  struct Option {
    std::string heading, name, placeholder, help;
    Kind kind;
    std::function<void(const std::string&)> set;  // Throws Error(kInvalid) without the name.
    std::function<std::string()> get;
  };

  void Add(const std::string& name, const std::string& placeholder, const std::string& help,
           Kind kind, std::function<void(const std::string&)> set,
           std::function<std::string()> get);
  std::vector<std::string> Names() const;
  const Option* Find(const std::string& name) const;

  // An option as it was given, and where.
  struct Setting {
    std::string name, value, where;
  };
  std::vector<Setting> ReadConfig(const std::string& path) const;
  void Apply(const Setting& setting);

  std::string verb_, synopsis_, description_, heading_, config_;
  std::vector<Option> options_;
  std::vector<std::string>* positionals_ = nullptr;
  std::size_t max_positionals_ = 0;
  std::string preset_option_;
  std::map<std::string, Values> presets_;
  std::set<std::string> given_;
};

// The verbs of `hepar`: the groups that an INI file may have.
std::vector<std::string> VerbNames();

}  // namespace hepar
