#include "core/dns/message.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/text.hpp"
#include "core/dns/wire.hpp"

namespace gatepost::dns {
namespace {

constexpr std::size_t header_size = 12;
constexpr std::uint16_t class_in = 1;
constexpr std::uint16_t type_opt = 41;
constexpr std::uint16_t udp_payload = 1232;  ///< what passes everywhere without fragments
constexpr int most_aliases = 16;

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::uint32_t ttl = 0;  ///< in OPT: the upper bits of the response code
  Reader data;

  bool is(Type wanted) const { return klass == class_in && type == static_cast<std::uint16_t>(wanted); }
};

/// RFC 2181 8: what has the upper bit set is zero.
std::chrono::seconds ttl_of(std::uint32_t on_wire) {
  return std::chrono::seconds(on_wire > 0x7FFFFFFFU ? 0 : on_wire);
}

struct Message {
  unsigned flags = 0;
  std::string asked;  ///< the name as answers write it
  std::vector<Record> answers;
  std::vector<Record> authority;
  std::vector<Record> additional;
};

std::vector<Record> read_records(std::string_view packet, Reader& reader, unsigned count) {
  std::vector<Record> records;
  for (; count > 0 && !reader.failed(); --count) {
    Record record{reader.name(), reader.number_16(), reader.number_16(), reader.number_32(), reader};
    const auto size = reader.number_16();
    const auto start = reader.at();
    reader.bytes(size);
    record.data = Reader(packet, start, start + size);
    if (!reader.failed()) records.push_back(std::move(record));
  }
  return records;
}

/// Does the packet's only question equal the one that was asked? It is never compressed.
bool echoes(std::string_view packet, const Question& question) {
  std::string asked;
  put_name(asked, question.name);
  std::string kind;
  put_16(kind, static_cast<unsigned>(question.type));
  put_16(kind, class_in);
  return packet.substr(4, 2) == std::string_view("\0\1", 2) &&
         base::iequals(packet.substr(header_size, asked.size()), asked) &&
         packet.substr(std::min(packet.size(), header_size + asked.size()), kind.size()) == kind;
}

base::Result<Message> read_message(std::string_view packet, const Question& question) {
  const base::Failure garbage{"garbage"};
  if (packet.size() < header_size) return garbage;
  Reader reader(packet, 2, packet.size());
  Message message;
  message.flags = reader.number_16();
  const bool response = (message.flags & 0x8000U) != 0;
  const bool truncated = (message.flags & 0x0200U) != 0;
  const auto opcode = message.flags >> 11U & 15U;
  if (!response || truncated || opcode != 0 || !echoes(packet, question)) return garbage;
  reader.number_16();
  const auto answers = reader.number_16();
  const auto authority = reader.number_16();
  const auto additional = reader.number_16();
  message.asked = reader.name();
  reader.bytes(4);
  message.answers = read_records(packet, reader, answers);
  message.authority = read_records(packet, reader, authority);
  message.additional = read_records(packet, reader, additional);
  if (reader.failed()) return garbage;
  return message;
}

/// The response code with its upper bits from OPT (RFC 6891 6.1.3).
unsigned response_code(const Message& message) {
  unsigned code = message.flags & 15U;
  for (const auto& record : message.additional) {
    if (record.type == type_opt) code |= record.ttl >> 24U << 4U;
  }
  return code;
}

/// What the validation of signatures failed at, by an extended error (RFC 8914 4), or empty. "Indeterminate"
/// (5) and unknown algorithms (1, 2) say that nothing could be validated, not that something is wrong.
std::string_view dnssec_trouble(unsigned info_code) {
  switch (info_code) {
    case 6: return "DNSSEC bogus";
    case 7: return "signature expired";
    case 8: return "signature not yet valid";
    case 9: return "DNSKEY missing";
    case 10: return "RRSIGs missing";
    case 11: return "no zone key bit set";
    case 12: return "NSEC missing";
    case 25: return "signature expired before valid";
    default: return {};
  }
}

std::string_view dnssec_trouble(const Message& message) {
  constexpr unsigned extended_error = 15;
  for (const auto& record : message.additional) {
    if (record.type != type_opt) continue;
    for (Reader options = record.data; !options.failed() && !options.at_end();) {
      const auto code = options.number_16();
      const auto value = options.bytes(options.number_16());
      if (code != extended_error || value.size() < 2) continue;
      if (const auto trouble = dnssec_trouble(Reader(value, 0, 2).number_16()); !trouble.empty())
        return trouble;
    }
  }
  return {};
}

std::string response_name(unsigned code) {
  switch (code) {
    case 1: return "FORMERR";
    case 2: return "SERVFAIL";
    case 4: return "NOTIMP";
    case 5: return "REFUSED";
    default: return "response code " + std::to_string(code);
  }
}

base::IpAddress address_of(std::string_view data) {
  if (data.size() == 4) {
    std::array<std::uint8_t, 4> v4{};
    std::memcpy(v4.data(), data.data(), v4.size());
    return base::IpAddress::from_v4(v4);
  }
  base::IpAddress::Bytes v6{};
  if (data.size() == v6.size()) std::memcpy(v6.data(), data.data(), v6.size());
  return base::IpAddress::from_v6(v6);
}

/// Adds what a record of the type that was asked for says; false if it is malformed.
bool add_record(const Record& record, Type type, Answer& answer) {
  Reader data = record.data;
  switch (type) {
    case Type::a: answer.addresses.push_back(address_of(data.bytes(4))); break;
    case Type::aaaa: answer.addresses.push_back(address_of(data.bytes(16))); break;
    case Type::mx: {
      const auto preference = data.number_16();
      answer.exchanges.push_back({preference, data.name()});
      break;
    }
    case Type::txt: {
      auto& text = answer.texts.emplace_back();
      while (!data.failed() && !data.at_end()) text += data.bytes(data.number_8());
      break;
    }
    case Type::soa:
      answer.names.push_back(data.name());
      data.name();
      data.bytes(20);
      break;
    case Type::ns:
    case Type::cname:
    case Type::ptr: answer.names.push_back(data.name()); break;
  }
  return !data.failed() && data.at_end();
}

/// Walks the aliases from the name that was asked for to its records (RFC 1034 3.6.2).
class Chain {
 public:
  Chain(const std::vector<Record>& records, Type type, std::string name)
      : records_(records), type_(type), name_(std::move(name)) {}

  /// False if something on the way is malformed. Then, and when it runs in a circle, there is nothing found.
  bool walk(Answer& answer) {
    for (int left = most_aliases; left >= 0; --left) {
      if (!take_records(answer)) return false;
      if (answer.found()) return true;
      const auto* alias = find_alias();
      if (alias == nullptr) return true;
      answer.alias = true;
      shorten(*alias);
      Reader data = alias->data;
      name_ = data.name();
      if (data.failed() || !data.at_end()) return false;
    }
    circular_ = true;
    return true;
  }
  bool circular() const { return circular_; }
  /// The shortest time to live on the way.
  std::chrono::seconds ttl() const { return ttl_; }

 private:
  bool take_records(Answer& answer) {
    for (const auto& record : records_) {
      if (!record.is(type_) || record.owner != name_) continue;
      if (!add_record(record, type_, answer)) return false;
      answer.outcome = Outcome::found;
      shorten(record);
    }
    return true;
  }
  const Record* find_alias() const {
    const auto alias = std::find_if(records_.begin(), records_.end(), [this](const Record& record) {
      return record.is(Type::cname) && record.owner == name_;
    });
    return alias == records_.end() ? nullptr : &*alias;
  }
  void shorten(const Record& by) { ttl_ = std::min(ttl_, ttl_of(by.ttl)); }

  const std::vector<Record>& records_;
  Type type_;
  std::string name_;
  std::chrono::seconds ttl_ = std::chrono::seconds::max();
  bool circular_ = false;
};

const Record* find(const std::vector<Record>& records, Type type) {
  const auto found =
      std::find_if(records.begin(), records.end(), [type](const Record& record) { return record.is(type); });
  return found == records.end() ? nullptr : &*found;
}

/// How long a negative answer holds: RFC 2308 5; without SOA it must not be kept at all.
std::chrono::seconds negative_ttl(const Message& message) {
  const auto* soa = find(message.authority, Type::soa);
  if (soa == nullptr) return std::chrono::seconds(0);
  Reader data = soa->data;
  data.name();
  data.name();
  data.bytes(16);
  const auto minimum = ttl_of(data.number_32());
  return data.failed() ? std::chrono::seconds(0) : std::min(ttl_of(soa->ttl), minimum);
}

/// RFC 2308 2.2: NS without SOA is no answer but the advice to ask elsewhere, from a server that does not
/// recurse.
bool is_referral(const Message& message) {
  return find(message.authority, Type::ns) != nullptr && find(message.authority, Type::soa) == nullptr;
}

Answer failure(Outcome outcome, std::string why) {
  Answer answer;
  answer.outcome = outcome;
  answer.why = std::move(why);
  return answer;
}

/// NOERROR or NXDOMAIN. The code speaks of the end of the chain (RFC 6604).
base::Result<Answer> read_answer(const Message& message, Type type, bool exists) {
  Answer answer;
  Chain chain(message.answers, type, message.asked);
  if (!chain.walk(answer)) return base::Failure{"garbage"};
  if (exists && answer.found()) {
    answer.ttl = chain.ttl();
    std::stable_sort(answer.exchanges.begin(), answer.exchanges.end());
    return answer;
  }
  if (exists && chain.circular()) return failure(Outcome::temporary_failure, "NOERROR with too many aliases");
  if (exists && is_referral(message)) return failure(Outcome::temporary_failure, "NOERROR with a referral");
  Answer none;
  none.outcome = exists ? Outcome::no_data : Outcome::no_name;
  none.alias = answer.alias;
  none.ttl = std::min(chain.ttl(), negative_ttl(message));
  return none;
}

}  // namespace

std::string make_query(const Question& question, std::uint16_t id) {
  constexpr unsigned recursion_desired = 0x0100;
  std::string out;
  put_16(out, id);
  put_16(out, recursion_desired);
  for (const unsigned count : {1U, 0U, 0U, 1U}) put_16(out, count);
  put_name(out, question.name);
  put_16(out, static_cast<unsigned>(question.type));
  put_16(out, class_in);
  put_name(out, "");
  put_16(out, type_opt);
  put_16(out, udp_payload);
  out.append(6, '\0');  // version 0, no flags, no options
  return out;
}

base::Result<Answer> parse_answer(const Question& question, std::string_view packet) {
  const auto message = read_message(packet, question);
  if (!message) return message.error();
  constexpr unsigned no_error = 0;
  constexpr unsigned no_such_name = 3;
  const auto code = response_code(*message);
  if (code == no_error || code == no_such_name) return read_answer(*message, question.type, code == no_error);
  if (const auto trouble = dnssec_trouble(*message); code == 2 && !trouble.empty())
    return failure(Outcome::bogus, "SERVFAIL: " + std::string(trouble));
  return failure(Outcome::temporary_failure, response_name(code));
}

}  // namespace gatepost::dns
