// Limits and manners of the SMTP server, as configured under [smtp].
#pragma once

#include "core/base/text_forms.hpp"

namespace gatepost::smtp {

enum class BareNewline { normalize, reject };

struct ServerOptions {
  base::ByteSize max_message_size = base::operator""_MiB(36);
  std::int64_t max_recipients = 200;
  BareNewline bare_newline = BareNewline::normalize;
  bool dsn = false;
  base::Millis command_timeout = std::chrono::minutes(5);
  base::Millis data_timeout = std::chrono::minutes(3);
  base::ByteSize min_data_rate{500};
  base::Millis max_session_time = std::chrono::hours(1);
  base::ByteSize max_line{4096};
  base::ByteSize max_header_size = base::operator""_KiB(192);
  std::int64_t max_received = 50;
  std::int64_t max_messages = 1000;
  std::int64_t soft_error_limit = 10;
  std::int64_t hard_error_limit = 20;
  std::int64_t junk_command_limit = 100;
  base::Millis error_delay = std::chrono::seconds(1);
  std::int64_t max_slowed = 500;

  void visit(base::Visitor& v);
};

}  // namespace gatepost::smtp

namespace gatepost::base {

template <>
struct TextForm<smtp::BareNewline> {
  static constexpr std::array<std::string_view, 2> names{"normalize", "reject"};
  static constexpr std::string_view form = "\"normalize\" or \"reject\"";
  static std::string parse(std::string_view in, smtp::BareNewline& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const smtp::BareNewline& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base
