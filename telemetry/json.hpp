// Writes records as JSON objects or as key=value text, one per line, with every foreign byte escaped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatepost::telemetry {

/// Appends `text` as a JSON string. Bytes that are not UTF-8 become \xNN in the text.
void append_json_string(std::string& out, std::string_view text);

/// One flat or nested record. In text form, nested values are written as key.0.name=value.
class RecordWriter {
 public:
  enum class Form { json, text };
  RecordWriter(std::string& out, Form form) : out_(out), form_(form) {
    if (form_ == Form::json) out_ += '{';
  }

  void field(std::string_view key, std::string_view value);
  void field(std::string_view key, const char* value) { field(key, std::string_view(value)); }
  void field(std::string_view key, std::uint64_t value);
  void field(std::string_view key, double value);
  void flag(std::string_view key, bool value);  ///< written only if true
  /// Only if not empty.
  void optional(std::string_view key, std::string_view value) {
    if (!value.empty()) field(key, value);
  }
  void optional(std::string_view key, std::uint64_t value) {
    if (value != 0) field(key, value);
  }
  void begin_list(std::string_view key);
  void begin_item();
  void end_item();
  void end_list();
  /// Ends the record and its line.
  void end();

 private:
  void key(std::string_view key);

  std::string& out_;
  Form form_;
  bool first_ = true;
  std::string prefix_;  ///< text form, within a list
  unsigned item_ = 0;
};

}  // namespace gatepost::telemetry
