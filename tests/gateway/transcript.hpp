// Conversations as files (tests/transcripts/*.smtp), run against the gateway's own session with a fake
// client, fake backends and fake time.
//
//   # a comment
//   config: <toml line>              added to the base configuration
//   zone: <line>                     of a FakeZone: what DNS says; all else fails
//   backend: <command prefix> -> <reply>   what the backend says (also "dot -> ...", "(stall)", "(hang up)")
//   open: <number>                   so many sessions of the client are open already
//   C: <line>                        the client's line; lines without an S: between them go out together
//   C> <escaped bytes>               without CRLF; \r \n \0 \\ \xNN
//   S: <reply>                       expected; * stands for anything
//   S!: <reply>                      expected at once: no time passes
//   C: (close) / (reset)             the client ends / breaks the connection
//   S: (close)                       the connection is expected to be closed
//   (wait <time>)                    time passes, the sweep runs
//   (drain)                          the program is told to stop
//   delivered: <content, escaped>    expected in the end, in order; none: nothing was delivered
//   found: <check> <verdict> <reason>    expected among the findings that were counted
#pragma once

#include <string>
#include <vector>

namespace gatepost::tests {

struct TranscriptStep {
  enum class Kind { send, expect, expect_now, expect_close, close, reset, wait, drain };
  Kind kind;
  std::string text;
  int line = 0;
};

struct Transcript {
  std::string name;
  std::string config;
  std::string zone;
  std::vector<std::pair<std::string, std::string>> backend;
  std::vector<TranscriptStep> steps;
  std::vector<std::string> delivered;
  std::vector<std::string> found;
  bool delivered_given = false;
  int open = 0;
};

/// Throws std::runtime_error with file and line.
Transcript read_transcript(const std::string& path);

/// How the client's bytes arrive.
enum class Splitting { whole, bytewise, random };

/// Where trouble is injected: before the step with this index.
struct Injection {
  enum class Kind { none, cut, timeout };
  Kind kind = Kind::none;
  std::size_t before_step = 0;
};

/// Runs it; returns what is wrong, nothing if all is well. With an injection the expectations end there, and
/// only the promises are held: each session and each transaction is recorded once, and what was not answered
/// 250 was either not delivered or is on record as delivered.
std::vector<std::string> run_transcript(const Transcript& transcript, Splitting splitting, unsigned seed,
                                        Injection injection);

}  // namespace gatepost::tests
