#include "gateway/state_transfer.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

#include <fmt/format.h>

#include "core/base/text.hpp"
#include "telemetry/records.hpp"

namespace gatepost::gateway {
namespace {

namespace json = boost::json;

constexpr std::int64_t form_version = 1;
/// Nothing is remembered for longer.
constexpr std::int64_t longest_life = 10LL * 366 * 86400;

json::string text(std::string_view from) {
  return {json::string_view(from.data(), from.size())};
}

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::optional<std::string> from_hex(std::string_view digits) {
  static constexpr std::string_view all = "0123456789abcdef";
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string octets;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const auto high = all.find(base::ascii_lower(digits[i]));
    const auto low = all.find(base::ascii_lower(digits[i + 1]));
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    octets += static_cast<char>(high * 16 + low);
  }
  return octets;
}

/// One line as an object, with what is wrong with it.
class Line {
 public:
  explicit Line(std::string_view line) {
    json::error_code error;
    auto value = json::parse(json::string_view(line.data(), line.size()), error);
    if (error) {
      wrong_ = "it is no JSON: " + error.message();
    } else if (auto* object = value.if_object()) {
      members_ = std::move(*object);
    } else {
      wrong_ = "it is no JSON object";
    }
  }
  bool has(std::string_view key) const {
    return members_.contains(json::string_view(key.data(), key.size()));
  }
  std::string string(std::string_view key) {
    const auto* value = find(key);
    const auto* string = value == nullptr ? nullptr : value->if_string();
    if (string == nullptr) complain(key, "is missing, or no text");
    return string == nullptr ? std::string() : std::string(string->data(), string->size());
  }
  std::string octets(std::string_view key) {
    auto read = from_hex(string(key));
    if (!read) complain(key, "is not hexadecimal");
    return read.value_or(std::string());
  }
  /// 0 to `most`.
  std::int64_t number(std::string_view key, std::int64_t most) {
    const auto* value = find(key);
    const auto* number = value == nullptr ? nullptr : value->if_int64();
    const bool good = number != nullptr && *number >= 0 && *number <= most;
    if (!good) complain(key, fmt::format("is missing, or no number from 0 to {}", most));
    return good ? *number : 0;
  }
  void complain(std::string_view key, std::string_view what) {
    if (wrong_.empty()) wrong_ = fmt::format("\"{}\" {}", key, what);
  }
  /// Empty: nothing.
  const std::string& wrong() const { return wrong_; }

 private:
  const json::value* find(std::string_view key) const {
    return members_.if_contains(json::string_view(key.data(), key.size()));
  }
  json::object members_;
  std::string wrong_;
};

class ExportReader {
 public:
  explicit ExportReader(const ImportTarget& target) : target_(target) {}

  Import read(std::string_view text) {
    for (std::size_t number = 1; !text.empty(); ++number) {
      const auto line = base::trim(base::split_off(text, '\n'));
      if (line.empty()) continue;
      Line members(line);
      source_now_ ? take_row(members) : take_header(members);
      if (members.wrong().empty()) continue;
      import_.problems.push_back(fmt::format("line {}: {}", number, members.wrong()));
      if (!source_now_) return std::move(import_);  // it would be wrong about every line
    }
    if (!source_now_) import_.problems.emplace_back("it is empty");
    return std::move(import_);
  }

 private:
  void take_header(Line& line) {
    const auto form = line.number("gatepost_state", INT32_MAX);
    if (!line.wrong().empty()) return;
    if (form != form_version)
      return line.complain("gatepost_state",
                           fmt::format("is {}: the file comes from another version of Gatepost", form));
    const auto now = line.number("now", UINT32_MAX);
    if (line.wrong().empty()) source_now_ = now;
  }

  void take_row(Line& line) {
    state::Row row;
    row.table = line.string("table");
    row.name = line.has("name_hex") ? line.octets("name_hex") : line.string("name");
    row.value = line.octets("value");
    const auto left = line.number("expires_in", longest_life);
    if (line.wrong().empty() && row.name.empty()) line.complain("name", "is empty");
    if (!line.wrong().empty()) return;
    const auto table = std::find_if(target_.tables.begin(), target_.tables.end(), [&](const auto* known) {
      return known->survives() && known->table() == row.table;
    });
    if (table == target_.tables.end()) {
      ++import_.unknown[row.table];
    } else if (left == 0) {
      ++import_.expired;
    } else {
      row.expires = target_.now + static_cast<state::Second>(left);
      take_value(line, **table, std::move(row));
    }
  }

  void take_value(Line& line, const state::Durable& table, state::Row row) {
    if (!table.moved(row.value, 0)) return line.complain("value", "is none of table " + row.table);
    auto moved = table.moved(row.value, std::int64_t{target_.now} - *source_now_);
    if (!moved) {
      ++import_.fixed[row.table];
      return;
    }
    row.key = base::siphash128(target_.hash_key, row.name);
    row.value = std::move(*moved);
    import_.rows.push_back(std::move(row));
  }

  const ImportTarget& target_;
  std::optional<std::int64_t> source_now_;  ///< from the header; nothing before it
  Import import_;
};

}  // namespace

std::string export_line(const ExportHeader& header) {
  json::object line;
  line["gatepost_state"] = form_version;
  line["version"] = text(header.version);
  line["host"] = text(header.host);
  line["exported"] = text(telemetry::format_time(header.wall));
  line["now"] = header.now;
  return json::serialize(line);
}

std::string export_line(const state::Row& row, state::Second now, std::string_view says) {
  json::object line;
  line["table"] = text(row.table);
  if (base::is_utf8(row.name)) {
    line["name"] = text(row.name);
  } else {
    line["name_hex"] = hex(row.name);
  }
  line["value"] = hex(row.value);
  line["expires_in"] = row.expires > now ? row.expires - now : 0;
  line["says"] = text(says);
  return json::serialize(line);
}

Import read_export(std::string_view text, const ImportTarget& target) {
  return ExportReader(target).read(text);
}

}  // namespace gatepost::gateway
