// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/csv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "models/error.h"
#include "models/file_io.h"
#include "training/data/patient_id.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxBytes = 256u << 20;
// A field takes many times the room of the comma that makes it.
constexpr std::int64_t kMaxFields = 10000000;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsBlank(const std::vector<std::string>& fields, std::size_t from = 0) {
  return std::all_of(fields.begin() + static_cast<std::ptrdiff_t>(from), fields.end(),
                     [](const std::string& field) { return Trimmed(field).empty(); });
}

std::string LineOf(const std::string& name, int line) {
  return name + ", line " + std::to_string(line);
}

}  // namespace

class CsvParser {
 public:
  CsvParser(std::string_view text, const std::string& name) : rest_(text), name_(name) {
    if (rest_.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
      rest_.remove_prefix(kByteOrderMark.size());
    }
    const auto nul = rest_.find('\0');
    if (nul != std::string_view::npos) {
      line_ += static_cast<int>(std::count(rest_.begin(), rest_.begin() + nul, '\n'));
      throw Damaged("holds a zero byte; expected CSV text in UTF-8, not a binary or UTF-16 file");
    }
    FindSeparator();
    const auto fields = std::count(rest_.begin(), rest_.end(), separator_) +
                        std::count(rest_.begin(), rest_.end(), '\n');
    if (fields > kMaxFields) {
      throw Error(ErrorKind::kDamaged, name_ + ": has " + std::to_string(fields) +
                                           " fields, expected up to " + std::to_string(kMaxFields));
    }
  }

  CsvTable Parse() {
    CsvTable table;
    table.name_ = name_;
    while (!rest_.empty()) {
      if (SkipLineEnd()) continue;
      CsvTable::Row row;
      row.line = line_;
      row.fields = Record();
      if (IsBlank(row.fields)) continue;
      if (table.columns_.empty()) {
        for (std::string& name : row.fields) name = Trimmed(name);
        while (row.fields.back().empty()) row.fields.pop_back();
        CheckHeader(row.fields);
        table.columns_ = std::move(row.fields);
        continue;
      }
      const std::size_t columns = table.columns_.size();
      if (row.fields.size() > columns && IsBlank(row.fields, columns)) row.fields.resize(columns);
      if (row.fields.size() != columns) {
        line_ = row.line;
        throw Damaged("has " + std::to_string(row.fields.size()) + " fields, expected " +
                      std::to_string(columns) +
                      " as in the header; put double quotes around a field that holds a " +
                      (separator_ == ',' ? "comma" : "separator"));
      }
      for (std::size_t i = 0; i < columns; ++i) {
        if (!table.columns_[i].empty() || Trimmed(row.fields[i]).empty()) continue;
        line_ = row.line;
        throw Damaged("has the value '" + row.fields[i] + "' in column " + std::to_string(i + 1) +
                      ", which has no name; name it in the first line, or clear it");
      }
      table.rows_.push_back(std::move(row));
    }
    if (table.columns_.empty()) {
      throw Error(ErrorKind::kDamaged, name_ + ": is empty; expected a line of column names");
    }
    return table;
  }

 private:
  Error Damaged(const std::string& what) const {
    return Error(ErrorKind::kDamaged, LineOf(name_, line_) + ": " + what);
  }

  // Excel writes what its language has for a list, and may say so in a line of its own.
  void FindSeparator() {
    std::string_view first = rest_.substr(0, rest_.find_first_of("\r\n"));
    if (first.size() == 5 && first.substr(0, 4) == "sep=") {
      separator_ = first[4];
      rest_.remove_prefix(first.size());
      return;
    }
    if (first.find(',') != std::string_view::npos) return;
    for (const char candidate : {';', '\t'}) {
      if (first.find(candidate) != std::string_view::npos) {
        separator_ = candidate;
        return;
      }
    }
  }

  void CheckHeader(const std::vector<std::string>& columns) const {
    std::set<std::string> seen;
    for (const auto& column : columns) {
      if (!column.empty() && !seen.insert(column).second)
        throw Damaged("names the column '" + column + "' twice");
    }
  }

  bool SkipLineEnd() {
    const std::size_t size = rest_.substr(0, 2) == "\r\n" ? 2 : rest_.substr(0, 1) == "\n" ? 1 : 0;
    rest_.remove_prefix(size);
    line_ += size > 0;
    return size > 0;
  }

  std::vector<std::string> Record() {
    std::vector<std::string> fields;
    while (true) {
      fields.push_back(rest_.substr(0, 1) == "\"" ? QuotedField() : PlainField());
      if (rest_.empty() || SkipLineEnd()) return fields;
      if (rest_.front() != separator_) {
        throw Damaged(rest_.front() == '\r' ? "has a carriage return that ends no line"
                                            : "continues after a closing quote");
      }
      rest_.remove_prefix(1);
    }
  }

  std::string PlainField() {
    const char ends[] = {separator_, '\r', '\n', '\0'};
    const std::string field(rest_.substr(0, rest_.find_first_of(ends)));
    if (field.find('"') != std::string::npos) {
      throw Damaged("has a quote inside the field '" + field +
                    "'; quote the whole field and double the quotes inside");
    }
    rest_.remove_prefix(field.size());
    return field;
  }

  std::string QuotedField() {
    std::string field;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        if (rest_.substr(i + 1, 1) != "\"") {
          rest_.remove_prefix(i + 1);
          line_ += static_cast<int>(std::count(field.begin(), field.end(), '\n'));
          return field;
        }
        ++i;
      }
      field += rest_[i];
    }
    throw Damaged("opens a quote that is never closed");
  }

  std::string_view rest_;
  const std::string& name_;
  char separator_ = ',';
  int line_ = 1;
};

CsvTable CsvTable::Read(const std::string& path) { return Parse(ReadFile(path, kMaxBytes), path); }

CsvTable CsvTable::Parse(std::string_view text, const std::string& name) {
  return CsvParser(text, name).Parse();
}

bool CsvTable::HasColumn(const std::string& column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

int CsvTable::Column(const std::string& column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found != columns_.end()) return static_cast<int>(found - columns_.begin());
  std::string known;
  for (const auto& name : columns_) known += (known.empty() ? "'" : ", '") + name + "'";
  throw Error(ErrorKind::kDamaged,
              name_ + ": has no column '" + column + "'; its first line names " + known);
}

std::string CsvTable::Where(int row) const { return LineOf(name_, rows_[row].line); }

std::string CsvField(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted = "\"";
  for (const char c : value) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace hepar
