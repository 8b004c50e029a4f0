// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/named_values.h"
#include "training/cli/option_values.h"

namespace hepar {

// The options of one verb. From this one table come the command-line flags, the keys of the INI
// file that `--config` names, `--help`, the manual page, shell completion, and the record of the
// options of a run.
//
// Options are bound to variables, which hold the defaults and, after Parse(), what was given.
class OptionTable {
 public:
  // `verb` is also the group of the INI file that is read. Each table has --config and --help.
  OptionTable(std::string verb, std::string synopsis, std::string description);

  // Starts a group of options under a heading in --help.
  void Heading(const std::string& heading);

  // `T` is any number type that holds low..high.
  template <typename T>
  void Integer(const std::string& name, T* value, int low, int high, const std::string& help) {
    Add(
        name, "N", help, Kind::kNumber,
        [=](const std::string& text) { *value = static_cast<T>(ParseInteger(text, low, high)); },
        [=] { return std::to_string(static_cast<long long>(*value)); });
  }
  // A number, or a fraction such as 8/255.
  void Number(const std::string& name, double* value, double low, double high,
              const std::string& help);
  // `check`, if any, throws Error(kInvalid) for a text that is not accepted.
  using Check = std::function<void(const std::string& text)>;
  void Text(const std::string& name, std::string* value, const std::string& placeholder,
            const std::string& help, const Check& check = {});
  // A value with its own text form: T::Parse(text), which throws Error(kInvalid), and ToString().
  template <typename T>
  void Parsed(const std::string& name, T* value, const std::string& placeholder,
              const std::string& help) {
    Add(
        name, placeholder, help, Kind::kText,
        [=](const std::string& text) { *value = T::Parse(text); },
        [=] { return value->ToString(); });
  }
  // The name of a file. Its folder has no meaning on another machine, so records keep only the last
  // part.
  void Path(const std::string& name, std::string* value, const std::string& placeholder,
            const std::string& help);
  // A path that is written to when the work is done. CheckRequired() checks that it can be: that
  // its folder exists and is writable, that it is no folder itself, that no two outputs are one
  // file, and that it is not a file that another option reads. "" and "-" (standard output) are no
  // files.
  void Output(const std::string& name, std::string* value, const std::string& placeholder,
              const std::string& help);
  void Choice(const std::string& name, std::string* value, const std::vector<std::string>& choices,
              const std::string& help);
  // The value that has the given name in `names`, which must outlive the table.
  template <typename T, std::size_t N>
  void Enum(const std::string& name, T* value, const NamedValue<T> (&names)[N],
            const std::string& help) {
    std::vector<std::string> choices;
    for (const auto& entry : names) choices.emplace_back(entry.name);
    Add(
        name, Join(choices, "|"), help, Kind::kText,
        [value, &names](const std::string& text) { *value = ValueOf(names, text, "value"); },
        [value, &names] { return NameOf(names, *value); });
  }
  // The one of `values` whose ToString() is given.
  template <typename T>
  void Enum(const std::string& name, T* value, const std::vector<T>& values,
            const std::string& help) {
    std::vector<std::string> choices;
    for (const T one : values) choices.push_back(ToString(one));
    Add(
        name, Join(choices, "|"), help, Kind::kText,
        [=](const std::string& text) { *value = values[IndexOf(text, choices)]; },
        [=] { return ToString(*value); });
  }
  // `on` or `off`.
  void OnOff(const std::string& name, bool* value, const std::string& help);
  // Given without a value on the command line, true or false in a file.
  void Switch(const std::string& name, bool* value, const std::string& help);
  // Repeatable, or separated by commas.
  void List(const std::string& name, std::vector<std::string>* values,
            const std::string& placeholder, const std::string& help);
  // The same of numbers. `values` is set to those of `initial`; records and help show the text.
  void Integers(const std::string& name, std::vector<int>* values, const std::string& initial,
                int low, int high, const std::string& placeholder, const std::string& help);
  void Numbers(const std::string& name, std::vector<double>* values, const std::string& initial,
               double low, double high, const std::string& placeholder, const std::string& help);
  // A name for the values of several options: those of the preset that is chosen are set first, so
  // that a configuration file and flags win over them. Throws Error(kInvalid) when Parse() meets
  // another name.
  using Values = std::vector<std::pair<std::string, std::string>>;
  void Presets(const std::string& name, std::string* value,
               const std::vector<std::pair<std::string, Values>>& presets, const std::string& help);
  // Arguments without a flag, at most `max_count`.
  void Positional(std::vector<std::string>* values, std::size_t max_count);

  // These three are about the option that was added last.
  // A former name. Flags and files may still use it, and ToJson() does, as records that were
  // written before do.
  void FormerName(const std::string& name);
  // CheckRequired() reports it when it is empty: "--NAME is missing: WHAT".
  void Required(const std::string& what);
  // An argument without a flag is its value.
  void AlsoPositional();

  // Reads the arguments after the verb, and first the file that --config names: flags win.
  // Returns false when --help, --version or --describe was given: nothing else was read then, and
  // Reply() is the text to print.
  // Throws Error(kInvalid), naming the flag or file and key, and the nearest name for an unknown
  // one, and for a file that is missing or cannot be read.
  bool Parse(const std::vector<std::string>& arguments);
  const std::string& Reply() const { return reply_; }

  // Throws Error(kInvalid) for a required option that is empty, or an output that cannot be
  // written.
  void CheckRequired() const;

  // Whether the file or a flag gave the option, after Parse(); what a preset sets does not count.
  bool IsGiven(const std::string& name) const { return given_.count(name) > 0; }

  std::string Help() const;

  // What --help says as JSON text, for programs that make other forms of it: an object with `verb`,
  // `synopsis`, `description`, `arguments` (whether there are any without a flag) and `options`, an
  // array of objects with `heading`, `name`, `placeholder`, `help`, `default`, `required`,
  // `former_name`, `value` ("none", "file" or "text") and `choices`.
  std::string Describe() const;

  // The options and their values as JSON text (an object), without --config.
  std::string ToJson() const;

 private:
  enum class Kind { kText, kPath, kNumber, kSwitch, kBoolean, kList };
  struct Option {
    std::string heading, name, placeholder, help;
    Kind kind;
    std::function<void(const std::string&)> set;  // Throws Error(kInvalid) without the name.
    std::function<std::string()> get;
    std::string former_name, required;  // Empty: none.
    bool is_output = false;

    bool Has(const std::string& other) const { return other == name || other == former_name; }
  };
  using Given = std::vector<std::pair<std::string, std::string>>;  // Name and value of each flag.

  void Add(const std::string& name, const std::string& placeholder, const std::string& help,
           Kind kind, std::function<void(const std::string&)> set,
           std::function<std::string()> get);
  template <typename T>
  void AddList(const std::string& name, std::vector<T>* values, const std::string& initial,
               const std::string& placeholder, const std::string& help,
               T (*parse)(const std::string&, T, T), T low, T high);
  void CheckOutputs() const;
  std::vector<std::string> Names() const;
  const Option* Find(const std::string& name) const;
  std::string FlagFor(const std::string& argument) const;

  // An option as it was given, and where.
  struct Setting {
    std::string name, value, where;
  };
  // Reads the flags into `given`, and returns the other arguments. Sets reply_ for --help,
  // --version and --describe.
  std::vector<std::string> ReadFlags(const std::vector<std::string>& arguments, Given* given);
  void ReadPositionals(const std::vector<std::string>& rest, Given* given);
  std::vector<Setting> SettingsOf(const Given& given) const;
  std::vector<Setting> ReadConfig(const std::string& path) const;
  void ApplyAll(const std::vector<Setting>& settings);
  void Apply(const Setting& setting);

  std::string verb_, synopsis_, description_, heading_, reply_;
  std::vector<Option> options_;
  std::vector<std::string>* positionals_ = nullptr;
  std::size_t max_positionals_ = 0;
  std::string positional_option_;
  std::string preset_option_;
  std::map<std::string, Values> presets_;
  std::set<std::string> given_;
};

// The verbs of `hepar`: the groups that an INI file may have.
std::vector<std::string> VerbNames();

}  // namespace hepar
