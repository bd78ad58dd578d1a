#include "telemetry/json.hpp"

#include <charconv>

#include "core/base/text.hpp"

namespace gatepost::telemetry {
namespace {

/// Looks at every octet, without a branch, so that the compiler can take many at once: most text is plain to
/// its end.
bool is_plain(std::string_view text) {
  unsigned char other = 0;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    other |= static_cast<unsigned char>((octet < 32) | (octet >= 127) | (c == '"') | (c == '\\'));
  }
  return other == 0;
}

void append_number(std::string& out, std::uint64_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  if (is_plain(text)) {
    out.append(text);
  } else {
    // printable() leaves no control characters, and doubles backslashes already for our own \xNN.
    for (const char c : base::printable(text, 2000)) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

void RecordWriter::key(std::string_view key) {
  if (!first_) out_ += form_ == Form::json ? ',' : ' ';
  first_ = false;
  if (form_ == Form::json) {
    out_.append("\"").append(key).append("\":");
  } else {
    out_.append(prefix_).append(key).append("=");
  }
}

void RecordWriter::field(std::string_view name, std::string_view value) {
  key(name);
  const bool bare =
      form_ == Form::text && !value.empty() && is_plain(value) && value.find(' ') == std::string_view::npos;
  if (bare) {
    out_.append(value);
  } else {
    append_json_string(out_, value);
  }
}

void RecordWriter::field(std::string_view name, std::uint64_t value) {
  key(name);
  append_number(out_, value);
}

void RecordWriter::field(std::string_view name, double value) {
  key(name);
  char digits[32];
  out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void RecordWriter::flag(std::string_view name, bool value) {
  if (!value) return;
  key(name);
  out_ += "true";
}

void RecordWriter::begin_list(std::string_view name) {
  item_ = 0;
  if (form_ == Form::json) {
    key(name);
    out_ += '[';
  } else {
    prefix_ = std::string(name) + ".";
  }
}

void RecordWriter::begin_item() {
  if (form_ == Form::json) {
    out_ += item_ == 0 ? "{" : ",{";
    first_ = true;
  } else {
    prefix_ = prefix_.substr(0, prefix_.find('.') + 1) + std::to_string(item_) + ".";
  }
  ++item_;
}

void RecordWriter::end_item() {
  if (form_ == Form::json) out_ += '}';
}

void RecordWriter::end_list() {
  if (form_ == Form::json) out_ += ']';
  prefix_.clear();
  first_ = false;
}

void RecordWriter::end() {
  out_ += form_ == Form::json ? "}\n" : "\n";
}

}  // namespace gatepost::telemetry
