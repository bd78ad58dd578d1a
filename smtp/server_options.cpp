#include "smtp/server_options.hpp"

namespace gatepost::smtp {

void ServerOptions::visit(base::Visitor& v) {
  v.field({.key = "max_message_size",
           .help = "Largest message taken. EHLO announces the smaller of this and what the backends take "
                   "less 64 KiB."},
          max_message_size);
  v.field({.key = "max_recipients",
           .help = "Recipients per message; to more of them the answer is 452, so that the sender sends the "
                   "others separately. RFC 5321 wants at least 100, Exchange takes 200.",
           .min = 1,
           .max = 50000},
          max_recipients);
  v.field({.key = "bare_newline",
           .help = "What to do with CR and LF that are not CRLF within a message: make them CRLF (a bare CR "
                   "a space), or refuse the message with 550 5.6.11."},
          bare_newline);
  v.field({.key = "dsn",
           .help = "Offer DSN and hand its parameters to the backend. Off, since NOTIFY=SUCCESS from "
                   "strangers makes the backend send mail to forged senders."},
          dsn);
  v.field({.key = "command_timeout",
           .help = "How long the next command may take (RFC 5321 4.5.3.2.7: at least 5 minutes)."},
          command_timeout);
  v.field(
      {.key = "data_timeout", .help = "How long the next block of a message may take (RFC 5321: 3 minutes)."},
      data_timeout);
  v.field({.key = "min_data_rate",
           .help = "Bytes a second that a message must come in at on average, counted from a minute on; 0 "
                   "allows any rate.",
           .example = "500 bytes"},
          min_data_rate);
  v.field({.key = "max_session_time",
           .help = "A connection that lasts longer is closed with 421 before its next command."},
          max_session_time);
  v.field(
      {.key = "max_line", .help = "Longest command line with its CRLF; longer ones are answered with 500."},
      max_line);
  v.field(
      {.key = "max_header_size", .help = "Largest header block; Exchange closes the connection at 256 KiB."},
      max_header_size);
  v.field({.key = "max_received",
           .help = "A message with more Received fields is taken for a loop and refused with 554 5.4.6.",
           .min = 5,
           .max = 1000},
          max_received);
  v.field({.key = "max_messages", .help = "Messages per connection; the next MAIL gets 421.", .min = 1},
          max_messages);
  v.field({.key = "soft_error_limit",
           .help = "From this many protocol errors on each further one is answered after error_delay. More "
                   "than 1000 refused recipients since the last delivered message count as errors too.",
           .min = 1},
          soft_error_limit);
  v.field({.key = "hard_error_limit",
           .help = "At this many protocol errors the connection is closed with 421.",
           .min = 1},
          hard_error_limit);
  v.field({.key = "junk_command_limit",
           .help = "Commands that lead to no message (NOOP, RSET, VRFY, HELP, EHLO again) between two "
                   "messages before the connection is closed with 421.",
           .min = 1},
          junk_command_limit);
  v.field({.key = "error_delay", .help = "See soft_error_limit."}, error_delay);
  v.field({.key = "max_slowed",
           .help = "So many sessions at most are held back at the same time, by error_delay or by checks; "
                   "the others are answered at once.",
           .max = 1000000},
          max_slowed);
}

}  // namespace gatepost::smtp
