// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/script_source.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

constexpr std::size_t kMaxIndent = 80;
constexpr int kMaxOperators = 200;  // On the way from a statement to its innermost value.
constexpr int kMaxElseIfs = 200;    // In one file.

bool StartsWith(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

// Takes `head` off `text`, if it begins with it.
bool Skip(std::string_view head, std::string_view* text) {
  if (!StartsWith(*text, head)) return false;
  text->remove_prefix(head.size());
  return true;
}

bool IsNameByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool SkipName(std::string_view* text) {
  std::size_t size = 0;
  while (size < text->size() && IsNameByte((*text)[size])) ++size;
  text->remove_prefix(size);
  return size > 0;
}

// Names of types, such as "Dict[str, __torch__.Net]".
bool IsType(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsNameByte(c) || c == '.' || c == ',' || c == ' ' || c == '[' || c == ']';
  });
}

// The lists that each class has, behind its indentation: `__parameters__ = ["weight", ]`.
bool IsListOfNames(std::string_view text) {
  for (const char* list : {"__parameters__", "__buffers__", "__annotations__", "__forward_hooks__",
                           "__forward_pre_hooks__"}) {
    std::string_view rest = text;
    if (!Skip(list, &rest) || !Skip(" = [", &rest) || rest.empty() || rest.back() != ']') continue;
    rest.remove_suffix(1);
    return rest.find_first_of("()[]") == std::string_view::npos;
  }
  return false;
}

// `name : type`, or `__annotations__["0"] = type` for what is no name.
bool IsAttribute(std::string_view text) {
  std::string_view rest = text;
  if (SkipName(&rest) && Skip(" : ", &rest)) return IsType(rest);
  rest = text;
  if (!Skip("__annotations__[\"", &rest)) return false;
  const std::size_t end = rest.find_first_of("\"\\()");
  if (end == std::string_view::npos) return false;
  rest.remove_prefix(end);
  return Skip("\"] = ", &rest) && IsType(rest);
}

Error Wrong(int line, const std::string& what) {
  return Error(ErrorKind::kDamaged, "line " + std::to_string(line) + " " + what);
}

// Walks through the source line by line, and through a statement in brackets over several.
class SourceCheck {
 public:
  explicit SourceCheck(std::string_view source) : source_(source) {}

  void Run() {
    while (at_ < source_.size()) {
      ++line_;
      const std::size_t end = std::min(source_.find('\n', at_), source_.size());
      const std::string_view text = source_.substr(at_, end - at_);
      at_ = end + 1;
      if (text.empty()) continue;
      if (open_.empty()) CheckStart(text);
      CheckNesting(text);
    }
  }

 private:
  // The first line of a statement.
  void CheckStart(std::string_view text) {
    const std::size_t indent = std::min(text.find_first_not_of(' '), text.size());
    const bool opens = block_begins_ && indent == indent_ + 2;
    if (indent % 2 != 0 || (indent > indent_ && !opens)) throw Wrong(line_, "is indented wrongly");
    if (indent > kMaxIndent) throw Wrong(line_, "is nested too deeply");
    indent_ = indent;
    const std::string_view statement = text.substr(indent);
    if (indent == 0) {
      in_class_ = StartsWith(statement, "class ");
      in_enum_ = in_class_ && text.find("(Enum)") != std::string_view::npos;
    } else if (indent == 2 && in_class_) {
      CheckMember(statement);
    }
    if (StartsWith(statement, "elif ") && ++else_ifs_ > kMaxElseIfs) {
      throw Wrong(line_, "has too many branches");
    }
    block_begins_ = false;
    depth_ = 0;
  }

  // A line in the body of a class. LibTorch's importer crashes on others.
  void CheckMember(std::string_view text) {
    std::string_view rest = text;
    const bool known =
        StartsWith(text, "def ") || StartsWith(text, "@") || StartsWith(text, "#") ||
        IsListOfNames(text) || IsAttribute(text) ||
        (SkipName(&rest) && (StartsWith(rest, " : ") || (in_enum_ && StartsWith(rest, " = "))));
    if (!known) throw Wrong(line_, "declares nothing, in the body of a class");
  }

  void CheckNesting(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '#') break;
      if (c >= 0 && c < ' ') throw Wrong(line_, "has a control character");
      if (c == '"' || c == '\'') {
        i = EndOfText(text, i);
      } else {
        Add(c);
      }
    }
    block_begins_ = open_.empty() && text.back() == ':';
  }

  // The place of the quote that ends the text that begins at `start`.
  std::size_t EndOfText(std::string_view text, std::size_t start) const {
    for (std::size_t i = start + 1; i < text.size(); ++i) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == text[start]) {
        return i;
      }
    }
    throw Wrong(line_, "has a text without an end");
  }

  // Each operator, word, attribute, call or bracket may be one level more, for a parser that
  // recurses and for all that comes after it. What stands beside each other, with commas between,
  // is not deeper than its neighbors.
  void Add(char c) {
    if (c == '(' || c == '[' || c == '{') {
      Deeper();
      open_.push_back(depth_);
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_.empty()) throw Wrong(line_, "closes a bracket that is not open");
      depth_ = open_.back();
      open_.pop_back();
    } else if (c == ',') {
      depth_ = open_.empty() ? 0 : open_.back();
    } else if (!IsNameByte(c)) {
      Deeper();
    }
  }
  void Deeper() {
    if (++depth_ > kMaxOperators) throw Wrong(line_, "is nested too deeply");
  }

  std::string_view source_;
  std::size_t at_ = 0, indent_ = 0;
  int line_ = 0, depth_ = 0, else_ifs_ = 0;
  bool block_begins_ = false, in_class_ = false, in_enum_ = false;
  std::vector<int> open_;  // The depths at the brackets that are open.
};

}  // namespace

bool DeclaresOnly(std::string_view source) {
  while (!source.empty()) {
    const std::size_t end = std::min(source.find('\n'), source.size());
    std::string_view line = source.substr(0, end);
    source.remove_prefix(std::min(end + 1, source.size()));
    if (line.empty()) continue;
    if (Skip("  ", &line) ? IsListOfNames(line) || IsAttribute(line)
                          : Skip("class ", &line) && SkipName(&line) && line == "(Module):") {
      continue;
    }
    return false;
  }
  return true;
}

void CheckScriptSource(std::string_view source) { SourceCheck(source).Run(); }

}  // namespace hepar
