#include "gateway/spf_command.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>

#include <fmt/format.h>

#include "core/base/text.hpp"
#include "core/dns/cares_resolver.hpp"
#include "gateway/resolver_endpoint.hpp"
#include "mail/address.hpp"
#include "mail/spf.hpp"
#include "telemetry/json.hpp"

namespace gatepost::gateway {
namespace {

constexpr int cannot_ask = 3;
/// RFC 7208 4.6.4 wants at least 20 s.
constexpr base::Millis patience{20000};

int complain(const std::string& what) {
  std::fprintf(stderr, "gatepost spf: %s\n", what.c_str());
  return cannot_ask;
}

/// Asks a resolver; wait() for what is missing.
class WaitingLookup final : public dns::Lookup {
 public:
  WaitingLookup(net::asio::io_context& io, dns::Resolver& resolver) : io_(io), resolver_(resolver) {}

  const dns::Answer* lookup(const dns::Question& question) override {
    const auto [entry, fresh] = answers_.try_emplace(question);
    if (fresh) {
      auto& answer = entry->second;
      answer = resolver_.resolve(question, [&answer](const auto& said) { answer = said; });
    }
    return entry->second.get();
  }

  /// Lets answers come; when time is over, what is missing has failed.
  void wait(base::Instant until) {
    io_.restart();
    if (io_.run_one_until(until) > 0 && std::chrono::steady_clock::now() < until) return;
    for (auto& [question, answer] : answers_) {
      if (answer) continue;
      dns::Answer failure;
      failure.why = "no answer in time";
      answer = std::make_shared<const dns::Answer>(std::move(failure));
    }
  }

 private:
  net::asio::io_context& io_;
  dns::Resolver& resolver_;
  std::map<dns::Question, std::shared_ptr<const dns::Answer>> answers_;
};

void print(const mail::SpfAnswer& answer) {
  for (const auto& step : answer.path) fmt::print("{}\n", base::printable(step));
  fmt::print("\nresult       {}\nsender       {}\n", mail::name_of(answer.result),
             base::printable(answer.sender));
  const std::array<std::pair<const char*, const std::string*>, 4> more{{{"record", &answer.record},
                                                                        {"mechanism", &answer.mechanism},
                                                                        {"explanation", &answer.explanation},
                                                                        {"problem", &answer.problem}}};
  for (const auto& [name, text] : more) {
    if (!text->empty()) fmt::print("{:<12} {}\n", name, base::printable(*text, 2000));
  }
  fmt::print("lookups      {} of 10, {} of 2 in vain\n", answer.lookups, answer.void_lookups);
}

void print_json(const mail::SpfAnswer& answer) {
  std::string out;
  telemetry::RecordWriter w(out, telemetry::RecordWriter::Form::json);
  w.field("result", mail::name_of(answer.result));
  w.field("explanation", answer.explanation);
  w.field("lookups", std::uint64_t{answer.lookups});
  w.field("void_lookups", std::uint64_t{answer.void_lookups});
  w.field("domain", answer.domain);
  w.field("sender", answer.sender);
  w.field("record", answer.record);
  w.field("mechanism", answer.mechanism);
  w.field("problem", answer.problem);
  w.begin_list("path");
  for (const auto& step : answer.path) {
    w.begin_item();
    w.field("step", step);
    w.end_item();
  }
  w.end_list();
  w.end();
  std::fputs(out.c_str(), stdout);
}

std::string own_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace

int run_spf(const SpfArguments& arguments) {
  dns::ResolverOptions options;
  for (const auto& text : arguments.dns) {
    const auto endpoint = resolver_endpoint(text);
    if (!endpoint) return complain("--dns: \"" + text + "\" is no address:port");
    options.servers.push_back(*endpoint);
  }
  mail::SpfQuestion question;
  const auto client = base::IpAddress::parse(arguments.client);
  if (!client) return complain("--client: \"" + arguments.client + "\" is no IP address");
  question.client = *client;
  if (!arguments.from.empty() && arguments.from != "<>") {
    const auto sender = mail::Mailbox::parse(arguments.from);
    question.sender = sender ? std::string(sender->local()) + "@" + sender->domain_key() : arguments.from;
  }
  question.helo = arguments.helo;
  if (question.sender.empty() && question.helo.empty())
    return complain("nothing to ask about: give --from, or --helo for a bounce");
  question.receiver = own_name();
  question.now = std::chrono::system_clock::now();
  question.trace = true;
  try {
    net::asio::io_context io;
    const base::SystemClock clock;
    const auto resolver =
        dns::make_cares_resolver(io, clock, options, std::make_shared<dns::ResolverHealth>());
    WaitingLookup lookup(io, *resolver);
    const auto until = clock.now() + patience;
    auto answer = mail::check_spf(question, lookup);
    while (!answer) {
      lookup.wait(until);
      answer = mail::check_spf(question, lookup);
    }
    arguments.json ? print_json(*answer) : print(*answer);
    return 0;
  } catch (const std::exception& failure) {
    return complain(failure.what());
  }
}

}  // namespace gatepost::gateway
