// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/csv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "models/error.h"
#include "models/file_io.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxBytes = 256u << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

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
  }

  CsvTable Parse() {
    CsvTable table;
    table.name_ = name_;
    while (!rest_.empty()) {
      if (SkipLineEnd()) continue;
      CsvTable::Row row;
      row.line = line_;
      row.fields = Record();
      if (table.columns_.empty()) {
        CheckHeader(row.fields);
        table.columns_ = std::move(row.fields);
        continue;
      }
      if (row.fields.size() != table.columns_.size()) {
        line_ = row.line;
        throw Damaged("has " + std::to_string(row.fields.size()) + " fields, expected " +
                      std::to_string(table.columns_.size()) +
                      " as in the header; put double quotes around a field that holds a comma");
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

  void CheckHeader(const std::vector<std::string>& columns) const {
    std::set<std::string> seen;
    for (const auto& column : columns) {
      if (!seen.insert(column).second) throw Damaged("names the column '" + column + "' twice");
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
      if (rest_.front() != ',') {
        throw Damaged(rest_.front() == '\r' ? "has a carriage return that ends no line"
                                            : "continues after a closing quote");
      }
      rest_.remove_prefix(1);
    }
  }

  std::string PlainField() {
    const std::string field(rest_.substr(0, rest_.find_first_of(",\r\n")));
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
