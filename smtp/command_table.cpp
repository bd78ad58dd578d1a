#include "smtp/command_table.hpp"

namespace gatepost::smtp {

const CommandTable::Rule& CommandTable::rule(Verb verb) {
  using S = ServerSession;
  static constexpr Say ok = Say::noop;
  static constexpr Say helo = Say::helo_first;
  static constexpr Say mail = Say::mail_first;
  static constexpr Say nested = Say::nested_mail;
  static constexpr Say bdat = Say::data_after_bdat;
  // BDAT is legal everywhere for the table: its chunk must be read even where it is refused.
  static const std::array rules{
      //                          greeted ready  open    chunking  ends group  junk
      Rule{Verb::helo, {ok, ok, ok, ok}, false, true, &S::run_helo},
      Rule{Verb::ehlo, {ok, ok, ok, ok}, true, true, &S::run_helo},
      Rule{Verb::mail, {helo, ok, nested, nested}, false, false, &S::run_mail},
      Rule{Verb::rcpt, {helo, mail, ok, bdat}, false, false, &S::run_rcpt},
      Rule{Verb::data, {helo, mail, ok, bdat}, true, false, &S::run_data},
      Rule{Verb::bdat, {ok, ok, ok, ok}, false, false, &S::run_bdat},
      Rule{Verb::rset, {ok, ok, ok, ok}, false, true, &S::run_rset},
      Rule{Verb::noop, {ok, ok, ok, ok}, false, true, &S::run_simple},
      Rule{Verb::vrfy, {ok, ok, ok, ok}, false, true, &S::run_simple},
      Rule{Verb::help, {ok, ok, ok, ok}, false, true, &S::run_simple},
      Rule{Verb::quit, {ok, ok, ok, ok}, false, false, &S::run_quit},
      Rule{Verb::starttls, {helo, ok, nested, nested}, true, false, &S::run_starttls},
      Rule{Verb::not_offered, {ok, ok, ok, ok}, false, false, &S::run_not_offered},
      Rule{Verb::auth, {ok, ok, ok, ok}, false, false, &S::run_not_offered},
      Rule{Verb::foreign, {ok, ok, ok, ok}, false, false, &S::run_foreign},
      Rule{Verb::proxy, {ok, ok, ok, ok}, false, false, &S::run_foreign},
      Rule{Verb::unknown, {ok, ok, ok, ok}, false, false, &S::run_not_offered},
  };
  return rules[static_cast<std::size_t>(verb)];
}

}  // namespace gatepost::smtp
