// A whole session: whatever a client sends in whatever portions, and whatever policy and delivery say, the
// replies are well-formed, every transaction is recorded once, and nothing is delivered without recipients.
#include <array>
#include <cstring>
#include <string>

#include "fuzz_input.hpp"
#include "smtp/server_session.hpp"

using namespace gatepost;
using fuzz::require;
using smtp::Action;

namespace {

struct Host final : smtp::ServerHost {
  base::MemoryBudget budget{1 << 30};
  state::ChunkPool pool{budget};
  unsigned records = 0;
  smtp::Extensions extensions() const override {
    smtp::Extensions all;
    for (std::size_t i = 0; i < smtp::extension_names.size(); ++i) all.add(static_cast<smtp::Extension>(i));
    return all;
  }
  bool has_room() const override { return true; }
  state::ChunkPool& chunks() override { return pool; }
  void refused(smtp::Stage, const smtp::Reply& reply, std::string_view) override {
    require(!reply.positive());
  }
  void transaction_ended(const smtp::TransactionRecord&) override { ++records; }
};

void check_replies(std::string& output) {
  for (std::string_view rest = output; !rest.empty();) {
    const auto end = rest.find("\r\n");
    require(end != std::string_view::npos && end >= 4 && end <= 510);
    const auto line = rest.substr(0, end);
    require(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'));
    for (const char c : line) require(static_cast<unsigned char>(c) >= 32);
    rest.remove_prefix(end + 2);
  }
  output.clear();
}

smtp::Decision decide(std::mt19937& random) {
  switch (random() % 20) {
    case 0: return smtp::Decision::refuse(smtp::Reply(550, {5, 7, 1}, "fuzz.no", "no"));
    case 1: return smtp::Decision::refuse(smtp::Reply(451, {4, 7, 1}, "fuzz.later", "later"));
    case 2:
      return random() % 4 == 0 ? smtp::Decision::drop(smtp::Reply(554, {5, 7, 1}, "fuzz.drop", "go"))
                               : smtp::Decision::accept();
    default: return smtp::Decision::accept();
  }
}

/// Feeds one portion to the machine, in whichever mode it is; what it did not take stays in `buffer`.
smtp::Step feed(smtp::ServerSession& session, smtp::Step step, std::string& buffer) {
  if (step.action == Action::body) {
    const auto space = session.body_space();
    const auto take = std::min(space.size(), buffer.size());
    std::memcpy(space.data(), buffer.data(), take);
    buffer.erase(0, take);
    std::string rest;
    const auto next = session.fed_body(take, rest);
    buffer.insert(0, rest);
    return next;
  }
  const auto fed = session.feed(buffer);
  buffer.erase(0, fed.consumed);
  return fed.consumed > 0 ? fed.step : step;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Host host;
  smtp::ServerSession::Settings settings{"mx.example.org", "help", {}};
  settings.options.dsn = true;
  settings.options.max_message_size = {2000};
  settings.options.max_header_size = {500};
  settings.options.max_recipients = 5;
  settings.options.bare_newline =
      input.random() % 2 == 0 ? smtp::BareNewline::normalize : smtp::BareNewline::reject;
  smtp::ServerSession session(settings, host, {});
  auto step = session.start();
  std::string buffer;
  for (auto rest = input.text; step.action != Action::close;) {
    check_replies(session.output());
    switch (step.action) {
      case Action::read:
      case Action::body: {
        const auto before = buffer.size();
        const auto action = step.action;
        if (!buffer.empty()) step = feed(session, step, buffer);
        // Nothing was taken: more is needed.
        if (buffer.size() == before && step.action == action) {
          if (rest.empty()) {
            session.hung_up();
            step = {Action::close};
          } else {
            buffer.append(input.portion(rest, 300));
          }
        }
        break;
      }
      case Action::consult: step = session.consulted(decide(input.random)); break;
      case Action::deliver: {
        const auto facts = session.data_facts();
        require(!facts.recipients.empty());
        require(facts.body.content_size() <= settings.options.max_message_size.bytes + 2);
        step = session.delivered({smtp::Ending::delivered, smtp::reply(smtp::Say::delivered, {"ID"})});
        break;
      }
      case Action::start_tls:
        buffer.clear();
        step = input.random() % 4 == 0 ? session.tls_failed("why") : session.tls_started("TLSv1.3", "X", 256);
        break;
      case Action::pause: step = session.resumed(); break;
      case Action::close: break;
    }
  }
  check_replies(session.output());
  session.hung_up();
  require(host.records == session.totals().transactions);
  return 0;
}
