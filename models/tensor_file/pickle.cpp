// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/pickle.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "models/error.h"
#include "models/printable.h"

namespace hepar {
namespace {

using Kind = Pickle::Kind;
using Id = Pickle::Id;
using Value = Pickle::Value;

// The largest real files have some hundred thousand.
constexpr std::size_t kMaxValues = 1'000'000;
constexpr std::size_t kMaxPushes = 4'000'000;
constexpr std::size_t kMaxName = 1000;

// Names of opcodes are those of Python's pickletools.
enum Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNoneOp = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobalOp = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTupleOp = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyTuple = ')',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a
};

bool IsDict(const Value& value) {
  return value.kind == Kind::kDict || value.kind == Kind::kOrderedDict;
}

constexpr char kOrderedDictName[] = "collections.OrderedDict";

// The machine that a pickle is a program of.
class Machine {
 public:
  Machine(std::string_view bytes, const Pickle::MayName& may_name, std::vector<Value>* values)
      : bytes_(bytes), may_name_(may_name), values_(*values) {}

  Id Run() {
    if (Byte() != kProto || Byte() != 2) throw Wrong("is no pickle of protocol 2");
    for (;;) {
      const std::uint8_t opcode = Byte();
      if (opcode == kStop) break;
      Do(opcode);
    }
    if (at_ != bytes_.size()) throw Wrong("goes on behind its end");
    if (stack_.size() != 1 || !marks_.empty()) throw Wrong("ends with another than one value");
    return stack_.back();
  }

 private:
  Error Wrong(const std::string& what) const {
    return Error(ErrorKind::kDamaged, what + " (byte " + std::to_string(at_) + ")");
  }

  std::string_view Take(std::size_t count) {
    if (count > bytes_.size() - at_) throw Wrong("is cut off");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  std::uint8_t Byte() { return static_cast<std::uint8_t>(Take(1)[0]); }
  std::uint32_t Little(std::size_t count) {
    const std::string_view taken = Take(count);
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      number |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(taken[i])) << (8 * i);
    }
    return number;
  }
  // Up to and with the end of the line.
  std::string_view Line() {
    const std::size_t end = bytes_.substr(at_, kMaxName).find('\n');
    if (end == std::string_view::npos) throw Wrong("names a class without an end");
    return Take(end + 1);
  }

  void Push(Id id) {
    if (++pushes_ > kMaxPushes) throw Wrong("has too many values");
    stack_.push_back(id);
  }
  Value& PushNew(Kind kind) {
    if (values_.size() >= kMaxValues) throw Wrong("has too many values");
    values_.emplace_back().kind = kind;
    Push(static_cast<Id>(values_.size() - 1));
    return values_.back();
  }
  // Values below the last mark are not for taking.
  Id Pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
      throw Wrong("takes a value too many");
    const Id id = stack_.back();
    stack_.pop_back();
    return id;
  }
  Id Top() {
    const Id id = Pop();
    stack_.push_back(id);
    return id;
  }
  std::vector<Id> PopToMark() {
    if (marks_.empty()) throw Wrong("takes a mark that is not there");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Id> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<Id> PopLast(std::size_t count) {
    std::vector<Id> items(count);
    for (auto item = items.rbegin(); item != items.rend(); ++item) *item = Pop();
    return items;
  }

  // Puts `items` into `holder`, behind those that it has.
  void Hold(Id holder, const std::vector<Id>& items) {
    for (const Id item : items) values_[item].held = true;
    Value& value = values_[holder];
    // Else a value could come to hold itself.
    if (value.held && !items.empty()) throw Wrong("changes a value that is in use");
    for (const Id item : items) {
      const int depth = values_[item].depth + 1;
      if (depth > Pickle::kMaxDepth) throw Wrong("is nested too deeply");
      value.depth = std::max(value.depth, static_cast<std::uint8_t>(depth));
    }
    value.items.insert(value.items.end(), items.begin(), items.end());
  }
  void Make(Kind kind, const std::vector<Id>& items) {
    PushNew(kind);
    Hold(stack_.back(), items);
  }

  void SetItems(const std::vector<Id>& items) {
    if (items.size() % 2 != 0) throw Wrong("gives a dict a key without a value");
    const Id dict = Top();
    if (!IsDict(values_[dict])) throw Wrong("puts keys into what is no dict");
    Hold(dict, items);
  }
  void Append(const std::vector<Id>& items) {
    const Id list = Top();
    if (values_[list].kind != Kind::kList) throw Wrong("appends to what is no list");
    Hold(list, items);
  }

  void NameGlobal() {
    const std::size_t start = at_;
    Line();
    Line();
    Value global;
    global.kind = Kind::kGlobal;
    global.text = bytes_.substr(start, at_ - start);
    const std::string name = Pickle::NameOf(global);
    if (!may_name_(name)) {
      throw Error(ErrorKind::kDamaged,
                  "names '" + Printable(name) +
                      "', which is nothing that such a file is made of: it may be an attempt to "
                      "run code");
    }
    PushNew(Kind::kGlobal).text = global.text;
  }

  void Call() {
    const Id arguments = Pop(), function = Pop();
    if (values_[function].kind != Kind::kGlobal || values_[arguments].kind != Kind::kTuple) {
      throw Wrong("calls what is no function");
    }
    if (Pickle::NameOf(values_[function]) == kOrderedDictName) {
      if (!values_[arguments].items.empty()) throw Wrong("has an OrderedDict of another kind");
      PushNew(Kind::kOrderedDict);
      return;
    }
    Make(Kind::kCall, {function, arguments});
  }

  void NewObject() {
    const Id arguments = Pop(), type = Pop();
    if (values_[type].kind != Kind::kGlobal || values_[arguments].kind != Kind::kTuple ||
        !values_[arguments].items.empty()) {
      throw Wrong("makes an object of no class");
    }
    Make(Kind::kObject, {type});
  }

  void Build() {
    const Id state = Pop(), object = Top();
    // A state_dict keeps the versions of its modules in an attribute, which nobody here needs.
    if (values_[object].kind == Kind::kOrderedDict && IsDict(values_[state])) return;
    if (values_[object].kind != Kind::kObject || values_[object].items.size() != 1) {
      throw Wrong("gives a state to what takes none");
    }
    Hold(object, {state});
  }

  void Remember(std::uint32_t place) { memo_[place] = Top(); }
  void Recall(std::uint32_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) throw Wrong("uses a value that it did not keep");
    Push(found->second);
  }

  void Do(std::uint8_t opcode) {
    switch (opcode) {
      case kMark:
        if (marks_.size() >= kMaxMarks) throw Wrong("is nested too deeply");
        marks_.push_back(stack_.size());
        return;
      case kNoneOp:
        PushNew(Kind::kNone);
        return;
      case kNewTrue:
      case kNewFalse:
        PushNew(Kind::kBool).integer = opcode == kNewTrue;
        return;
      case kBinInt:
        PushNew(Kind::kInteger).integer = static_cast<std::int32_t>(Little(4));
        return;
      case kBinInt1:
        PushNew(Kind::kInteger).integer = Little(1);
        return;
      case kBinInt2:
        PushNew(Kind::kInteger).integer = Little(2);
        return;
      case kLong1:
        PushNew(Kind::kInteger).integer = Long();
        return;
      case kBinFloat:
        PushNew(Kind::kNumber).number = Double();
        return;
      case kBinUnicode: {
        const std::uint32_t size = Little(4);
        PushNew(Kind::kString).text = Take(size);
        return;
      }
      case kEmptyTuple:
        PushNew(Kind::kTuple);
        return;
      case kTupleOp:
        Make(Kind::kTuple, PopToMark());
        return;
      case kTuple1:
      case kTuple2:
      case kTuple3:
        Make(Kind::kTuple, PopLast(static_cast<std::size_t>(opcode - kTuple1) + 1));
        return;
      case kEmptyList:
        PushNew(Kind::kList);
        return;
      case kAppend:
        Append(PopLast(1));
        return;
      case kAppends:
        Append(PopToMark());
        return;
      case kEmptyDict:
        PushNew(Kind::kDict);
        return;
      case kSetItem:
        SetItems(PopLast(2));
        return;
      case kSetItems:
        SetItems(PopToMark());
        return;
      case kGlobalOp:
        NameGlobal();
        return;
      case kReduce:
        Call();
        return;
      case kNewObj:
        NewObject();
        return;
      case kBuild:
        Build();
        return;
      case kBinPersId:
        Make(Kind::kPersistent, PopLast(1));
        return;
      case kBinPut:
        Remember(Little(1));
        return;
      case kLongBinPut:
        Remember(Little(4));
        return;
      case kBinGet:
        Recall(Little(1));
        return;
      case kLongBinGet:
        Recall(Little(4));
        return;
      default:
        throw Wrong("has the opcode " + std::to_string(opcode) + ", which no such file has");
    }
  }

  // Two's complement, the lowest byte first.
  std::int64_t Long() {
    const std::size_t size = Byte();
    if (size > 8) throw Wrong("has an integer of more than 64 bits");
    const std::string_view taken = Take(size);
    const bool negative = size > 0 && static_cast<std::uint8_t>(taken.back()) >= 0x80;
    std::uint64_t bits = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = size; i-- > 0;) bits = bits << 8 | static_cast<std::uint8_t>(taken[i]);
    std::int64_t number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
  }

  // Big-endian, as only this number is.
  double Double() {
    std::uint64_t bits = 0;
    for (const char byte : Take(8)) bits = bits << 8 | static_cast<std::uint8_t>(byte);
    double number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
  }

  static constexpr std::size_t kMaxMarks = 4 * Pickle::kMaxDepth;

  std::string_view bytes_;
  const Pickle::MayName& may_name_;
  std::vector<Value>& values_;
  std::size_t at_ = 0, pushes_ = 0;
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;  // Sizes of the stack.
  std::unordered_map<std::uint32_t, Id> memo_;
};

// Writes a value, and what it holds, as a pickle. Recursion ends with the bounded depth.
class Writer {
 public:
  explicit Writer(const Pickle& pickle) : pickle_(pickle) {}

  std::string Run(Id id) {
    CountUses(id);
    Put(kProto);
    Put(2);
    Write(id);
    Put(kStop);
    return std::move(out_);
  }

 private:
  void CountUses(Id id) {
    if (++uses_[id] > 1) return;
    for (const Id item : pickle_[id].items) CountUses(item);
  }

  void Put(std::uint8_t byte) { out_ += static_cast<char>(byte); }
  void PutLittle(std::uint64_t number, int bytes) {
    for (int i = 0; i < bytes; ++i) Put(static_cast<std::uint8_t>(number >> (8 * i)));
  }

  void Write(Id id) {
    const auto written = places_.find(id);
    if (written != places_.end()) {
      Put(kLongBinGet);
      PutLittle(written->second, 4);
      return;
    }
    WriteNew(pickle_[id]);
    if (uses_[id] < 2) return;
    const auto place = static_cast<std::uint32_t>(places_.size());
    places_.emplace(id, place);
    Put(kLongBinPut);
    PutLittle(place, 4);
  }

  void WriteMarked(const Value& value, std::uint8_t end) {
    Put(kMark);
    for (const Id item : value.items) Write(item);
    Put(end);
  }

  void WriteNew(const Value& value) {
    switch (value.kind) {
      case Kind::kNone:
        Put(kNoneOp);
        return;
      case Kind::kBool:
        Put(value.integer ? kNewTrue : kNewFalse);
        return;
      case Kind::kInteger:
        WriteInteger(value.integer);
        return;
      case Kind::kNumber: {
        std::uint64_t bits;
        std::memcpy(&bits, &value.number, sizeof bits);
        Put(kBinFloat);
        for (int i = 7; i >= 0; --i) Put(static_cast<std::uint8_t>(bits >> (8 * i)));
        return;
      }
      case Kind::kString:
        Put(kBinUnicode);
        PutLittle(value.text.size(), 4);
        out_ += value.text;
        return;
      case Kind::kTuple:
        if (value.items.empty()) {
          Put(kEmptyTuple);
        } else {
          WriteMarked(value, kTupleOp);
        }
        return;
      case Kind::kList:
        Put(kEmptyList);
        WriteMarked(value, kAppends);
        return;
      case Kind::kDict:
        Put(kEmptyDict);
        WriteMarked(value, kSetItems);
        return;
      case Kind::kOrderedDict:
        out_ += "ccollections\nOrderedDict\n)R";
        if (!value.items.empty()) WriteMarked(value, kSetItems);
        return;
      case Kind::kGlobal:
        Put(kGlobalOp);
        out_ += value.text;
        return;
      case Kind::kCall:
        Write(value.items[0]);
        Write(value.items[1]);
        Put(kReduce);
        return;
      case Kind::kObject:
        Write(value.items[0]);
        Put(kEmptyTuple);
        Put(kNewObj);
        if (value.items.size() < 2) return;
        Write(value.items[1]);
        Put(kBuild);
        return;
      case Kind::kPersistent:
        Write(value.items[0]);
        Put(kBinPersId);
        return;
    }
  }

  // As LibTorch reads them: 8 bits without a sign, 32 with one, else 64.
  void WriteInteger(std::int64_t number) {
    const auto bits = static_cast<std::uint64_t>(number);
    if (number >= 0 && number <= 0xff) {
      Put(kBinInt1);
      PutLittle(bits, 1);
    } else if (number >= INT32_MIN && number <= INT32_MAX) {
      Put(kBinInt);
      PutLittle(bits, 4);
    } else {
      Put(kLong1);
      Put(8);
      PutLittle(bits, 8);
    }
  }

  const Pickle& pickle_;
  std::string out_;
  std::unordered_map<Id, int> uses_;
  std::unordered_map<Id, std::uint32_t> places_;  // In the memo.
};

}  // namespace

Pickle::Pickle(std::string_view bytes, const MayName& may_name) {
  root_ = Machine(bytes, may_name, &values_).Run();
}

std::string Pickle::NameOf(const Value& global) {
  std::string name(global.text.substr(0, global.text.size() - 1));
  std::replace(name.begin(), name.end(), '\n', '.');
  return name;
}

bool Pickle::IsGlobal(Id id, std::string_view name) const {
  return values_[id].kind == Kind::kGlobal && NameOf(values_[id]) == name;
}

bool Pickle::IsCall(Id id, std::string_view name) const {
  return values_[id].kind == Kind::kCall && IsGlobal(values_[id].items[0], name);
}

const std::vector<Pickle::Id>& Pickle::ArgumentsOf(Id call) const {
  return values_[values_[call].items[1]].items;
}

std::string Pickle::Write(Id id) const { return Writer(*this).Run(id); }

std::string Describe(const Pickle& pickle, Pickle::Id id) {
  const Pickle::Value& value = pickle[id];
  const auto name = [&] { return Printable(Pickle::NameOf(pickle[value.items[0]])); };
  switch (value.kind) {
    case Pickle::Kind::kNone:
      return "None";
    case Pickle::Kind::kBool:
      return "a boolean";
    case Pickle::Kind::kInteger:
      return "an integer";
    case Pickle::Kind::kNumber:
      return "a number";
    case Pickle::Kind::kString:
      return "a text";
    case Pickle::Kind::kTuple:
      return "a tuple";
    case Pickle::Kind::kList:
      return "a list";
    case Pickle::Kind::kDict:
    case Pickle::Kind::kOrderedDict:
      return "a dict";
    case Pickle::Kind::kGlobal:
      return "the name " + Printable(Pickle::NameOf(value));
    case Pickle::Kind::kCall:
      return "the result of " + name();
    case Pickle::Kind::kObject:
      return "an object of the class " + name();
    case Pickle::Kind::kPersistent:
      return "a storage";
  }
  return "something unknown";
}

}  // namespace hepar
